//! Functions: a workflow with its configuration.

use std::fmt;

use crate::backoff::Backoff;
use crate::bindings::types::{self, Failure, FunctionConfig};
use crate::config::{
    Batch, CancelOn, Concurrency, Debounce, InvalidFunction, RateLimit, Singleton, Throttle,
    Timeouts, Trigger, check,
};
use crate::context::Context;
use crate::duration::{IntoDuration, as_ms};
use crate::error::Result;
use crate::operation::Draft;
use crate::runtime::LocalFuture;
use crate::workflow::Workflow;

/// A function of an app: a workflow, and what starts it.
///
/// Usually the attribute [`function`](macro@crate::function) makes it; this is the builder form, for a function whose configuration is computed.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// fn cleanup(region: &str) -> Function {
///     Function::new(format!("cleanup-{region}"), async |ctx: Context, event: Event| {
///         ctx.sleep("grace", "1 day").await?;
///         Ok::<_, Error>(event.data)
///     })
///     .on(format!("account/closed.{region}").as_str())
///     .on(Trigger::event("account/reported").when("event.data.reports > 3"))
///     .retries(2)
/// }
///
/// abide::app!(cleanup("eu"), cleanup("us"));
/// # fn main() {}
/// ```
#[must_use]
pub struct Function {
    draft: Draft<FunctionConfig>,
    workflow: Box<dyn Fn(Context) -> LocalFuture<Result<String>>>,
    failure_handler: Option<Box<Function>>,
}

impl Function {
    /// A function with this id (kebab-case, unique in the app). `workflow` is an async function of the [`Context`] and the [`Event`](crate::Event), of the
    /// context and all events that started the run, or of the context alone.
    pub fn new<Arguments>(id: impl Into<String>, workflow: impl Workflow<Arguments>) -> Self {
        let config = FunctionConfig {
            id: id.into(),
            name: None,
            triggers: Vec::new(),
            retries: None,
            backoff: None,
            concurrency: Vec::new(),
            throttle: None,
            rate_limit: None,
            debounce: None,
            batch_events: None,
            priority: None,
            idempotency: None,
            singleton: None,
            cancel_on: Vec::new(),
            timeouts: None,
            retention: None,
        };
        Self {
            draft: Draft::new(config),
            workflow: Box::new(move |ctx| workflow.begin(ctx)),
            failure_handler: None,
        }
    }

