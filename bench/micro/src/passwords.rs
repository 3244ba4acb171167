//! The pool that hashes passwords.

use std::num::NonZeroUsize;

use auth_service::password::HashPool;
use tokio::runtime::{Builder, Runtime};

/// A pool of one thread, and what waits for it.
#[derive(Debug)]
pub struct Pool {
    pool: HashPool,
    runtime: Runtime,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            pool: HashPool::new(NonZeroUsize::MIN, 16).unwrap(),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }
}

impl Pool {
    /// Has a job done.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.runtime.block_on(self.pool.run(job)).unwrap()
    }
}
