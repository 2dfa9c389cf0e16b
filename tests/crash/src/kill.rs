//! Kills the real binary: under load, while it starts, while it takes up what an earlier life has left.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use abide_e2e::{Run, Server};
use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::door::Door;
use crate::records::{Counts, Records};
use crate::rng::Rng;
use crate::session::Session;
use crate::witness::Witness;

/// How long a start may take.
const START: Duration = Duration::from_secs(180);

/// How long everything that is open may take to end after a restart.
const SETTLE: Duration = Duration::from_secs(300);

/// Requests that are under way at once.
const SENDERS: u64 = 6;

/// Orders that a cycle leaves open at most: what has to be finished before the next one.
pub const MOST_OPEN: usize = 60;

/// The longest that a cycle loads the node before the kill, unless it is set.
pub const MOST_LOAD_MS: u64 = 700;

/// The latest instant of a start at which it is killed.
const MOST_START_MS: u64 = 500;

/// How long witness answers are held back at most.
const WITNESS_DELAY: Duration = Duration::from_millis(12);

/// After each so many kills `abide store check` looks at what is left, before the next start mends anything.
const CHECK_EVERY: u64 = 4;

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// How often the process was killed.
    pub kills: u64,
    /// Of these, before it listened or while it took up the work.
    pub early: u64,
    /// Of these, those after which `abide store check` looked at the store.
    pub checked: u64,
    /// What was counted.
    pub counts: Counts,
    /// Broken rules.
    pub violations: Vec<String>,
}

impl Summary {
    /// Counts a kill, and looks at the store that it leaves when that is due.
    async fn killed(&mut self, data: &Path, records: &Records) -> Result<()> {
        self.kills += 1;
        if self.kills.is_multiple_of(CHECK_EVERY) {
            must_be_sound(data, records).await?;
            self.checked += 1;
        }
        Ok(())
    }
}

/// How often and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Kills.
    pub cycles: u64,
    /// Where all decisions come from.
    pub seed: u64,
    /// The longest that a cycle loads the node before the kill, in milliseconds; more than 10.
    pub load_ms: u64,
}

impl Plan {
    /// So many kills with the usual load.
    pub fn new(cycles: u64, seed: u64) -> Self {
        Self {
            cycles,
            seed,
            load_ms: MOST_LOAD_MS,
        }
    }
}

/// Kills as often as planned; tells `progress` after each cycle.
pub async fn run(plan: Plan, mut progress: impl FnMut(&Summary)) -> Result<Summary> {
    let Plan {
        cycles,
        seed,
        load_ms,
    } = plan;
    let mut rng = Rng::new(seed);
    let records = Arc::new(Records::default());
    let witness = Witness::start(records.clone(), rng.fork(), WITNESS_DELAY).await?;
    let data = tempfile::tempdir().context("no temporary folder")?;
    let mut node = Process::start(data.path(), false).await?;
    deploy(&node.door, &witness).await?;
    let session = Session::new(&records, format!("k{seed}"));
    let mut summary = Summary::default();
    while summary.kills < cycles {
        under_load(&session, &node.door, load_ms, &mut rng).await;
        node.kill(&records).await?;
        witness.drained().await?;
        summary.killed(data.path(), &records).await?;
        while summary.kills < cycles && rng.chance(30) {
            let instant = Duration::from_millis(rng.within(0..MOST_START_MS));
            Process::start_and_kill(data.path(), instant).await?;
            witness.drained().await?;
            summary.killed(data.path(), &records).await?;
            summary.early += 1;
        }
        node = Process::start(data.path(), rng.chance(30))
            .await
            .context("the node does not start again")?;
        session.settle(&node.door, SETTLE).await;
        node.must_live(&records);
        session.look_back(&node.door, &mut rng).await?;
        summary.counts = records.counts();
        progress(&summary);
        if summary.counts.violations > 0 {
            break;
        }
    }
    summary.violations = records.violations();
    Ok(summary)
}

/// Deploys the guest `ledger`, which reports to this witness.
pub async fn deploy(door: &Door, witness: &Witness) -> Result<()> {
    let wasm = std::fs::read(abide_e2e::guest("ledger"))?;
    let query = format!(
        "var=WITNESS_URL={}&allow_net={}",
        witness.url(),
        witness.address()
    );
    let reply = door.deploy("ledger", wasm, &query).await?;
    ensure!(
        reply.status == 200,
        "the guest is not deployed: {}",
        reply.json
    );
    Ok(())
}

