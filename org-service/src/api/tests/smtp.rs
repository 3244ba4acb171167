//! A mail server (RFC 5321) of a page: it takes mails over TCP as any server does, and fails as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

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
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
    pub(super) login: Option<String>,
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
        Self::listen(address, None).await
    }

    /// A server that speaks TLS from the first byte, with a certificate of its own making.
    pub(super) async fn start_with_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen("127.0.0.1:0".parse().unwrap(), Some(acceptor)).await
    }

    async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
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

/// One connection, behind TLS or not.
async fn receive(stream: TcpStream, tls: Option<TlsAcceptor>, desk: Arc<Desk>) {
    let Some(tls) = tls else { return serve(stream, desk).await };
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, desk).await;
    }
}

/// One conversation. An error of the other end ends it.
async fn serve<S: Wire>(stream: S, desk: Arc<Desk>) {
    let trouble = desk.troubles.lock().unwrap().pop_front();
    let mut talk = Talk { stream: BufReader::new(stream), desk, trouble, mail: None, login: None };
    talk.run().await.ok();
}

trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for S {}

struct Talk<S> {
    stream: BufReader<S>,
    desk: Arc<Desk>,
    trouble: Option<Trouble>,
    mail: Option<(String, Vec<String>)>,
    login: Option<String>,
}

impl<S: Wire> Talk<S> {
    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        Ok((read > 0).then(|| line.trim_end_matches("\r\n").to_owned()))
    }

    async fn run(&mut self) -> std::io::Result<()> {
        if let Some(Trouble::Greeting(code)) = self.trouble {
            return self.say(&format!("{code} not now")).await;
        }
        self.say("220 mail.example ESMTP").await?;
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_at_checked(4).unwrap_or((&line, ""));
            if matches!(verb, "AUTH" | "MAIL" | "RCPT" | "DATA") {
                self.desk.trusted.store(true, Ordering::SeqCst);
            }
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.say("250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?,
                "AUTH" => self.log_in(rest).await?,
                "MAIL" => self.begin(rest).await?,
                "RCPT" => self.address(rest).await?,
                "DATA" if self.mail.as_ref().is_some_and(|(_, to)| !to.is_empty()) => {
                    self.read_mail().await?;
                }
                "QUIT" => return self.say("221 bye").await,
                "RSET" | "NOOP" => self.say("250 fine").await?,
                _ => {
                    self.desk.refused_commands.lock().unwrap().push(line.clone());
                    self.say("503 what?").await?;
                }
            }
        }
        Ok(())
    }

    /// `AUTH PLAIN` (RFC 4616): nobody, the name and the password with zeros before them.
    async fn log_in(&mut self, rest: &str) -> std::io::Result<()> {
        let proof = rest.trim().strip_prefix("PLAIN ").unwrap_or_default();
        let decoded = BASE64_STANDARD.decode(proof).unwrap_or_default();
        let decoded = String::from_utf8(decoded).unwrap_or_default();
        match decoded.split('\0').collect::<Vec<_>>().as_slice() {
            ["", name, "pass word"] => {
                self.login = Some((*name).to_owned());
                self.say("235 welcome").await
            }
            _ => self.say("535 no").await,
        }
    }

    async fn begin(&mut self, rest: &str) -> std::io::Result<()> {
        if let Some(Trouble::Sender(code)) = self.trouble {
            return self.say(&format!("{code} not from you")).await;
        }
        self.mail = path(rest, " FROM:").map(|from| (from, Vec::new()));
        self.say("250 go on").await
    }

    async fn address(&mut self, rest: &str) -> std::io::Result<()> {
        let to = path(rest, " TO:").unwrap_or_default();
        if let Some(Trouble::Recipient(code)) = self.trouble {
            return self.say(&format!("{code} <{to}> is not for here")).await;
        }
        if let Some((_, all)) = &mut self.mail {
            all.push(to);
        }
        self.say("250 go on").await
    }

    /// Reads to the line with a dot alone.
    async fn read_mail(&mut self) -> std::io::Result<()> {
        self.say("354 go ahead").await?;
        let mut data = String::new();
        while let Some(line) = self.line().await? {
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        if self.trouble == Some(Trouble::HangUp) {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        if let Some(Trouble::Mail(code)) = self.trouble {
            return self.say(&format!("{code} no")).await;
        }
        if let Some((from, to)) = self.mail.take() {
            let taken = Taken { from, to, data, login: self.login.clone() };
            self.desk.taken.lock().unwrap().push(taken);
        }
        self.say("250 taken").await
    }
}

/// What stands between angle brackets behind a keyword.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let (path, _) = rest.strip_prefix(keyword)?.trim().strip_prefix('<')?.split_once('>')?;
    Some(path.to_owned())
}
