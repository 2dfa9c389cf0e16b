//! The context: what a workflow knows of its run, and everything that it can ask for.

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::bindings::types;
use crate::duration::IntoDuration;
use crate::error::Result;
use crate::event::{Event, NewEvent};
use crate::fetch::Fetch;
use crate::infer::{Infer, Model};
use crate::invoke::Invoke;
use crate::operation::Operation;
use crate::runtime::Runtime;
use crate::send::{SendEvent, SendEvents, SendSignal};
use crate::sleep::Sleep;
use crate::step::Step;
use crate::task::Task;
use crate::timestamp::{IntoTimestamp, Timestamp};
use crate::wait::{WaitForEvent, WaitForSignal};

/// What a workflow is given: its run's particulars, and the operations that it can ask the host for.
///
/// Every operation has an *id*, its name in the journal and on the dashboard: 1 to 256 characters that do not change from one run to the next.
/// Repeating one in a run is fine: it becomes `id`, `id:1`, `id:2`… in the order in which they are started.
///
/// Cloning is cheap and gives the same context, for example to move it into a branch.
#[derive(Clone)]
pub struct Context {
    runtime: Rc<Runtime>,
    run: Rc<types::RunContext>,
}

impl Context {
    pub(crate) fn new(runtime: Rc<Runtime>, run: types::RunContext) -> Self {
        Self {
            runtime,
            run: Rc::new(run),
        }
    }

    /// The app's id.
    pub fn app_id(&self) -> &str {
        &self.run.app_id
    }

    /// The function's id, without the app's.
    pub fn function_id(&self) -> &str {
        &self.run.function_id
    }

    /// The run's id: a ULID.
    pub fn run_id(&self) -> &str {
        &self.run.run_id
    }

    /// How often the workflow code (not a step) failed before, from 0.
    pub fn attempt(&self) -> u32 {
        self.run.attempt
    }

    /// How many attempts at the workflow code there can be.
    pub fn max_attempts(&self) -> u32 {
        self.run.max_attempts
    }

    /// The event that started the run. A function whose triggers carry different data takes `Event<Value>`, looks at the name, and
    /// reads the data here.
    #[track_caller]
    pub fn event<T: DeserializeOwned>(&self) -> Result<Event<T>> {
        Event::read(&self.run.event)
    }

    /// All the events that started the run, where several did; otherwise just the one.
    ///
    /// A function with [`batch_events`](crate::Batch) finds its batch here, in the order of arrival; its `event` is the first of them. One with
    /// [`debounce`](crate::Debounce) finds all events of the burst here, the newest 100 at most and the oldest of them first; its `event` is the newest.
    ///
    /// A function that is about all of them takes them as an argument, in place of the event:
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct View { page: String }
    ///
    /// #[abide::function(id = "count-views", on = "page/viewed", batch_events(max_size = 100, timeout = "10s"))]
    /// async fn count_views(ctx: Context, events: Vec<Event<View>>) -> Result<usize> {
    ///     let views: Vec<View> = events.into_iter().map(|event| event.data).collect();
    ///     Ok(ctx.step("insert").run(async move { insert(&views).await }).await?)
    /// }
    ///
    /// async fn insert(views: &[View]) -> Result<usize> { Ok(views.len()) }
    /// ```
    #[track_caller]
    pub fn events<T: DeserializeOwned>(&self) -> Result<Vec<Event<T>>> {
        self.run.events.iter().map(Event::read).collect()
    }

    /// What the run's clock says: the time of the last completed operation. It is the same on every replay.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A step: work whose result is recorded, so that it is never done again. See [`Step::run`].
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let lucky: u32 = ctx.step("draw").run(async { Ok(7) }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn step(&self, id: impl Into<String>) -> Step {
        Step::new(Rc::clone(&self.runtime), id.into())
    }

    /// Waits for a while, up to 366 days. Never early.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.sleep("let-it-sink-in", "3 days").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sleep(&self, id: impl Into<String>, duration: impl IntoDuration) -> Operation<Sleep> {
        self.operation(id, Sleep::lasting(duration))
    }

