//! The run of each function that has waited longest for its start.

use std::collections::BTreeMap;

use abide_core::ids::{FunctionId, RunId};
use abide_core::state::{Read as _, ReadError, RunStatus};
use abide_store::View;

/// The most lanes, and the most runs that are about to execute, that one look reads.
const MOST: usize = 5_000;

/// Since when the first waiting run of each function waits, in milliseconds since the Unix epoch. A run that `executes` waits no more,
/// whatever its record says.
pub(super) fn oldest(
    view: &View,
    executes: impl Fn(RunId) -> bool,
) -> Result<BTreeMap<FunctionId, u64>, ReadError> {
    let mut oldest: BTreeMap<FunctionId, u64> = BTreeMap::new();
    let mut note = |function: &FunctionId, since_ms: u64| {
        let entry = oldest.entry(function.clone()).or_insert(since_ms);
        *entry = (*entry).min(since_ms);
    };
    for (lane, place) in view.lanes_after(None, false, MOST)? {
        if let Some(run) = view.run(place.run)? {
            // Not the moment of its creation: a run may be wanted later. Nor its place alone, which a priority moves.
            note(&lane.function, run.queued_ms.max(place.order_ms));
        }
    }
    for id in view.ready_after(None, MOST)? {
        if executes(id) {
            continue;
        }
        if let Some(run) = view.run(id)?
            && run.status == RunStatus::Queued
        {
            let wanted_ms = view.event(run.event)?.map_or(0, |event| event.ts);
            note(&run.function, run.queued_ms.max(wanted_ms));
        }
    }
    Ok(oldest)
}
