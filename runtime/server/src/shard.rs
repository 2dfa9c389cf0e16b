//! The shard: one thread that owns the engine. Drain inputs, decide, commit writes, act.
//!
//! It must not wait for anything but inputs and time: effects that take time run elsewhere and come back as inputs. One exception: a read that
//! lacks a descriptor or memory is asked again for some seconds, because half a step cannot be taken back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use abide_core::engine::{Effect, Engine, Input, Output, Token, Usage};
use abide_core::ids::{FunctionId, RunId};
use abide_core::state::ReadError;
use abide_store::{Keep, Patience, Store, Ticket, View};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::export::{Export, Unfit};
use crate::metrics::{Census, NodeMetrics};
use crate::telemetry::Tracer;

/// Inputs handled before timers and executions have their turn.
const INPUTS_IN_TURN: usize = 256;

/// The longest that the loop waits without a look at the clock: the machine's clock may jump.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// How often a read is asked again that lacks a descriptor or memory, with waits that double from the first up to the longest: some 6 s
/// altogether, which leaves a node that is to end the time for it.
const ASKED_AGAIN: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the shard's thread does while a read lacks a descriptor or memory: others give them back meanwhile.
pub(crate) fn patience(environment: Arc<str>) -> Patience {
    Arc::new(move |failures| {
        if failures == 0 {
            tracing::warn!(
                environment = &*environment,
                "a payload cannot be read for want of descriptors or memory; the engine waits for it"
            );
        }
        if failures < ASKED_AGAIN {
            std::thread::sleep(pause(failures));
        }
        failures < ASKED_AGAIN
    })
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(16))
        .min(LONGEST_PAUSE)
}

/// What the shard's thread is sent.
pub(crate) enum Message {
    /// Something for the engine.
    Input(Box<Input>),
    /// Answer with a ticket for everything that came before; not if it came from an execution that is not its run's any more, since that was
    /// dropped.
    Barrier(Option<(RunId, Token)>, oneshot::Sender<Ticket>),
    /// Forget these if they are still expired, and answer with a ticket for that.
    Forget(Vec<bytes::Bytes>, Keep, oneshot::Sender<Ticket>),
    /// Write a run that was exported elsewhere, and answer with a ticket for that, and whether it is new.
    Import(Box<Export>, oneshot::Sender<Result<(bool, Ticket), Unfit>>),
    /// Answer with what is held of a function's limits.
    Usage(FunctionId, oneshot::Sender<Vec<Usage>>),
    /// The clock moved: look at it.
    ClockMoved,
    /// Give no instances to further runs.
    Drain,
    /// End.
    Stop,
}

/// The way to the shard. Clones are cheap.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    sender: Sender<Message>,
    gauges: Arc<Gauges>,
}

/// What others may know of the shard without asking it.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub waiting: AtomicUsize,
    pub executing: AtomicUsize,
    pub resident: AtomicUsize,
    pub queued: AtomicUsize,
    pub next_due_ms: AtomicU64,
    /// Turns of the loop that found nothing to do: it grows whenever the shard is idle.
    pub idle_turns: AtomicU64,
}

impl ShardHandle {
    /// A handle, and the end that the shard's thread takes from.
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let gauges = Arc::default();
        (Self { sender, gauges }, receiver)
    }

    /// Sends; `false` when the shard has ended.
    pub(crate) fn send(&self, message: Message) -> bool {
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        self.sender.send(message).is_ok()
    }

    /// Sends an input; `false` when the shard has ended.
    pub(crate) fn input(&self, input: Input) -> bool {
        self.send(Message::Input(Box::new(input)))
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }
}

/// Who carries out effects.
pub(crate) trait Act: Send + Sync + 'static {
    /// Carries out an effect that nothing outside can notice. Called on the shard's thread; must not block.
    fn now(&self, effect: Effect);
    /// Carries out an effect whose writes, decided at that moment, are durable. Called on the committer's thread; must not block.
    fn durable(&self, effect: Effect, decided: Instant);
    /// The store failed: nothing may be acknowledged any more.
    fn fail(&self, error: String);
}