    /// What people call it. Default: the id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.draft.options.name = Some(name.into());
        self
    }

    /// Adds a trigger: the name of an event, or a [`Trigger`]. A function can have 10; one without any runs only by `invoke`.
    pub fn on(mut self, trigger: impl Into<Trigger>) -> Self {
        match trigger.into().build() {
            Ok(trigger) => self.draft.options.triggers.push(trigger),
            Err(problems) => problems
                .into_iter()
                .for_each(|problem| self.draft.refuse(problem)),
        }
        self
    }

    /// How often a failed step, and failed workflow code, is tried again, 0 to 20. Default: 4.
    pub fn retries(mut self, retries: u32) -> Self {
        self.draft.options.retries = Some(retries);
        self
    }

    /// How the wait before the next attempt grows.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.draft.set("backoff", backoff.build(), |config, it| {
            config.backoff = Some(it);
        });
        self
    }

    /// Limits how much goes on at once: a number, or a [`Concurrency`]. Up to 2, both of which hold. Default: no limit.
    pub fn concurrency(mut self, limit: impl Into<Concurrency>) -> Self {
        self.draft.options.concurrency.push(limit.into().0);
        self
    }

    /// Limits how fast runs start; those beyond the limit wait. See [`Throttle`]. Default: runs start as soon as there is room.
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.set("throttle", throttle.build(), |config, it| {
            config.throttle = Some(it);
        });
        self
    }

    /// Limits how many events of a period start runs; those beyond the limit are dropped. See [`RateLimit`]. Default: none is.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.set("rate_limit", limit.build(), |config, it| {
            config.rate_limit = Some(it);
        });
        self
    }

    /// Runs once after a time of quiet, for all events of that time together. See [`Debounce`]. Default: every event runs at once.
    pub fn debounce(mut self, debounce: Debounce) -> Self {
        self.set("debounce", debounce.build(), |config, it| {
            config.debounce = Some(it);
        });
        self
    }

    /// Runs once for many events. See [`Batch`]. Default: every event runs alone.
    pub fn batch_events(mut self, batch: Batch) -> Self {
        self.set("batch_events", batch.build(), |config, it| {
            config.batch_events = Some(it);
        });
        self
    }

    /// A CEL expression over `event` that gives seconds, -600 to 600, by which the run comes before others in the queue:
    /// `"event.data.plan == 'premium' ? 120 : 0"`. A run of priority 120 starts before everything that was queued in the last two minutes without
    /// one, and after what was queued before. It matters only where runs wait, for concurrency or a throttle; and since it is a time and not a class, nothing is
    /// overtaken for ever. Default: 0.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// # async fn render(ctx: Context) -> Result<()> { Ok(()) }
    /// Function::new("render", render)
    ///     .on("video/uploaded")
    ///     .concurrency(4)
    ///     .priority("event.data.plan == 'premium' ? 120 : 0");
    /// ```
    pub fn priority(mut self, expression: impl Into<String>) -> Self {
        self.draft.options.priority = Some(expression.into());
        self
    }

    /// A CEL expression over `event`: the first event of every value within 24 hours starts a run, others are skipped. `"event.data.orderId"` makes an
    /// order start one run, however often it is announced. It takes the place of [`Function::rate_limit`].
    ///
    /// Where the sender can say what is the same, [`NewEvent::id`](crate::NewEvent::id) does it for all functions at once; where a second run is wrong only while the first is
    /// alive, use [`Function::singleton`].
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// # async fn render(ctx: Context) -> Result<()> { Ok(()) }
    /// Function::new("render", render).on("video/uploaded").idempotency("event.data.videoId");
    /// ```
    pub fn idempotency(mut self, expression: impl Into<String>) -> Self {
        self.draft.options.idempotency = Some(expression.into());
        self
    }

    /// At most one live run. See [`Singleton`]. Default: any number.
    pub fn singleton(mut self, singleton: Singleton) -> Self {
        self.draft.options.singleton = Some(singleton.0);
        self
    }

    /// Adds an event that cancels runs. See [`CancelOn`]. Up to 5.
    pub fn cancel_on(mut self, event: CancelOn) -> Self {
        self.set("cancel_on", event.build(), |config, it| {
            config.cancel_on.push(it);
        });
        self
    }

    /// How long a run may take before it is cancelled. See [`Timeouts`]. Default: as long as it likes.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.set("timeouts", timeouts.build(), |config, it| {
            config.timeouts = Some(it);
        });
        self
    }

    /// How long a finished run is kept, with its journal and its result, 1 hour to 10 years: longer for what must be accounted for, not so long for what runs
    /// every minute. Default: as the node is configured (30 days).
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// # async fn render(ctx: Context) -> Result<()> { Ok(()) }
    /// Function::new("render", render).on("video/uploaded").retention("90 days");
    /// ```
    pub fn retention(mut self, time: impl IntoDuration) -> Self {
        self.draft
            .set("retention", time.into_duration(), |config, it| {
                config.retention = Some(as_ms(it));
            });
        self
    }

    /// What to do when a run has failed for good: an async function of the [`Context`] and the [`FunctionFailure`](crate::FunctionFailure), which runs as a
    /// run of its own, with steps and retries of its own. A run that was cancelled has not failed.
    ///
    /// It becomes a function of the app with the id `{id}-failure`, so the function's own id has at most 120 characters. Retries and other options of it:
    /// [`Function::on_failure_with`]. A handler that should run whatever the event's data are takes a `FunctionFailure`, without a type of the data:
    /// data that are no `T` are why some runs fail.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// #[derive(Deserialize)]
    /// struct Order { id: String }
    ///
    /// async fn charge(ctx: Context, order: Event<Order>) -> Result<()> {
    ///     Err(Error::non_retriable("the card was declined"))
    /// }
    ///
    /// async fn give_up(ctx: Context, failure: FunctionFailure<Order>) -> Result<()> {
    ///     let release = format!("release {}: {}", failure.event.data.id, failure.error.message);
    ///     ctx.step("release-goods").run(async move { log::info!("{release}"); Ok(()) }).await?;
    ///     Ok(())
    /// }
    ///
    /// Function::new("charge", charge).on("order/created").on_failure(give_up);
    /// ```
    pub fn on_failure<Arguments>(self, handler: impl Workflow<Arguments>) -> Self {
        self.on_failure_with(handler, |handler| handler)
    }

    /// As [`Function::on_failure`], for a handler with options of its own.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// # async fn charge(ctx: Context) -> Result<()> { Ok(()) }
    /// # async fn give_up(ctx: Context, failure: FunctionFailure) -> Result<()> { Ok(()) }
    /// Function::new("charge", charge)
    ///     .on("order/created")
    ///     .on_failure_with(give_up, |handler| handler.retries(10).backoff(Backoff::constant("1m")));
    /// ```
    pub fn on_failure_with<Arguments>(
        mut self,
        handler: impl Workflow<Arguments>,
        options: impl FnOnce(Self) -> Self,
    ) -> Self {
        let id = &self.draft.options.id;
        let mut made = Self::new(format!("{id}-failure"), handler);
        made.draft
            .options
            .triggers
            .push(types::Trigger::FailureOf(id.clone()));
        self.failure_handler = Some(Box::new(options(made)));
        self
    }

    /// Says what is wrong with the configuration, if anything is: the same that a deploy would say, except for what only the host can check, the
    /// expressions and the schedules.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// async fn work(ctx: Context) -> Result<()> { Ok(()) }
    ///
    /// let problem = Function::new("work", work).throttle(Throttle::new(10, "1 year")).retries(50).check().unwrap_err();
    /// assert_eq!(
    ///     problem.faults(),
    ///     [
    ///         "throttle.period: `1 year` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
    ///         "retries: must be 0 to 20, not 50",
    ///     ]
    /// );
    /// ```
    pub fn check(&self) -> Result<(), InvalidFunction> {
        let config = &self.draft.options;
        let mut faults = self.draft.problems().to_vec();
        faults.extend(check::faults(config));
        if let Some(handler) = &self.failure_handler {
            let inside = handler.check().err();
            let inside = inside.iter().flat_map(InvalidFunction::faults);
            faults.extend(inside.map(|fault| format!("on_failure.{fault}")));
            if handler.draft.options.triggers.len() > 1 {
                faults.push("on_failure.on: a handler is started by failures only".to_owned());
            }
            if handler.failure_handler.is_some() {
                faults.push(
                    "on_failure.on_failure: the failure of a handler starts nothing".to_owned(),
                );
            }
        }
        InvalidFunction::unless_empty(&config.id, faults)
    }

    pub(crate) fn id(&self) -> &str {
        &self.draft.options.id
    }

    pub(crate) fn failure_handler(&self) -> Option<&Self> {
        self.failure_handler.as_deref()
    }

    pub(crate) fn config(&self) -> &FunctionConfig {
        &self.draft.options
    }

    /// The function, and the handler of its failures, which is another one for the host.
    pub(crate) fn with_handler(mut self) -> impl Iterator<Item = Self> {
        let handler = self.failure_handler.take();
        std::iter::once(self).chain(handler.map(|it| *it))
    }

    /// Sets an option that was built elsewhere, and may be wrong.
    fn set<V>(
        &mut self,
        option: &str,
        built: Result<V, Vec<String>>,
        set: impl FnOnce(&mut FunctionConfig, V),
    ) {
        match built {
            Ok(value) => set(&mut self.draft.options, value),
            Err(problems) => problems
                .into_iter()
                .for_each(|problem| self.draft.refuse(format!("{option}.{problem}"))),
        }
    }

    pub(crate) fn begin(&self, ctx: Context) -> LocalFuture<Result<String, Failure>> {
        let workflow = (self.workflow)(ctx);
        Box::pin(async move { workflow.await.map_err(Failure::from) })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("config", &self.draft.options)
            .field("failure_handler", &self.failure_handler)
            .finish_non_exhaustive()
    }
}

/// A function that the attribute [`function`](macro@crate::function) declared. The attribute implements it, for a type with the name of the
/// function.
pub trait Declared {
    /// The function with its configuration.
    fn function() -> Function;
}
