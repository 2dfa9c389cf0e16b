//! Sends events at a steady rate, whatever the node is up to. A request without an answer is sent again with its seed until it is acknowledged.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::client::Question;
use crate::follow::follow;
use crate::ledger::Place;
use crate::orders::Order;
use crate::soak::World;

/// Requests that wait for their answers at most; further ones wait for their turn, as while no process serves.
const IN_FLIGHT: usize = 256;

/// Most events of a request that has several.
const MOST_TOGETHER: u64 = 10;

/// Sends until the task is dropped.
pub(crate) async fn send(world: Arc<World>, mut rng: StdRng) {
    let turns = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut due = tokio::time::Instant::now();
    for number in 0.. {
        // Between two requests: a time of the exponential distribution, so that they come as they come from many senders.
        let together = if rng.random_ratio(1, 40) {
            rng.random_range(2..MOST_TOGETHER)
        } else {
            1
        };
        #[allow(clippy::cast_precision_loss, reason = "at most ten")]
        let mean_s = together as f64 / world.options.rate;
        let wait_s = -mean_s * f64::ln(1.0 - rng.random_range(0.0..1.0));
        due += Duration::from_secs_f64(wait_s);
        tokio::time::sleep_until(due).await;
        let orders = (0..together)
            .map(|n| Order::draw(number * MOST_TOGETHER + n, &mut rng))
            .collect();
        let seed = seed(&mut rng);
        let Ok(turn) = turns.clone().acquire_owned().await else {
            return;
        };
        let sender = world.clone();
        world.spawn(async move {
            let sent = send_one(&sender, orders, &seed).await;
            drop(turn);
            if let Err(error) = sent {
                sender
                    .findings
                    .violated(format!("events are not taken: {error:#}"));
            }
        });
    }
}

async fn send_one(world: &Arc<World>, orders: Vec<Order>, seed: &str) -> Result<()> {
    let events: Vec<Value> = orders.iter().map(Order::event).collect();
    let question = Question {
        method: Method::POST,
        path: "/e/soak",
        headers: &[("x-inngest-event-id-seed", seed)],
        body: Value::from(events).to_string().into_bytes(),
    };
    let reply = world.client.insist(&question).await?;
    let ids = reply.json["ids"].as_array();
    let ids: Vec<String> = ids
        .into_iter()
        .flatten()
        .filter_map(|id| Some(id.as_str()?.to_owned()))
        .collect();
    if reply.status != 200 || ids.len() != orders.len() {
        bail!("answered with {}: {}", reply.status, reply.json);
    }
    world
        .findings
        .count_many("events acknowledged", ids.len() as u64);
    for (order, id) in orders.into_iter().zip(ids) {
        world.ledger.open(order.clone(), Place::Event(id.clone()));
        let followed = world.clone();
        world.spawn(async move { follow(&followed, &order, &id).await });
    }
    Ok(())
}

/// A seed for the ids of a request's events: now, and ten random bytes.
pub(crate) fn seed(rng: &mut StdRng) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = since.unwrap_or_default().as_millis();
    let entropy: [u8; 10] = rng.random();
    format!("{now_ms},{}", STANDARD.encode(entropy))
}
