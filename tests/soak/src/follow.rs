//! What is done about a run after its event was acknowledged: telling it, stopping it, pausing it; and operators' ways with functions.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Question;
use crate::ledger::{Entry, Place};
use crate::orders::{Kind, Order, Then};
use crate::soak::World;

/// The reason that operators give here when they pause a run; a pause with another one is not theirs.
const REASON: &str = "soak";

/// How long a waiting signal is kept if it has to be sent twice.
const SIGNAL_TTL_MS: u64 = 600_000;

/// Pauses between two looks for runs that were paused without anybody asking.
const LOOK: Duration = Duration::from_secs(5);

/// How long a function stays paused, and how long it does not.
const FUNCTION_PAUSED: Duration = Duration::from_secs(4);
const FUNCTION_RUNS: Duration = Duration::from_secs(40);

/// Does what follows the order.
pub(crate) async fn follow(world: &Arc<World>, order: &Order, event: &str) {
    if let Err(error) = do_then(world, order, event).await {
        let text = format!("what follows {order:?} cannot be done: {error:#}");
        world.findings.violated(text);
    }
}

async fn do_then(world: &Arc<World>, order: &Order, event: &str) -> Result<()> {
    let key = &order.key;
    match order.then {
        Then::Nothing => Ok(()),
        Then::Tell(after) => send(world, after, "soak/go", key).await,
        Then::Stop(after) => send(world, after, "soak/stop", key).await,
        Then::Signal(after) => {
            tokio::time::sleep(after).await;
            let signal = json!({"signal": key, "data": true, "ttl_ms": SIGNAL_TTL_MS});
            must(world, "/v1/signals", &signal, &[200]).await.map(drop)
        }
        Then::Cancel(after) => {
            tokio::time::sleep(after).await;
            act_on_run(world, event, "cancel").await
        }
        Then::Pause(after, pause) => {
            tokio::time::sleep(after).await;
            act_on_run(world, event, "pause").await?;
            tokio::time::sleep(pause).await;
            act_on_run(world, event, "resume").await
        }
    }
}

/// Sends an event that starts nothing but is waited for. Twice does no harm.
async fn send(world: &Arc<World>, after: Duration, name: &str, key: &str) -> Result<()> {
    tokio::time::sleep(after).await;
    let event = json!({"name": name, "data": {"key": key}});
    must(world, "/e/soak", &event, &[200]).await?;
    world.findings.count("events acknowledged");
    Ok(())
}

async fn must(world: &World, path: &str, body: &Value, statuses: &[u16]) -> Result<Value> {
    let reply = world.client.insist(&Question::post(path, body)).await?;
    if !statuses.contains(&reply.status) {
        bail!("{path} is answered with {}: {}", reply.status, reply.json);
    }
    Ok(reply.json)
}

/// 409: it has ended, or is not paused (any more). 404: it ended, and is no longer kept.
async fn act_on_run(world: &World, event: &str, action: &str) -> Result<()> {
    let path = format!("/api/v1/events/{event}");
    let shown = world.client.insist(&Question::get(&path)).await?;
    let Some(run) = shown.json["runs"][0]["run_id"].as_str() else {
        if action == "resume" && shown.status == 404 {
            return Ok(());
        }
        bail!("the event {event} has started no run: {}", shown.json);
    };
    let path = format!("/api/v1/runs/{run}/{action}");
    let reason = json!({"reason": REASON});
    must(world, &path, &reason, &[200, 404, 409]).await?;
    world.findings.count(match action {
        "cancel" => "runs cancelled by an operator",
        "pause" => "runs paused by an operator",
        _ => "runs resumed by an operator",
    });
    Ok(())
}

/// A failed run is replayed with another input, and must complete then.
pub(crate) async fn mend(world: &World, entry: &Entry, run: &str) -> Result<()> {
    let path = format!("/api/v1/runs/{run}/replay");
    let body = json!({"from_step": "charge", "input": {"refuse": false}});
    let replayed = must(world, &path, &body, &[200, 201]).await?;
    let Some(id) = replayed["run_id"].as_str() else {
        bail!("a replay has no run: {replayed}");
    };
    let order = Order {
        kind: Kind::Mended,
        ..entry.order.clone()
    };
    world.ledger.open(order, Place::Run(id.to_owned()));
    world.findings.count("runs replayed");
    Ok(())
}

/// Resumes runs that the node has paused by itself because processes died with them. Never returns.
pub(crate) async fn resume_the_poisoned(world: Arc<World>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Err(error) = resume_all(&world).await {
            let text = format!("paused runs cannot be resumed: {error:#}");
            world.findings.violated(text);
        }
    }
}

async fn resume_all(world: &World) -> Result<()> {
    let paused = Question::get("/api/v1/runs?status=Paused&limit=200");
    let page = world.client.insist(&paused).await?;
    for run in page.json["data"].as_array().into_iter().flatten() {
        let reason = run["paused_reason"].as_str().unwrap_or_default();
        let Some(id) = run["run_id"].as_str().filter(|_| reason != REASON) else {
            continue;
        };
        eprintln!("resumed {id} of {}: {reason}", run["function_id"]);
        let path = format!("/api/v1/runs/{id}/resume");
        must(world, &path, &json!({}), &[200, 404, 409]).await?;
        world.findings.count("runs paused by the node, and resumed");
    }
    Ok(())
}

/// Pauses a function now and then; its events queue meanwhile. Ends with the function resumed.
pub(crate) async fn pause_a_function(world: &World) -> Result<()> {
    while !world.is_ending() {
        world.pause(FUNCTION_RUNS).await;
        let path = |action| format!("/api/v1/functions/soak/limited/{action}");
        must(world, &path("pause"), &json!({}), &[200]).await?;
        world.pause(FUNCTION_PAUSED).await;
        must(world, &path("resume"), &json!({}), &[200]).await?;
        world.findings.count("functions paused and resumed");
    }
    Ok(())
}

/// Cancels a few sleeping runs by a job: all that a condition names.
pub(crate) async fn cancel_by_job(world: &World, number: u64) -> Result<()> {
    let order = Order {
        kind: Kind::Stopped,
        key: format!("job-{number}"),
        n: 0,
        ms: 36_000_000,
        ballast: 0,
        then: Then::Nothing,
    };
    let events = Value::from(vec![order.event(); 5]);
    let question = Question {
        method: Method::POST,
        body: events.to_string().into_bytes(),
        ..Question::get("/e/soak")
    };
    // Without a seed: events of a request that got no answer are cancelled with the others.
    let sent = world.client.insist(&question).await?;
    for id in sent.json["ids"].as_array().into_iter().flatten() {
        let place = Place::Event(id.as_str().unwrap_or_default().to_owned());
        world.ledger.open(order.clone(), place);
        world.findings.count("events acknowledged");
    }
    let job = json!({
        "action": "cancel",
        "filter": {"function": "soak/stopped", "if": format!("event.data.key == '{}'", order.key)},
        "rate_per_second": 20,
    });
    let job = must(world, "/api/v1/jobs", &job, &[200, 201]).await?;
    world.findings.count("jobs");
    let id = job["job_id"].as_str().unwrap_or_default();
    let path = format!("/api/v1/jobs/{id}");
    loop {
        let shown = world.client.insist(&Question::get(&path)).await?;
        match shown.json["state"].as_str() {
            Some("running") => tokio::time::sleep(LOOK).await,
            Some("finished") => return Ok(()),
            _ => bail!("the job is {}", shown.json),
        }
    }
}
