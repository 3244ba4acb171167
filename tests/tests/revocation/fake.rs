//! [`Fake`]: an auth service's management port as far as a follower needs it, which says what a test
//! wants it to say.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use shared::{
    clock::monotonic_micros,
    revocation::wire::{Begin, Entries, Head, event},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
};

/// Far in the future, in seconds since 1970.
const FAR: i64 = 4_000_000_000;

/// What is said to everybody who is connected.
#[derive(Clone, Debug)]
enum Said {
    Text(String),
    HangUp,
}

/// A feed that may lie.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: String,
    greeting: Arc<Mutex<Option<String>>>,
    says: broadcast::Sender<Said>,
    greeted: watch::Sender<usize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// One that greets every follower with this.
    pub(crate) async fn greeting(text: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let greeting = Arc::new(Mutex::new(Some(text)));
        let (says, greeted) = (broadcast::Sender::new(64), watch::Sender::new(0));
        let (greetings, voice, count) = (greeting.clone(), says.clone(), greeted.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((follower, _)) = listener.accept().await {
                tokio::spawn(talk(follower, greetings.clone(), voice.subscribe(), count.clone()));
            }
        });
        Ok(Self { address, greeting, says, greeted, accepting })
    }

    /// From now on new followers are greeted with this; with nothing, they wait for an answer in vain.
    pub(crate) fn greet_with(&self, text: Option<String>) {
        *self.greeting.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(crate) fn say(&self, text: String) {
        self.says.send(Said::Text(text)).ok();
    }

    /// Ends every connection, and waits until a follower is back.
    pub(crate) async fn hang_up(&self) -> anyhow::Result<()> {
        let mut greeted = self.greeted.subscribe();
        let before = *greeted.borrow_and_update();
        self.says.send(Said::HangUp).ok();
        greeted.wait_for(|count| *count > before).await?;
        Ok(())
    }

    /// Ends every connection.
    pub(crate) fn leave(&self) {
        self.says.send(Said::HangUp).ok();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn talk(
    mut follower: TcpStream,
    greeting: Arc<Mutex<Option<String>>>,
    mut says: broadcast::Receiver<Said>,
    greeted: watch::Sender<usize>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if follower.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let greeting = greeting.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(text) = greeting {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        follower.write_all([head, &text].concat().as_bytes()).await?;
        greeted.send_modify(|count| *count += 1);
    }
    while let Ok(Said::Text(text)) = says.recv().await {
        follower.write_all(text.as_bytes()).await?;
    }
    Ok(())
}

/// `begin` of this feed, now.
pub(crate) fn begin(epoch: &str) -> anyhow::Result<String> {
    Ok(event("begin", &Begin { epoch: epoch.to_owned(), t: monotonic_micros(), live: 0 })?)
}

/// Sessions that have ended, each with its place.
pub(crate) fn ended(sessions: &[(i64, &'static str)]) -> anyhow::Result<String> {
    use shared::revocation::Line;
    let line = |(seq, sid): &(i64, &'static str)| Line(*seq, "session".into(), (*sid).into(), None, FAR);
    let lines = sessions.iter().map(line).collect();
    Ok(event("entries", &Entries { t: monotonic_micros(), lines })?)
}

/// `head` at this place, so many microseconds from now.
pub(crate) fn head(seq: i64, from_now: i64) -> anyhow::Result<String> {
    Ok(event("head", &Head { seq, keys: 0, t: monotonic_micros().saturating_add(from_now) })?)
}
