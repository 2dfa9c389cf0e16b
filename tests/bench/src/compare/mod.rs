//! `cargo xtask bench --compare`: the same workloads on Abide and on what a user would pick instead, side by side, on the same disk.
//!
//! All systems run at the same time and wait while one of them works. Each line of the table is measured in rounds, in each of which every
//! system has one turn, so that what the machine does meanwhile meets all of them. What can't be had on a machine is left out, by name and
//! with the reason. There is no pass or fail.

mod drive;
mod effects;
pub(crate) mod line;
pub(crate) mod process;
mod stats;
mod systems;
mod table;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::machine;
use effects::Effects;
use stats::Figures;
use systems::{Facts, Name, Places, System};
use table::Table;
use workload::{Cell, Workload};

/// How many rounds, and how long a turn is at least.
const FULL: (usize, Duration) = (5, Duration::from_millis(600));
const QUICK: (usize, Duration) = (2, Duration::from_millis(200));

/// A system whose turns take more than this many times as long, because its runs do, has fewer rounds.
const SLOW_TURNS: u32 = 4;
const SLOW_ROUNDS: usize = 2;

/// Syncs that are timed before each turn; their median stands beside its figures.
const SYNCS: usize = 21;

/// How long, and with how many runs at once, each workload is tried before anything is measured.
const WARM_UP: Duration = Duration::from_millis(200);
const WARM_UP_FLIGHT: usize = 4;

/// How long idle systems are watched.
const IDLE: Duration = Duration::from_secs(3);

/// What is compared, and how much.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) peers: Vec<Name>,
    pub(crate) quick: bool,
    pub(crate) only: Option<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) markdown: Option<PathBuf>,
}

pub(crate) use systems::Name as Peer;

/// Those that were named, or all.
pub(crate) fn peers(named: Vec<Name>) -> Vec<Name> {
    let mut peers = if named.is_empty() {
        Name::PEERS.to_vec()
    } else {
        named
    };
    peers.retain(|name| *name != Name::Abide);
    peers.sort_unstable();
    peers.dedup();
    peers
}

/// A system that runs, with what was measured of it.
pub(crate) struct Contestant {
    name: Name,
    system: Arc<dyn System>,
    idle_cpu_percent: f64,
    memory_bytes: u64,
}

impl Contestant {
    fn facts(&self) -> Facts {
        self.system.facts()
    }
}

/// Compares, prints, writes.
pub(crate) async fn run(base: &Path, options: &Options) -> Result<()> {
    // So that an interruption also ends what was started.
    tokio::select! {
        done = compare(base, options) => done,
        signal = interrupted() => signal,
    }
}

async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
    }
    anyhow::bail!("interrupted")
}

async fn compare(base: &Path, options: &Options) -> Result<()> {
    let (rounds, budget) = if options.quick { QUICK } else { FULL };
    let effects = Effects::serve().await?;
    let data = tempfile::Builder::new()
        .prefix("abide-compare-")
        .tempdir_in(base)?;
    let places = Places {
        data: &data,
        installed: &installed()?,
        effects: effects.address(),
    };
    let mut table = Table::new(rounds, budget);
    let mut contestants = start(options, &places, &effects, &mut table).await?;
    watch_idle(&mut contestants).await;
    let wanted = |cell: &Cell| {
        options
            .only
            .as_deref()
            .is_none_or(|only| cell.key().contains(only))
    };
    for cell in Cell::all().into_iter().filter(wanted) {
        let figures = measure(cell, &contestants, &effects, rounds, budget, base).await?;
        table.add(cell, figures);
    }
    for contestant in &mut contestants {
        contestant.memory_bytes = process::memory_bytes(contestant.system.processes());
    }
    table.finish(&contestants);
    let markdown = table.markdown();
    println!("\n{markdown}");
    if let Some(path) = &options.markdown {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        std::fs::write(path, table::place(&before, &markdown))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&table.json())? + "\n";
        std::fs::write(path, text)
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

/// The folder that what was installed stays in: beside the builds.
fn installed() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .ancestors()
        .nth(2)
        .context("the program lies in a folder of the target directory")?;
    Ok(target.join("compare"))
}

