//! A mail server (RFC 5321) of a page: it takes mails over TCP as any server does, and fails as it is told.

mod talk;
mod tls;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use talk::{End, Safety, Talk};
pub(super) use tls::{Authority, Tls};

/// What goes wrong with one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The greeting is a refusal.
    Greeting(u16),
    /// The sender is refused.
    Sender(u16),
    /// The recipient is refused, in words that name it.
    Recipient(u16),
    /// The mail is refused once it is there.
    Mail(u16),
    /// The connection ends after the mail, without an answer.
    HangUp,
    /// TLS, which was announced, is refused when it is asked for.
    StartTls(u16),
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
    pub(super) login: Option<String>,
    /// Whether the connection was encrypted.
    pub(super) encrypted: bool,
}

#[derive(Debug, Default)]
struct Desk {
    troubles: Mutex<VecDeque<Trouble>>,
    taken: Mutex<Vec<Taken>>,
    refused_commands: Mutex<Vec<String>>,
    /// A password or a mail has begun to come.
    trusted: AtomicBool,
}

/// A running mail server, gone when dropped.
pub(super) struct MailServer {
    pub(super) address: SocketAddr,
    desk: Arc<Desk>,
    running: JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl MailServer {
    pub(super) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(super) async fn start_at(address: SocketAddr) -> Self {
        Self::listen(address, Tls::Never).await
    }

    pub(super) async fn start_with(tls: Tls) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), tls).await
    }

    async fn listen(address: SocketAddr, tls: Tls) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, desk) = (listener.local_addr().unwrap(), Arc::<Desk>::default());
        let own = Arc::clone(&desk);
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, tls.clone(), Arc::clone(&own)));
            }
        });
        Self { address, desk, running }
    }

    /// The next connections go wrong like this, one after the other.
    pub(super) fn have(&self, troubles: &[Trouble]) {
        self.desk.troubles.lock().unwrap().extend(troubles);
    }

    /// Whether nobody has said who they are, or begun a mail.
    pub(super) fn heard_nothing(&self) -> bool {
        !self.desk.trusted.load(Ordering::SeqCst) && self.desk.taken.lock().unwrap().is_empty()
    }

    /// What was taken so far. That nothing was said which a server does not know is checked as well.
    pub(super) fn taken(&self) -> Vec<Taken> {
        assert_eq!(*self.desk.refused_commands.lock().unwrap(), Vec::<String>::new());
        self.desk.taken.lock().unwrap().clone()
    }
}

/// One connection. An error of the other end ends it.
async fn receive(stream: TcpStream, tls: Tls, desk: Arc<Desk>) {
    let trouble = desk.troubles.lock().unwrap().pop_front();
    let safety = match &tls {
        Tls::Never => Safety::None,
        Tls::Asked(_) => Safety::Offered,
        Tls::AtOnce(_) => Safety::Given,
    };
    match tls {
        Tls::Never => drop(Talk::new(stream, safety, desk, trouble).begin().await),
        Tls::AtOnce(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                Talk::new(stream, safety, desk, trouble).begin().await.ok();
            }
        }
        Tls::Asked(acceptor) => {
            let mut talk = Talk::new(stream, safety, Arc::clone(&desk), trouble);
            if !matches!(talk.begin().await, Ok(End::StartTls)) {
                return;
            }
            if let Ok(stream) = acceptor.accept(talk.stream.into_inner()).await {
                // Nobody greets again (RFC 3207, section 4.2).
                Talk::new(stream, Safety::Given, desk, trouble).run().await.ok();
            }
        }
    }
}
