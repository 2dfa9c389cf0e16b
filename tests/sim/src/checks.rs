//! What must be true when nothing is left to happen, each promise a function of its own.

use std::collections::{BTreeMap, BTreeSet};

use abide_core::event::{Event, EventSource};
use abide_core::ids::RunId;
use abide_core::state::{Read as _, Run, RunEnd, RunStatus};
use abide_store::{Commits, Direction, KeyRange, Store, View};
use anyhow::{Context, Result, bail, ensure};

use crate::program::Program;
use crate::program::expect::{End, Expectation, Seen};
use crate::world::World;

/// Kinds of rows that nothing may leave behind once all runs have ended: names of the census.
const TRANSIENT: [&str; 10] = [
    "ready runs",
    "queued runs",
    "counted runs",
    "registrations",
    "arrivals",
    "timers",
    "waits",
    "waits by value",
    "waits for signals",
    "requests",
];

/// A run, and what it was to do.
struct Done {
    run: Run,
    event: Event,
    program: Program,
}

/// Checks everything.
pub(crate) fn all(world: &mut World<'_>) -> Result<()> {
    // A new process: what is not on the disk is not there.
    let store = Store::in_memory(&world.disk, Commits::ByHand)?;
    let view = store.view();
    every_row_is_sound(&view, world)?;
    let done = runs(&view)?;
    world.counts.runs = done.len() as u64;
    acknowledged_events_exist(&view, world)?;
    each_event_started_its_run_once(&done, world)?;
    every_run_ended(&done)?;
    outcomes_are_what_the_programs_say(&done, world)?;
    nothing_is_left_over(&store)
}

/// Reads every row, with its checksum; all of it belongs to what this seed came to.
fn every_row_is_sound(view: &View, world: &mut World<'_>) -> Result<()> {
    for (key, value) in view.rows(&KeyRange::all(), Direction::Forward, usize::MAX)? {
        world.trace.mix(&key);
        world.trace.mix(&value);
    }
    Ok(())
}

fn runs(view: &View) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    for run in view.runs_after(None, usize::MAX)? {
        let event = view.event(run.event)?;
        let event = event.with_context(|| format!("the event of {} is missing", run.id))?;
        let program = serde_json::from_str(&event.data)
            .with_context(|| format!("the event of {} is damaged", run.id))?;
        done.push(Done {
            run,
            event,
            program,
        });
    }
    Ok(done)
}

fn acknowledged_events_exist(view: &View, world: &World<'_>) -> Result<()> {
    for request in &world.requests {
        for id in request.ids() {
            ensure!(
                view.has_event(id)?,
                "the acknowledged event {id} does not exist"
            );
        }
    }
    Ok(())
}

fn each_event_started_its_run_once(done: &[Done], world: &World<'_>) -> Result<()> {
    for request in &world.requests {
        for (id, program) in request.ids().into_iter().zip(&request.programs) {
            let started = done.iter().filter(|it| it.run.event == id).count();
            ensure!(
                started == 1,
                "the event {id} of `{}` started {started} runs",
                program.key
            );
        }
    }
    let mut keys = BTreeSet::new();
    for it in done.iter().filter(|it| it.event.source == EventSource::Api) {
        ensure!(
            keys.insert(&it.program.key),
            "`{}` runs twice",
            it.program.key
        );
    }
    Ok(())
}

fn every_run_ended(done: &[Done]) -> Result<()> {
    for it in done {
        ensure!(
            it.run.status.is_final(),
            "the run {} of `{}` is {:?}",
            it.run.id,
            it.program.key,
            it.run.status
        );
    }
    Ok(())
}

fn outcomes_are_what_the_programs_say(done: &[Done], world: &World<'_>) -> Result<()> {
    let mut expectations = BTreeMap::new();
    for it in done {
        // A program that leaves too much open is there for everything else that is checked.
        if let Ok(expectation) = Expectation::of(&it.program) {
            expectations.insert(it.run.id, expectation);
        }
    }
    for it in done {
        let end = end(&it.run)?;
        if end == End::Cancelled && !may_be_cancelled(it, done, &expectations, world) {
            bail!(
                "nobody cancelled the run {} of `{}`",
                it.run.id,
                it.program.key
            );
        }
        let Some(expectation) = expectations.get(&it.run.id) else {
            continue;
        };
        // What comes of a run whose child somebody cancelled is not for its program to say.
        if is_disturbed(it.run.id, done, world) {
            continue;
        }
        let children = children(it.run.id, done);
        let seen = Seen {
            end: Some(&end),
            calls: world.ledger.calls(&it.run.id.to_string()),
            children: Some(&children),
        };
        if let Err(problem) = expectation.judge(&seen) {
            bail!(
                "the run {} of `{}`: {problem}\n  program: {}\n  seen: {seen:?}",
                it.run.id,
                it.program.key,
                serde_json::to_string(&it.program)?
            );
        }
    }
    Ok(())
}

fn end(run: &Run) -> Result<End> {
    Ok(match (&run.status, &run.end) {
        (RunStatus::Completed, Some(RunEnd::Output(output))) => {
            End::Output(serde_json::from_str(output)?)
        }
        (RunStatus::Failed, Some(RunEnd::Failure(failure))) => {
            End::failed(&failure.name, &failure.message)
        }
        (RunStatus::Cancelled, _) => End::Cancelled,
        (status, end) => bail!("the run {} ended as {status:?} with {end:?}", run.id),
    })
}

/// Whether an operator cancelled this run, or the run that invoked it ended or gave it up.
fn may_be_cancelled(
    it: &Done,
    done: &[Done],
    expectations: &BTreeMap<RunId, Expectation>,
    world: &World<'_>,
) -> bool {
    if world.cancelled.contains(&it.run.id) {
        return true;
    }
    let Some((parent, _)) = it.run.parent else {
        return false;
    };
    let Some(parent) = done.iter().find(|it| it.run.id == parent) else {
        return false;
    };
    let given_up = || {
        let parent = expectations.get(&parent.run.id);
        parent.is_none_or(|parent| parent.withdrawable().contains(&it.program.key))
    };
    parent.run.status == RunStatus::Cancelled
        || given_up()
        || is_disturbed(parent.run.id, done, world)
}

/// Whether an operator cancelled a run that this one invoked, or that such a one invoked.
fn is_disturbed(run: RunId, done: &[Done], world: &World<'_>) -> bool {
    let invoked = |it: &&Done| it.run.parent.is_some_and(|(parent, _)| parent == run);
    done.iter().filter(invoked).any(|child| {
        world.cancelled.contains(&child.run.id) || is_disturbed(child.run.id, done, world)
    })
}

/// The programs that a run started, and how many runs of each there are.
fn children(of: RunId, done: &[Done]) -> BTreeMap<String, u32> {
    let mut children = BTreeMap::new();
    for child in done
        .iter()
        .filter(|it| it.event.source == EventSource::Run(of))
    {
        *children.entry(child.program.key.clone()).or_default() += 1;
    }
    children
}

fn nothing_is_left_over(store: &Store) -> Result<()> {
    for kind in store.census(|_| {})?.kinds {
        ensure!(
            !TRANSIENT.contains(&kind.name),
            "all runs have ended, and there are {} {}",
            kind.rows,
            kind.name
        );
    }
    Ok(())
}
