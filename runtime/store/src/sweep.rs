//! The sweep: removes payload files that no row refers to, and counts what is alive on the way.
//!
//! Safe beside running commits: it lists the files first, then collects the references of all rows. A payload that is written meanwhile
//! is protected, because the committer notes it before it writes it; the sweep begins while no group is between its payloads and its commit.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    backend::{Backend, visit_in_steps},
    blobs::Digest,
    committer::Committer,
    envelope,
    error::Result,
};

/// Rows that are read at once; between steps the backend is free for others.
const STEP: usize = 1024;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Payload files that existed when it began.
    pub found: u64,
    /// Files removed because no row referred to them.
    pub removed: u64,
    /// Whether it ended early because its time was up; then nothing was removed.
    pub cut_short: bool,
    /// Bytes of all keys and values, payload files apart, if all rows were read.
    pub alive_bytes: Option<u64>,
}

/// Removes unreferenced payloads, or nothing when `budget` does not suffice to read all rows.
pub(crate) fn sweep(committer: &Arc<Committer>, budget: Option<Duration>) -> Result<Sweep> {
    let deadline = budget.map(|budget| Instant::now() + budget);
    {
        let _no_group_is_under_way = committer.gate.write();
        let mut payloads = committer.payloads.lock();
        if payloads.protected.is_some() || payloads.held > 0 {
            // Another sweep is under way and does the work, or a backup copies what this one would remove.
            return Ok(Sweep::default());
        }
        payloads.protected = Some(HashSet::new());
    }
    let outcome = run(committer, deadline);
    committer.payloads.lock().protected = None;
    outcome
}

fn run(committer: &Committer, deadline: Option<Instant>) -> Result<Sweep> {
    let listed = committer.blobs.list()?;
    let mut report = Sweep {
        found: listed.len() as u64,
        ..Sweep::default()
    };
    if listed.is_empty() && deadline.is_some() {
        return Ok(report);
    }
    let Some((referenced, alive_bytes)) = survey(&*committer.backend, deadline)? else {
        report.cut_short = true;
        return Ok(report);
    };
    report.alive_bytes = Some(alive_bytes);
    for digest in listed.iter().filter(|digest| !referenced.contains(*digest)) {
        // Under the lock, so that a payload is either noted before this check or written again after the removal.
        let payloads = committer.payloads.lock();
        if payloads.held > 0 {
            break;
        }
        if payloads
            .protected
            .as_ref()
            .is_some_and(|protected| !protected.contains(digest))
        {
            committer.blobs.remove(digest)?;
            report.removed += 1;
        }
    }
    Ok(report)
}

/// The payloads that rows refer to, and the bytes of all rows; `None` when time is up.
fn survey(
    backend: &dyn Backend,
    deadline: Option<Instant>,
) -> Result<Option<(HashSet<Digest>, u64)>> {
    let mut referenced = HashSet::new();
    let mut alive_bytes = 0;
    let visit = |key: &[u8], row: &[u8]| {
        alive_bytes += (key.len() + row.len()) as u64;
        // A row that cannot be read may refer to anything: remove nothing.
        referenced.extend(envelope::reference(key, row)?.map(|blob| blob.sha256));
        Ok(())
    };
    let whole = visit_in_steps(backend, STEP, visit, || {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(whole.then_some((referenced, alive_bytes)))
}
