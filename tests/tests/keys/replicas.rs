//! Several replicas on one database: one schedule, no key made twice, no token without its key.

use auth_service::keyring::Purpose;
use futures_util::future::join_all;

use crate::world::{AHEAD, PERIOD, REFRESH, World, access, command, kid, published, refresh, shown, step};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_an_empty_database_agree_on_one_key() {
    let world = World::new();
    // Migrations take turns; what comes behind them must not need it.
    shared::db::migrate(&world.database.url, auth_service::migrations()).await.unwrap();
    let replicas = join_all((0..4).map(|_| world.replica())).await;
    for purpose in Purpose::ALL {
        assert_eq!(world.stored(&replicas[0], purpose).await.len(), 1, "{purpose:?}");
    }
    let first = published(&replicas[0]).await;
    for replica in &replicas {
        assert_eq!(published(replica).await, first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replicas_that_find_a_rotation_due_at_once_one_makes_the_key() {
    let world = World::new();
    let replicas = join_all((0..4).map(|_| world.replica())).await;
    let mut since_switch = 0;
    for generation in 1..4 {
        world.wait(PERIOD - AHEAD - since_switch);
        join_all(replicas.iter().map(step)).await;
        world.wait(AHEAD);
        join_all(replicas.iter().map(step)).await;
        for purpose in Purpose::ALL {
            let rows = world.stored(&replicas[0], purpose).await;
            let in_use: Vec<_> = rows.iter().filter(|row| row.retires_at.is_none()).collect();
            assert_eq!((rows.len(), in_use.len()), (2, 1), "{purpose:?}, rotation {generation}");
        }
        since_switch = REFRESH;
        world.wait(since_switch);
        join_all(replicas.iter().map(step)).await;
        let set = published(&replicas[0]).await;
        assert_eq!(set.len(), 1, "rotation {generation}");
        for replica in &replicas {
            assert_eq!(published(replica).await, set);
        }
    }
}

#[tokio::test]
async fn a_replica_that_heard_of_the_key_while_it_was_published_needs_no_more() {
    let world = World::new();
    let (one, two) = (world.replica().await, world.replica().await);
    one.user("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&one).await;
    step(&two).await;
    world.wait(AHEAD);
    step(&one).await;
    // The second takes no step at the switch.
    let (by_one, by_two) = (one.login("ada").await.unwrap(), two.login("ada").await.unwrap());
    assert_eq!(kid(access(&by_one)), kid(access(&by_two)), "both sign with the next key");
    assert_eq!(kid(refresh(&by_one)), kid(refresh(&by_two)));
    for (server, token) in [(&one, access(&by_two)), (&two, access(&by_one))] {
        assert_eq!(shown(server, token).await.status, 200);
    }
    assert_eq!(two.anonymous().refresh_with(refresh(&by_one)).await.unwrap().status, 200);
    assert_eq!(one.anonymous().refresh_with(refresh(&by_two)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_replica_that_has_not_heard_of_a_rotation_goes_on_with_keys_that_all_accept() {
    let world = World::new();
    let (one, two) = (world.replica().await, world.replica().await);
    one.user("ada").await.unwrap();
    let before = two.login("ada").await.unwrap();
    let now = world.clock.now();
    let rotate_all = command(&one, move |managed, conn| {
        Purpose::ALL.into_iter().map(|p| managed.rotate(conn, p, true, now)).collect::<Result<Vec<_>, _>>()
    });
    let next = rotate_all.await.unwrap();
    step(&one).await;
    let by_one = one.login("ada").await.unwrap();
    assert_eq!([kid(access(&by_one)), kid(refresh(&by_one))], [next[0].kid.clone(), next[1].kid.clone()]);
    let by_two = two.login("ada").await.unwrap();
    for token in [access(&before), access(&by_two)] {
        assert_eq!(shown(&one, token).await.status, 200);
        assert_eq!(shown(&two, token).await.status, 200);
    }
    // A refresh token under the key that it has never seen makes it look.
    let answer = two.anonymous().refresh_with(refresh(&by_one)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(shown(&two, access(&by_one)).await.status, 200);
}
