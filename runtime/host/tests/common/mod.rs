//! A node for one run, in memory and with a clock of its own: what the server is for real ones.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use abide_core::event::{EventSource, NewEvent};
use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::journal::{Entry, OpNumber, Outcome, WORKFLOW_OP};
use abide_core::limits::Limits;
use abide_core::machine::{Arrival, Change, Machine, Position, Progress, RunInfo, Send};
use abide_core::retry::RetryPolicy;
use abide_core::state::{LogLine, Registration};
use abide_host::{
    App, BarrierBroken, Egress, Events, ExecuteRequest, Exit, Host, HostConfig, Mailbox, Port,
    Recorded,
};
use futures::future::BoxFuture;
use tokio::sync::Notify;

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// The component of this crate's own guest, built once.
pub(crate) fn guest() -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = manifest.join("../../target/host-guest");
        build(&manifest.join("tests/guest"), &target);
        target.join("wasm32-wasip2/release/host_test_guest.wasm")
    });
    std::fs::read(path).expect("the guest")
}

/// A component of `tests/guests`.
pub(crate) fn shared_guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        if let Some(folder) = std::env::var_os("ABIDE_TEST_GUESTS") {
            return folder.into();
        }
        let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
        let target = workspace.join("target");
        build(&workspace, &target);
        target.join("wasm32-wasip2/release")
    });
    std::fs::read(folder.join(format!("{name}.wasm"))).expect("the guest")
}

fn build(folder: &std::path::Path, target: &std::path::Path) {
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--target",
            "wasm32-wasip2",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(
        status.success(),
        "the guest in {} does not build",
        folder.display()
    );
}

/// One host for all tests of a file: its engines are costly.
pub(crate) fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| Host::new(small()).expect("a host"))
}

/// Limits that make tests of limits quick.
pub(crate) fn small() -> HostConfig {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/host-guest/code");
    let mut config = HostConfig {
        code_cache: Some(folder),
        ..HostConfig::default()
    };
    config.limits.slice_cpu = Duration::from_millis(300);
    config.limits.body_cpu = Duration::from_millis(300);
    config.limits.describe_cpu = Duration::from_millis(300);
    config
}

/// What a run has left at its node.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) entries: Vec<Entry>,
    pub(crate) registrations: BTreeMap<OpNumber, Registration>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) position: Option<Position>,
    pub(crate) flushes: usize,
    pub(crate) barriers: usize,
    pub(crate) parks: usize,
    /// What was asked for and given back, in order: an operation, and whether it was asked for.
    pub(crate) gate: Vec<(OpNumber, bool)>,
}

/// The node of one run.
#[derive(Default)]
pub(crate) struct Node {
    pub(crate) record: Mutex<Record>,
    clock_ms: AtomicU64,
    pub(crate) changed: Notify,
    /// Bytes of sent events that were handed on and are not durable yet, and the most that ever were.
    waiting: Arc<AtomicUsize>,
    pub(crate) most_waiting: AtomicUsize,
}

impl Port for Node {
    fn progress(&self, progress: Progress) {
        let mut record = self.record.lock().expect("not poisoned");
        assert_eq!(
            progress.first as usize,
            record.entries.len(),
            "progress comes in order"
        );
        record.entries.extend(progress.entries);
        let bytes: usize = progress.sends.iter().map(|(_, send)| size(send)).sum();
        let waiting = self.waiting.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
        for (op, change) in progress.changes {
            match change {
                Change::Register { registration, .. } => {
                    record.registrations.insert(op, registration);
                }
                Change::Unregister => {
                    record.registrations.remove(&op);
                }
            }
        }
        record.logs.extend(progress.logs);
        let releases = progress.releases.into_iter().map(|op| (op, false));
        let wants = progress.wants.into_iter().map(|op| (op, true));
        record.gate.extend(releases.chain(wants));
        record.parks += usize::from(matches!(progress.position, Position::Parked { .. }));
        record.position = Some(progress.position);
        record.flushes += 1;
        drop(record);
        self.changed.notify_one();
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        self.record.lock().expect("not poisoned").barriers += 1;
        let waiting = self.waiting.clone();
        let durable = waiting.load(Ordering::SeqCst);
        Box::pin(async move {
            // Whoever does not wait goes on meanwhile.
            tokio::task::yield_now().await;
            let rest = |bytes: usize| Some(bytes.saturating_sub(durable));
            let _ = waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, rest);
            Ok(())
        })
    }

    fn now_ms(&self) -> u64 {
        self.clock_ms.load(Ordering::SeqCst)
    }
}

