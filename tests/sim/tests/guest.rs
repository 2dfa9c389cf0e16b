//! The guest and the native interpreter are the same program: told the same, they record the same.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abide_core::event::{EventSource, NewEvent};
use abide_core::failure::Failure;
use abide_core::ids::EventId;
use abide_core::journal::{Entry, OpNumber, Outcome};
use abide_core::machine::{Machine, Position, Progress};
use abide_core::operation::Kind;
use abide_host::{App, BarrierBroken, Egress, ExecuteRequest, Exit, Host, HostConfig, Port};
use abide_sim::program::bare::{Cue, Journal, Treatment, check};
use abide_sim::program::{Program, Report, Reported, Setting, Statement, generate, version};
use abide_sim::rng::Rng;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const PROGRAMS: u64 = 150;

/// Not the first: it executes a step more.
const VERSION: u8 = 1;

/// The node of one run.
#[derive(Default)]
struct Node {
    record: Mutex<Record>,
    clock_ms: AtomicU64,
    changed: Notify,
}

#[derive(Default)]
struct Record {
    entries: Vec<Entry>,
    position: Option<Position>,
    parks: usize,
}

impl Port for Node {
    fn progress(&self, progress: Progress) {
        let mut record = self.record.lock();
        record.entries.extend(progress.entries);
        record.parks += usize::from(matches!(progress.position, Position::Parked { .. }));
        record.position = Some(progress.position);
        self.changed.notify_one();
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn now_ms(&self) -> u64 {
        self.clock_ms.load(Ordering::SeqCst)
    }
}

/// The outside service: answers every report with its value.
async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = answer(stream).await;
        });
    }
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim().to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let report: Report = serde_json::from_slice(&body)?;
        let answer = serde_json::to_string(&Reported {
            value: report.value,
        })?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Runs the guest, told what the native code was told.
async fn in_a_component(host: &Host, app: &Arc<App>, url: &str, journal: &Journal) -> Vec<Entry> {
    let data: serde_json::Value = serde_json::from_str(&journal.info.event).expect("an event");
    let event = NewEvent {
        name: data["name"].as_str().expect("a name").to_owned(),
        data: Some(data["data"].to_string().into()),
        ..NewEvent::default()
    };
    let event = event.accept(EventId(7), journal.cues[0].now_ms, EventSource::Api);
    let node = Arc::new(Node::default());
    let mut cues = journal.cues.iter();
    let mut next = cues.next();
    while let Some(Cue { now_ms, arrivals }) = next {
        node.clock_ms.store(*now_ms, Ordering::SeqCst);
        let entries = node.record.lock().entries.clone();
        let machine = Machine::load(journal.info.clone(), entries, *now_ms).expect("the journal");
        let (mailbox, execution) = host.execute(ExecuteRequest {
            app: app.clone(),
            machine,
            events: event.clone().into(),
            port: node.clone(),
            variables: Arc::new(vec![("WITNESS_URL".into(), url.into())]),
            egress: Arc::new(Egress::new(host.egress().clone())),
        });
        for (op, arrival) in arrivals {
            mailbox.arrive(*op, arrival.clone()).expect("delivered");
        }
        let mut parks = node.record.lock().parks;
        let mut task = tokio::spawn(execution);
        next = loop {
            tokio::select! {
                exit = &mut task => {
                    assert_eq!(exit.expect("no panic"), Exit::Over);
                    break cues.next();
                }
                () = node.changed.notified() => {
                    let parked = {
                        let record = node.record.lock();
                        let now = std::mem::replace(&mut parks, record.parks);
                        record.parks > now
                    };
                    if parked {
                        let Some(Cue { now_ms, arrivals }) = cues.next() else {
                            panic!("the component waits although the native code was told no more");
                        };
                        node.clock_ms.store(*now_ms, Ordering::SeqCst);
                        for (op, arrival) in arrivals {
                            mailbox.arrive(*op, arrival.clone()).expect("delivered");
                        }
                    }
                }
            }
        };
    }
    let record = node.record.lock();
    assert!(matches!(record.position, Some(Position::Ended(_))));
    record.entries.clone()
}

