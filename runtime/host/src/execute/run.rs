//! What the instances of one run share: the machine, the cursors of its twins, the way to the node.
//!
//! Everything is behind one lock, which is held for the length of one decision and never while a guest runs. `version` counts
//! what may be news to a guest that waits: one that found nothing at the current version need not be asked again.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::ids::IdGenerator;
use abide_core::journal::OpNumber;
use abide_core::machine::{Arrival, Divergence, Machine, Next, Now, Ticket, TwinCursor, TwinNext};
use abide_core::operation::Operation;
use abide_core::state::LogLevel;
use abide_core::trace::TraceContext;
use parking_lot::{Mutex, MutexGuard};

use crate::Inner;
use crate::app::App;
use crate::bindings::{self, types};
use crate::convert;
use crate::egress::Egress;
use crate::events::Events;
use crate::execute::ExecuteRequest;
use crate::guest::{Halt, Role, Signal};
use crate::port::Port;
use crate::timings::{StepTimes, Timings};
use crate::wasi::Seeded;

/// How often a fresh twin may fail before it comes to the body that it was made for.
const FRESH_FAILURES: u32 = 3;

/// One run that is being executed.
pub(crate) struct Run {
    host: Arc<Inner>,
    app: Arc<App>,
    pub(super) port: Arc<dyn Port>,
    variables: Arc<Vec<(String, String)>>,
    egress: Arc<Egress>,
    events: Events,
    timings: Arc<Timings>,
    state: Mutex<State>,
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) machine: Machine,
    ids: IdGenerator,
    cursors: Vec<Option<Twin>>,
    pub(crate) version: u64,
    /// Wakes the driver when another task changes something.
    pub(crate) driver: Option<Waker>,
    /// Something was given up, or the run ended: bodies may have to end.
    pub(crate) given_up: bool,
    pub(crate) diverged: Option<Box<Divergence>>,
    fresh_failures: u32,
    pub(super) buffered_bytes: usize,
    /// Bytes that were handed on since the workflow code waited for them last.
    pub(super) handed_on_bytes: usize,
}

struct Twin {
    cursor: TwinCursor,
    /// Wakes a twin that has a task of its own.
    waker: Option<Waker>,
    own_task: bool,
}

impl Run {
    pub(crate) fn new(host: Arc<Inner>, request: ExecuteRequest) -> Self {
        let ids = IdGenerator::new(host.surroundings.random());
        let timings = request.port.timings().unwrap_or_default();
        Self {
            host,
            app: request.app,
            port: request.port,
            variables: request.variables,
            egress: request.egress,
            events: request.events,
            timings,
            state: Mutex::new(State {
                machine: request.machine,
                ids,
                cursors: Vec::new(),
                version: 1,
                driver: None,
                given_up: false,
                diverged: None,
                fresh_failures: 0,
                buffered_bytes: 0,
                handed_on_bytes: 0,
            }),
        }
    }