/// Does `work`. A panic in it is a failure like any other: a node without its shard would look sound and do nothing any more.
fn telling(act: &dyn Act, work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        act.fail("the engine stopped (a fault of Abide; its log has the details). Nothing that was acknowledged is lost: start the node again".into());
    }
}

/// Everything that the loop works with.
pub(crate) struct Shard {
    pub engine: Engine,
    pub store: Store,
    pub view: View,
    pub clock: Clock,
    pub receiver: Receiver<Message>,
    pub handle: ShardHandle,
    pub act: Arc<dyn Act>,
    /// What records traces, if anything does.
    pub tracer: Option<Tracer>,
    pub metrics: Arc<NodeMetrics>,
    pub census: Census,
}

impl Shard {
    /// Runs until it is stopped, or until the store fails.
    pub(crate) fn run(self) {
        let act = self.act.clone();
        telling(&*act, || self.take_turns());
    }

    fn take_turns(mut self) {
        let mut draining = false;
        // Durable before anything executes: a process that dies at once must be known to have lived.
        let mut result = self.recover().and_then(|()| {
            let opened = self.store.read_barrier().wait();
            opened.map_err(|error| ReadError::new(error.to_string()))
        });
        while result.is_ok() {
            self.publish();
            self.census.go_on(&self.view);
            let message = match self.wait(draining) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match self.turn(message, INPUTS_IN_TURN, &mut draining) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => result = Err(error),
            }
        }
        if let Err(error) = result {
            self.act.fail(error.to_string());
        }
    }

    /// The first step of every life.
    pub(crate) fn recover(&mut self) -> Result<(), ReadError> {
        self.step(Input::Recover)
    }

    /// Whether a turn would find something to do.
    pub(crate) fn has_work(&self) -> bool {
        let due = self.engine.next_due_ms();
        self.handle.gauges.waiting.load(Ordering::Relaxed) > 0
            || self.engine.wants_dispatch()
            || due.is_some_and(|due_ms| due_ms <= self.clock.now_ms())
    }

    /// What was sent and not taken yet.
    pub(crate) fn receive(&self) -> Option<Message> {
        let message = self.receiver.try_recv().ok()?;
        self.handle.gauges.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(message)
    }

    /// One turn of the loop: `message` and up to `most` inputs with it, then timers, then executions. `false`: stop.
    pub(crate) fn turn(
        &mut self,
        mut message: Option<Message>,
        most: usize,
        draining: &mut bool,
    ) -> Result<bool, ReadError> {
        let mut handled = 0;
        while let Some(next) = message.take() {
            match next {
                Message::Input(input) => self.step(*input)?,
                Message::Barrier(Some((run, token)), _) if !self.engine.is_current(run, token) => {}
                Message::Barrier(_, reply) => {
                    // Nobody to tell: the execution ended meanwhile.
                    let _ = reply.send(self.store.read_barrier());
                }
                Message::Forget(keys, keep, done) => {
                    let forgotten = self.view.forget(&keys, &keep, self.clock.now_ms())?;
                    // Nobody to tell: housekeeping was ended.
                    let _ = done.send(self.store.submit(forgotten));
                }
                Message::Import(export, done) => {
                    let written = match export.writes(&self.view)? {
                        Ok(writes) => {
                            let batch = abide_store::encode(&writes)?;
                            Ok((!writes.is_empty(), self.store.submit(batch)))
                        }
                        Err(unfit) => Err(unfit),
                    };
                    // Nobody to tell: the node is stopping.
                    let _ = done.send(written);
                }
                Message::Usage(function, reply) => {
                    // Nobody to tell: whoever asked went away.
                    let _ = reply.send(self.engine.usage(&function));
                }
                Message::ClockMoved => {}
                Message::Drain => *draining = true,
                Message::Stop => {
                    self.step(Input::Close)?;
                    return Ok(false);
                }
            }
            handled += 1;
            if handled < most {
                message = self.receive();
            }
        }
        let due = self.engine.next_due_ms();
        if due.is_some_and(|due_ms| due_ms <= self.clock.now_ms()) {
            self.step(Input::Tick)?;
        }
        if !*draining && self.engine.wants_dispatch() {
            self.step(Input::Dispatch)?;
        }
        Ok(true)
    }

    fn wait(&self, draining: bool) -> Result<Message, RecvTimeoutError> {
        let busy = !draining && self.engine.wants_dispatch();
        let received = if busy || self.census.is_behind() {
            self.receiver.recv_timeout(Duration::ZERO)
        } else {
            let until_due = self
                .engine
                .next_due_ms()
                .map(|due_ms| due_ms.saturating_sub(self.clock.now_ms()));
            let idle = &self.handle.gauges.idle_turns;
            match until_due {
                Some(0) => self.receiver.recv_timeout(Duration::ZERO),
                Some(ms) if self.clock.runs() => {
                    idle.fetch_add(1, Ordering::Relaxed);
                    self.receiver
                        .recv_timeout(Duration::from_millis(ms).min(LONGEST_WAIT))
                }
                Some(_) | None => {
                    idle.fetch_add(1, Ordering::Relaxed);
                    self.receiver
                        .recv()
                        .map_err(|_| RecvTimeoutError::Disconnected)
                }
            }
        };
        if received.is_ok() {
            self.handle.gauges.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        received
    }

    /// One step of the engine, its writes submitted, its effects carried out.
    fn step(&mut self, input: Input) -> Result<(), ReadError> {
        let mut out = Output::default();
        let now_ms = self.clock.now_ms();
        self.engine.step(input, now_ms, &self.view, &mut out)?;
        self.commit(out)
    }

    fn commit(&mut self, out: Output) -> Result<(), ReadError> {
        if !out.writes.is_empty() || !out.durable.is_empty() {
            self.metrics.decided(&out.writes);
            self.census.note(&out.writes);
            let batch = abide_store::encode(&out.writes)?;
            let act = self.act.clone();
            let (durable, decided) = (out.durable, Instant::now());
            let tracer = self.tracer.as_ref();
            let sights =
                tracer.and_then(|it| Some((it.clone(), it.watch(&out.writes, out.spans)?)));
            // The effects are the listener: nobody waits for the ticket.
            let _ticket = self.store.submit_then(batch, move |result| match result {
                Ok(()) => {
                    for effect in durable {
                        act.durable(effect, decided);
                    }
                    if let Some((tracer, sights)) = sights {
                        tracer.seen(sights);
                    }
                }
                Err(error) => act.fail(error.to_string()),
            });
        }
        for effect in out.now {
            self.act.now(effect);
        }
        Ok(())
    }

    pub(crate) fn publish(&self) {
        let gauges = &self.handle.gauges;
        gauges
            .executing
            .store(self.engine.executing(), Ordering::Relaxed);
        gauges
            .resident
            .store(self.engine.resident(), Ordering::Relaxed);
        gauges.queued.store(self.engine.queued(), Ordering::Relaxed);
        let due = self.engine.next_due_ms().unwrap_or(u64::MAX);
        gauges.next_due_ms.store(due, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Failures(Mutex<Vec<String>>);

    impl Act for Failures {
        fn now(&self, _: Effect) {}
        fn durable(&self, _: Effect, _: Instant) {}
        fn fail(&self, error: String) {
            self.0.lock().push(error);
        }
    }

    #[test]
    fn a_shard_that_panics_fails_its_node() {
        let failures = Failures::default();
        telling(&failures, || {});
        assert!(failures.0.lock().is_empty());
        telling(&failures, || panic!("an index out of bounds"));
        assert!(failures.0.lock()[0].contains("start the node again"));
    }

    #[test]
    fn a_read_is_asked_again_for_less_time_than_a_node_has_to_end() {
        let pauses = (0..ASKED_AGAIN).map(pause);
        let whole: Duration = pauses.sum();
        assert!(
            whole > Duration::from_secs(5) && whole < Duration::from_secs(8),
            "{whole:?}"
        );
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
