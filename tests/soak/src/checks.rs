//! Settles what was acknowledged: every event's run must end as it must, and be gone after its retention. And it measures how long a probe takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Question;
use crate::follow::mend;
use crate::ledger::{Entry, Place};
use crate::load::seed;
use crate::orders::{Kind, Order};
use crate::soak::World;

/// The pause when nothing is due.
const IDLE: Duration = Duration::from_millis(50);

/// Between two probes, and between two looks at one.
const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_LOOK: Duration = Duration::from_millis(2);

/// Statuses after which nothing more happens to a run.
pub(crate) const FINAL: [&str; 4] = ["Completed", "Failed", "Cancelled", "Skipped"];

/// Looks at what is due. Never returns.
pub(crate) async fn settle(world: Arc<World>) {
    loop {
        let Some(entry) = world.ledger.take() else {
            tokio::time::sleep(IDLE).await;
            continue;
        };
        match look(&world, &entry).await {
            Ok(true) => world.ledger.settle(&entry, world.options.forgotten_after()),
            Ok(false) => world.ledger.not_yet(entry),
            Err(error) => {
                world.findings.violated(format!("{error:#}"));
                world.ledger.settle(&entry, world.options.forgotten_after());
            }
        }
    }
}

/// Whether the entry's run has ended. An error is a broken promise.
async fn look(world: &World, entry: &Entry) -> Result<bool> {
    let path = entry.place.path();
    // No answer: the node has died, and is asked again later.
    let Ok(reply) = world.client.get(&path).await else {
        return Ok(false);
    };
    if reply.status == 404 {
        bail!(
            "what was acknowledged {:.0} s ago is missing: {path}, {:?}",
            entry.since.elapsed().as_secs_f64(),
            entry.order
        );
    }
    if reply.status != 200 {
        return Ok(false);
    }
    let run = match &entry.place {
        Place::Run(_) => reply.json.clone(),
        Place::Event(_) => match reply.json["runs"].as_array().map(Vec::as_slice) {
            Some([]) => return Ok(false),
            // Its replays come after it, whatever the order of the list.
            Some(runs) => original(runs),
            None => bail!("{path} shows no runs: {}", reply.json),
        },
    };
    if !FINAL.contains(&run["status"].as_str().unwrap_or_default()) {
        return Ok(false);
    }
    if let Some(complaint) = entry.order.complaint(&run) {
        bail!("{complaint}");
    }
    after_the_end(world, entry, &run).await?;
    Ok(true)
}

fn original(runs: &[Value]) -> Value {
    let original = runs.iter().find(|run| run["original_run_id"].is_null());
    original
        .or_else(|| runs.first())
        .cloned()
        .unwrap_or_default()
}

async fn after_the_end(world: &World, entry: &Entry, run: &Value) -> Result<()> {
    world.findings.count(match run["status"].as_str() {
        Some("Completed") => "runs completed",
        Some("Failed") => "runs failed, as asked",
        Some("Cancelled") => "runs cancelled, as asked",
        _ => "runs skipped, as asked",
    });
    match entry.order.kind {
        Kind::Failing if entry.order.key.ends_with(['0', '2', '4', '6', '8']) => {
            mend(world, entry, run["run_id"].as_str().unwrap_or_default()).await
        }
        Kind::Fanout => {
            let sent = run["output"].as_array().cloned().unwrap_or_default();
            if sent.len() as u64 != entry.order.n {
                bail!("a run sent {} events: {:?}", sent.len(), entry.order);
            }
            for id in sent.iter().filter_map(Value::as_str) {
                let order = Order {
                    kind: Kind::Leaf,
                    ..entry.order.clone()
                };
                world.ledger.open(order, Place::Event(id.to_owned()));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What is past its retention must be gone. Never returns.
pub(crate) async fn forgotten(world: Arc<World>) {
    loop {
        let Some(path) = world.ledger.must_be_gone() else {
            tokio::time::sleep(PROBE_EVERY).await;
            continue;
        };
        match world.client.insist(&Question::get(&path)).await {
            Ok(reply) if reply.status == 404 => {
                world.findings.count("looked for after retention, and gone");
            }
            Ok(reply) => world.findings.violated(format!(
                "{path} is still there long after its retention ({})",
                reply.status
            )),
            Err(error) => world.findings.violated(format!("{error:#}")),
        }
    }
}

/// Measures again and again how long it takes from an event to its run's durable end. Never returns.
pub(crate) async fn probe(world: Arc<World>, mut rng: StdRng) {
    loop {
        tokio::time::sleep(PROBE_EVERY).await;
        let seed = seed(&mut rng);
        let began = Instant::now();
        match probe_once(&world, &seed).await {
            Ok(()) => world
                .findings
                .probed(began.elapsed().as_secs_f64() * 1_000.0),
            // The node died meanwhile: this measures nothing.
            Err(_) => world.findings.count("probes that a death cut off"),
        }
    }
}

async fn probe_once(world: &World, seed: &str) -> Result<()> {
    let event = json!({"name": "soak/probe", "data": {}});
    let question = Question {
        method: Method::POST,
        headers: &[("x-inngest-event-id-seed", seed)],
        ..Question::post("/e/soak", &event)
    };
    let reply = world.client.ask(&question).await?;
    let Some(id) = reply.json["ids"][0].as_str() else {
        bail!("a probe is answered with {}", reply.status);
    };
    let path = format!("/api/v1/events/{id}");
    loop {
        let shown = world.client.get(&path).await?;
        if shown.json["runs"][0]["status"] == "Completed" {
            return Ok(());
        }
        tokio::time::sleep(PROBE_LOOK).await;
    }
}
