//! [`Proxy`]: stands before a server and fails as networks fail: it cuts connections, loses replies,
//! holds them back, swallows everything or delays it.

mod outlet;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

use outlet::{Outlet, outlet};

/// What a proxy does with the connections through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Cuts every connection, and every new one at once.
    Cut,
    /// Passes requests on; keeps each HTTP reply for [`Proxy::lost`] and cuts the connection instead.
    LoseReplies,
    /// Once a client has sent these bytes, nothing comes back on its connection any more: neither the
    /// reply nor anything after it. The connection stays open.
    HoldBack(Vec<u8>),
    /// A black hole: connections are accepted and stay open, and nothing gets through in either
    /// direction. One that has lost bytes never passes any again.
    Swallow,
    /// Passes everything on, each byte this much later.
    Delay(Duration),
}

impl Mode {
    fn delay(&self) -> Duration {
        if let Self::Delay(delay) = self { *delay } else { Duration::ZERO }
    }
}

/// A TCP proxy before one server, for as long as it exists.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    kept: Kept,
    accepting: tokio::task::JoinHandle<()>,
}

/// What did not get through.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// Bodies of lost replies.
    lost: Arc<Mutex<Vec<String>>>,
    /// Bytes held back.
    held: watch::Sender<usize>,
    /// Connections that exist.
    open: watch::Sender<usize>,
}

impl Proxy {
    /// A proxy before the server at this host and port.
    pub async fn before(host: &str, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mode = watch::Sender::new(Mode::Pass);
        let kept = Kept::default();
        let (server, modes, keep) = ((host.to_owned(), port), mode.clone(), kept.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server.clone(), modes.subscribe(), keep.clone()));
            }
        });
        Ok(Self { address, mode, kept, accepting })
    }

    /// A proxy before the server of an `http://` or `postgres://` address.
    pub async fn before_url(url: &url::Url) -> anyhow::Result<Self> {
        let port = url.port_or_known_default().unwrap_or(5432);
        Ok(Self::before(url.host_str().context("a host")?, port).await?)
    }

    /// The same address, through the proxy.
    pub fn through(&self, url: &url::Url) -> anyhow::Result<url::Url> {
        let mut url = url.clone();
        url.set_ip_host(self.address.ip()).ok().context("an address with a host")?;
        url.set_port(Some(self.address.port())).ok().context("an address with a port")?;
        Ok(url)
    }

    /// From now on, for connections that exist as for new ones.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// The bodies of the replies lost so far; they are forgotten with it.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something has been held back.
    pub async fn held(&self) {
        let mut held = self.kept.held.subscribe();
        // It fails only without a sender, and this proxy is one.
        drop(held.wait_for(|bytes| *bytes > 0).await);
    }

    /// Waits until no connection is left.
    pub async fn none_left(&self) {
        drop(self.kept.open.subscribe().wait_for(|open| *open == 0).await);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Mode::Cut);
    }
}

/// Counts a connection while it exists.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|open| *open += 1);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

async fn connect(client: TcpStream, server: (String, u16), mode: watch::Receiver<Mode>, kept: Kept) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let _open = Open::new(&kept.open);
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let holding = watch::Sender::new(false);
    let ((up, sending), (down, answering)) = (outlet(to_server), outlet(to_client));
    let up = requests(from_client, up, mode.clone(), &holding);
    let down = replies(from_server, down, (mode.clone(), kept), holding.subscribe());
    let mut cutting = mode;
    // Whichever ends first, both ends are closed: each is dropped with the futures that hold it.
    tokio::select! {
        _ = async { tokio::join!(up, sending) } => {}
        _ = async { tokio::join!(down, answering) } => {}
        _ = cutting.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn requests(
    mut from: tcp::OwnedReadHalf,
    to: Outlet,
    mode: watch::Receiver<Mode>,
    holding: &watch::Sender<bool>,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    let (mut recent, mut swallowed) = (Vec::new(), false);
    loop {
        let length = from.read(&mut chunk).await?;
        let Some(sent) = chunk.get(..length).filter(|sent| !sent.is_empty()) else { return Ok(()) };
        let mode = mode.borrow().clone();
        if let Mode::HoldBack(sign) = &mode {
            // What is looked for may arrive in two pieces.
            recent.extend_from_slice(sent);
            if recent.windows(sign.len().max(1)).any(|window| window == sign) {
                // Before the request is passed on, or its reply could slip through.
                holding.send_replace(true);
            }
            recent.drain(..recent.len().saturating_sub(sign.len()));
        }
        swallowed |= mode == Mode::Swallow;
        if !swallowed {
            to.send(sent, mode.delay())?;
        }
    }
}

async fn replies(
    mut from: tcp::OwnedReadHalf,
    to: Outlet,
    (mode, kept): (watch::Receiver<Mode>, Kept),
    holding: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    let (mut losing, mut swallowed) = (Vec::new(), false);
    loop {
        let length = from.read(&mut chunk).await?;
        let Some(sent) = chunk.get(..length).filter(|sent| !sent.is_empty()) else { return Ok(()) };
        let mode = mode.borrow().clone();
        swallowed |= mode == Mode::Swallow;
        if *holding.borrow() {
            kept.held.send_modify(|bytes| *bytes += length);
        } else if mode == Mode::LoseReplies {
            losing.extend_from_slice(sent);
            if let Some(body) = body_of(&losing) {
                kept.lost.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                return Ok(());
            }
        } else if !swallowed {
            to.send(sent, mode.delay())?;
        }
    }
}

/// The body of an HTTP/1.1 reply with a `Content-Length` (RFC 9112, section 6.2) that is complete.
fn body_of(reply: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(reply).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map(|(_, value)| value.trim().parse().ok()).next()??;
    (body.len() == length).then(|| body.to_owned())
}