fn size(send: &Send) -> usize {
    match send {
        Send::Events(events) => events.iter().map(|(_, event)| event.size_bytes()).sum(),
        Send::Signal(_) => 0,
    }
}

/// One run under test.
pub(crate) struct Case {
    pub(crate) node: Arc<Node>,
    pub(crate) app: Arc<App>,
    pub(crate) info: Arc<RunInfo>,
    pub(crate) events: Events,
    pub(crate) host: Host,
    pub(crate) variables: Vec<(String, String)>,
}

impl Case {
    pub(crate) async fn new(function: &str, data: &str) -> Self {
        Self::on(host(), &guest(), function, data).await
    }

    pub(crate) async fn on(host: &Host, wasm: &[u8], function: &str, data: &str) -> Self {
        let app = host.load(wasm).await.expect("the app loads");
        let config = app
            .functions()
            .iter()
            .find(|config| config.id == function)
            .expect("the function");
        let event = NewEvent {
            name: format!("test/{function}"),
            data: Some(data.into()),
            ..NewEvent::default()
        }
        .accept(EventId(7), START_MS, EventSource::Api);
        let node = Node::default();
        node.clock_ms.store(START_MS, Ordering::SeqCst);
        Self {
            node: Arc::new(node),
            info: Arc::new(RunInfo {
                run: RunId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
                function: FunctionId::new("test", function),
                digest: app.digest(),
                policy: RetryPolicy { ..config.policy() },
                limits: Limits::default(),
                event: event.to_json(),
                gated: false,
                input: None,
                schemas: Arc::default(),
                logged: abide_core::state::Logged::default(),
            }),
            app,
            events: event.into(),
            host: host.clone(),
            variables: Vec::new(),
        }
    }

    /// Begins, or goes on from what is recorded.
    pub(crate) fn execute(&self) -> (Mailbox, tokio::task::JoinHandle<Exit>) {
        let entries = self
            .node
            .record
            .lock()
            .expect("not poisoned")
            .entries
            .clone();
        let machine =
            Machine::load(self.info.clone(), entries, self.node.now_ms()).expect("the journal");
        let (mailbox, execution) = self.host.execute(ExecuteRequest {
            app: self.app.clone(),
            machine,
            events: self.events.clone(),
            port: self.node.clone(),
            variables: Arc::new(self.variables.clone()),
            egress: Arc::new(Egress::new(self.host.egress().clone())),
        });
        (mailbox, tokio::spawn(execution))
    }

    /// Runs to the end: whenever the run waits for a time, the clock jumps there. `evict` says whether to leave memory at the
    /// n-th park.
    pub(crate) async fn finish_with(&self, mut evict: impl FnMut(usize) -> bool) -> Exit {
        let (mut mailbox, mut task) = self.execute();
        let mut parks = 0;
        loop {
            tokio::select! {
                exit = &mut task => match exit.expect("no panic") {
                    Exit::Over if self.position() == Some(Position::RetryLater) => {
                        self.fire(None);
                        (mailbox, task) = self.execute();
                    }
                    Exit::Evicted { .. } => {
                        (mailbox, task) = self.execute();
                        self.fire(Some(&mailbox));
                    }
                    exit => return exit,
                },
                () = self.node.changed.notified() => {
                    if matches!(self.position(), Some(Position::Parked { .. })) && self.parks() > parks {
                        parks = self.parks();
                        if evict(parks) {
                            let _ = mailbox.evict();
                        } else {
                            self.fire(Some(&mailbox));
                        }
                    }
                }
            }
        }
    }

