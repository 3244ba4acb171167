//! [`Lane`]: a pool with its bounded, fair queue.
//!
//! Work runs on blocking threads, at most one for each connection. A thread that is done goes on with what
//! has waited longest, on the connection that it holds. So while there is work nobody has to be woken up
//! for it, and neither the pool nor the runtime is asked again: a wake-up takes longer than many a statement.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::QueryResult;
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use super::{
    DbConnection, DbError,
    pool::{Held, Pool},
};

#[cfg(test)]
mod tests;

/// How long a request may wait for its turn.
pub(super) const TURN: Duration = Duration::from_secs(5);

/// A pool with its queue. Clones share it.
#[derive(Clone)]
pub(super) struct Lane(Arc<Inner>);

struct Inner {
    pool: Pool,
    /// The most threads.
    size: usize,
    max_waiting: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Threads that work; each looks for more before it leaves.
    threads: usize,
    waiting: VecDeque<Work>,
}

/// Work for a thread, on the connection that it holds.
pub(super) type Work = Box<dyn FnOnce(&Pool, &mut Option<Held>) + Send>;

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (threads, waiting) = {
            let queue = self.queue();
            (queue.threads, queue.waiting.len())
        };
        f.debug_struct("Lane").field("threads", &threads).field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl Lane {
    /// A lane of at most `size` threads, in which at most `max_waiting` requests wait.
    pub(super) fn new(pool: Pool, size: u32, max_waiting: usize) -> Self {
        let size = usize::try_from(size).unwrap_or(1);
        Self(Arc::new(Inner { pool, size, max_waiting, queue: Mutex::default() }))
    }

    /// Runs `work` when it is its turn. Work that has begun is finished, whether anybody waits for it or not.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, DbError> {
        let (answer, mut answered) = oneshot::channel();
        // Taken by the thread that begins or by whoever stops waiting, once.
        let turn = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&turn);
        let waits = self.add(Box::new(move |pool, held| {
            if answer.is_closed() || turn.swap(true, Ordering::AcqRel) {
                return;
            }
            let result = pool.run(held, |connection| work(connection).map_err(DbError::Query));
            // Whoever asked may have gone meanwhile.
            answer.send(result).ok();
        }))?;
        let in_time = if waits { timeout(TURN, &mut answered).await.ok() } else { None };
        let answer = match in_time {
            Some(answer) => answer,
            None if waits && !taken.swap(true, Ordering::AcqRel) => return Err(DbError::Busy),
            None => answered.await,
        };
        answer.map_err(|_| DbError::Interrupted)?
    }

    /// Gives work to a new thread, or has it wait; says whether it waits.
    pub(super) fn add(&self, work: Work) -> Result<bool, DbError> {
        let mut queue = self.queue();
        if queue.threads < self.0.size {
            queue.threads += 1;
            drop(queue);
            let thread = Thread { lane: self.clone(), left: false };
            spawn_blocking(move || thread.serve(work));
            return Ok(false);
        }
        if queue.waiting.len() >= self.0.max_waiting {
            return Err(DbError::Busy);
        }
        queue.waiting.push_back(work);
        Ok(true)
    }

    /// Puts what follows from the work of one of its threads behind everything that waits: that thread
    /// looks there next.
    pub(super) fn follow(&self, work: Work) {
        self.queue().waiting.push_back(work);
    }

    /// The most threads.
    pub(super) fn size(&self) -> usize {
        self.0.size
    }

    /// How many requests may wait.
    pub(super) fn max_waiting(&self) -> usize {
        self.0.max_waiting
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that could panic is done under the lock.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a lane's threads.
struct Thread {
    lane: Lane,
    left: bool,
}

impl Thread {
    fn serve(mut self, first: Work) {
        let (mut held, mut next) = (None, Some(first));
        while let Some(work) = next {
            let pool = &self.lane.0.pool;
            // Who asked learns of a panic by getting no answer; the others are not concerned.
            if catch_unwind(AssertUnwindSafe(|| work(pool, &mut held))).is_err()
                && let Some(held) = held.take()
            {
                held.close();
            }
            next = self.next();
        }
    }

    /// What has waited longest; where nothing has, the thread leaves.
    fn next(&mut self) -> Option<Work> {
        let mut queue = self.lane.queue();
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.threads -= 1;
            self.left = true;
        }
        next
    }
}

impl Drop for Thread {
    /// A runtime that shuts down drops what has not begun.
    fn drop(&mut self) {
        if !self.left {
            self.lane.queue().threads -= 1;
        }
    }
}
