use std::sync::mpsc::{Receiver, Sender, channel};

use diesel::{connection::SimpleConnection, result::Error};
use futures_util::future::{join, join_all};
use scheduled_thread_pool::ScheduledThreadPool;
use tokio::{spawn, task::JoinHandle, task::yield_now};

use super::*;
use crate::db::{pool::PLANS_KEPT, testing::TestDb};

/// What a request does to its batch.
enum Item {
    Good,
    Bad,
    Panics,
    /// Begins, and waits until something is sent.
    Waits(Mutex<Receiver<()>>),
}

/// Tells each how many it was with.
fn together(_: &mut DbConnection, items: &[Item]) -> QueryResult<Vec<usize>> {
    for item in items {
        match item {
            Item::Good => {}
            Item::Bad => return Err(Error::NotFound),
            Item::Panics => panic!("as intended"),
            Item::Waits(end) => end.lock().unwrap().recv().unwrap(),
        }
    }
    Ok(vec![items.len(); items.len()])
}

fn batcher(test: &TestDb, max_waiting: usize) -> Batcher<Item, usize> {
    let opener = Arc::new(ScheduledThreadPool::builder().num_threads(1).build());
    let pool = Pool::new(&test.url, 1, PLANS_KEPT, opener);
    Batcher::new(Lane::new(pool, 1, max_waiting), 1, together)
}

/// Has a batch begin that lasts until something is sent.
async fn occupy(batcher: &Batcher<Item, usize>) -> (Sender<()>, JoinHandle<Result<usize, DbError>>) {
    let (end, ended) = channel();
    let batch = spawn_run(batcher, Item::Waits(Mutex::new(ended)));
    while batcher.queue().batches == 0 || !batcher.queue().waiting.is_empty() {
        yield_now().await;
    }
    (end, batch)
}

fn spawn_run(batcher: &Batcher<Item, usize>, item: Item) -> JoinHandle<Result<usize, DbError>> {
    let batcher = batcher.clone();
    spawn(async move { batcher.run(item).await })
}

async fn waiting(batcher: &Batcher<Item, usize>, count: usize) {
    while batcher.queue().waiting.len() != count {
        yield_now().await;
    }
}

#[tokio::test]
async fn what_comes_meanwhile_is_carried_out_together() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 1000);
    let (end, first) = occupy(&batcher).await;
    let others: Vec<_> = (0..MOST + 3).map(|_| spawn_run(&batcher, Item::Good)).collect();
    waiting(&batcher, MOST + 3).await;
    end.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), 1);
    let mut seen: Vec<_> = join_all(others).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, [vec![3; 3], vec![MOST; MOST]].concat());
    // It answers before it leaves.
    let left = async {
        while batcher.queue().batches > 0 {
            yield_now().await;
        }
    };
    timeout(TURN, left).await.unwrap();
    assert_eq!(batcher.run(Item::Good).await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_is_only_whose_it_is() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 1000);
    let (end, first) = occupy(&batcher).await;
    let [good, bad, other] = [Item::Good, Item::Bad, Item::Good].map(|item| spawn_run(&batcher, item));
    waiting(&batcher, 3).await;
    end.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(good.await.unwrap().unwrap(), 1);
    assert!(matches!(bad.await.unwrap(), Err(DbError::Query(Error::NotFound))));
    assert_eq!(other.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 1);
    let (end, first) = occupy(&batcher).await;
    let second = spawn_run(&batcher, Item::Good);
    waiting(&batcher, 1).await;
    assert!(matches!(batcher.run(Item::Good).await, Err(DbError::Busy)));
    end.send(()).unwrap();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn for_who_has_gone_nothing_is_begun() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 1000);
    let (end, first) = occupy(&batcher).await;
    let (gone, patient) = (spawn_run(&batcher, Item::Panics), spawn_run(&batcher, Item::Good));
    waiting(&batcher, 2).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    end.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(patient.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_panic_leaves_nobody_waiting() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 1000);
    let (end, first) = occupy(&batcher).await;
    let panics = spawn_run(&batcher, Item::Panics);
    let others: Vec<_> = (0..MOST).map(|_| spawn_run(&batcher, Item::Good)).collect();
    waiting(&batcher, MOST + 1).await;
    end.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert!(matches!(panics.await.unwrap(), Err(DbError::Interrupted)));
    for other in others {
        assert!(matches!(other.await.unwrap(), Err(DbError::Interrupted)));
    }
    assert_eq!(batcher.run(Item::Good).await.unwrap(), 1);
}

#[tokio::test]
async fn where_the_lane_is_full_nobody_waits_for_nothing() {
    let test = TestDb::empty().unwrap();
    let batcher = batcher(&test, 0);
    let lane = batcher.0.lane.clone();
    let (end, ended) = channel();
    let occupied = spawn(async move { lane.run(move |_| Ok(ended.recv().is_ok())).await });
    while !format!("{:?}", batcher.0.lane).contains("threads: 1") {
        yield_now().await;
    }
    assert!(matches!(batcher.run(Item::Good).await, Err(DbError::Busy)));
    end.send(()).unwrap();
    assert!(occupied.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_connection_that_broke_is_everybodys_error() {
    let test = TestDb::empty().unwrap();
    let opener = Arc::new(ScheduledThreadPool::builder().num_threads(1).build());
    let pool = Pool::new(&test.url, 1, PLANS_KEPT, opener);
    let lane = Lane::new(pool, 1, 1000);
    let broken: Together<(), ()> = |conn, items| match conn {
        DbConnection::Postgres(pg) => {
            pg.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").map(|()| vec![(); items.len()])
        }
        DbConnection::Sqlite(_) => Err(Error::BrokenTransactionManager),
    };
    let batcher = Batcher::new(lane.clone(), 1, broken);
    let (end, ended) = channel();
    let occupying = lane.clone();
    let occupied = spawn(async move { occupying.run(move |_| Ok(ended.recv().is_ok())).await });
    while !format!("{lane:?}").contains("threads: 1") {
        yield_now().await;
    }
    // Both in one batch.
    let both = spawn(async move { join(batcher.run(()), batcher.run(())).await });
    while !format!("{lane:?}").contains("waiting: 1") {
        yield_now().await;
    }
    end.send(()).unwrap();
    assert!(occupied.await.unwrap().unwrap());
    let (one, other) = both.await.unwrap();
    assert!(matches!((&one, &other), (Err(DbError::NoConnection(_)), Err(DbError::NoConnection(_)))));
    assert!(one.unwrap_err().is_unavailable() && other.unwrap_err().is_unavailable());
    lane.run(|conn| conn.batch_execute("SELECT 1")).await.unwrap();
}
