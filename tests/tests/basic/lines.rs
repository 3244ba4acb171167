//! What the services of this process logged.

use std::{
    fmt::{Debug, Write as _},
    sync::{Mutex, Once, PoisonError},
};

use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap_or_default();
    }
}

/// Begins to watch, at every level.
pub(crate) fn begin() {
    START.call_once(|| assert!(tracing_subscriber::registry().with(Lines).try_init().is_ok()));
}

pub(crate) fn all() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
