//! One conversation with a mail server, in the clear or not.

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::{Desk, Taken, Trouble};

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Safety {
    None,
    Offered,
    Given,
}

/// How a conversation ends.
pub(super) enum End {
    Over,
    StartTls,
}

/// What a conversation goes over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for S {}

/// One conversation.
pub(super) struct Talk<S> {
    pub(super) stream: BufReader<S>,
    safety: Safety,
    desk: Arc<Desk>,
    trouble: Option<Trouble>,
    mail: Option<(String, Vec<String>)>,
    login: Option<String>,
}

impl<S: Wire> Talk<S> {
    pub(super) fn new(stream: S, safety: Safety, desk: Arc<Desk>, trouble: Option<Trouble>) -> Self {
        Self { stream: BufReader::new(stream), safety, desk, trouble, mail: None, login: None }
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        Ok((read > 0).then(|| line.trim_end_matches("\r\n").to_owned()))
    }

    /// From the greeting on.
    pub(super) async fn begin(&mut self) -> std::io::Result<End> {
        if let Some(Trouble::Greeting(code)) = self.trouble {
            self.say(&format!("{code} not now")).await?;
            return Ok(End::Over);
        }
        self.say("220 mail.example ESMTP").await?;
        self.run().await
    }

    /// From the first command on.
    pub(super) async fn run(&mut self) -> std::io::Result<End> {
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_at_checked(4).unwrap_or((&line, ""));
            if matches!(verb, "AUTH" | "MAIL" | "RCPT" | "DATA") {
                self.desk.trusted.store(true, Ordering::SeqCst);
            }
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet().await?,
                "STAR" if self.safety == Safety::Offered => match self.trouble {
                    Some(Trouble::StartTls(code)) => self.say(&format!("{code} not today")).await?,
                    _ => return self.say("220 go ahead").await.map(|()| End::StartTls),
                },
                // Whoever announces TLS takes nothing without (RFC 3207, section 4).
                "AUTH" | "MAIL" | "RCPT" | "DATA" if self.safety == Safety::Offered => {
                    self.desk.refused_commands.lock().unwrap().push(verb.to_owned());
                    self.say("530 STARTTLS first").await?;
                }
                "AUTH" => self.log_in(rest).await?,
                "MAIL" => self.begin_mail(rest).await?,
                "RCPT" => self.address(rest).await?,
                "DATA" if self.mail.as_ref().is_some_and(|(_, to)| !to.is_empty()) => {
                    self.read_mail().await?;
                }
                "QUIT" => return self.say("221 bye").await.map(|()| End::Over),
                "RSET" | "NOOP" => self.say("250 fine").await?,
                _ => {
                    self.desk.refused_commands.lock().unwrap().push(line.clone());
                    self.say("503 what?").await?;
                }
            }
        }
        Ok(End::Over)
    }

    async fn greet(&mut self) -> std::io::Result<()> {
        let offer = if self.safety == Safety::Offered { "250-STARTTLS\r\n" } else { "" };
        self.say(&format!("250-mail.example\r\n250-8BITMIME\r\n{offer}250 AUTH PLAIN")).await
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

    async fn begin_mail(&mut self, rest: &str) -> std::io::Result<()> {
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
            let encrypted = self.safety == Safety::Given;
            let taken = Taken { from, to, data, login: self.login.clone(), encrypted };
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