/// Starts all of them. Without Abide there is nothing to compare; a peer that can't be had is noted.
async fn start(
    options: &Options,
    places: &Places<'_>,
    effects: &Effects,
    table: &mut Table,
) -> Result<Vec<Contestant>> {
    let mut contestants = Vec::new();
    for name in std::iter::once(Name::Abide).chain(options.peers.iter().copied()) {
        let began = Instant::now();
        match ready(name, places, effects).await {
            Ok(system) => {
                println!(
                    "{} runs, after {:.1} s: {}",
                    name.title(),
                    began.elapsed().as_secs_f64(),
                    system.facts().version
                );
                contestants.push(Contestant {
                    name,
                    system,
                    idle_cpu_percent: 0.0,
                    memory_bytes: 0,
                });
            }
            Err(error) if name == Name::Abide => return Err(error),
            Err(error) => {
                println!("{} is left out: {error:#}", name.title());
                table.leave_out(name, format!("{error:#}"));
            }
        }
    }
    Ok(contestants)
}

/// Starts a system and has it do a little of everything, so that code and pages are in memory and compiled before the first turn that counts.
async fn ready(name: Name, places: &Places<'_>, effects: &Effects) -> Result<Arc<dyn System>> {
    let system: Arc<dyn System> = Arc::from(systems::start(name, places).await?);
    let cells = Cell::all().into_iter();
    for cell in cells.filter(|cell| cell.in_flight == 1 && cell.workload != Workload::Long) {
        let cell = Cell {
            in_flight: WARM_UP_FLIGHT,
            ..cell
        };
        let turn = drive::turn(&system, cell, &effects.url(), WARM_UP).await;
        turn.with_context(|| format!("it failed at {}", cell.key()))?;
    }
    Ok(system)
}

/// What each takes of a core while another one is measured.
async fn watch_idle(contestants: &mut [Contestant]) {
    let used = |contestants: &[Contestant]| -> Vec<Duration> {
        let used = contestants
            .iter()
            .map(|it| process::cpu_time(it.system.processes()));
        used.collect()
    };
    let before = used(contestants);
    tokio::time::sleep(IDLE).await;
    let after = used(contestants);
    for (contestant, (before, after)) in contestants.iter_mut().zip(before.iter().zip(after)) {
        let share = after.saturating_sub(*before).as_secs_f64() / IDLE.as_secs_f64();
        contestant.idle_cpu_percent = share * 100.0;
    }
}

/// One line of the table.
async fn measure(
    cell: Cell,
    contestants: &[Contestant],
    effects: &Effects,
    rounds: usize,
    budget: Duration,
    base: &Path,
) -> Result<BTreeMap<Name, Figures>> {
    let mut figures: BTreeMap<Name, Figures> = BTreeMap::new();
    println!("{}", cell.key());
    for round in 0..rounds {
        for place in 0..contestants.len() {
            let contestant = &contestants[(round + place) % contestants.len()];
            let figures = figures.entry(contestant.name).or_default();
            let slow = round >= SLOW_ROUNDS && figures.slowest_turn() > budget * SLOW_TURNS;
            if slow || figures.failure.is_some() {
                continue;
            }
            let sync = machine::quantile(&mut machine::syncs(base, SYNCS)?, 0.5);
            let asked = effects.requests();
            let began = Instant::now();
            match drive::turn(&contestant.system, cell, &effects.url(), budget).await {
                Ok(turn) => {
                    let needed = if cell.http { turn.latencies.len() } else { 0 };
                    anyhow::ensure!(
                        effects.requests() - asked >= needed as u64,
                        "{} called the outside less often than its steps should",
                        contestant.name.title()
                    );
                    figures.add(turn, began.elapsed(), sync);
                }
                Err(error) => {
                    println!("  {}: {error:#}", contestant.name.title());
                    figures.failure = Some(format!("{error:#}"));
                }
            }
        }
    }
    for (name, figures) in &figures {
        println!("  {}", table::line(*name, figures));
    }
    Ok(figures)
}
