//! One soak from its beginning to its verdict.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::findings::Findings;
use crate::guests::Component;
use crate::ledger::Ledger;
use crate::node::Node;
use crate::sample::{self, Sample};
use crate::schedule::{self, Rhythm};
use crate::verdict::{self, Judged};
use crate::witness::Witness;
use crate::{chaos, checks, follow, load, readers, record};

/// How long everything that is open may take to end once nothing is sent any more.
const SETTLE: Duration = Duration::from_secs(240);

/// Between two looks at whether everything has ended.
const LOOK: Duration = Duration::from_millis(250);

/// Between two jobs.
const JOB_EVERY: Duration = Duration::from_secs(60);

/// Tasks that look at what was acknowledged.
const CHECKERS: u64 = 6;

/// Those who read lists, and those who follow streams.
const READERS: u64 = 2;
const WATCHERS: u64 = 4;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it is loaded.
    pub duration: Duration,
    /// Events a second, on average.
    pub rate: f64,
    /// Where the decisions come from.
    pub seed: u64,
    /// Between two deaths in the restless part of each hour, on average.
    pub death_every: Duration,
    /// Between two deploys, on average.
    pub deploy_every: Duration,
    /// How long finished runs and events are kept.
    pub keep: Duration,
    /// How often the node keeps house.
    pub keep_house_every: Duration,
    /// Between two rows of the samples.
    pub sample_every: Duration,
    /// Where the results go.
    pub out: PathBuf,
    /// Where the data directory is made. Default: the system's temporary folder.
    pub directory: Option<PathBuf>,
}

impl Options {
    /// After this an ended run must be gone: its own retention, then its event's, a round of housekeeping after each, and time for all
    /// that, whatever else the machine does.
    pub(crate) fn forgotten_after(&self) -> Duration {
        self.keep * 2 + self.keep_house_every * 3 + Duration::from_secs(90)
    }
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that was acknowledged has ended as it must, and nothing else was wrong.
    pub correct: bool,
    /// Nothing that was judged grows.
    pub flat: bool,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// How often the process was killed.
    pub kills: u64,
    /// Entries that were looked for after their retention, and gone.
    pub forgotten: u64,
    /// The findings, for people.
    pub table: String,
}

/// What all tasks share.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) witness: Witness,
    pub(crate) component: Component,
    pub(crate) ledger: Ledger,
    pub(crate) findings: Arc<Findings>,
    pub(crate) samples: Mutex<Vec<Sample>>,
    ending: AtomicBool,
    tasks: AtomicU64,
}

