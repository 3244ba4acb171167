//! What a stack did besides answering: the statements it sent to its databases, and the
//! lines it logged.
//!
//! diesel reports every statement of every connection to one place; each connection knows its URL,
//! so that the databases of other tests in this process do not count.

use std::sync::{Mutex, Once, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use e2e::Server;
use shared::{DbUrl, config::Variables};
use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// `(database, statement)`
static STATEMENTS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static START: Once = Once::new();

fn of<T: Clone>(all: &Mutex<Vec<T>>) -> Vec<T> {
    all.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn add<T>(all: &Mutex<Vec<T>>, one: T) {
    all.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

#[derive(Default)]
struct Statements {
    database: String,
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.database),
            InstrumentationEvent::StartQuery { query, .. } => {
                let statement = query.to_string();
                // What every new connection begins with, whenever the pool opens one.
                if !statement.starts_with("PRAGMA") && !statement.starts_with("SET ") {
                    add(&STATEMENTS, (self.database.clone(), statement));
                }
            }
            _ => {}
        }
    }
}

struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(format!("{} {}:", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        add(&LINES, line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        write!(self.0, " {field}={value:?}").unwrap_or_default();
    }
}

/// Begins to watch. Connections made before are not seen, so call it before a stack starts.
pub(crate) fn begin() {
    START.call_once(|| {
        assert!(set_default_instrumentation(|| Some(Box::<Statements>::default())).is_ok());
        // What services show unless they are told otherwise.
        let Ok(filter) = shared::telemetry::filter(&Variables::default()) else { return };
        let shown = Lines.with_filter(filter);
        assert!(tracing_subscriber::registry().with(shown).try_init().is_ok());
    });
}

/// Every statement sent so far to the databases of this stack, but for what is asked in the background all
/// the time: the feed's end, the keys, how long tokens live, what is to be announced and what to be mailed,
/// which no request reads.
pub(crate) fn statements(server: &Server) -> Vec<String> {
    let own = [server.stack.auth.db().url(), server.stack.org.db().url()].map(name);
    let ours = |(database, statement): &(String, String)| {
        let background = [
            "`feed_head`",
            "\"feed_head\"",
            "FROM `keys`",
            "FROM \"keys\"",
            "token_lives",
            "LISTEN",
            "FROM `announcements`",
            "FROM \"announcements\"",
            "FROM `mails`",
            "FROM \"mails\"",
        ];
        !background.iter().any(|text| statement.contains(text))
            && own.iter().any(|name| database.contains(name))
    };
    of(&STATEMENTS).into_iter().filter(ours).map(|(_, statement)| statement).collect()
}

/// Every line that any stack of this process has logged.
pub(crate) fn lines() -> Vec<String> {
    of(&LINES)
}

/// What tells a database from every other test's.
fn name(url: &DbUrl) -> String {
    match url {
        DbUrl::Postgres { url } => url.path().to_owned(),
        DbUrl::Sqlite { path } => path.clone(),
    }
}
