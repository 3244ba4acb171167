//! Stopping in good order.
//!
//! A gateway goes on sending requests until a health check has told it that a service is going. So a
//! service that is asked to stop first turns `/readyz` red and serves on in full; what it answers says
//! `Connection: close`, so that connections that are kept move elsewhere while nothing is lost. Only
//! then does it stop accepting, end the answers without an end, and finish what is in flight.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::config::values::Span;

/// Whether this process has been asked to stop; asked for every answer, so it is one atomic.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving(Arc<AtomicBool>);

impl Leaving {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Among the application data of the management port: tells answers without an end that the server stops.
#[derive(Debug, Clone)]
pub struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) fn of(closing: &watch::Sender<bool>) -> Self {
        Self(closing.subscribe())
    }

    /// Waits until the server stops accepting.
    pub async fn begun(&self) {
        // A sender that is gone is a server that is gone.
        drop(self.0.clone().wait_for(|closing| *closing).await);
    }
}

/// Stops a server from elsewhere.
#[derive(Debug, Clone)]
pub struct Stop {
    pub(super) public: ServerHandle,
    pub(super) management: ServerHandle,
    pub(super) leaving: Leaving,
    pub(super) closing: watch::Sender<bool>,
}

impl Stop {
    /// Stops accepting, finishes what is in flight within the limit, then returns.
    pub async fn gracefully(&self) {
        self.close();
        self.public.stop(true).await;
        self.management.stop(true).await;
    }

    /// Drops what is in flight.
    pub async fn now(&self) {
        self.close();
        self.public.stop(false).await;
        self.management.stop(false).await;
    }

    fn close(&self) {
        self.leaving.begin();
        self.closing.send_replace(true);
    }

    /// Waits for a signal. From then on the server is not ready, and serves on for `delay`: that long
    /// a gateway may take to notice. Whoever stands before the terminal (SIGINT) does not wait, and a
    /// second signal ends the wait.
    pub(super) async fn drained(&self, mut signals: Signals, delay: Duration) {
        let first = signals.next().await;
        self.leaving.begin();
        if first == Asked::Interrupt || delay.is_zero() {
            return tracing::info!("{first}: stopping");
        }
        tracing::info!("{first}: stopping in {}, not ready from now on", Span(delay));
        tokio::select! {
            () = tokio::time::sleep(delay) => tracing::info!("stopping"),
            again = signals.next() => tracing::info!("{again}: stopping at once"),
        }
    }
}

/// SIGINT and SIGTERM, caught from the moment of listening. Listen before an address is told, so that
/// whoever reads it can stop the server in good order.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Which signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Interrupt,
    Terminate,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

impl Signals {
    /// Catches both from now on.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// What `work` gives, or nothing if a signal comes first: there is nothing to finish before the
    /// first request. The first process of a container would not be ended by a signal otherwise.
    pub async fn before<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            asked = self.next() => {
                tracing::info!("{asked}: not started");
                None
            }
        }
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }
}