    pub(crate) fn host(&self) -> &Arc<Inner> {
        &self.host
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Where the times of the execution are noted.
    pub(crate) fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Where the times of its steps are noted.
    pub(crate) fn steps(&self) -> &StepTimes {
        self.timings.steps()
    }

    /// The body is over that this twin executed, since `now`.
    pub(crate) fn body_ended(&self, signal: &Signal, now: u64) {
        let (op, spent) = signal.turns.body_ended(now);
        self.steps().body_ended(op, now, spent);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.port.now_ms()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The generator of random numbers for workflow code of this attempt.
    pub(crate) fn seeded(&self) -> Seeded {
        let state = self.state();
        Seeded::new(state.machine.info().run.0, state.machine.attempt())
    }

    pub(crate) fn clock_ms(&self, role: Role) -> u64 {
        let state = self.state();
        match role {
            Role::Twin(slot) => state.twin(slot).map_or(0, |twin| twin.cursor.clock_ms()),
            Role::Workflow | Role::Describe => state.machine.clock_ms(),
        }
    }

    /// What the guest's `run` is called with.
    pub(crate) fn context(&self) -> types::RunContext {
        let state = self.state();
        let info = state.machine.info();
        types::RunContext {
            app_id: info.function.app.to_string(),
            function_id: info.function.function.to_string(),
            run_id: info.run.to_string(),
            attempt: state.machine.attempt(),
            max_attempts: info.policy.max_attempts,
            event: convert::event(self.events.main()),
            events: self.events.all().iter().map(convert::event).collect(),
        }
    }

    /// Where a request of the body stands that this twin executes, if the run's event is part of a trace.
    pub(crate) fn trace_of_body(&self, slot: usize) -> Option<TraceContext> {
        let trace = self.events.main().trace.as_deref()?;
        let state = self.state();
        let (op, attempt) = state.machine.attempt_of_body(&state.twin(slot)?.cursor)?;
        Some(trace.of_attempt(state.machine.info().run, op, attempt))
    }

    pub(crate) fn log(&self, role: Role, level: LogLevel, message: &str) {
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        let State {
            machine, cursors, ..
        } = &mut *state;
        match role {
            Role::Describe => {}
            Role::Workflow => machine.log(level, message, now_ms),
            Role::Twin(slot) => {
                if let Some(Some(twin)) = cursors.get(slot) {
                    machine.body_log(&twin.cursor, level, message, now_ms);
                }
            }
        }
    }

    pub(crate) fn start(&self, role: Role, id: &str, operation: Operation) -> Result<Ticket, Halt> {
        let ms = self.port.now_ms();
        let mut state = self.state();
        let State {
            machine,
            ids,
            cursors,
            buffered_bytes,
            ..
        } = &mut *state;
        match role {
            Role::Twin(slot) => {
                let twin = twin_of(cursors, slot)?;
                Ok(machine.twin_start(&mut twin.cursor, id, &operation)?)
            }
            Role::Workflow | Role::Describe => {
                *buffered_bytes += size(&operation);
                let executes = operation.kind().executes();
                let op = machine.operations();
                let ticket = machine.start(id, operation, Now { ms, ids })?;
                if executes && op < machine.operations() {
                    let op = OpNumber::try_from(op).unwrap_or(OpNumber::MAX);
                    self.steps().asked(op, self.steps().now());
                }
                Ok(ticket)
            }
        }
    }

    pub(crate) fn cancel(&self, role: Role, ticket: Ticket) -> Result<(), Halt> {
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        let State {
            machine, cursors, ..
        } = &mut *state;
        match role {
            Role::Twin(slot) => {
                let twin = twin_of(cursors, slot)?;
                if twin.cursor.executing().is_some() {
                    return Err(inside_a_body("cancel"));
                }
                machine.twin_cancel(&mut twin.cursor, ticket)?;
            }
            Role::Workflow | Role::Describe => {
                machine.cancel(ticket, now_ms)?;
                state.given_up = true;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(
        &self,
        role: Role,
        ticket: Ticket,
        outcome: Result<Json, Failure>,
    ) -> Result<(), Halt> {
        let Role::Twin(slot) = role else {
            return Err(Halt::permanent(
                "`finish` was called by the workflow code, which never executes a body; this is a fault of the language SDK",
            ));
        };
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        let State {
            machine,
            cursors,
            buffered_bytes,
            ..
        } = &mut *state;
        let twin = twin_of(cursors, slot)?;
        *buffered_bytes += match &outcome {
            Ok(json) => json.len(),
            Err(failure) => 100 + json_bytes(failure.data.as_ref()),
        };
        machine.twin_finish(&mut twin.cursor, ticket, outcome, now_ms)?;
        let own_task = twin.own_task;
        state.changed(own_task);
        Ok(())
    }

    /// The answer to `next`, as far as there is one.
    pub(crate) fn poll_next(
        &self,
        role: Role,
        signal: &Signal,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Ticket, bindings::News), Halt>> {
        let mut state = self.state();
        let State {
            machine, cursors, ..
        } = &mut *state;
        let Role::Twin(slot) = role else {
            return match machine.next() {
                Ok(Next::News(ticket, outcome)) => {
                    signal.go();
                    Poll::Ready(Ok((ticket, convert::news(outcome))))
                }
                Ok(Next::Blocked) => {
                    if !signal.waiting() {
                        state.version += 1;
                    }
                    signal.wait(state.version);
                    Poll::Pending
                }
                Err(stop) => Poll::Ready(Err(stop.into())),
            };
        };
        let twin = twin_of(cursors, slot)?;
        if signal.in_body() {
            return Poll::Ready(Err(inside_a_body("next")));
        }
        match machine.twin_next(&mut twin.cursor, self.port.now_ms()) {
            Ok(TwinNext::News(ticket, outcome)) => {
                signal.go();
                Poll::Ready(Ok((ticket, convert::news(outcome))))
            }
            Ok(TwinNext::Execute(ticket, execution)) => {
                signal.go();
                let op = twin.cursor.executing().unwrap_or(OpNumber::MAX);
                let now = self.steps().now();
                let repeated = signal.turns.body_began(op, now);
                self.steps().body_began(op, now, repeated);
                state.fresh_failures = 0;
                let default = u64::try_from(self.host.config.limits.body_timeout.as_millis())
                    .unwrap_or(u64::MAX);
                let timeout_ms = execution.timeout_ms.unwrap_or(default).max(1);
                signal.begin_body(
                    self.host.elapsed_ms().saturating_add(timeout_ms),
                    timeout_ms,
                );
                Poll::Ready(Ok((ticket, convert::execution(execution))))
            }
            Ok(TwinNext::Blocked) => {
                if twin.own_task {
                    twin.waker = Some(cx.waker().clone());
                }
                signal.wait(state.version);
                Poll::Pending
            }
            Err(stop) => Poll::Ready(Err(stop.into())),
        }
    }

    pub(crate) fn arrive(&self, op: OpNumber, arrival: Arrival) {
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        if arrival == Arrival::Due && (op as usize) < state.machine.operations() {
            let replaying = state.machine.replaying();
            self.steps().due(op, self.steps().now(), replaying);
        }
        state.machine.arrive(op, arrival, now_ms);
        state.version += 1;
    }

    /// The workflow code came to an end. Says whether the run diverged.
    pub(crate) fn returned(&self, result: Result<Json, Failure>) -> Result<(), Halt> {
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        state.machine.returned(result, now_ms)?;
        state.given_up = true;
        Ok(())
    }

    /// Makes room for a twin and says where its cursor is.
    pub(crate) fn add_twin(&self, own_task: bool) -> usize {
        let mut state = self.state();
        let twin = Some(Twin {
            cursor: state.machine.twin(),
            waker: None,
            own_task,
        });
        if let Some(slot) = state.cursors.iter().position(Option::is_none) {
            state.cursors[slot] = twin;
            slot
        } else {
            state.cursors.push(twin);
            state.cursors.len() - 1
        }
    }

    /// A twin ended, or is ended: because of `failure`, or (if none) for reasons that are not its body's.
    pub(crate) fn remove_twin(&self, slot: usize, why: Option<Halt>) {
        let now_ms = self.port.now_ms();
        let mut state = self.state();
        let Some(mut twin) = state.cursors.get_mut(slot).and_then(Option::take) else {
            return;
        };
        let executing = twin.cursor.executing().is_some();
        match why {
            Some(Halt::Failed(failure)) if executing => {
                state.machine.body_failed(&mut twin.cursor, failure, now_ms);
            }
            Some(Halt::Diverged(divergence)) if !executing && !twin.cursor.is_used() => {
                // Nothing but the code itself can have led it astray.
                state.diverged = Some(divergence);
            }
            Some(Halt::Failed(failure)) if !twin.cursor.is_used() => {
                state.fresh_failures += 1;
                if state.fresh_failures >= FRESH_FAILURES {
                    state.diverged = Some(Box::new(Divergence {
                        index: 0,
                        recorded: None,
                        attempted: Some(format!(
                            "a failure before the body that was to be executed: {failure}"
                        )),
                        differences: Vec::new(),
                    }));
                }
            }
            Some(Halt::Failed(_) | Halt::Diverged(_)) | None => {
                state.machine.body_abandoned(&mut twin.cursor, now_ms);
            }
        }
        state.changed(twin.own_task);
    }

    /// Whether the body that executes in this twin is no longer wanted.
    pub(crate) fn body_cancelled(&self, slot: usize) -> bool {
        let state = self.state();
        state
            .twin(slot)
            .is_some_and(|twin| state.machine.body_cancelled(&twin.cursor))
    }

    /// Whether this twin executed a body before.
    pub(crate) fn is_used(&self, slot: usize) -> bool {
        self.state()
            .twin(slot)
            .is_some_and(|twin| twin.cursor.is_used())
    }
}

impl State {
    fn twin(&self, slot: usize) -> Option<&Twin> {
        self.cursors.get(slot).and_then(Option::as_ref)
    }

    /// Says that the body in this twin is about to reach outside.
    pub(super) fn body_reaches_out(&mut self, slot: usize) {
        if let Some(Some(twin)) = self.cursors.get(slot) {
            self.machine.body_reaches_out(&twin.cursor);
        }
    }

    /// Something that may be news to others happened, perhaps in a task other than the driver's.
    fn changed(&mut self, elsewhere: bool) {
        self.version += 1;
        if elsewhere && let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    /// Wakes twins in tasks of their own that wait, because a body does.
    pub(crate) fn wake_twins(&mut self) {
        for twin in self.cursors.iter_mut().flatten() {
            if let Some(waker) = twin.waker.take() {
                waker.wake();
            }
        }
    }
}

fn json_bytes(json: Option<&Json>) -> usize {
    json.map_or(0, |json| json.len())
}

/// About how many bytes an operation takes until it is recorded.
fn size(operation: &Operation) -> usize {
    const OF_ONE: usize = 100;
    let json = json_bytes;
    let given = match operation {
        Operation::Run(options) => json(options.input.as_ref()),
        Operation::SendEvents(events) => events.iter().map(|it| OF_ONE + it.size_bytes()).sum(),
        Operation::SendSignal(signal) => json(signal.data.as_ref()),
        Operation::Invoke(invoke) => json(invoke.data.as_ref()),
        Operation::Fetch(fetch) => {
            let headers = fetch.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            headers + fetch.url.len() + fetch.body.as_ref().map_or(0, Vec::len)
        }
        Operation::AiInfer(infer) => infer.body.len(),
        Operation::Sleep(_)
        | Operation::SleepUntil(_)
        | Operation::WaitForEvent(_)
        | Operation::WaitForSignal(_) => 0,
    };
    OF_ONE + given
}

fn inside_a_body(call: &str) -> Halt {
    Halt::permanent(format!(
        "`{call}` was called while the body of a step was executing; a body ends with `finish`, before anything else is asked \
         for: this is a fault of the language SDK"
    ))
}

fn twin_of(cursors: &mut [Option<Twin>], slot: usize) -> Result<&mut Twin, Halt> {
    cursors
        .get_mut(slot)
        .and_then(Option::as_mut)
        .ok_or_else(|| {
            Halt::Failed(Failure {
                retry: RetryAdvice::Retriable,
                ..Failure::platform(Origin::Cancelled, "the twin was given up")
            })
        })
}
