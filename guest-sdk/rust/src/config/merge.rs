//! One run for several events: debounce (after a time of quiet) and batch (so many at a time).

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::operation::Draft;

/// Runs once after a time of quiet, for all events of that time together. For [`Function::debounce`](crate::Function::debounce).
///
/// Use it where many events say the same thing and only the last one counts: indexing a document that somebody is typing. The handler's `event` is the newest
/// by its `ts`; [`Context::events`](crate::Context::events) gives all of them, the newest 100 at most (Inngest gives the last one only). Use
/// [`Batch`] where every event counts, and [`RateLimit`](crate::RateLimit) where the first does.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("index", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("document/edited")
///     .debounce(Debounce::new("5s").key("event.data.document").timeout("1m"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Debounce(Draft<types::Debounce>);

impl Debounce {
    /// How long it must be quiet, 1 second to 7 days. Every event begins the period anew.
    pub fn new(period: impl IntoDuration) -> Self {
        let mut draft = Draft::new(types::Debounce {
            period: 0,
            key: None,
            timeout: None,
        });
        draft.set("period", period.into_duration(), |it, period| {
            it.period = as_ms(period);
        });
        Self(draft)
    }

    /// The events of every value of this CEL expression over `event` are merged on their own. Default: all together.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.options.key = Some(expression.into());
        self
    }

    /// The longest that the first event waits altogether, at least the period: without it, events that never cease delay the run for ever. Default:
    /// none.
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.0
            .set("timeout", timeout.into_duration(), |it, timeout| {
                it.timeout = Some(as_ms(timeout));
            });
        self
    }

    pub(crate) fn build(self) -> Result<types::Debounce, Vec<String>> {
        self.0.build()
    }
}

/// Runs once for up to `max_size` events. For [`Function::batch_events`](crate::Function::batch_events).
///
/// Use it where one call for many is cheaper than many calls: a bulk insert, a digest by mail. A batch starts when it is full, when `timeout` has passed since its first event, or at
/// 10 MiB. The handler takes a `Vec<Event<T>>` in place of the event, or asks [`Context::events`](crate::Context::events); its `event` is the first of them. One event (by its id) is in a
/// batch once.
///
/// It excludes `cancel_on`, `debounce`, `singleton`, `priority`, `idempotency` and `rate_limit`, which are about single events.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct View { page: String }
///
/// Function::new("count-views", async |ctx: Context, events: Vec<Event<View>>| {
///     let pages: Vec<String> = events.into_iter().map(|view| view.data.page).collect();
///     ctx.step("insert").run(async move { Ok(pages.len()) }).await?;
///     Ok::<_, Error>(())
/// })
/// .on("page/viewed")
/// .batch_events(Batch::new(100, "10s").key("event.data.site").when("event.data.urgent != true"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Batch(Draft<types::BatchEvents>);

impl Batch {
    /// Up to `max_size` events, 2 to 1,000; no event waits longer than `timeout`, 1 second to 1 hour.
    pub fn new(max_size: u32, timeout: impl IntoDuration) -> Self {
        let mut draft = Draft::new(types::BatchEvents {
            max_size,
            timeout: 0,
            key: None,
            if_: None,
        });
        draft.set("timeout", timeout.into_duration(), |it, timeout| {
            it.timeout = as_ms(timeout);
        });
        Self(draft)
    }

    /// A batch of its own for every value of this CEL expression over `event`. Default: one for all.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.options.key = Some(expression.into());
        self
    }

    /// Only events for which this CEL expression over `event` is true are batched; another one runs alone, at once. Default: all are batched.
    pub fn when(mut self, expression: impl Into<String>) -> Self {
        self.0.options.if_ = Some(expression.into());
        self
    }

    pub(crate) fn build(self) -> Result<types::BatchEvents, Vec<String>> {
        self.0.build()
    }
}
