//! What must hold, read from the disks when everything has come to rest.
//!
//! 1. Every event that was acknowledged is there; by the end every event is acknowledged.
//! 2. An event starts one run, which ends once, Completed, with the output of its function.
//! 3. What a run sent to another shard is there once, and started one run.
//! 4. In a journal an operation is complete once, nothing follows the end, and the code comes to the same end when it is replayed.
//!
//! That at most one node's writes are accepted in an epoch is checked at every commit, by the world.

use std::collections::BTreeSet;
use std::sync::Arc;

use abide_core::ids::{EventId, IdGenerator, RunId};
use abide_core::journal::Entry;
use abide_core::machine::Machine;
use abide_core::state::{Read, Run, RunEnd, RunStatus};
use abide_store::{Commits, MemoryDisk, Store, View};

use super::client::{handed_over, shard_of};
use super::host::info;
use super::script::{self, Instance};
use super::world::{World, is_marked, outbox_events};

type Checked<T = ()> = Result<T, String>;

fn read<T, E: std::fmt::Display>(result: Result<T, E>) -> Checked<T> {
    result.map_err(|error| error.to_string())
}

/// A look at a shard from outside. It ends nobody's life.
fn look(disk: &MemoryDisk) -> Checked<View> {
    let (store, _power) = read(Store::in_memory_beside(disk, Commits::ByHand))?;
    Ok(store.view())
}

fn key_of(event: &abide_core::event::Event) -> String {
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    data["key"].as_str().unwrap_or_default().to_owned()
}

/// The events for other shards that are not noted as handed over, with their keys.
pub(super) fn outbox(view: &View) -> Checked<Vec<(EventId, String)>> {
    let mut waiting = Vec::new();
    for event in outbox_events(view)? {
        if !is_marked(view, event.id)? {
            waiting.push((event.id, key_of(&event)));
        }
    }
    Ok(waiting)
}

/// The runs that are paused.
pub(super) fn paused(view: &View) -> Checked<Vec<RunId>> {
    let runs = read(view.runs_after(None, usize::MAX))?.into_iter();
    let paused = runs.filter(|run| run.status == RunStatus::Paused);
    Ok(paused.map(|run| run.id).collect())
}

/// Something that is still to come, if anything is.
pub(super) fn unfinished(world: &World) -> Checked<Option<String>> {
    if let Some(order) = world.orders.iter().find(|order| !order.acknowledged) {
        return Ok(Some(format!("nobody acknowledges {}", order.id())));
    }
    for (shard, disk) in world.disks.iter().enumerate() {
        let view = look(disk)?;
        for run in read(view.runs_after(None, usize::MAX))? {
            if !run.status.is_final() {
                let status = run.status.as_str();
                return Ok(Some(format!("run {} of shard {shard} is {status}", run.id)));
            }
        }
        if let Some((event, _)) = outbox(&view)?.first() {
            return Ok(Some(format!("shard {shard} has not handed {event} over")));
        }
    }
    Ok(None)
}

/// Checks everything; the number of runs.
pub(super) fn check(world: &World) -> Checked<u64> {
    let views = world.disks.iter().map(look).collect::<Checked<Vec<_>>>()?;
    let mut expected: Vec<BTreeSet<RunId>> = vec![BTreeSet::new(); views.len()];
    for order in &world.orders {
        let runs = runs_of(&views[order.shard], order.id())?;
        if runs.len() != usize::from(order.runs) {
            return Err(format!(
                "the event {} started {} runs",
                order.id(),
                runs.len()
            ));
        }
        expected[order.shard].extend(runs);
    }
    for view in &views {
        for event in outbox_events(view)? {
            let key = key_of(&event);
            let to = shard_of(&format!("there/{key}"), views.len());
            let (_, seed) = handed_over(event.id, &key);
            let runs = runs_of(&views[to], seed.id(1))?;
            let [run] = runs.as_slice() else {
                let count = runs.len();
                return Err(format!(
                    "{} was handed over and started {count} runs",
                    event.id
                ));
            };
            expected[to].insert(*run);
        }
    }
    let mut count = 0;
    for (shard, view) in views.iter().enumerate() {
        let runs = read(view.runs_after(None, usize::MAX))?;
        for run in &runs {
            ended_well(view, run)?;
            if !expected[shard].contains(&run.id) {
                return Err(format!(
                    "nobody asked for the run {} of shard {shard}",
                    run.id
                ));
            }
        }
        if runs.len() != expected[shard].len() {
            return Err(format!(
                "shard {shard} lost runs: it has {} of {}",
                runs.len(),
                expected[shard].len()
            ));
        }
        count += runs.len() as u64;
    }
    Ok(count)
}

/// The runs of an event, which must be there.
fn runs_of(view: &View, event: EventId) -> Checked<Vec<RunId>> {
    if !read(view.has_event(event))? {
        return Err(format!("the event {event} was acknowledged, and is lost"));
    }
    read(view.event_runs(event))
}

fn ended_well(view: &View, run: &Run) -> Checked {
    let output = script::output(&run.function.function);
    let wanted = Some(RunEnd::Output(output));
    if run.status != RunStatus::Completed || run.end != wanted {
        return Err(format!(
            "run {} ended {}, {:?}",
            run.id,
            run.status.as_str(),
            run.end
        ));
    }
    let mut entries = read(view.journal(run.id))?;
    let mut complete = BTreeSet::new();
    for entry in &entries {
        if let Entry::Completed { op, .. } = entry
            && !complete.insert(*op)
        {
            return Err(format!(
                "operation {op} of run {} is complete twice",
                run.id
            ));
        }
    }
    let ends = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::WorkflowReturned { .. }));
    let (count, end) = (ends.count(), entries.pop());
    let Some(Entry::WorkflowReturned { at_ms, .. }) = end else {
        return Err(format!(
            "the journal of run {} goes on after its end",
            run.id
        ));
    };
    if count != 1 {
        return Err(format!("run {} returned {count} times", run.id));
    }
    let info = info(run, view, Arc::default()).ok_or("the event of a run is lost")?;
    let mut machine = read(Machine::load(Arc::new(info), entries, at_ms))?;
    let mut ids = IdGenerator::new(0);
    Instance::of(&machine).drive(&mut machine, at_ms, &mut ids);
    let again = machine.take_progress().map(|progress| progress.entries);
    if again.as_deref().and_then(<[Entry]>::last) != end.as_ref() {
        return Err(format!("run {} does not replay: {again:?}", run.id));
    }
    Ok(())
}
