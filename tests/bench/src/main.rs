//! `cargo xtask bench`: measures one node in this process and prints a table. It judges nothing: there is no pass or fail.
//!
//! But for `ingestion` and `dashboard`, every figure is taken over the whole path but HTTP: events in through [`abide_server::Node`], a real component, sled with real
//! syncs on the disk of `--dir`. `--compare` is another matter: the real binary beside other systems, all over HTTP.

mod compare;
mod dashboard;
mod deploy;
mod flight;
mod flow;
mod idle;
mod ingestion;
mod languages;
mod log;
mod machine;
mod profile;
mod queue;
mod replay;
mod report;
mod restart;
mod rig;
mod service;
mod throughput;
mod timers;
mod waits;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use report::Report;

/// Measures Abide on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Smaller numbers everywhere: ends within 60 s.
    #[arg(long)]
    quick: bool,
    /// Also writes the figures as JSON, with stable keys.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the data is kept meanwhile; the disk below it is what is measured. Default: the system's temporary folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Takes only the measurements whose name contains this: throughput, ingest, ingestion, replay, resume, sleepers, timers, restart, flow, waits, queue, profile, log, deploy, dashboard, languages.
    /// Languages is taken only if it is named: it needs components of all of them.
    /// With --compare: the lines of its table whose key contains this, for example `sequence10/http/1`.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Compares Abide with these systems instead, which it installs through npm and pip: all that it knows unless some are named.
    #[arg(
        long,
        value_name = "SYSTEM,…",
        value_enum,
        value_delimiter = ',',
        num_args = 0..,
        require_equals = false
    )]
    compare: Option<Vec<compare::Peer>>,
    /// With --compare: also writes its tables as Markdown, between the lines `<!-- compare -->` and `<!-- end of compare -->` if the file has them.
    #[arg(long, value_name = "FILE", requires = "compare")]
    markdown: Option<PathBuf>,
    /// Runs of throughput and profile.
    #[arg(long, value_name = "COUNT")]
    runs: Option<usize>,
    /// Measures throughput and profile with these runs in flight only.
    #[arg(long, value_name = "COUNT", value_delimiter = ',')]
    in_flight: Option<Vec<usize>>,
    /// Runs that sleep, for sleepers.
    #[arg(long, value_name = "COUNT")]
    sleepers: Option<usize>,
    /// The store's page cache, instead of the node's default.
    #[arg(long, value_name = "MIB")]
    cache_mib: Option<u64>,
    /// Only opens a node over this folder and prints the bytes of memory that it takes: a part of sleepers.
    #[arg(long, value_name = "DIR", hide = true)]
    resident_of: Option<PathBuf>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Scale {
    runs: usize,
    events: usize,
    sleepers: usize,
    timers: usize,
    live: usize,
    waits: usize,
    queued: usize,
    samples: usize,
}

const FULL: Scale = Scale {
    runs: 40_000,
    events: 200_000,
    sleepers: 100_000,
    timers: 10_000,
    live: 100_000,
    waits: 100_000,
    queued: 1_000_000,
    samples: 200,
};

const QUICK: Scale = Scale {
    runs: 5_000,
    events: 20_000,
    sleepers: 10_000,
    timers: 2_000,
    live: 5_000,
    waits: 5_000,
    queued: 20_000,
    samples: 30,
};

fn main() -> Result<()> {
    // The same runtime as the binary's.
    abide_host::runtime().build()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let arguments = Arguments::parse();
    let mut scale = if arguments.quick { QUICK } else { FULL };
    scale.runs = arguments.runs.unwrap_or(scale.runs);
    scale.sleepers = arguments.sleepers.unwrap_or(scale.sleepers);
    rig::set_cache(arguments.cache_mib);
    if let Some(directory) = &arguments.resident_of {
        return idle::tell_resident(directory).await;
    }
    let in_flight = arguments.in_flight.as_deref();
    let base = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    if let Some(named) = arguments.compare {
        let options = compare::Options {
            peers: compare::peers(named),
            quick: arguments.quick,
            only: arguments.only,
            json: arguments.json,
            markdown: arguments.markdown,
        };
        return compare::run(&base, &options).await;
    }
    let wanted = |name: &str| {
        arguments
            .only
            .as_deref()
            .is_none_or(|only| name.contains(only))
    };
    let mut report = Report::default();
    machine::describe(&base, &mut report)?;
    if wanted("throughput") {
        throughput::steps(
            &base,
            scale,
            in_flight.unwrap_or(&[1, 16, 64, 256]),
            &mut report,
        )
        .await?;
    }
    if wanted("ingest") {
        throughput::ingest(&base, scale, &mut report).await?;
    }
    over_http(&wanted, &base, scale, &mut report).await?;
    if wanted("replay") || wanted("resume") {
        replay::measure(&base, scale, &mut report).await?;
    }
    if wanted("sleepers") {
        idle::sleepers(&base, scale, &mut report).await?;
    }
    if wanted("timers") {
        timers::lateness(&base, scale, &mut report).await?;
    }
    if wanted("restart") {
        restart::first_progress(&base, scale, &mut report).await?;
    }
    if wanted("flow") {
        flow::controls(&base, scale, &mut report).await?;
    }
    if wanted("waits") {
        waits::matching(&base, scale, &mut report).await?;
    }
    if wanted("queue") {
        queue::full(&base, scale, &mut report).await?;
    }
    if wanted("profile") {
        profile::take(&base, scale, in_flight.unwrap_or(&[1, 256]), &mut report).await?;
    }
    if wanted("log") {
        log::against_append(&base, &mut report)?;
    }
    if wanted("deploy") {
        deploy::times(&base, &mut report).await?;
    }
    if arguments.only.as_deref() == Some("languages") {
        languages::measure(&base, scale, &mut report).await?;
    }
    hand_over(&report, arguments.json.as_deref())
}

/// What is measured of the binary.
async fn over_http(
    wanted: impl Fn(&str) -> bool,
    base: &Path,
    scale: Scale,
    report: &mut Report,
) -> Result<()> {
    if wanted("ingestion") {
        ingestion::over_http(base, scale, report).await?;
    }
    if wanted("dashboard") {
        dashboard::pages(base, scale, report).await?;
    }
    Ok(())
}

fn hand_over(report: &Report, json: Option<&Path>) -> Result<()> {
    report.print();
    json.map_or(Ok(()), |path| report.write(path))
}
