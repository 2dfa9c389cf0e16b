//! Runs in flight: so many senders, each of which sends an event, waits for the end of its run, and sends the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use abide_core::engine::Notice;
use abide_core::ids::EventId;
use abide_server::Node;
use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rig::event;

/// What a flight took.
pub(crate) struct Flight {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Vec<Duration>,
}

/// Whose ends are awaited, and which came before anybody asked.
#[derive(Default)]
struct Ends(Mutex<HashMap<EventId, End>>);

enum End {
    Awaited(oneshot::Sender<Instant>),
    Came(Instant),
}

impl Ends {
    fn came(&self, id: EventId) {
        let now = Instant::now();
        let mut ends = self.0.lock();
        match ends.remove(&id) {
            Some(End::Awaited(waiting)) => drop(waiting.send(now)),
            Some(End::Came(_)) | None => drop(ends.insert(id, End::Came(now))),
        }
    }

    async fn of(&self, id: EventId) -> Result<Instant> {
        let receiver = {
            let mut ends = self.0.lock();
            if let Some(End::Came(at)) = ends.remove(&id) {
                return Ok(at);
            }
            let (sender, receiver) = oneshot::channel();
            ends.insert(id, End::Awaited(sender));
            receiver
        };
        receiver
            .await
            .context("the node stopped telling what happens")
    }
}

fn collect(node: &Node, ends: Arc<Ends>) -> JoinHandle<Result<()>> {
    let mut notices = node.subscribe();
    tokio::spawn(async move {
        loop {
            match notices.recv().await {
                Ok(Notice::Run { event, status, .. }) if status.is_final() => ends.came(event),
                Ok(_) => {}
                Err(RecvError::Closed) => return Ok(()),
                Err(RecvError::Lagged(missed)) => {
                    anyhow::bail!("{missed} notices were missed: the figures would be wrong")
                }
            }
        }
    })
}

/// Sends `total` events of this name, `in_flight` at once.
pub(crate) async fn fly(
    node: &Node,
    name: &str,
    data: &str,
    in_flight: usize,
    total: usize,
) -> Result<Flight> {
    let ends = Arc::new(Ends::default());
    let collector = collect(node, ends.clone());
    let left = Arc::new(AtomicUsize::new(total));
    let began = Instant::now();
    let senders: Vec<_> = (0..in_flight)
        .map(|_| {
            let (node, ends, left) = (node.clone(), ends.clone(), left.clone());
            let (name, data) = (name.to_owned(), data.to_owned());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    let sent = Instant::now();
                    let ids = node
                        .send_events(vec![event(&name, data.clone())], None)
                        .await?;
                    ensure!(ids.len() == 1, "one event has one id");
                    latencies.push(ends.of(ids[0]).await?.duration_since(sent));
                }
                Ok::<_, anyhow::Error>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(total);
    for sender in senders {
        latencies.extend(sender.await??);
    }
    let elapsed = began.elapsed();
    collector.abort();
    Ok(Flight { elapsed, latencies })
}
