//! Housekeeping: what has expired is forgotten, and payloads that nothing refers to any more are removed.
//!
//! It must not touch anything that a run may still need: the store says what has expired.

use std::sync::Weak;
use std::time::Duration;

use abide_core::state::ReadError;

use crate::node::Inner;
use crate::shard::Message;

/// Between two rounds. Nothing depends on it but the size of the disk.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Rows that one batch forgets: other commits must have their turn.
const BATCH: usize = 1_000;

/// Keeps house until the node is gone.
pub(crate) async fn keep(node: Weak<Inner>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let node = node.clone();
        let round = tokio::task::spawn_blocking(move || node.upgrade().map(|node| round(&node)));
        match round.await {
            Ok(None) => return,
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => {
                tracing::warn!(%error, "housekeeping failed; it is tried again in an hour");
            }
            Err(error) => {
                tracing::warn!(%error, "housekeeping failed; it is tried again in an hour");
            }
        }
    }
}

/// One round.
pub(crate) fn round(node: &Inner) -> Result<(), ReadError> {
    loop {
        let expired = node.view.expired(node.clock.now_ms(), BATCH)?;
        let whole = expired.len() < BATCH;
        let (done, forgotten) = std::sync::mpsc::channel();
        if expired.is_empty() || !node.shard.send(Message::Forget(expired, done)) {
            break;
        }
        // An error: the shard has ended, and so has this.
        if forgotten.recv().is_err() || whole {
            break;
        }
    }
    let swept = node.store.maintain()?;
    if swept.removed > 0 {
        tracing::info!(
            removed = swept.removed,
            "removed payload files that nothing refers to"
        );
    }
    Ok(())
}
