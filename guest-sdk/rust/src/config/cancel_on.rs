//! Events that cancel runs.

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::operation::Draft;

/// An event that cancels runs of the function, which may have 5 of them. For [`Function::cancel_on`](crate::Function::cancel_on).
///
/// Which runs it cancels must be said, by exactly one of [`matching`](Self::matching), [`when`](Self::when) and [`all`](Self::all). (With Inngest, an
/// event without a condition cancels every run; that has surprised people, so here they ask for it by `all`.)
///
/// The event must be newer than the run. An executing step ends, its result is dropped, and nothing after it runs; a cancelled run is not a failed
/// one, so no `on_failure` handler runs.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("fulfil", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("order/created")
///     .cancel_on(CancelOn::event("order/cancelled").matching("data.orderId").timeout("1h"))
///     .cancel_on(CancelOn::event("shop/closed").when("async.data.shop == event.data.shop"))
///     .cancel_on(CancelOn::event("fulfilment/stopped").all());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct CancelOn(Draft<types::CancelOn>);

impl CancelOn {
    /// The event's exact name.
    pub fn event(name: impl Into<String>) -> Self {
        Self(Draft::new(types::CancelOn {
            event: name.into(),
            if_: None,
            match_: None,
            all: false,
            timeout: None,
        }))
    }

    /// Runs whose own event has the same value at this dotted path: `"data.orderId"` means `event.data.orderId == async.data.orderId`.
    pub fn matching(mut self, path: impl Into<String>) -> Self {
        self.0.options.match_ = Some(path.into());
        self
    }

    /// Runs for which this CEL expression is true, over `event` (which started the run) and `async` (which arrived):
    /// `"async.data.reason == 'fraud' && async.data.user == event.data.user"`.
    pub fn when(mut self, expression: impl Into<String>) -> Self {
        self.0.options.if_ = Some(expression.into());
        self
    }

    /// Every live run of the function.
    pub fn all(mut self) -> Self {
        self.0.options.all = true;
        self
    }

    /// How long after a run was created the event still cancels it. Default: as long as the run lives.
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.0
            .set("timeout", timeout.into_duration(), |it, timeout| {
                it.timeout = Some(as_ms(timeout));
            });
        self
    }

    pub(crate) fn build(self) -> Result<types::CancelOn, Vec<String>> {
        self.0.build()
    }
}