impl World {
    /// Starts something that must come to its end before the soak does.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        let world = self.clone();
        tokio::spawn(async move {
            work.await;
            world.tasks.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Waits this long, or until nothing new is to be begun.
    pub(crate) async fn pause(&self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time && !self.is_ending() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Runs a soak, and writes its results.
pub async fn run(options: Options) -> Result<Outcome> {
    let mut rng = StdRng::seed_from_u64(options.seed);
    let findings = Arc::new(Findings::new());
    let witness = Witness::start(fork(&mut rng), findings.clone()).await?;
    let base = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let data = tempfile::Builder::new()
        .prefix("abide-soak-")
        .tempdir_in(base)?;
    let node = Node::new(data.path(), arguments(&options), findings.clone());
    let client = Client::new(node.lives(), findings.clone())?;
    let rhythm = Rhythm {
        death_every: options.death_every,
        deploy_every: options.deploy_every,
    };
    let plan = schedule::plan(options.duration, rhythm, &mut rng);
    let world = Arc::new(World {
        options,
        node,
        client,
        witness,
        component: Component::read()?,
        ledger: Ledger::default(),
        findings,
        samples: Mutex::default(),
        ending: AtomicBool::new(false),
        tasks: AtomicU64::new(0),
    });
    world.node.start().await?;
    chaos::deploy(&world, 1).await?;
    let mut helpers = start_helpers(&world, &mut rng);
    let sending = tokio::spawn(load::send(world.clone(), fork(&mut rng)));
    let carried_out = chaos::carry_out(&world, &plan).await;
    sending.abort();
    let ended = match carried_out {
        Ok(()) => end(&world).await,
        failed => failed,
    };
    helpers.abort_all();
    if let Err(error) = ended {
        world.findings.violated(format!("{error:#}"));
    }
    let samples = world.samples.lock().clone();
    let judged = verdict::judge(&samples);
    record::write(&world.options, &samples, &world.findings, &judged)?;
    let outcome = outcome(&world, &judged);
    if !outcome.correct {
        eprintln!("the data directory is left at {}", data.keep().display());
    }
    Ok(outcome)
}

fn outcome(world: &World, judged: &[Judged]) -> Outcome {
    let findings = &world.findings;
    Outcome {
        correct: findings.violations().0 == 0,
        flat: judged.iter().all(|judged| judged.flat != Some(false)),
        acknowledged: findings.counted("events acknowledged"),
        kills: findings.counted("kills"),
        forgotten: findings.counted("looked for after retention, and gone"),
        table: record::table(findings, judged),
    }
}

fn fork(rng: &mut StdRng) -> StdRng {
    StdRng::seed_from_u64(rng.random())
}

fn arguments(options: &Options) -> Vec<String> {
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let keep = time(options.keep);
    let house = time(options.keep_house_every);
    let arguments = [
        "--log-format",
        "json",
        "--keep-runs",
        &keep,
        "--keep-events",
        &keep,
        "--keep-house-every",
        &house,
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Everything that goes on beside the load.
fn start_helpers(world: &Arc<World>, rng: &mut StdRng) -> JoinSet<()> {
    let mut helpers = JoinSet::new();
    for _ in 0..CHECKERS {
        helpers.spawn(checks::settle(world.clone()));
    }
    for _ in 0..READERS {
        helpers.spawn(readers::read(world.clone(), fork(rng)));
    }
    for _ in 0..WATCHERS {
        helpers.spawn(readers::watch(world.clone(), fork(rng)));
    }
    helpers.spawn(checks::forgotten(world.clone()));
    helpers.spawn(checks::probe(world.clone(), fork(rng)));
    helpers.spawn(follow::resume_the_poisoned(world.clone()));
    helpers.spawn(sample::take(world.clone(), world.options.sample_every));
    helpers.spawn(progress(world.clone()));
    let pausing = world.clone();
    world.spawn(async move {
        if let Err(error) = follow::pause_a_function(&pausing).await {
            pausing.findings.violated(format!("{error:#}"));
        }
    });
    let cancelling = world.clone();
    world.spawn(async move {
        for number in 0.. {
            cancelling.pause(JOB_EVERY).await;
            if cancelling.is_ending() {
                return;
            }
            if let Err(error) = follow::cancel_by_job(&cancelling, number).await {
                cancelling.findings.violated(format!("{error:#}"));
            }
        }
    });
    helpers
}

/// Waits until everything has ended, looks whether anything is left, and stops the node.
async fn end(world: &World) -> Result<()> {
    world.ending.store(true, Ordering::Relaxed);
    let began = Instant::now();
    while world.tasks.load(Ordering::Relaxed) > 0 || world.ledger.open_entries() > 0 {
        world.node.check_alive().await?;
        if began.elapsed() > SETTLE {
            let tasks = world.tasks.load(Ordering::Relaxed);
            world.findings.violated(format!(
                "{} runs and {tasks} tasks are stuck",
                world.ledger.open_entries()
            ));
            for entry in world.ledger.oldest(20) {
                world.findings.violated(format!(
                    "stuck: {} of {:?}",
                    entry.place.path(),
                    entry.order
                ));
            }
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let found = tokio::time::timeout(SETTLE, async {
        // A schedule may have started one just now.
        while !unfinished(world).await?.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    });
    if found.await.is_err() {
        let left = unfinished(world).await?;
        world
            .findings
            .violated(format!("runs have not ended: {left:?}"));
    }
    world.node.stop().await.context("at the end")?;
    world.node.census().await
}

/// Runs that have not ended. A page of the list may be empty although more follow.
async fn unfinished(world: &World) -> Result<Vec<Value>> {
    let list = "/api/v1/runs?status=queued,running,sleeping,waiting,paused&limit=200";
    let mut all = Vec::new();
    let mut path = list.to_owned();
    loop {
        let page = world.client.get(&path).await?.json;
        all.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{list}&cursor={cursor}"),
            None => return Ok(all),
        }
    }
}

/// Says now and then how it goes. Never returns.
async fn progress(world: Arc<World>) {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let last = world.samples.lock().last().copied().unwrap_or_default();
        eprintln!(
            "{:>5.0} s: {} events, {} runs ended, {} open; {} kills, {} deploys; {:.0} MiB anonymous, {:.0} MiB on disk, {} descriptors, probe {:.1} ms; {} rules broken",
            last.at_s,
            last.acknowledged,
            last.settled,
            last.open,
            world.findings.counted("kills"),
            world.findings.counted("deploys"),
            last.anonymous_mib,
            last.disk_mib,
            last.descriptors,
            last.probe_ms,
            world.findings.violations().0,
        );
    }
}
