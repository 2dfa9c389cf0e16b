//! One guest as a future: it owns the store, makes the instance, calls the function, and says how that ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use abide_core::Json;
use abide_core::failure::{Failure, Origin};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::run::Run;
use crate::Inner;
use crate::app::App;
use crate::bindings::App as Bindings;
use crate::convert;
use crate::guest::{Guest, Halt, Role, Signal, failure_of, on_epoch, thread_cpu};

/// How a guest's `run` ended.
pub(crate) enum End {
    /// It returned.
    Returned(Result<Json, Failure>),
    /// It was ended.
    Halted(Halt),
}

/// A guest that can be polled.
pub(crate) struct Instance {
    future: Pin<Box<dyn Future<Output = End> + Send>>,
    pub(crate) signal: Arc<Signal>,
}

impl Instance {
    /// A guest that will call the run's function. Nothing happens before it is polled.
    pub(crate) fn new(run: Arc<Run>, role: Role) -> Self {
        let signal = Arc::new(Signal::default());
        let future = call(run, role, signal.clone());
        Self {
            future: Box::pin(future),
            signal,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if self.signal.hot() {
            self.signal.set_hot(thread_cpu());
        }
        self.future.as_mut().poll(cx)
    }
}

async fn call(run: Arc<Run>, role: Role, signal: Arc<Signal>) -> End {
    let limits = run.host().limits.clone();
    let app = run.app().clone();
    let context = run.context();
    let guest = || Guest::new(role, Some(run.clone()), signal.clone(), limits.clone());
    // It was instantiated when it was deployed, so that there is room for it sooner or later.
    match instantiate(run.host(), &app, guest, waits()).await {
        Err(halt) => End::Halted(halt),
        Ok((mut store, bindings)) => {
            let result = bindings
                .abide_durable_functions()
                .call_run(&mut store, &context)
                .await;
            match result {
                Ok(result) => {
                    store.data().sink.end_lines();
                    End::Returned(result.map(Json::from).map_err(convert::failure))
                }
                Err(error) => End::Halted(failure_of(&error, store.data())),
            }
        }
    }
}

/// How long an instance is waited for that the machine has no room for: at first, and, doubled each time, at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why there is no instance.
enum NoInstance {
    /// The guest's own doing.
    Guest(Halt),
    /// The machine has no room for it now.
    NoRoom(Halt),
}

/// The times to wait for room between tries, without an end.
pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_WAIT), |wait| Some((*wait * 2).min(LONGEST_WAIT)))
}

/// Makes an instance. Where the machine has no room it waits for some, as often as there are `waits`: that is no fault of the guest, and no
/// failed attempt.
pub(crate) async fn instantiate(
    host: &Inner,
    app: &App,
    guest: impl Fn() -> Guest,
    mut waits: impl Iterator<Item = Duration>,
) -> Result<(Store<Guest>, Bindings), Halt> {
    loop {
        let (halt, wait) = match try_instantiate(app, &guest).await {
            Ok(instance) => return Ok(instance),
            Err(NoInstance::Guest(halt)) => return Err(halt),
            Err(NoInstance::NoRoom(halt)) => match waits.next() {
                Some(wait) => (halt, wait),
                None => return Err(halt),
            },
        };
        tracing::warn!(app = %app.digest(), reason = %halt, "no room for an instance; it is tried again in {} ms", wait.as_millis());
        host.surroundings.sleep(wait).await;
    }
}

/// Whose fault it is that an instance could not be made.
fn no_instance(error: &wasmtime::Error, guest: &Guest) -> NoInstance {
    let halt = failure_of(error, guest);
    if error.is::<Halt>() || error.is::<Trap>() {
        NoInstance::Guest(halt)
    } else {
        NoInstance::NoRoom(halt)
    }
}

/// Makes an instance: from the pool if it has room, else on demand.
async fn try_instantiate(
    app: &App,
    guest: &impl Fn() -> Guest,
) -> Result<(Store<Guest>, Bindings), NoInstance> {
    if let Some(pre) = app.pooled() {
        let mut store = new_store(pre.engine(), guest());
        match pre.instantiate_async(&mut store).await {
            Ok(bindings) => return Ok((store, bindings)),
            Err(error) if error.is::<PoolConcurrencyLimitError>() => {}
            Err(error) => return Err(no_instance(&error, store.data())),
        }
    }
    let pre = app.on_demand().map_err(|error| {
        let failure = Failure::platform(Origin::Limit, error.to_string());
        NoInstance::Guest(Halt::Failed(failure))
    })?;
    let mut store = new_store(pre.engine(), guest());
    match pre.instantiate_async(&mut store).await {
        Ok(bindings) => Ok((store, bindings)),
        Err(error) => Err(no_instance(&error, store.data())),
    }
}

fn new_store(engine: &wasmtime::Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(Guest::limiter);
    store.epoch_deadline_callback(on_epoch);
    store.set_epoch_deadline(1);
    store
}
