//! Housekeeping: what was kept long enough is forgotten, and payloads and components that nothing refers to any more are removed.
//!
//! It must not touch anything that a run may still need: the store says what has expired. It must not hinder the engine either: it looks
//! around where blocking holds up nobody, hands small batches to the shard, and waits until each is on the disk before it goes on.

use std::sync::{Arc, Weak};
use std::time::Duration;

use abide_core::state::{Read as _, ReadError, RunFilter};
use abide_host::Surroundings;
use abide_store::Keep;
use tokio::sync::oneshot;

use crate::node::Inner;
use crate::shard::Message;

/// Until the first round: a node that starts has better things to do.
const FIRST: Duration = Duration::from_secs(60);

/// Runs, events and small rows that one batch forgets, so that the shard is busy with it for milliseconds at most.
const BATCH: usize = 100;

/// Runs that are looked at together when components are swept: a bound on memory.
const RUNS: usize = 500;

/// Keeps house this often until the node is gone.
pub(crate) async fn keep(node: Weak<Inner>, surroundings: Arc<dyn Surroundings>, every: Duration) {
    let mut pause = FIRST.min(every);
    loop {
        surroundings.sleep(pause).await;
        pause = every;
        let Some(node) = node.upgrade() else { return };
        if let Err(error) = round(&node).await {
            tracing::warn!(%error, environment = &*node.environment, again_in = ?every, "housekeeping failed; it is tried again");
        }
    }
}

/// One round.
pub(crate) async fn round(node: &Inner) -> Result<(), ReadError> {
    let forgotten = forget(node).await?;
    let store = node.store.clone();
    let swept = node.blocking(move || store.maintain()).await??;
    let components = forget_components(node).await?;
    if forgotten + swept.removed > 0 || components > 0 {
        tracing::info!(
            forgotten,
            payload_files = swept.removed,
            components,
            environment = &*node.environment,
            "forgot what was kept long enough"
        );
    }
    Ok(())
}

/// Removes components that no app serves and no run was started with, and says how many. A run that is kept keeps its code: one that has not
/// ended needs it, and whoever looks into one that failed may want it.
async fn forget_components(node: &Inner) -> Result<usize, ReadError> {
    let broken = |error: std::io::Error| ReadError::new(format!("old components: {error}"));
    let mut unused = node.components.begin_sweep().await.map_err(broken)?;
    for app in node.view.apps()? {
        unused.remove(&app.current.digest);
    }
    let mut before = None;
    // Most nodes have no other code than what they serve, and look at no run.
    while !unused.is_empty() && !node.is_stopping() {
        let view = node.view.clone();
        let page = node
            .blocking(move || view.list_runs(before, &RunFilter::default(), RUNS))
            .await??;
        for run in page.items {
            unused.remove(&run.digest);
        }
        before = page.next;
        if before.is_none() {
            return node.components.remove(unused).await.map_err(broken);
        }
    }
    Ok(0)
}

/// Forgets what has expired, and says how much that was.
async fn forget(node: &Inner) -> Result<u64, ReadError> {
    let mut forgotten = 0;
    let mut after = None;
    loop {
        // Anew for each page: an app may be deployed meanwhile.
        let keep = Keep::new(
            millis(node.keep_runs),
            millis(node.keep_events),
            &node.view.apps()?,
        );
        let now_ms = node.clock.now_ms();
        let (view, kept, from) = (node.view.clone(), keep.clone(), after.take());
        let page = node
            .blocking(move || view.expired(&kept, now_ms, from.as_ref(), BATCH))
            .await??;
        let count = page.keys.len() as u64;
        if count > 0 {
            let (done, answer) = oneshot::channel();
            if !node.shard.send(Message::Forget(page.keys, keep, done)) {
                return Ok(forgotten);
            }
            // An error: the shard has ended, and so has this.
            let Ok(ticket) = answer.await else {
                return Ok(forgotten);
            };
            ticket.await?;
            forgotten += count;
        }
        if page.next.is_none() || node.is_stopping() {
            return Ok(forgotten);
        }
        after = page.next;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
