//! The command `healthcheck`: asks a service's own `/readyz`, for the health check of its container.
//!
//! It runs every few seconds beside the service, so it reads one setting, opens one connection and
//! needs no client library: that would read the machine's certificates each time.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

use crate::config::{ConfigError, Variables};

/// How long connecting, asking and answering may take together.
const LIMIT: Duration = Duration::from_secs(2);
/// A longer answer is none of ours.
const LONGEST: u64 = 64 * 1024;

/// Why a service counts as unhealthy. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// The address cannot be had from the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody answered in time.
    #[error("{address} does not answer: {reason}")]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// The answer is not a service's of ours.
    #[error("{0}: not an answer of /readyz")]
    Foreign(SocketAddr),
    /// The service says that it is not ready.
    #[error("not ready: {0}")]
    Red(String),
}

/// Asks the service whose management address is in the variable `{prefix}MANAGEMENT_LISTEN`, or is
/// `default` where that is unset. Reads no other setting. Blocks for two seconds at most.
pub fn ask(variables: &Variables, prefix: &str, default: SocketAddr) -> Result<(), Unhealthy> {
    #[derive(Deserialize)]
    struct Settings {
        management_listen: Option<SocketAddr>,
    }
    let listen = variables.read::<Settings>(prefix)?.management_listen.unwrap_or(default);
    if listen.port() == 0 {
        let complaint = "port 0 takes any free one, so nobody knows whom to ask";
        return Err(ConfigError::new(&format!("{prefix}MANAGEMENT_LISTEN"), complaint).into());
    }
    let deadline = Instant::now() + LIMIT;
    let mut silent = String::new();
    for ip in reachable(listen.ip()) {
        let address = SocketAddr::new(ip, listen.port());
        match request(address, deadline) {
            Ok(answer) => return judge(address, &answer),
            Err(error) => silent = error.to_string(),
        }
    }
    Err(Unhealthy::Silent { address: listen, reason: silent })
}

/// Where a service that listens on this address can be reached from its own machine. An unspecified
/// address is every one of the machine's, so loopback; `::` is often that of IPv4 too, and a container
/// may have no other.
fn reachable(listen: IpAddr) -> Vec<IpAddr> {
    match listen.to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        ip => vec![ip],
    }
}

fn request(address: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(late()) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?).map_err(in_words)?;
    stream.set_write_timeout(Some(left()?))?;
    // In one piece: `write!` sends one for each part, and whoever has heard enough may hang up.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    // Each read waits for what is left: one that trickles has no more time than one that is silent.
    while (answer.len() as u64) < LONGEST {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk).map_err(in_words)? {
            0 => return Ok(answer),
            length => answer.extend(chunk.iter().take(length)),
        }
    }
    Err(io::Error::other("the answer has no end"))
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {} s", LIMIT.as_secs()))
}

/// The system calls a time limit "temporarily unavailable".
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(),
        _ => error,
    }
}

/// Reads an answer of [`super::management`].
fn judge(address: SocketAddr, answer: &[u8]) -> Result<(), Unhealthy> {
    let foreign = || Unhealthy::Foreign(address);
    let text = std::str::from_utf8(answer).map_err(|_| foreign())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(foreign)?;
    let status = head.split(' ').nth(1).ok_or_else(foreign)?;
    let told: Value = serde_json::from_str(body).map_err(|_| foreign())?;
    let checks = told.get("checks").and_then(Value::as_object).ok_or_else(foreign)?;
    match status {
        "200" => Ok(()),
        "503" => {
            let red = checks.iter().filter(|(_, said)| *said != "ok");
            let red = red.map(|(name, said)| format!("{name}: {}", said.as_str().unwrap_or("red")));
            Err(Unhealthy::Red(red.collect::<Vec<_>>().join("; ")))
        }
        _ => Err(foreign()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nserver: x\r\n\r\n{\"status\":\"ok\",\"checks\":{\"keys\":\"ok\"}}";
    /// The default, where a test sets the address.
    const UNUSED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

    fn variables(listen: &str) -> Variables {
        Variables::from_pairs([("X_MANAGEMENT_LISTEN".to_owned(), listen.to_owned())])
    }

    /// What is said of a service that listens on this address and answers with this.
    fn answered(listen: &str, answer: &str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let variables = variables(&format!("{listen}:{}", listener.local_addr().unwrap().port()));
        let answer = answer.to_owned();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let asked = ask(&variables, "X_", UNUSED).map_err(|error| error.to_string());
        assert!(server.join().unwrap().starts_with("GET /readyz HTTP/1.1\r\n"));
        asked
    }

    #[test]
    fn a_ready_service_is_healthy_and_a_red_one_says_what_is_red() {
        assert_eq!(answered("127.0.0.1", OK), Ok(()));
        let red = "HTTP/1.1 503 Service Unavailable\r\n\r\n\
            {\"checks\":{\"keys\":\"ok\",\"org_database\":\"away\",\"revocations\":\"unheard of\"}}";
        assert_eq!(
            answered("127.0.0.1", red).unwrap_err(),
            "not ready: org_database: away; revocations: unheard of",
            "what is green is left out"
        );
    }

    #[test]
    fn whoever_answers_something_else_is_not_this_service() {
        for foreign in [
            "",
            "hello",
            "HTTP/1.1 200 OK\r\n\r\nready",
            "HTTP/1.1 200 OK\r\n\r\n{}",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"checks\":{}}",
            "SSH-2.0-OpenSSH\r\n",
        ] {
            let complaint = answered("127.0.0.1", foreign).unwrap_err();
            assert!(complaint.ends_with(": not an answer of /readyz"), "{foreign:?}: {complaint}");
        }
    }

    #[test]
    fn an_unspecified_address_means_loopback() {
        for listen in ["0.0.0.0", "[::]", "[::ffff:0.0.0.0]"] {
            assert_eq!(answered(listen, OK), Ok(()), "{listen}");
        }
    }

    #[test]
    fn whoever_does_not_answer_is_given_up_after_two_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let began = Instant::now();
        let silent = ask(&Variables::default(), "X_", address).unwrap_err().to_string();
        assert_eq!(silent, format!("{address} does not answer: nothing within 2 s"));
        assert!((LIMIT..LIMIT * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_told_with_its_variable() {
        for listen in ["127.0.0.1:0", "localhost", "9001"] {
            let complaint = ask(&variables(listen), "X_", UNUSED).unwrap_err();
            assert!(complaint.to_string().starts_with("X_MANAGEMENT_LISTEN: "), "{complaint}");
        }
    }
}
