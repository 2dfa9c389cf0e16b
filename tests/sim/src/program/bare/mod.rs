//! Programs over the bare machine: no node, no store, no component. What the engine would do around a run is done here as plainly as it can be.
//!
//! Instances run the native interpreter; progress is taken at random moments and is durable at once; a run is thrown out of memory at random moments, with
//! everything that it has not handed on, and goes on from its journal. Time stands until nothing else can happen. So thousands of programs show in seconds that
//! generator, expectation and interpreter agree with each other and with the machine, before a world is built on them.
//!
//! - `instance` is one instance as a future, and its way to the machine
//! - `run` is one run: its journal, what is watched for it, its instances
//! - `outside` is everything between runs: events, signals, children, the outside service, time
//!
//! It is no model of the engine's limits (a function's concurrency and throttle do nothing here).

mod instance;
mod outside;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use abide_core::journal::Entry;
use abide_core::machine::RunInfo;

use super::{Call, Expectation, Program, Seen};
use crate::rng::Rng;
use outside::World;

pub use run::Cue;

/// How a program is treated.
#[derive(Debug, Clone, Copy)]
pub struct Treatment {
    /// In how many of 100 cases a run is thrown out after a turn.
    pub restarts: u64,
    /// In how many of 100 cases the outside service fails.
    pub failures: u64,
    /// Nothing is left to chance: a run goes on for as long as it can, with one body at a time, as it does where it is alone in a host.
    pub steady: bool,
    /// The version of the app.
    pub version: u8,
}

/// One run, as another host can repeat it.
#[derive(Debug)]
pub struct Journal {
    /// What it is.
    pub info: Arc<RunInfo>,
    /// What it was told from outside: at its start, whenever its code was tried again, and whenever it waited.
    pub cues: Vec<Cue>,
    /// What it recorded.
    pub entries: Vec<Entry>,
}

/// What came of a program and of those that it started.
#[derive(Debug)]
pub struct Told {
    /// How each run ended, by the order in which they were created.
    pub runs: Vec<(Program, super::End, Vec<Call>)>,
    /// How often one was thrown out of memory.
    pub restarts: u32,
    /// How many entries there are in all journals.
    pub entries: usize,
    /// The run of the program itself.
    pub first: Journal,
}

/// Runs a program to its end, and everything that it starts; then says what is wrong, if anything is.
pub fn check(program: &Program, seed: u64, treatment: Treatment) -> Result<Told, String> {
    let told = World::new(Rng::new(seed), treatment).tell(program)?;
    let mut withdrawable = std::collections::BTreeSet::new();
    let mut started: BTreeMap<&str, u32> = BTreeMap::new();
    for (program, ..) in &told.runs {
        *started.entry(&program.key).or_default() += 1;
    }
    for (program, end, calls) in &told.runs {
        let Ok(expected) = Expectation::of(program) else {
            continue;
        };
        if *end == super::End::Cancelled && !withdrawable.contains(&program.key) {
            return Err(format!("`{}` was cancelled by nobody", program.key));
        }
        if *end == super::End::Cancelled {
            // Whatever it started may go with it.
            let inner = started.keys().filter(|key| key.starts_with(&program.key));
            withdrawable.extend(inner.map(|key| (*key).to_owned()));
        }
        withdrawable.extend(expected.withdrawable());
        let children = children(&program.key, &started);
        let observed = Seen {
            end: Some(end),
            calls,
            children: Some(&children),
        };
        expected
            .judge(&observed)
            .map_err(|problem| format!("`{}`: {problem}", program.key))?;
    }
    Ok(told)
}

/// How many runs there are of each program that the one of this key started itself: their keys have one part more, or two for those that events start.
fn children(key: &str, started: &BTreeMap<&str, u32>) -> BTreeMap<String, u32> {
    let direct = started.iter().filter_map(|(child, count)| {
        let rest = child.strip_prefix(key)?.strip_prefix('/')?;
        let mut parts = rest.split('/').skip(1);
        let direct = match (parts.next(), parts.next()) {
            (None, _) => true,
            (Some(number), None) => number.parse::<u32>().is_ok(),
            (Some(_), Some(_)) => false,
        };
        direct.then(|| ((*child).to_owned(), *count))
    });
    direct.collect()
}
