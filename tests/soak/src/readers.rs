//! Those who look: lists, single runs, journals, logs, and event streams that are followed to their end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::client::Question;
use crate::ledger::Place;
use crate::soak::World;

/// Between two looks of one reader.
const EVERY: Duration = Duration::from_millis(250);

/// How long a stream is followed: its run may sleep for hours.
const FOLLOWED: Duration = Duration::from_secs(60);

const LISTS: [&str; 10] = [
    "/api/v1/runs?limit=100",
    "/api/v1/runs?status=Failed&limit=50",
    "/api/v1/runs?function=soak/sleeper&limit=20",
    "/api/v1/runs?limit=20&if=event.data.n%20%3E%203",
    "/api/v1/events?limit=100",
    "/api/v1/events?name=soak/big&limit=10",
    "/api/v1/functions",
    "/api/v1/functions/soak/limited",
    "/api/v1/apps",
    "/api/v1/jobs",
];

/// Reads lists and runs. Never returns.
pub(crate) async fn read(world: Arc<World>, mut rng: StdRng) {
    loop {
        tokio::time::sleep(EVERY).await;
        let path = LISTS[rng.random_range(0..LISTS.len())];
        let Ok(reply) = world.client.get(path).await else {
            continue;
        };
        if !matches!(reply.status, 200 | 503) {
            world.findings.violated(format!(
                "{path} is answered with {}: {}",
                reply.status, reply.json
            ));
        }
        world.findings.count("lists read");
        let runs = reply.json["data"].as_array();
        let run = runs.and_then(|runs| runs.first()?["run_id"].as_str());
        let Some(run) = run else { continue };
        for part in ["", "/journal", "/logs"] {
            let path = format!("/api/v1/runs/{run}{part}");
            // It may have been forgotten since.
            let Ok(reply) = world.client.get(&path).await else {
                break;
            };
            if !matches!(reply.status, 200 | 404 | 503) {
                world
                    .findings
                    .violated(format!("{path} is answered with {}", reply.status));
            }
        }
        world.findings.count("runs read");
    }
}

/// Follows streams of events. Never returns.
pub(crate) async fn watch(world: Arc<World>, mut rng: StdRng) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(Place::Event(event)) = world.ledger.some(rng.random_range(0..10_000)) else {
            continue;
        };
        let path = format!("/api/v1/events/{event}/stream");
        match tokio::time::timeout(FOLLOWED, follow(&world, &path)).await {
            Ok(Ok(how)) => world.findings.count(how),
            Ok(Err(_)) | Err(_) => world.findings.count("streams left before their end"),
        }
    }
}

async fn follow(world: &World, path: &str) -> Result<&'static str> {
    let (life, mut response) = world.client.open(&Question::get(path)).await?;
    // The end of what was read: the last message may come in pieces.
    let mut tail = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        tail.extend_from_slice(&chunk);
        if tail.windows(10).any(|window| window == b"event: end") {
            return Ok("streams followed to their end");
        }
        tail.drain(..tail.len().saturating_sub(9));
    }
    // A process that was asked to end closes its streams before it is gone.
    tokio::time::sleep(EVERY).await;
    if response.status() == 200 && world.client.is_current(&life) {
        world
            .findings
            .violated(format!("the stream {path} ended without an end"));
    }
    Ok("streams that a death cut off")
}
