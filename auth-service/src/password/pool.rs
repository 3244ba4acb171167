//! Threads of their own for password hashing, and a queue with an end.
//!
//! A hash takes tens of milliseconds and tens of megabytes. On tokio's blocking pool, whose queue is
//! unbounded, a burst of logins would take hundreds of threads and then minutes to drain, long after
//! the clients gave up. Here the number of hashes at a time is fixed, and what does not fit in the
//! queue is turned away at once, so that the caller can answer 503 while the rest stays quick.
//!
//! Whoever waits for a hash waits anyhow; a token is checked in microseconds. So these threads come
//! after the others where the system lets a thread have a priority of its own.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Task = Box<dyn FnOnce(&Gauges) + Send>;

/// Why a job gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The queue is full; the job was not taken. Worth a 503 with `Retry-After`.
    #[error("too many password operations are waiting")]
    Busy,
    /// The job panicked. The pool goes on.
    #[error("a password operation panicked")]
    JobPanicked,
}

/// A fixed number of hashing threads behind a bounded queue. The threads end when it is dropped,
/// after the jobs they are at; jobs still queued then are skipped.
pub struct HashPool {
    queue: SyncSender<Task>,
    gauges: Arc<Gauges>,
}

/// Jobs waiting and jobs running, now.
#[derive(Debug, Default)]
struct Gauges {
    queued: AtomicUsize,
    running: AtomicUsize,
}

/// Counts a job as running for as long as it exists, through a panic too.
struct Running<'a>(&'a Gauges);

impl<'a> Running<'a> {
    fn begin(gauges: &'a Gauges) -> Self {
        gauges.running.fetch_add(1, Ordering::Relaxed);
        Self(gauges)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HashPool {
    /// Starts `threads` threads named `hash-N` behind a queue of `capacity` jobs, running ones not
    /// counted. With a capacity of zero a job is taken only when a thread is already waiting for it.
    ///
    /// Errors: a thread could not be started.
    pub fn new(threads: NonZeroUsize, capacity: usize) -> io::Result<Self> {
        let (queue, tasks) = sync_channel(capacity);
        let tasks = Arc::new(Mutex::new(tasks));
        let gauges = Arc::new(Gauges::default());
        for number in 0..threads.get() {
            let (tasks, gauges) = (Arc::clone(&tasks), Arc::clone(&gauges));
            thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&tasks, &gauges))?;
        }
        Ok(Self { queue, gauges })
    }

    /// Runs `job` on a thread of the pool and gives its result.
    ///
    /// A future dropped before its job has begun takes the job back: the thread skips it, though until
    /// then it holds its place in the queue. A job that has begun runs to its end.
    pub async fn run<T>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, PoolError>
    where
        T: Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let task: Task = Box::new(move |gauges| {
            gauges.queued.fetch_sub(1, Ordering::Relaxed);
            if answer.is_closed() {
                return;
            }
            let running = Running::begin(gauges);
            let result = job();
            drop(running);
            // The caller may have left meanwhile; nobody is told then.
            drop(answer.send(result));
        });
        self.gauges.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(task).is_err() {
            self.gauges.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(PoolError::Busy);
        }
        wait.await.map_err(|_| PoolError::JobPanicked)
    }

    /// Jobs waiting for a thread, a gauge for metrics: it may be off by jobs being handed over.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.gauges.queued.load(Ordering::Relaxed)
    }

    /// Jobs running, a gauge for metrics.
    #[must_use]
    pub fn running(&self) -> usize {
        self.gauges.running.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool").field("queued", &self.queued()).field("running", &self.running()).finish()
    }
}

/// How much nicer hashing is to other threads than they are: beside one of them that is as busy it gets a
/// quarter of a core, and what wakes up need not wait for its time to be over.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Lets the service's other threads go before the calling one.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "hashing has the priority of all threads");
    }
}

