//! At most one live run.

use crate::bindings::types;

/// At most one live run of the function, or one for every value of a key. For [`Function::singleton`](crate::Function::singleton).
///
/// Use it where a second run while one is alive makes no sense: a synchronisation that looks at everything anyway. A run is alive from its creation to its end, also while it is
/// queued or sleeps. Use [`Concurrency`](crate::Concurrency) with [`per_run`](crate::Concurrency::per_run) where the second should wait and then run.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("sync-crm", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("crm/changed")
///     .singleton(Singleton::skip().key("event.data.account"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Singleton(pub(crate) types::Singleton);

impl Singleton {
    /// A second run is skipped, and recorded as that.
    pub fn skip() -> Self {
        Self::new(types::SingletonMode::Skip)
    }

    /// A second run takes the place of the first, which is cancelled: for work that only the newest event matters to.
    pub fn cancel() -> Self {
        Self::new(types::SingletonMode::Cancel)
    }

    fn new(mode: types::SingletonMode) -> Self {
        Self(types::Singleton { key: None, mode })
    }

    /// One run for every value of this CEL expression over `event`. Default: one for all.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.key = Some(expression.into());
        self
    }
}
