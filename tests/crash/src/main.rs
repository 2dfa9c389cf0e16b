//! `abide-crash`: kills and power cuts, as many as one likes. `cargo xtask crash` builds everything that it needs and starts it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use abide_crash::kill::{self, on_runtime, side_by_side};
use abide_crash::power;
use abide_crash::records::Counts;
use anyhow::Result;
use clap::Parser;
use tokio::runtime::Handle;

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
        good &= kills(options.cycles, seed).await?;
    }
    let seeds = options.power_seeds.unwrap_or(options.cycles);
    if good && seeds > 0 {
        good &= power_cuts(seeds, options.at_once, seed).await?;
    }
    Ok(good)
}

async fn kills(cycles: u64, seed: u64) -> Result<bool> {
    let began = Instant::now();
    let summary = kill::run(cycles, seed, |kills, summary| {
        line(&format!(
            "{kills}/{cycles} kills, {}",
            shown(&summary.counts)
        ));
    })
    .await?;
    end_line();
    println!(
        "kill -9: {} kills ({} of them while starting) in {:.0} s, {}",
        summary.kills,
        summary.early,
        began.elapsed().as_secs_f64(),
        shown(&summary.counts)
    );
    Ok(report(&summary.violations))
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
        "{} requests acknowledged, {} unanswered and repeated, {} effects ({} repeated before they were durable), {} runs checked, {} rules broken",
        counts.acknowledged,
        counts.unanswered,
        counts.effects,
        counts.repeated,
        counts.runs,
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