/// Sends and looks until a random instant.
async fn under_load(session: &Session<'_>, door: &Door, load_ms: u64, rng: &mut Rng) {
    let instant = Duration::from_millis(rng.within(10..load_ms.max(11)));
    load(session, door, rng, instant).await;
}

/// Sends and looks for this long, or until the node answers no more.
pub async fn load(session: &Session<'_>, door: &Door, rng: &mut Rng, time: Duration) {
    let senders = (0..SENDERS)
        .map(|_| send(session, door, rng.fork()))
        .collect::<Vec<_>>();
    let watchers = (0..2)
        .map(|_| watch(session, door, rng.fork()))
        .collect::<Vec<_>>();
    let all = futures::future::join(
        futures::future::join_all(senders),
        futures::future::join_all(watchers),
    );
    // The instant comes as it may: whatever is under way then gets no answer.
    let _ = tokio::time::timeout(time, all).await;
}

async fn send(session: &Session<'_>, door: &Door, mut rng: Rng) {
    while session.open() < MOST_OPEN && session.order(door, wall_ms(), &mut rng).await {
        tokio::time::sleep(Duration::from_millis(rng.within(0..25))).await;
    }
}

async fn watch(session: &Session<'_>, door: &Door, mut rng: Rng) {
    while session.observe(door, &mut rng).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(rng.within(1..20))).await;
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A node in a process of its own.
struct Process {
    server: Server,
    door: Door,
}

impl Process {
    async fn start(data: &Path, check_replay: bool) -> Result<Self> {
        let data = data.to_owned();
        let more = check_replay.then_some("--check-replay");
        let server = blocking(move || Server::spawn_serve(&data, more)?.ready(START)).await??;
        let door = Door::socket(server.url())?;
        Ok(Self { server, door })
    }

    /// Starts it and kills it at this instant, whatever it does then.
    async fn start_and_kill(data: &Path, instant: Duration) -> Result<()> {
        let data = data.to_owned();
        let starting = blocking(move || Server::spawn_serve(&data, None::<&str>)).await??;
        tokio::time::sleep(instant).await;
        blocking(move || drop(starting)).await
    }

    async fn kill(mut self, records: &Records) -> Result<()> {
        self.must_live(records);
        let server = self.server;
        blocking(move || server.kill()).await
    }

    /// A process that nobody killed must not have ended.
    fn must_live(&mut self, records: &Records) {
        if let Some(status) = self.server.ended(Duration::ZERO) {
            let output = self.server.output();
            records.violated(format!(
                "the process ended by itself ({status}); it had written:\n{output}"
            ));
        }
    }
}

/// The store that a kill leaves has everything that it must have, and nothing that does not agree.
async fn must_be_sound(data: &Path, records: &Records) -> Result<()> {
    let data = data.to_string_lossy().into_owned();
    let ran = blocking(move || Run::abide(["store", "check", "--data", &data]).run()).await?;
    if ran.code != 0 {
        records.violated(format!(
            "`abide store check` after a kill ends with {}; it had written:\n{}\n{}",
            ran.code, ran.stdout, ran.stderr
        ));
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("a thread of the harness failed")
}

/// Runs a future on a runtime of its own.
pub fn on_runtime<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    Ok(runtime.context("no runtime")?.block_on(future))
}

/// All seeds from `first` on, `count` of them, several at once; stops after the first that finds something.
pub async fn side_by_side<T: Send + 'static>(
    seeds: impl IntoIterator<Item = u64>,
    at_once: usize,
    work: impl Fn(u64) -> T + Send + Sync + 'static,
    mut done: impl FnMut(u64, T) -> bool,
) -> Result<()> {
    let work = Arc::new(work);
    let mut tasks = JoinSet::new();
    let mut seeds = seeds.into_iter();
    loop {
        while tasks.len() < at_once
            && let Some(seed) = seeds.next()
        {
            let work = work.clone();
            tasks.spawn_blocking(move || (seed, work(seed)));
        }
        let Some(result) = tasks.join_next().await else {
            return Ok(());
        };
        let (seed, result) = result.context("a scenario panicked")?;
        if !done(seed, result) {
            seeds.by_ref().for_each(drop);
        }
    }
}
