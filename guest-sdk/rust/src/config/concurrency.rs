//! How much may go on at once.

use crate::bindings::types;

/// How much of a function may go on at once: what is beyond it waits its turn, the older runs first. For
/// [`Function::concurrency`](crate::Function::concurrency).
///
/// Use it where something outside can bear only so much at once (a database, a partner's API, one customer's account); use
/// [`Throttle`](crate::Throttle) where it can bear only so many *in a period*.
///
/// It counts *executing steps*: a run that sleeps, waits or is between two steps holds nothing, so a limit of 5 may be shared by a thousand runs that
/// wait for an answer. With [`Concurrency::per_run`] it counts whole runs, from start to end (Inngest has the former only).
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("import", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("import/requested")
///     .concurrency(50) // altogether
///     .concurrency(Concurrency::new(5).key("event.data.tenant")); // and for every tenant
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Concurrency(pub(crate) types::Concurrency);

impl Concurrency {
    /// So many at once, at least 1.
    pub fn new(limit: u32) -> Self {
        Self(types::Concurrency {
            limit,
            key: None,
            scope: None,
            per: None,
        })
    }

    /// A limit of its own for every value of this CEL expression over `event`: `"event.data.tenant"`. Default: one limit for all.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.key = Some(expression.into());
        self
    }

    /// Among which runs the limit counts. Default: those of the function. The wider ones need a [`Concurrency::key`].
    pub fn scope(mut self, scope: Scope) -> Self {
        self.0.scope = Some(match scope {
            Scope::Fn => types::ConcurrencyScope::Fn,
            Scope::Env => types::ConcurrencyScope::Env,
            Scope::Account => types::ConcurrencyScope::Account,
        });
        self
    }

    /// Counts whole runs, from their start to their end, instead of executing steps: for work that must not overlap, waits included.
    pub fn per_run(mut self) -> Self {
        self.0.per = Some(types::ConcurrencyUnit::Run);
        self
    }

    /// Counts executing steps. This is the default.
    pub fn per_step(mut self) -> Self {
        self.0.per = Some(types::ConcurrencyUnit::Step);
        self
    }
}

impl From<u32> for Concurrency {
    fn from(limit: u32) -> Self {
        Self::new(limit)
    }
}

/// Among which runs a concurrency limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of the function.
    Fn,
    /// Those of all functions of the environment whose limits give the same value of their key. A key that is a constant, like `"'billing-api'"`, makes a pool
    /// that functions share.
    Env,
    /// The same, in all environments of the account.
    Account,
}