    pub(crate) async fn finish(&self) -> Exit {
        self.finish_with(|_| false).await
    }

    /// Runs to the end and returns the output, or the failure's text.
    pub(crate) async fn output(&self) -> Result<String, String> {
        assert_eq!(self.finish().await, Exit::Over);
        self.ended()
    }

    /// How the run ended.
    pub(crate) fn ended(&self) -> Result<String, String> {
        match self.position() {
            Some(Position::Ended(abide_core::state::RunEnd::Output(output))) => {
                Ok(output.to_string())
            }
            Some(Position::Ended(abide_core::state::RunEnd::Failure(failure))) => {
                Err(failure.to_string())
            }
            other => panic!("not ended: {other:?}"),
        }
    }

    /// The failure that ended the run.
    pub(crate) fn failure(&self) -> abide_core::failure::Failure {
        match self.position() {
            Some(Position::Ended(abide_core::state::RunEnd::Failure(failure))) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub(crate) fn position(&self) -> Option<Position> {
        self.node
            .record
            .lock()
            .expect("not poisoned")
            .position
            .clone()
    }

    pub(crate) fn parks(&self) -> usize {
        self.node.record.lock().expect("not poisoned").parks
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.node
            .record
            .lock()
            .expect("not poisoned")
            .entries
            .clone()
    }

    /// The messages of what was logged.
    pub(crate) fn lines(&self) -> Vec<String> {
        let record = self.node.record.lock().expect("not poisoned");
        record
            .logs
            .iter()
            .map(|line| line.message.clone())
            .collect()
    }

    /// Moves the clock to the next timer, and delivers it.
    pub(crate) fn fire(&self, mailbox: Option<&Mailbox>) {
        let next = {
            let record = self.node.record.lock().expect("not poisoned");
            let due = record
                .registrations
                .iter()
                .filter_map(|(op, registration)| {
                    let (due_ms, arrival) = match registration {
                        Registration::Sleep { due_ms } => (*due_ms, done()),
                        Registration::Retry { due_ms } => (*due_ms, Arrival::Due),
                        Registration::Event { due_ms, .. }
                        | Registration::Signal { due_ms, .. } => (*due_ms, empty()),
                        _ => return None,
                    };
                    Some((due_ms, *op, arrival))
                });
            due.min_by_key(|(due_ms, ..)| *due_ms)
        };
        let Some((due_ms, op, arrival)) = next else {
            return;
        };
        self.node.clock_ms.fetch_max(due_ms, Ordering::SeqCst);
        if let (Some(mailbox), true) = (mailbox, op != WORKFLOW_OP) {
            self.node
                .record
                .lock()
                .expect("not poisoned")
                .registrations
                .remove(&op);
            let _ = mailbox.arrive(op, arrival);
        }
    }

    /// Whether the journal replays to the same.
    pub(crate) async fn replays(&self) -> Option<Box<abide_core::machine::Divergence>> {
        self.replays_what_is(Recorded::Whole).await
    }

    /// Whether the journal replays to the same, if this much of what the code did is in it.
    pub(crate) async fn replays_what_is(
        &self,
        recorded: Recorded,
    ) -> Option<Box<abide_core::machine::Divergence>> {
        self.host
            .check_replay(
                &self.app,
                self.info.clone(),
                self.events.clone(),
                self.entries(),
                recorded,
            )
            .await
            .expect("the check runs")
    }
}

fn done() -> Arrival {
    Arrival::Outcome {
        outcome: Outcome::Done("null".into()),
        attempts: 0,
    }
}

fn empty() -> Arrival {
    Arrival::Outcome {
        outcome: Outcome::Empty,
        attempts: 0,
    }
}