/// What must be the same: without the ids of events, which are random, without stacks, and without what tells only when something was handed on.
fn essence(entries: &[Entry]) -> Vec<Entry> {
    let started = entries.iter().filter_map(|entry| match entry {
        Entry::OperationStarted {
            op,
            kind: Kind::SendEvents,
            ..
        } => Some(*op),
        _ => None,
    });
    let sends: BTreeSet<OpNumber> = started.collect();
    let without_stack = |failure: &mut Failure| failure.stack = None;
    let told = entries.iter().filter(|entry| {
        !matches!(
            entry,
            Entry::Logged { .. } | Entry::BodyStarted { .. } | Entry::BodyReachedOut { .. }
        )
    });
    let mut essence: Vec<Entry> = told.cloned().collect();
    for entry in &mut essence {
        match entry {
            Entry::Completed { op, outcome, .. } if sends.contains(op) => {
                *outcome = Outcome::Empty;
            }
            Entry::Completed {
                outcome: Outcome::Failed(failure),
                ..
            }
            | Entry::BodyFailed { failure, .. }
            | Entry::WorkflowFailed { failure, .. } => without_stack(failure),
            _ => {}
        }
    }
    essence
}

/// Where branches run side by side, bodies that reach outside end in the order of the network's choice: they keep to themselves then.
fn quiet(body: &mut [Statement], alone: bool) {
    for statement in body {
        match statement {
            Statement::Run(step) => step.call &= alone,
            Statement::All { branches, .. } | Statement::Race(branches) => {
                for branch in branches {
                    quiet(branch, false);
                }
            }
            Statement::Try(first, second) | Statement::If(first, second) => {
                quiet(first, alone);
                quiet(second, alone);
            }
            Statement::Loop(_, body) => quiet(body, alone),
            _ => {}
        }
    }
}

fn program(seed: u64) -> Program {
    let setting = Setting {
        key: format!("k{seed}"),
        url: "http://service.test".into(),
        start_ms: 1_700_000_000_000,
        size: 20,
    };
    let mut made = generate(&mut Rng::new(seed), &setting);
    quiet(&mut made.body, true);
    made
}

#[tokio::test]
async fn the_guest_and_the_native_code_record_the_same() {
    let wasm = std::fs::read(abide_e2e::guest("program")).expect("the guest");
    let wasm = version(&wasm, VERSION).expect("the mark of its version");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener));
    let mut config = HostConfig {
        // Compiling takes longer than the test.
        code_cache: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("code")),
        // On a busy machine a slice of CPU time may end anywhere, and bodies then in another order.
        interrupts: false,
        ..HostConfig::default()
    };
    let rule = address.to_string().parse().expect("a rule");
    config.egress = config.egress.allow(rule);
    let host = Host::new(config).expect("a host");
    let app = host.load(&wasm).await.expect("the app loads");
    let treatment = Treatment {
        restarts: 0,
        failures: 0,
        steady: true,
        version: VERSION,
    };
    let mut entries = 0;
    for seed in 0..PROGRAMS {
        let made = program(seed);
        let told = check(&made, seed, treatment).unwrap_or_else(|p| panic!("seed {seed}: {p}"));
        let url = format!("http://{address}/");
        let recorded = in_a_component(&host, &app, &url, &told.first);
        let recorded = tokio::time::timeout(Duration::from_secs(180), recorded);
        let recorded = recorded.await;
        let recorded = recorded.unwrap_or_else(|_| panic!("seed {seed} hangs: {:#?}", told.first));
        let (native, component) = (essence(&told.first.entries), essence(&recorded));
        entries += native.len();
        for (at, (native, component)) in native.iter().zip(&component).enumerate() {
            assert_eq!(native, component, "seed {seed}, entry {at}: {made:#?}");
        }
        assert_eq!(native.len(), component.len(), "seed {seed}: {made:#?}");
    }
    println!("{entries} entries of {PROGRAMS} programs are the same");
}
