//! The deployed functions as the engine works with them: every expression compiled, once for each deployment.
//!
//! An expression that does not compile (today's rules refuse it, an earlier version accepted it) is one that can never be decided: a key is
//! null, a condition does not match, a priority is 0.

use std::sync::Arc;

use super::Engine;
use crate::expr::Expr;
use crate::function::FunctionConfig;
use crate::ids::{Digest, FunctionId};
use crate::retry::RetryPolicy;
use crate::state::App;

/// A function that events can start.
#[derive(Debug)]
pub(super) struct Served {
    /// Its id.
    pub id: FunctionId,
    /// The code that new runs are pinned to.
    pub digest: Digest,
    /// Retries of its runs.
    pub policy: RetryPolicy,
    /// Its options.
    pub config: FunctionConfig,
    /// Its expressions.
    pub exprs: Exprs,
}

/// The compiled expressions of a function. Those of `cancelOn` are not among them: a run keeps those of the deployment that it began with.
#[derive(Debug, Default)]
pub(super) struct Exprs {
    pub concurrency: Vec<Source>,
    pub throttle: Source,
    pub rate_limit: Source,
    pub debounce: Source,
    pub batch: Source,
    pub batch_if: Source,
    pub priority: Source,
    pub idempotency: Source,
    pub singleton: Source,
}

/// An expression as its option gives it.
#[derive(Debug, Default)]
pub(super) enum Source {
    /// It has none.
    #[default]
    Absent,
    /// Compiled.
    Expr(Expr),
    /// Why it does not compile.
    Broken(String),
}

impl Source {
    fn value(source: Option<&String>) -> Self {
        Self::of(source.map(|text| Expr::compile_value(text)))
    }

    fn condition(source: Option<&String>) -> Self {
        Self::of(source.map(|text| Expr::compile(text)))
    }

    fn of(compiled: Option<Result<Expr, crate::expr::InvalidExpr>>) -> Self {
        match compiled {
            None => Self::Absent,
            Some(Ok(expr)) => Self::Expr(expr),
            Some(Err(error)) => Self::Broken(error.to_string()),
        }
    }
}

impl Served {
    fn new(id: FunctionId, digest: Digest, config: &FunctionConfig) -> Self {
        let key = |of: Option<&Option<String>>| Source::value(of.and_then(Option::as_ref));
        let exprs = Exprs {
            concurrency: config
                .concurrency
                .iter()
                .map(|limit| Source::value(limit.key.as_ref()))
                .collect(),
            throttle: key(config.throttle.as_ref().map(|option| &option.key)),
            rate_limit: key(config.rate_limit.as_ref().map(|option| &option.key)),
            debounce: key(config.debounce.as_ref().map(|option| &option.key)),
            batch: key(config.batch_events.as_ref().map(|option| &option.key)),
            batch_if: Source::condition(
                config
                    .batch_events
                    .as_ref()
                    .and_then(|option| option.if_expr.as_ref()),
            ),
            priority: Source::value(config.priority.as_ref()),
            idempotency: Source::value(config.idempotency.as_ref()),
            singleton: key(config.singleton.as_ref().map(|option| &option.key)),
        };
        Self {
            id,
            digest,
            policy: config.policy(),
            config: config.clone(),
            exprs,
        }
    }

    /// Whether its runs pass through lanes: something limits what goes on at once or how fast runs start, or orders them.
    pub(super) fn queues(&self) -> bool {
        !self.config.concurrency.is_empty()
            || self.config.throttle.is_some()
            || self.config.priority.is_some()
    }

    /// Whether events or times can end its runs.
    pub(super) fn guards(&self) -> bool {
        !self.config.cancel_on.is_empty()
            || self.config.timeouts.start_ms.is_some()
            || self.config.timeouts.finish_ms.is_some()
    }
}

impl Engine {
    /// The function, if it is deployed.
    pub(super) fn served(&self, id: &FunctionId) -> Option<&Arc<Served>> {
        self.functions.get(id)
    }

    /// Lets events start the app's functions.
    pub(super) fn serve(&mut self, app: App) {
        self.triggers.remove_app(&app.id);
        self.functions.retain(|id, _| id.app != app.id);
        for config in &app.current.functions {
            let id = FunctionId::new(app.id.clone(), config.id.as_str());
            self.triggers.add(&id, config);
            let served = Served::new(id.clone(), app.current.digest, config);
            self.functions.insert(id, Arc::new(served));
        }
        self.note_triggers();
        self.apps.insert(app.id.clone(), app);
    }
}
