//! `abide-crash`: kills and power cuts, as many as one likes. `cargo xtask crash` builds everything that it needs and starts it.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use abide_crash::kill::{self, on_runtime, side_by_side};
use abide_crash::power;
use abide_crash::records::Counts;
use anyhow::{Context, Result};
use clap::Parser;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Kills the real binary and cuts the power of a simulated machine, again and again, and checks with an outside witness that no
/// acknowledged event is lost and no recorded step repeated.
#[derive(Parser)]
struct Options {
    /// How often the binary is killed and started again.
    #[arg(long, default_value_t = 30)]
    cycles: u64,
    /// How many scenarios of simulated power cuts. Default: as many as cycles.
    #[arg(long)]
    power_seeds: Option<u64>,
    /// Scenarios of power cuts at once.
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Repeats the decisions of an earlier run. Default: a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    /// Binaries that are killed side by side, each with a store and a seed of its own.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// The longest that a cycle loads the node before the kill, in milliseconds.
    #[arg(long, default_value_t = kill::MOST_LOAD_MS)]
    load_ms: u64,
    /// A file that counts what was done: started again with it, the harness goes on where it was.
    #[arg(long)]
    summary: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(std::process::id()) << 20);
    println!("seed {seed} (repeat with --seed {seed})");
    match on_runtime(all(&options, seed)) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) | Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn all(options: &Options, seed: u64) -> Result<bool> {
    let mut good = true;
    if options.cycles > 0 {
        good &= kills(options, seed).await?;
    }
    let seeds = options.power_seeds.unwrap_or(options.cycles);
    if good && seeds > 0 {
        good &= power_cuts(seeds, options.at_once, seed).await?;
    }
    Ok(good)
}

async fn kills(options: &Options, seed: u64) -> Result<bool> {
    let began = Instant::now();
    let mut total = match &options.summary {
        Some(path) => Total::read(path)?,
        None => Total::default(),
    };
    let left = options.cycles.saturating_sub(total.kills);
    // What was done before had the seeds before.
    let seed = seed.wrapping_add(total.kills);
    let jobs = options.jobs.clamp(1, left.max(1));
    let earlier = total.clone();
    let shared = Arc::new(Mutex::new(vec![
        kill::Summary::default();
        usize::try_from(jobs)?
    ]));
    let mut tasks = JoinSet::new();
    for job in 0..jobs {
        let plan = kill::Plan {
            cycles: left / jobs + u64::from(job < left % jobs),
            // Each its own, also of those that a later start takes.
            seed: seed.wrapping_add(job << 40),
            load_ms: options.load_ms,
        };
        let (place, shared) = (usize::try_from(job)?, shared.clone());
        let (earlier, cycles) = (earlier.clone(), options.cycles);
        let path = options.summary.clone();
        tasks.spawn(async move {
            let summary = kill::run(plan, |summary| {
                let mut all = shared.lock();
                all[place] = summary.clone();
                let total = earlier.clone().with(&all);
                line(&format!(
                    "{}/{cycles} kills, {}",
                    total.kills,
                    shown(&total.counts)
                ));
                if let Some(path) = &path
                    && let Err(error) = total.write(path)
                {
                    eprintln!("{error:#}");
                }
            });
            let summary = summary.await;
            (place, plan.seed, summary)
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (place, seed, summary) = ended?;
        match summary {
            Ok(summary) => {
                let broken = summary.violations.iter();
                failed.extend(broken.map(|violation| format!("seed {seed}: {violation}")));
                shared.lock()[place] = summary;
            }
            Err(error) => failed.push(format!("seed {seed}: {error:#}")),
        }
    }
    end_line();
    total = earlier.with(&shared.lock());
    total.seconds += began.elapsed().as_secs();
    if let Some(path) = &options.summary {
        total.write(path)?;
    }
    println!(
        "kill -9: {} kills ({} of them while starting, {} followed by `abide store check`) in {} s, {jobs} at once, {}",
        total.kills,
        total.early,
        total.checked,
        total.seconds,
        shown(&total.counts)
    );
    Ok(report(&failed))
}

/// What was done so far, over several starts of the harness.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Total {
    kills: u64,
    early: u64,
    #[serde(default)]
    checked: u64,
    seconds: u64,
    counts: Counts,
}

impl Total {
    fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is no summary of this harness", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn with(mut self, summaries: &[kill::Summary]) -> Self {
        for summary in summaries {
            self.kills += summary.kills;
            self.early += summary.early;
            self.checked += summary.checked;
            self.counts += summary.counts;
        }
        self
    }
}

async fn power_cuts(seeds: u64, at_once: usize, seed: u64) -> Result<bool> {
    let began = Instant::now();
    let directory = tempfile::tempdir()?;
    let folder = directory.path().to_owned();
    let outside = Handle::current();
    let mut total = power::Summary::default();
    let mut done = 0;
    let mut failed = Vec::new();
    let work = move |seed| power::scenario(seed, &folder, &outside);
    side_by_side(
        seed..seed.saturating_add(seeds),
        at_once,
        work,
        |seed, result| {
            done += 1;
            match result {
                Ok(summary) => {
                    total.cuts += summary.cuts;
                    total.in_commit += summary.in_commit;
                    total.counts += summary.counts;
                    failed.extend(
                        summary
                            .violations
                            .iter()
                            .map(|violation| format!("seed {seed}: {violation}")),
                    );
                }
                Err(error) => failed.push(format!("seed {seed}: {error:#}")),
            }
            line(&format!(
                "{done}/{seeds} seeds, {} cuts, {}",
                total.cuts,
                shown(&total.counts)
            ));
            failed.is_empty()
        },
    )
    .await?;
    end_line();
    println!(
        "power cuts: {done} seeds, {} cuts ({} of them in a commit) in {:.0} s, {}",
        total.cuts,
        total.in_commit,
        began.elapsed().as_secs_f64(),
        shown(&total.counts)
    );
    Ok(report(&failed))
}

fn shown(counts: &Counts) -> String {
    format!(
        "{} requests acknowledged, {} unanswered and repeated, {} effects ({} at later attempts), {} runs checked, {} paused and resumed, {} rules broken",
        counts.acknowledged,
        counts.unanswered,
        counts.effects,
        counts.repeated,
        counts.runs,
        counts.resumed,
        counts.violations
    )
}

fn report(violations: &[String]) -> bool {
    for violation in violations {
        println!("BROKEN: {violation}");
    }
    violations.is_empty()
}

/// The progress: one line that is rewritten on a terminal.
fn line(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
        // Progress is worth no failure.
        let _ = std::io::stderr().flush();
    } else {
        eprintln!("{text}");
    }
}

fn end_line() {
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
}