/// Takes tasks until the pool is gone. A panicking task ends with an answer dropped, not the thread.
fn work(tasks: &Mutex<Receiver<Task>>, gauges: &Gauges) {
    step_back();
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        let _panicked = catch_unwind(AssertUnwindSafe(|| task(gauges)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::{Pin, pin};
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn pool(capacity: usize) -> HashPool {
        HashPool::new(NonZeroUsize::MIN, capacity).unwrap()
    }

    /// Hands the job over without waiting for its end.
    fn start<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// A job that says when it has begun and ends when told to.
    struct Gate {
        begun: mpsc::Receiver<()>,
        open: mpsc::Sender<()>,
    }

    fn gate() -> (Gate, impl FnOnce() + Send + 'static) {
        let (tell, begun) = mpsc::channel();
        let (open, opened) = mpsc::channel();
        let job = move || {
            tell.send(()).unwrap();
            opened.recv().unwrap();
        };
        (Gate { begun, open }, job)
    }

    /// Tells when the thread that holds it ends.
    struct AtThreadEnd(mpsc::Sender<()>);

    impl Drop for AtThreadEnd {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    thread_local! {
        static AT_END: RefCell<Option<AtThreadEnd>> = const { RefCell::new(None) };
    }

    #[tokio::test]
    async fn a_job_gives_its_result_on_a_thread_of_the_pool() {
        let name = pool(1).run(|| thread::current().name().map(str::to_owned)).await;
        assert_eq!(name, Ok(Some("hash-0".to_owned())));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_steps_back_behind_other_threads() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let own = priority();
        assert_eq!(pool(1).run(priority).await.unwrap(), (own + NICE).min(19));
        assert_eq!(priority(), own);
    }

    #[tokio::test]
    async fn a_full_queue_answers_busy_at_once() {
        let pool = pool(1);
        let (gate, job) = gate();
        let mut running = pin!(pool.run(job));
        assert!(start(running.as_mut()).is_pending());
        gate.begun.recv().unwrap();
        let mut queued = pin!(pool.run(|| 2));
        assert!(start(queued.as_mut()).is_pending());
        assert_eq!((pool.running(), pool.queued()), (1, 1));

        let mut refused = pin!(pool.run(|| 3));
        assert_eq!(start(refused.as_mut()), Poll::Ready(Err(PoolError::Busy)));
        assert_eq!((pool.running(), pool.queued()), (1, 1));

        gate.open.send(()).unwrap();
        assert_eq!(running.await, Ok(()));
        assert_eq!(queued.await, Ok(2));
        assert_eq!((pool.running(), pool.queued()), (0, 0));
    }

    #[tokio::test]
    async fn a_panicking_job_is_an_error_and_the_pool_goes_on() {
        let pool = pool(4);
        let outcome = pool.run(|| -> u8 { panic!("part of the test") }).await;
        assert_eq!(outcome, Err(PoolError::JobPanicked));
        assert_eq!(pool.running(), 0);
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_job_whose_caller_left_before_it_began_is_skipped() {
        let pool = pool(4);
        let (gate, job) = gate();
        let mut running = pin!(pool.run(job));
        assert!(start(running.as_mut()).is_pending());
        gate.begun.recv().unwrap();

        let (ran, has_run) = mpsc::channel();
        let mut abandoned = Box::pin(pool.run(move || ran.send(()).unwrap()));
        assert!(start(abandoned.as_mut()).is_pending());
        drop(abandoned);

        gate.open.send(()).unwrap();
        running.await.unwrap();
        // One thread, so the abandoned job came before this one.
        pool.run(|| ()).await.unwrap();
        assert!(has_run.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_threads_end_with_the_pool() {
        let pool = pool(1);
        let (end, ended) = mpsc::channel();
        pool.run(move || AT_END.set(Some(AtThreadEnd(end)))).await.unwrap();
        drop(pool);
        assert_eq!(ended.recv(), Ok(()));
    }
}
