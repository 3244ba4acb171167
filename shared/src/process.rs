//! A program from its first line to its last: the runtime, the exit code, and an end without accidents.

use std::{
    future::Future,
    io::{Write, stderr, stdout},
    time::Duration,
};

use tokio::runtime::Runtime;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How long work on blocking threads may go on after the end: longer than any statement of ours.
const LAST_WORK: Duration = Duration::from_secs(10);

/// Runs a program to its end: exit code 0, or 1 with its error on one line of standard error.
///
/// Exit handlers are not run. OpenSSL, under libpq, has one that takes its tables away, while the
/// threads that open connections ahead go on, and so a command that had done all of its work crashed in
/// one of fifty runs.
pub fn run<E: Into<Cause>>(program: impl Future<Output = Result<(), E>>) -> ! {
    let code = match Runtime::new() {
        Ok(runtime) => {
            let code = exit_code(runtime.block_on(program));
            runtime.shutdown_timeout(LAST_WORK);
            code
        }
        Err(error) => exit_code(Err::<(), _>(error)),
    };
    // Nobody is left to be told that nobody reads it.
    drop((stdout().flush(), stderr().flush()));
    signal_hook::low_level::exit(code)
}

#[expect(clippy::print_stderr, reason = "the command's user reads it, whatever the log filter says")]
fn exit_code(done: Result<(), impl Into<Cause>>) -> i32 {
    let Err(error) = done else { return 0 };
    let error = error.into();
    if hung_up(&*error) {
        return 0;
    }
    eprintln!("error: {}", one_line(&*error));
    1
}

/// Whether the reader of our output (`| head`) has enough.
fn hung_up(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
}

/// An error and what caused it, leaving out causes that its message tells already.
fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = next.source();
    }
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{told}")]
    struct Told {
        told: &'static str,
        source: std::num::ParseIntError,
    }

    #[test]
    fn a_cause_is_told_once_and_on_one_line() {
        let source = "x".parse::<u8>().unwrap_err();
        let outer = Told { told: "cannot\nread", source: source.clone() };
        assert_eq!(one_line(&outer), format!("cannot read: {source}"));
        let repeats = Told { told: "invalid digit found in string, sadly", source };
        assert_eq!(one_line(&repeats), "invalid digit found in string, sadly");
    }
}
