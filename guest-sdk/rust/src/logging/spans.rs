//! Events of `tracing` as lines: each has its own fields and those of the spans that it happens in. Where spans begin and end is told for the
//! run's trace: a span has the name that its field `otel.name` gives, or else its own, and its fields; an event of level error in it makes it a failed one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::Level;
use serde_json::{Map, Value};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};

use super::line::{Line, Mark};

/// The field that names a span otherwise than its code does.
const NAME: &str = "otel.name";

/// What it hands lines to.
pub(super) type Write = fn(Level, &str);

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
    level: Level,
    name: String,
    /// Its own and those of the spans around it, for lines.
    fields: Map<String, Value>,
    /// Those that were recorded after it began.
    later: Map<String, Value>,
    error: Option<String>,
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
    /// This span, or else the innermost that was entered.
    fn around(&self, parent: Option<&Id>) -> Option<u64> {
        match parent {
            Some(parent) => Some(parent.into_u64()),
            None => self.entered.last().copied(),
        }
    }

    /// The fields of a span and of those around it.
    fn fields(&self, span: Option<u64>) -> Map<String, Value> {
        let span = span.and_then(|id| self.spans.get(&id));
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
        let mut line = Line::within(Map::new());
        attributes.record(&mut line);
        let mut own = line.into_fields();
        let name = match own.remove(NAME) {
            Some(Value::String(name)) => name,
            _ => attributes.metadata().name().to_owned(),
        };
        let mut state = self.state();
        let around = (!attributes.is_root()).then(|| state.around(attributes.parent()));
        let parent = around.flatten();
        let mut fields = state.fields(parent);
        state.last += 1;
        let id = state.last;
        let level = level_of(attributes.metadata());
        let begins = Mark {
            what: "begin",
            id,
            parent,
            message: &name,
            fields: &own,
            error: None,
        };
        (self.write)(level, &begins.text());
        fields.extend(own);
        let span = Span {
            level,
            name,
            fields,
            later: Map::new(),
            error: None,
            handles: 1,
        };
        state.spans.insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut state = self.state();
        if let Some(span) = state.spans.get_mut(&span.into_u64()) {
            let mut line = Line::within(Map::new());
            values.record(&mut line);
            let recorded = line.into_fields();
            span.fields.extend(recorded.clone());
            span.later.extend(recorded);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut state = self.state();
        let around = (!event.is_root()).then(|| state.around(event.parent()));
        let around = around.flatten();
        let mut line = Line::within(state.fields(around));
        event.record(&mut line);
        let level = level_of(event.metadata());
        if level == Level::Error
            && let Some(span) = around.and_then(|id| state.spans.get_mut(&id))
        {
            span.error.get_or_insert_with(|| line.message().to_owned());
        }
        (self.write)(level, &line.text());
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
        if known.handles > 0 {
            return false;
        }
        let id = span.into_u64();
        if let Some(span) = state.spans.remove(&id) {
            let ends = Mark {
                what: "end",
                id,
                parent: None,
                message: &span.name,
                fields: &span.later,
                error: span.error.as_deref(),
            };
            (self.write)(span.level, &ends.text());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    }

    fn keep(level: Level, line: &str) {
        LINES.with_borrow_mut(|lines| lines.push((level, line.to_owned())));
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
        let (marks, lines): (Vec<_>, Vec<_>) = LINES
            .take()
            .into_iter()
            .partition(|(_, text)| text.starts_with(r#"{"abide.span""#));
        assert_eq!(marks.len(), 4);
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

    #[test]
    fn spans_are_told_where_they_begin_and_end_with_what_is_recorded_of_them() {
        log::set_max_level(log::LevelFilter::Debug);
        tracing::subscriber::with_default(Subscriber::new(keep), || {
            let charge = tracing::info_span!("charge", amount = 3, receipt = tracing::field::Empty);
            charge.in_scope(|| {
                tracing::info_span!("ask", otel.name = "ask the bank")
                    .in_scope(|| tracing::error!("declined"));
                charge.record("receipt", "r-1");
            });
        });
        let lines = LINES.take();
        let marks = lines
            .iter()
            .filter(|(_, text)| text.starts_with(r#"{"abide.span""#));
        let marks: Vec<Value> = marks
            .map(|(_, text)| serde_json::from_str(text).expect("JSON"))
            .collect();
        let expected = serde_json::json!([
            {"abide.span": "begin", "id": 1, "message": "charge", "fields": {"amount": 3}},
            {"abide.span": "begin", "id": 2, "parent": 1, "message": "ask the bank", "fields": {}},
            {"abide.span": "end", "id": 2, "message": "ask the bank", "fields": {}, "error": "declined"},
            {"abide.span": "end", "id": 1, "message": "charge", "fields": {"receipt": "r-1"}},
        ]);
        assert_eq!(Value::from(marks), expected);
    }
}
