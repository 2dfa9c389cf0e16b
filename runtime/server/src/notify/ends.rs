//! Collects runs that failed, from the notices of a node, so that whoever reads their records may take his time.

use std::sync::Arc;

use abide_core::engine::Notice;
use abide_core::ids::RunId;
use abide_core::state::RunStatus;
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;

/// Runs that may wait to be read: beyond that they are looked for in the store.
const MOST: usize = 100_000;

/// What came since it was last taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Collected {
    /// Runs that failed, in the order of their ends.
    pub(super) failed: Vec<RunId>,
    /// Whether there were more.
    pub(super) missed: bool,
}

/// Collects while it is there.
pub(super) struct Ends {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    collected: Mutex<Collected>,
    more: Notify,
}

impl Ends {
    /// Begins to collect.
    pub(super) fn of(mut notices: broadcast::Receiver<Notice>) -> Self {
        let shared = Arc::new(Shared::default());
        let of_task = shared.clone();
        let task = tokio::spawn(async move {
            loop {
                match notices.recv().await {
                    Ok(Notice::Run {
                        run,
                        status: RunStatus::Failed,
                        ..
                    }) => of_task.add(Some(run)),
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => of_task.add(None),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        Self { shared, task }
    }

    /// Waits until there is something.
    pub(super) async fn more(&self) {
        self.shared.more.notified().await;
    }

    /// Takes what came.
    pub(super) fn take(&self) -> Collected {
        std::mem::take(&mut self.shared.collected.lock())
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// `None`: some were missed.
    fn add(&self, run: Option<RunId>) {
        let mut collected = self.collected.lock();
        match run {
            Some(run) if collected.failed.len() < MOST => collected.failed.push(run),
            Some(_) | None => collected.missed = true,
        }
        drop(collected);
        self.more.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use abide_core::ids::EventId;

    use super::*;

    fn notice(run: u128, status: RunStatus) -> Notice {
        Notice::Run {
            run: RunId(run),
            event: EventId(1),
            status,
        }
    }

    #[tokio::test]
    async fn only_failures_are_collected_and_a_gap_is_told() {
        let (sender, receiver) = broadcast::channel(4);
        let ends = Ends::of(receiver);
        for (run, status) in [
            (1, RunStatus::Failed),
            (2, RunStatus::Completed),
            (3, RunStatus::Failed),
        ] {
            sender.send(notice(run, status)).expect("it listens");
        }
        let mut failed = Vec::new();
        while failed.len() < 2 {
            ends.more().await;
            failed.extend(ends.take().failed);
        }
        assert_eq!(failed, [RunId(1), RunId(3)]);
        // More than the channel holds, before the collector has its turn.
        for run in 0..10 {
            sender
                .send(notice(run, RunStatus::Failed))
                .expect("it listens");
        }
        while !ends.take().missed {
            ends.more().await;
        }
    }
}
