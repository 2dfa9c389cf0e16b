//! One turn of one system at one cell: so many runs at once for about so long, and how long each took.
//!
//! Every run of a flight has a connection of its own, opened before. The next run starts when the former one's end is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::line::Line;
use super::process::cpu_time;
use super::systems::System;
use super::workload::{Cell, Job, Workload};

/// A turn that takes longer is an error.
const LONGEST: Duration = Duration::from_secs(120);

/// How often a system is asked whether a run waits already. That time is not measured.
const PAUSE: Duration = Duration::from_millis(2);

/// No two jobs have the same key.
static KEYS: AtomicU64 = AtomicU64::new(0);

/// What a turn took.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) latencies: Vec<Duration>,
    /// From the first run's beginning to the last one's end.
    pub(crate) elapsed: Duration,
    /// Processor time of the system's programs.
    pub(crate) cpu: Duration,
}

/// Drives `system` for about `budget`; runs that have begun are completed.
pub(crate) async fn turn(
    system: &Arc<dyn System>,
    cell: Cell,
    effects: &str,
    budget: Duration,
) -> Result<Turn> {
    let url = cell.http.then(|| effects.to_owned());
    let flight = async {
        match cell.workload {
            Workload::Wait => waits(system, cell, url, budget).await,
            Workload::Sequence
            | Workload::Parallel
            | Workload::Sleep
            | Workload::FanOut
            | Workload::Long => runs(system, cell, url, budget).await,
        }
    };
    tokio::time::timeout(LONGEST, flight)
        .await
        .with_context(|| format!("it was not over after {} s", LONGEST.as_secs()))?
}

fn job(cell: Cell, url: Option<&str>) -> Job {
    let number = KEYS.fetch_add(1, Ordering::Relaxed);
    Job::new(cell.workload, url, format!("k{number}"))
}

async fn runs(
    system: &Arc<dyn System>,
    cell: Cell,
    url: Option<String>,
    budget: Duration,
) -> Result<Turn> {
    let mut lines = Vec::with_capacity(cell.in_flight);
    for _ in 0..cell.in_flight {
        lines.push(Line::open(system.address()).await?);
    }
    let cpu = cpu_time(system.processes());
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for mut line in lines {
        let (system, url) = (system.clone(), url.clone());
        senders.spawn(async move {
            let mut latencies = Vec::new();
            while latencies.is_empty() || began.elapsed() < budget {
                let job = job(cell, url.as_deref());
                let sent = Instant::now();
                let result = system.run(&mut line, &job).await?;
                latencies.push(job.net(sent.elapsed()));
                job.check(result)?;
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    let mut turn = Turn::default();
    while let Some(sender) = senders.join_next().await {
        turn.latencies.extend(sender??);
    }
    turn.elapsed = began.elapsed();
    turn.cpu = cpu_time(system.processes()).saturating_sub(cpu);
    Ok(turn)
}

/// Again and again: as many runs as the flight has are brought to where they wait, then all are woken at once. Only the second half
/// is measured.
async fn waits(
    system: &Arc<dyn System>,
    cell: Cell,
    url: Option<String>,
    budget: Duration,
) -> Result<Turn> {
    let mut turn = Turn::default();
    let began = Instant::now();
    while turn.latencies.is_empty() || began.elapsed() < budget {
        let mut parked = JoinSet::new();
        for _ in 0..cell.in_flight {
            let (system, url) = (system.clone(), url.clone());
            parked.spawn(async move { park(system, cell, url.as_deref()).await });
        }
        let parked: Result<Vec<_>> = parked.join_all().await.into_iter().collect();
        let cpu = cpu_time(system.processes());
        let woken = Instant::now();
        let mut waking = JoinSet::new();
        for run in parked? {
            let system = system.clone();
            waking.spawn(async move { run.wake(system).await });
        }
        for latency in waking.join_all().await {
            turn.latencies.push(latency?);
        }
        turn.elapsed += woken.elapsed();
        turn.cpu += cpu_time(system.processes()).saturating_sub(cpu);
    }
    Ok(turn)
}

/// A run that waits, the request that will be answered with its end, and a connection for the event.
struct Parked {
    job: Arc<Job>,
    end: JoinSet<Result<(u64, Instant)>>,
    line: Line,
}

async fn park(system: Arc<dyn System>, cell: Cell, url: Option<&str>) -> Result<Parked> {
    let job = Arc::new(job(cell, url));
    let mut line = Line::open(system.address()).await?;
    // A set, so that a run that is given up does not go on alone.
    let mut end = JoinSet::new();
    end.spawn({
        let (system, job) = (system.clone(), job.clone());
        async move {
            let mut line = Line::open(system.address()).await?;
            let result = system.run(&mut line, &job).await?;
            Ok((result, Instant::now()))
        }
    });
    while !system.waits(&mut line, &job).await? {
        // A run that has failed will never wait.
        if let Some(ended) = end.try_join_next() {
            let (result, _) = ended??;
            anyhow::bail!("a run ended with {result} before its event was sent");
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Parked { job, end, line })
}

impl Parked {
    async fn wake(mut self, system: Arc<dyn System>) -> Result<Duration> {
        let sent = Instant::now();
        system.wake(&mut self.line, &self.job).await?;
        let ended = self.end.join_next().await;
        let (result, at) = ended.context("the run's end is awaited once")???;
        self.job.check(result)?;
        Ok(at.duration_since(sent))
    }
}
