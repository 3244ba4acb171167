//! [`Outlet`]: the far end of one direction of a connection, behind a queue.
//!
//! Bytes that are delayed must not keep the reader from the ones behind them: each has its own due
//! time, and none overtakes another.

use std::{io, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};

/// Takes bytes for later. Once it is dropped, what is queued is written and the other half is done.
#[derive(Debug)]
pub(super) struct Outlet(UnboundedSender<(Instant, Vec<u8>)>);

/// The queue, and the work of emptying it.
pub(super) fn outlet(to: OwnedWriteHalf) -> (Outlet, impl Future<Output = io::Result<()>>) {
    let (queue, queued) = unbounded_channel();
    (Outlet(queue), write(to, queued))
}

impl Outlet {
    pub(super) fn send(&self, bytes: &[u8], delay: Duration) -> io::Result<()> {
        let sent = self.0.send((Instant::now() + delay, bytes.to_vec()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

async fn write(mut to: OwnedWriteHalf, mut queued: UnboundedReceiver<(Instant, Vec<u8>)>) -> io::Result<()> {
    while let Some((due, bytes)) = queued.recv().await {
        sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    Ok(())
}
