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
use abide_host::{BarrierBroken, ExecuteRequest, Host, HostConfig, Port};
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
    });
    let request = move |entries: Vec<Entry>, port: Arc<Nowhere>, event: &Event| ExecuteRequest {
        app: app.clone(),
        machine: Machine::load(info.clone(), entries, 1).expect("the journal"),
        events: vec![event.clone()],
        port,
        variables: Arc::default(),
        egress: Arc::default(),
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let done = Arc::new(AtomicU64::new(0));
    let before = cpu();
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let (host, request, done, event) =
            (host.clone(), request.clone(), done.clone(), event.clone());
        tasks.push(tokio::spawn(async move {
            while Instant::now() < until {
                let (_mailbox, execution) =
                    host.execute(request(Vec::new(), Arc::default(), &event));
                execution.await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let runs = done.load(Ordering::Relaxed);
    let (wall, used) = (
        began.elapsed().as_secs_f64(),
        (cpu() - before).as_secs_f64(),
    );
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let (runs, all) = (runs as f64, (runs * steps) as f64);
    println!(
        "{at_once} at once: {:.0} runs/s, {:.0} steps/s, {:.2} µs CPU a step",
        runs / wall,
        all / wall,
        used * 1e6 / all
    );

    let port = Arc::new(Nowhere {
        keep: true,
        ..Nowhere::default()
    });
    let (_mailbox, execution) = host.execute(request(Vec::new(), port.clone(), &event));
    execution.await;
    let mut entries = port.entries.lock().clone();
    entries.pop();
    let (count, began) = (entries.len(), Instant::now());
    let mut rounds = 0_u32;
    while began.elapsed() < Duration::from_secs(1) {
        let (_mailbox, execution) = host.execute(request(entries.clone(), Arc::default(), &event));
        execution.await;
        rounds += 1;
    }
    let each = began.elapsed() / rounds;
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = count as f64 / each.as_secs_f64();
    println!("replay of {count} entries: {each:?} ({rate:.0} entries/s)");
}
