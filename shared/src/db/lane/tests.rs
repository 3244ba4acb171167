use std::sync::{
    atomic::AtomicUsize,
    mpsc::{Sender, channel},
};

use diesel::connection::SimpleConnection;
use scheduled_thread_pool::ScheduledThreadPool;

use super::*;
use crate::db::{pool::PLANS_KEPT, testing::TestDb};

fn lane(test: &TestDb, size: u32, max_waiting: usize) -> Lane {
    let opener = Arc::new(ScheduledThreadPool::builder().num_threads(1).build());
    Lane::new(Pool::new(&test.url, size, PLANS_KEPT, opener), size, max_waiting)
}

/// Polls once, so that the work gets its place.
async fn begin<T>(work: impl Future<Output = T> + Unpin) -> futures_util::future::Either<T, ()> {
    use futures_util::future::{Either, select};
    match select(work, std::future::ready(())).await {
        Either::Left((done, _)) => Either::Left(done),
        Either::Right(_) => Either::Right(()),
    }
}

/// Occupies a lane's only thread until something is sent.
fn occupy(lane: &Lane) -> (Sender<()>, tokio::task::JoinHandle<Result<(), DbError>>) {
    let (release, released) = channel();
    let lane = lane.clone();
    let work = tokio::spawn(async move {
        lane.run(move |_| {
            released.recv().ok();
            Ok(())
        })
        .await
    });
    (release, work)
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let test = TestDb::empty().unwrap();
    let lane = lane(&test, 1, 1);
    let (release, first) = occupy(&lane);
    tokio::task::yield_now().await;
    let mut second = Box::pin(lane.run(|conn| conn.batch_execute("SELECT 1")));
    begin(&mut second).await;
    assert!(matches!(lane.run(|_| Ok(())).await, Err(DbError::Busy)));
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    second.await.unwrap();
    lane.run(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn for_who_has_gone_nothing_is_begun() {
    let test = TestDb::empty().unwrap();
    let lane = lane(&test, 1, 8);
    let begun = Arc::new(AtomicUsize::new(0));
    let count = || {
        let begun = Arc::clone(&begun);
        move |_: &mut DbConnection| Ok(begun.fetch_add(1, Ordering::Relaxed))
    };
    let (release, first) = occupy(&lane);
    tokio::task::yield_now().await;
    let mut gone = Box::pin(lane.run(count()));
    begin(&mut gone).await;
    let mut patient = Box::pin(lane.run(count()));
    begin(&mut patient).await;
    drop(gone);
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(patient.await.unwrap(), 0, "what nobody waits for was done");
}

#[tokio::test]
async fn a_panic_costs_nobody_else_the_connection() {
    let test = TestDb::empty().unwrap();
    let lane = lane(&test, 1, 8);
    // Left in the middle of a transaction, in which nothing would be kept.
    let panicking = lane.run(|conn| -> QueryResult<()> {
        conn.batch_execute("BEGIN")?;
        panic!("as intended")
    });
    assert!(matches!(panicking.await, Err(DbError::Interrupted)));
    lane.run(|conn| conn.batch_execute("CREATE TABLE kept (id bigint)")).await.unwrap();
    let mut elsewhere = test.db.dedicated().unwrap();
    elsewhere.batch_execute("INSERT INTO kept VALUES (1)").unwrap();
}
