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
    /// It never began: the machine had no room for it, and was given time to have some.
    NoRoom,
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
    match instantiate(run.host(), &app, guest).await {
        Err(NoInstance::Guest(halt)) => End::Halted(halt),
        Err(NoInstance::NoRoom(_)) => End::NoRoom,
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

/// How often an instance is tried that the machine has no room for, with waits that double from [`FIRST_WAIT`]: some 13 s altogether.
const TRIES: u32 = 9;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Why there is no instance.
pub(crate) enum NoInstance {
    /// The guest's own doing.
    Guest(Halt),
    /// The machine has no room for it now.
    NoRoom(Halt),
}

impl NoInstance {
    /// The same as the end of a guest.
    pub(crate) fn into_halt(self) -> Halt {
        match self {
            Self::Guest(halt) | Self::NoRoom(halt) => halt,
        }
    }
}

/// Makes an instance. Where the machine has no room, parked runs are asked to leave, and it waits for some: that is no fault of the guest.
pub(crate) async fn instantiate(
    host: &Inner,
    app: &App,
    guest: impl Fn() -> Guest,
) -> Result<(Store<Guest>, Bindings), NoInstance> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match try_instantiate(app, &guest).await {
            Err(NoInstance::NoRoom(halt)) => {
                tracing::warn!(app = %app.digest(), reason = %halt, "no room for an instance; it is tried again in {} ms", wait.as_millis());
                host.residents.make_room();
                host.surroundings.sleep(wait).await;
                wait *= 2;
            }
            made => return made,
        }
    }
    try_instantiate(app, &guest).await
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
    // It was made once, when the component was deployed: what it lacks now, it lacks for a while.
    let pre = app.on_demand().map_err(|error| {
        let failure = Failure::platform(Origin::Limit, error.to_string());
        NoInstance::NoRoom(Halt::Failed(failure))
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
