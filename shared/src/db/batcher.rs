//! [`Batcher`]: many requests' statement of one kind, carried out as one.
//!
//! What comes while a batch is at the database waits for the next one. So where there is little to do nothing
//! waits, and the more there is to do the more requests share a round trip, a commit and a wake-up.

use std::{
    collections::VecDeque,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use diesel::QueryResult;
use tokio::{sync::oneshot, time::timeout};

use super::{
    DbConnection, DbError,
    lane::{Lane, TURN},
    pool::{Held, Pool, is_closed},
};

#[cfg(test)]
mod tests;

/// Requests in one batch.
const MOST: usize = 64;

/// Carries out what these ask for, all or nothing: an outcome for each, in their order.
pub type Together<I, O> = fn(&mut DbConnection, &[I]) -> QueryResult<Vec<O>>;

/// Carries requests out together. Clones share it.
pub struct Batcher<I, O>(Arc<Inner<I, O>>);

struct Inner<I, O> {
    lane: Lane,
    together: Together<I, O>,
    /// The most batches at a time: while one commits another is made.
    batches: usize,
    queue: Mutex<Queue<I, O>>,
}

struct Queue<I, O> {
    /// Batches at the database or on their way there; each looks for more before it leaves.
    batches: usize,
    /// The number of the next request.
    next: u64,
    waiting: VecDeque<Waiting<I, O>>,
}

struct Waiting<I, O> {
    number: u64,
    item: I,
    answer: Answer<O>,
}

/// Where an item's outcome goes.
type Answer<O> = oneshot::Sender<Result<O, DbError>>;

impl<I, O> Clone for Batcher<I, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, O> std::fmt::Debug for Batcher<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher").field("waiting", &self.queue().waiting.len()).finish_non_exhaustive()
    }
}

impl<I, O> Batcher<I, O> {
    fn queue(&self) -> MutexGuard<'_, Queue<I, O>> {
        // Nothing that could panic is done under the lock.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// Batches of at most so many requests, at most so many `batches` at a time, in this lane.
    pub(super) fn new(lane: Lane, batches: usize, together: Together<I, O>) -> Self {
        let queue = Mutex::new(Queue { batches: 0, next: 0, waiting: VecDeque::new() });
        Self(Arc::new(Inner { lane, together, batches, queue }))
    }

    /// Carries `item` out with whatever else waits. It waits as long as anything else for the database and
    /// is turned away like it; once it has begun it is finished, whether anybody waits for it or not.
    pub async fn run(&self, item: I) -> Result<O, DbError> {
        let (answer, mut answered) = oneshot::channel();
        let number = self.add(item, answer)?;
        let answer = match timeout(TURN, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if self.withdraw(number) => return Err(DbError::Busy),
            Err(_) => answered.await,
        };
        answer.map_err(|_| DbError::Interrupted)?
    }

    /// Has the item wait, and a batch begin unless as many as may be are under way.
    fn add(&self, item: I, answer: Answer<O>) -> Result<u64, DbError> {
        let mut queue = self.queue();
        if queue.waiting.len() >= self.0.lane.max_waiting() {
            return Err(DbError::Busy);
        }
        let number = queue.next;
        queue.next += 1;
        queue.waiting.push_back(Waiting { number, item, answer });
        if queue.batches < self.0.batches {
            queue.batches += 1;
            drop(queue);
            let batch = Batch { batcher: self.clone(), left: false };
            let added = self.0.lane.add(Box::new(move |pool, held| batch.carry_out(pool, held)));
            // Another batch may have taken the item meanwhile: then it is carried out.
            if let Err(busy) = added
                && self.withdraw(number)
            {
                return Err(busy);
            }
        }
        Ok(number)
    }

    /// Takes an item back; false if it has begun.
    fn withdraw(&self, number: u64) -> bool {
        let mut queue = self.queue();
        let place = queue.waiting.iter().position(|waiting| waiting.number == number);
        place.and_then(|place| queue.waiting.remove(place)).is_some()
    }
}

/// A batch on its way to the database.
struct Batch<I: Send + 'static, O: Send + 'static> {
    batcher: Batcher<I, O>,
    left: bool,
}

impl<I: Send + 'static, O: Send + 'static> Batch<I, O> {
    /// Carries out what waits. If more waits then, another follows behind whatever else waits in the lane.
    fn carry_out(mut self, pool: &Pool, held: &mut Option<Held>) {
        let (items, answers) = self.take();
        if !items.is_empty() {
            self.answer(&items, answers, (pool, held));
        }
        if self.goes_on() {
            let lane = self.batcher.0.lane.clone();
            lane.follow(Box::new(move |pool, held| self.carry_out(pool, held)));
        }
    }

    fn take(&self) -> (Vec<I>, Vec<Answer<O>>) {
        let mut queue = self.batcher.queue();
        let mut taken = (Vec::new(), Vec::new());
        while taken.0.len() < MOST
            && let Some(Waiting { item, answer, .. }) = queue.waiting.pop_front()
        {
            // For who has gone nothing is begun.
            if !answer.is_closed() {
                taken.0.push(item);
                taken.1.push(answer);
            }
        }
        taken
    }

    fn answer(&self, items: &[I], answers: Vec<Answer<O>>, (pool, held): (&Pool, &mut Option<Held>)) {
        let together = self.batcher.0.together;
        let mut run = |items: &[I]| pool.run(held, |conn| together(conn, items).map_err(DbError::Query));
        let answers = answers.into_iter();
        // Whoever asked may have gone meanwhile.
        match run(items) {
            Ok(outcomes) => answers.zip(outcomes).for_each(|(answer, done)| drop(answer.send(Ok(done)))),
            Err(error) if items.len() == 1 => {
                answers.zip([error]).for_each(|(answer, error)| drop(answer.send(Err(error))));
            }
            // One item's error is not to be the others'.
            Err(DbError::Query(error)) if !is_closed(&error) => {
                for (item, answer) in items.iter().zip(answers) {
                    let outcome = run(slice::from_ref(item)).map(|mut outcomes| outcomes.pop());
                    answer.send(outcome.and_then(|outcome| outcome.ok_or(DbError::Interrupted))).ok();
                }
            }
            Err(error) => {
                let error = error.to_string();
                answers.for_each(|answer| drop(answer.send(Err(DbError::NoConnection(error.clone())))));
            }
        }
    }

    /// Whether more waits; otherwise the batch leaves.
    fn goes_on(&mut self) -> bool {
        let mut queue = self.batcher.queue();
        self.left = queue.waiting.is_empty();
        if self.left {
            queue.batches -= 1;
        }
        !self.left
    }
}

impl<I: Send + 'static, O: Send + 'static> Drop for Batch<I, O> {
    /// The lane was full, the runtime shuts down, or the work panicked. If no other batch is under way those
    /// that wait are told, for none would come for them.
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let mut queue = self.batcher.queue();
        queue.batches -= 1;
        let left_alone =
            if queue.batches == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
        drop(queue);
        drop(left_alone);
    }
}
