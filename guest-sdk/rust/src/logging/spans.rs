//! Events of `tracing` as lines: each has its own fields and those of the spans that it happens in. Where spans begin and end is of no interest in a log.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::Level;
use serde_json::{Map, Value};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};

use super::line::Line;

/// What it hands lines to.
pub(super) type Write = fn(Level, &Line);

/// See the [module](self). An instance has one thread: the lock is never waited for.
pub(super) struct Subscriber {
    write: Write,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    spans: HashMap<u64, Span>,
    /// Those that were entered, the innermost last.
    entered: Vec<u64>,
}

struct Span {
    fields: Map<String, Value>,
    handles: usize,
}

impl Subscriber {
    pub(super) fn new(write: Write) -> Self {
        Self {
            write,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The fields of a span and of those around it, or of the spans that were entered.
    fn fields(&self, parent: Option<&Id>) -> Map<String, Value> {
        let innermost = match parent {
            Some(parent) => Some(parent.into_u64()),
            None => self.entered.last().copied(),
        };
        let span = innermost.and_then(|id| self.spans.get(&id));
        span.map(|span| span.fields.clone()).unwrap_or_default()
    }
}

fn level_of(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    }
}

impl tracing::Subscriber for Subscriber {
    /// The app may set another level at any time.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level_of(metadata) <= log::max_level()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.state();
        let around = if attributes.is_root() {
            Map::new()
        } else {
            state.fields(attributes.parent())
        };
        let mut line = Line::within(around);
        attributes.record(&mut line);
        state.last += 1;
        let id = state.last;
        let span = Span {
            fields: line.into_fields(),
            handles: 1,
        };
        state.spans.insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut state = self.state();
        if let Some(span) = state.spans.get_mut(&span.into_u64()) {
            let mut line = Line::within(std::mem::take(&mut span.fields));
            values.record(&mut line);
            span.fields = line.into_fields();
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let around = if event.is_root() {
            Map::new()
        } else {
            self.state().fields(event.parent())
        };
        let mut line = Line::within(around);
        event.record(&mut line);
        (self.write)(level_of(event.metadata()), &line);
    }

    fn enter(&self, span: &Id) {
        self.state().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut state = self.state();
        let at = state.entered.iter().rposition(|id| *id == span.into_u64());
        if let Some(at) = at {
            state.entered.remove(at);
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        if let Some(span) = self.state().spans.get_mut(&span.into_u64()) {
            span.handles += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut state = self.state();
        let Some(known) = state.spans.get_mut(&span.into_u64()) else {
            return false;
        };
        known.handles -= 1;
        let closed = known.handles == 0;
        if closed {
            state.spans.remove(&span.into_u64());
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    }

    fn keep(level: Level, line: &Line) {
        LINES.with_borrow_mut(|lines| lines.push((level, line.text())));
    }

    #[test]
    fn events_have_their_fields_and_those_of_their_spans() {
        log::set_max_level(log::LevelFilter::Debug);
        tracing::subscriber::with_default(Subscriber::new(keep), || {
            tracing::info!("begins");
            let order = tracing::info_span!("order", id = 42, state = tracing::field::Empty);
            order.in_scope(|| {
                tracing::warn!(total = 1.5, to = "Ann", "charged {}", 2);
                order.record("state", "paid");
                tracing::trace!("too much");
                tracing::info_span!("inner", n = 1).in_scope(|| tracing::debug!("inside"));
            });
            drop(order);
            tracing::error!(error = ?Some(1), "ends");
        });
        let lines = LINES.take();
        let levels: Vec<_> = lines.iter().map(|(level, _)| *level).collect();
        assert_eq!(
            levels,
            [Level::Info, Level::Warn, Level::Debug, Level::Error]
        );
        assert_eq!(lines[0].1, "begins");
        let json = |n: usize| serde_json::from_str::<Value>(&lines[n].1).expect("JSON");
        assert_eq!(
            json(1),
            serde_json::json!({"message": "charged 2", "fields": {"id": 42, "total": 1.5, "to": "Ann"}})
        );
        assert_eq!(
            json(2)["fields"],
            serde_json::json!({"id": 42, "state": "paid", "n": 1})
        );
        assert_eq!(json(3)["fields"], serde_json::json!({"error": "Some(1)"}));
    }
}
