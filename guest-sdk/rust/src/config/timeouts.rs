//! How long a run may take.

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::operation::Draft;

/// How long a run may take before it is cancelled. For [`Function::timeouts`](crate::Function::timeouts).
///
/// A run that exceeds one of them ends as Cancelled, not as Failed: no `on_failure` handler runs. The longest that one *step* may take is the step's own
/// option, [`Step::timeout`](crate::Step::timeout), which makes it fail and be tried again.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("quote", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("quote/requested")
///     .timeouts(Timeouts::new().start("10m").finish("2 hours"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Timeouts(Draft<types::Timeouts>);

impl Timeouts {
    /// None yet.
    #[allow(clippy::new_without_default)] // timeouts of which none is given are a mistake
    pub fn new() -> Self {
        Self(Draft::new(types::Timeouts {
            start: None,
            finish: None,
        }))
    }

    /// The longest that a run may wait in the queue before it starts: for work that is worthless when it comes late.
    pub fn start(mut self, timeout: impl IntoDuration) -> Self {
        self.0.set("start", timeout.into_duration(), |it, timeout| {
            it.start = Some(as_ms(timeout));
        });
        self
    }

    /// The longest from a run's start to its end, sleeps and waits included.
    pub fn finish(mut self, timeout: impl IntoDuration) -> Self {
        self.0
            .set("finish", timeout.into_duration(), |it, timeout| {
                it.finish = Some(as_ms(timeout));
            });
        self
    }

    pub(crate) fn build(self) -> Result<types::Timeouts, Vec<String>> {
        self.0.build()
    }
}