    /// Waits until a point in time, at most 366 days ahead. A time in the past is over at once.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.sleep_until("launch", "2027-01-01T09:00:00+01:00").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sleep_until(&self, id: impl Into<String>, time: impl IntoTimestamp) -> Operation<Sleep> {
        self.operation(id, Sleep::until(time))
    }

    /// Waits for an event, whose data are read as a `T`; gives `None` when the wait times out.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// #[derive(Deserialize)]
    /// struct Approval { by: String }
    ///
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let approval = ctx
    ///     .wait_for_event::<Approval>("approval")
    ///     .event("payment/approved")
    ///     .matching("data.payment_id")
    ///     .timeout("24 hours")
    ///     .await?;
    /// match approval {
    ///     Some(event) => log::info!("approved by {}", event.data.by),
    ///     None => log::warn!("nobody approved in time"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_event<T: DeserializeOwned + 'static>(
        &self,
        id: impl Into<String>,
    ) -> Operation<WaitForEvent<T>> {
        self.operation(id, WaitForEvent::new())
    }

    /// Waits for the signal with this name, unique in its environment, and reads its data as a `T`; gives `None` when the wait times out.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let code: Option<String> = ctx.wait_for_signal("code", format!("code-for-{}", ctx.run_id())).timeout("10 m").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_signal<T: DeserializeOwned + 'static>(
        &self,
        id: impl Into<String>,
        signal: impl Into<String>,
    ) -> Operation<WaitForSignal<T>> {
        self.operation(id, WaitForSignal::new(signal.into()))
    }

    /// Sends an event, exactly once; gives its id.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.send_event("announce", NewEvent::new("order/paid").data(&json!({"order_id": "o-7"}))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_event(
        &self,
        id: impl Into<String>,
        event: impl Into<NewEvent>,
    ) -> Operation<SendEvent> {
        self.operation(id, SendEvent(event.into()))
    }

    /// Sends 1 to 5,000 events, all or none, exactly once; gives their ids.
    pub fn send_events(
        &self,
        id: impl Into<String>,
        events: impl IntoIterator<Item = NewEvent>,
    ) -> Operation<SendEvents> {
        self.operation(id, SendEvents(events.into_iter().collect()))
    }

    /// Sends a signal, exactly once, to the run that waits for it now or soon.
    pub fn send_signal(
        &self,
        id: impl Into<String>,
        signal: impl Into<String>,
    ) -> Operation<SendSignal> {
        self.operation(id, SendSignal::new(signal.into()))
    }

    /// Starts another function and waits for its result, which is read as a `T`. `function` is its id in this app, or
    /// `app-id/function-id`. Its failure is a [`StepError`](crate::StepError).
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let total: u64 = ctx.invoke("add-up", "adder").data(&json!({"numbers": [1, 2, 3]})).timeout("1 h").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invoke<T: DeserializeOwned + 'static>(
        &self,
        id: impl Into<String>,
        function: impl Into<String>,
    ) -> Operation<Invoke<T>> {
        self.operation(id, Invoke::new(function.into()))
    }

    /// Has the host perform an HTTP request durably, while the function need not be in memory. The response may have any status
    /// below 500 but 429: see [`Response::error_for_status`](crate::Response::error_for_status).
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let rates: Value = ctx.fetch("rates", "https://api.example.com/rates").timeout("20s").await?.error_for_status()?.json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fetch(&self, id: impl Into<String>, url: impl Into<String>) -> Operation<Fetch> {
        self.operation(id, Fetch::new(url.into()))
    }

    /// Has the host ask a model provider, durably; gives the provider's answer, read as a `T`.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # use abide_sdk::Model;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let answer: Value = ctx
    ///     .infer("summary", Model::openai("gpt-4o"))
    ///     .key_variable("OPENAI_API_KEY")
    ///     .body(&json!({"messages": [{"role": "user", "content": "Say hello."}]}))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn infer<T: DeserializeOwned + 'static>(
        &self,
        id: impl Into<String>,
        model: Model,
    ) -> Operation<Infer<T>> {
        self.operation(id, Infer::new(model))
    }

    /// Lets a branch make progress on its own, whether or not the returned [`Task`] is being awaited. Dropping the task gives the branch up.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let reminder = ctx.spawn({
    ///     let ctx = ctx.clone();
    ///     async move {
    ///         ctx.sleep("reminder-delay", "1 day").await?;
    ///         ctx.send_event("remind", "order/reminder.due").await
    ///     }
    /// });
    /// ctx.step("pack").run(async { Ok(()) }).await?;
    /// drop(reminder); // packed in time: no reminder
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<T: 'static>(&self, branch: impl Future<Output = T> + 'static) -> Task<T> {
        Task::spawn(Rc::clone(&self.runtime), branch)
    }

    fn operation<K: crate::operation::Kind>(
        &self,
        id: impl Into<String>,
        draft: K,
    ) -> Operation<K> {
        Operation::new(Rc::clone(&self.runtime), id.into(), draft)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("function_id", &self.function_id())
            .field("run_id", &self.run_id())
            .finish_non_exhaustive()
    }
}
