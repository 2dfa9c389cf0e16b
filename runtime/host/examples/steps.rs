//! How fast the host alone is: runs without a store behind them.
//!
//! `cargo run --release -p abide-host --example steps -- COMPONENT.wasm FUNCTION [STEPS] [RUNS AT ONCE] [SECONDS]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use abide_core::event::{Event, EventSource, NewEvent};
use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::journal::Entry;
use abide_core::limits::Limits;
use abide_core::machine::{Machine, Progress, RunInfo};
use abide_core::retry::RetryPolicy;
use abide_host::{App, BarrierBroken, ExecuteRequest, Host, HostConfig, Port};
use futures::future::BoxFuture;

#[derive(Default)]
struct Nowhere {
    entries: parking_lot::Mutex<Vec<Entry>>,
    keep: bool,
}

impl Port for Nowhere {
    fn progress(&self, progress: Progress) {
        if self.keep {
            self.entries.lock().extend(progress.entries);
        }
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn now_ms(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(0))
    }
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [component, function, rest @ ..] = args.as_slice() else {
        eprintln!("usage: steps COMPONENT.wasm FUNCTION [STEPS] [RUNS AT ONCE] [SECONDS]");
        return;
    };
    let number = |n: usize, default: u64| {
        rest.get(n)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (steps, at_once, seconds) = (number(0, 10), number(1, 256), number(2, 3));
    let host = Host::new(HostConfig::default()).expect("a host");
    let wasm = std::fs::read(component).expect("the component");
    let began = Instant::now();
    let app = host.load(&wasm).await.expect("the app");
    println!("compile and describe: {:?}", began.elapsed());
    let event = NewEvent {
        name: "bench/steps".into(),
        data: Some(format!("{{\"n\":{steps}}}").into()),
        ..NewEvent::default()
    }
    .accept(EventId(1), 0, EventSource::Api);
    let info = Arc::new(RunInfo {
        run: RunId(1 << 100),
        function: FunctionId::new("bench", function.as_str()),
        digest: app.digest(),
        policy: RetryPolicy::default(),
        limits: Limits {
            steps_per_run: 1_000_000,
            ..Limits::default()
        },
        event: event.to_json(),
        gated: false,
        input: None,
        schemas: Arc::default(),
        logged: abide_core::state::Logged::default(),
    });
    let case = Case {
        host,
        app,
        info,
        event,
    };
    case.throughput(steps, at_once, Duration::from_secs(seconds))
        .await;
    case.replay().await;
}

/// One function of one app.
#[derive(Clone)]
struct Case {
    host: Host,
    app: Arc<App>,
    info: Arc<RunInfo>,
    event: Event,
}

impl Case {
    async fn run(&self, entries: Vec<Entry>, port: Arc<Nowhere>) {
        let (_mailbox, execution) = self.host.execute(ExecuteRequest {
            app: self.app.clone(),
            machine: Machine::load(self.info.clone(), entries, 1).expect("the journal"),
            events: self.event.clone().into(),
            port,
            variables: Arc::default(),
            egress: Arc::default(),
        });
        execution.await;
    }

    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    async fn throughput(&self, steps: u64, at_once: u64, time: Duration) {
        let done = Arc::new(AtomicU64::new(0));
        let (cpu_before, began) = (cpu(), Instant::now());
        let mut tasks = Vec::new();
        for _ in 0..at_once {
            let (case, done) = (self.clone(), done.clone());
            tasks.push(tokio::spawn(async move {
                while began.elapsed() < time {
                    case.run(Vec::new(), Arc::default()).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        for task in tasks {
            task.await.expect("no panic");
        }
        let wall = began.elapsed().as_secs_f64();
        let used = cpu().saturating_sub(cpu_before).as_secs_f64();
        let runs = done.load(Ordering::Relaxed);
        let (runs, all) = (runs as f64, (runs * steps) as f64);
        println!(
            "{at_once} at once: {:.0} runs/s, {:.0} steps/s, {:.2} µs CPU a step",
            runs / wall,
            all / wall,
            used * 1e6 / all
        );
    }

    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    async fn replay(&self) {
        let port = Arc::new(Nowhere {
            keep: true,
            ..Nowhere::default()
        });
        self.run(Vec::new(), port.clone()).await;
        let mut entries = port.entries.lock().clone();
        // Without its end, so that the replay has one.
        entries.pop();
        let (count, began) = (entries.len(), Instant::now());
        let mut rounds = 0_u32;
        while began.elapsed() < Duration::from_secs(1) {
            self.run(entries.clone(), Arc::default()).await;
            rounds += 1;
        }
        let each = began.elapsed() / rounds;
        let rate = count as f64 / each.as_secs_f64();
        println!("replay of {count} entries: {each:?} ({rate:.0} entries/s)");
    }
}
