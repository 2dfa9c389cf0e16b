//! Loads a node through its door, and checks afterwards what it says.
//!
//! Every request carries a seed for its event ids: one that got no answer is sent again with the same seed, and must have one
//! effect all the same.

use std::time::{Duration, Instant};

use abide_core::ids::EventId;
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::stream;
use http::Method;
use parking_lot::Mutex;
use serde_json::Value;

use crate::door::Door;
use crate::order::{ExpectedRun, Order};
use crate::records::Records;
use crate::rng::Rng;

/// Orders that are checked at once.
const AT_ONCE: usize = 8;

/// The pause between two looks at something that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// The pause between two looks at runs that are paused.
const RESUME_AGAIN: Duration = Duration::from_millis(200);

/// Settled runs that are remembered, to be looked at again later.
const MOST_OLD: usize = 50_000;

/// A request: sent, and acknowledged or not.
#[derive(Debug, Clone)]
struct Sent {
    order: Order,
    seed: String,
    ids: Vec<String>,
    acknowledged: bool,
}

/// A run that was checked once and must stay as it was.
#[derive(Debug, Clone)]
struct Old {
    event: String,
    run: String,
    output: Value,
}

/// Everything that was sent to one node over all its lives.
pub struct Session<'a> {
    records: &'a Records,
    prefix: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: u64,
    open: Vec<Sent>,
    old: Vec<Old>,
}

impl<'a> Session<'a> {
    /// A session whose orders' names begin with `prefix`.
    pub fn new(records: &'a Records, prefix: impl Into<String>) -> Self {
        Self {
            records,
            prefix: prefix.into(),
            state: Mutex::default(),
        }
    }

    /// Requests that are not settled.
    pub fn open(&self) -> usize {
        self.state.lock().open.len()
    }

    /// Sends one new order; `false` when no answer came, that is, when the node seems to be dead.
    pub async fn order(&self, door: &Door, now_ms: u64, rng: &mut Rng) -> bool {
        let sent = self.next(now_ms, rng);
        match self.send(door, &sent).await {
            Ok(answered) => answered,
            Err(problem) => {
                self.records.violated(format!("{problem:#}: {sent:?}"));
                false
            }
        }
    }

    fn next(&self, now_ms: u64, rng: &mut Rng) -> Sent {
        let mut state = self.state.lock();
        state.orders += 1;
        let order = Order::draw(format!("{}-{}", self.prefix, state.orders), rng);
        let mut entropy = [0; 10];
        entropy[..8].copy_from_slice(&rng.draw().to_be_bytes());
        entropy[8..].copy_from_slice(&[7, 0]);
        let ids = (1..)
            .zip(order.events())
            .map(|(n, _)| event_id(now_ms, entropy, n))
            .collect();
        let seed = format!("{now_ms},{}", STANDARD.encode(entropy));
        let sent = Sent {
            order,
            seed,
            ids,
            acknowledged: false,
        };
        self.records.open(&sent.order);
        state.open.push(sent.clone());
        sent
    }

    /// `Ok(false)`: no answer, or not now. An error: an answer that must not be.
    async fn send(&self, door: &Door, sent: &Sent) -> Result<bool> {
        let headers = [
            ("content-type", "application/json"),
            ("x-inngest-event-id-seed", &*sent.seed),
        ];
        let body = serde_json::to_vec(&sent.order.events())?;
        let reply = match door.call(Method::POST, "/e/crash", &headers, body).await {
            Ok(reply) if reply.status == 200 => reply,
            Ok(reply) if matches!(reply.status, 429 | 500..) => return Ok(false),
            Ok(reply) => bail!("a request is refused with {}: {}", reply.status, reply.json),
            Err(_) => return Ok(false),
        };
        if let Some(found) = self
            .state
            .lock()
            .open
            .iter_mut()
            .find(|open| open.order.key == sent.order.key)
        {
            found.acknowledged = true;
        }
        self.records.answered(true);
        let ids: Vec<&str> = reply.json["ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if ids != sent.ids {
            bail!("the answer has the ids {ids:?} instead of those that follow from the seed");
        }
        Ok(true)
    }

    /// Looks at some run that is under way, and remembers what the API shows of it.
    pub async fn observe(&self, door: &Door, rng: &mut Rng) -> Result<()> {
        let sent = rng
            .choice(&self.state.lock().open)
            .filter(|sent| sent.acknowledged)
            .cloned();
        let Some(sent) = sent else { return Ok(()) };
        let inner = self.records.inner_runs(&sent.order);
        if let Some((_, key, run)) = rng.choice(&inner).filter(|_| rng.clone().chance(50)) {
            return self.observe_run(door, key, run).await;
        }
        let Some(id) = rng.choice(&sent.ids) else {
            return Ok(());
        };
        let event = door.get(&format!("/api/v1/events/{id}")).await?;
        for run in event.json["runs"].as_array().into_iter().flatten() {
            self.observe_run(
                door,
                &sent.order.key,
                run["run_id"].as_str().unwrap_or_default(),
            )
            .await?;
        }
        Ok(())
    }

    async fn observe_run(&self, door: &Door, key: &str, run: &str) -> Result<()> {
        let reply = door.get(&format!("/api/v1/runs/{run}")).await?;
        if reply.status == 200 {
            self.records.observed(key, &reply.json);
        }
        Ok(())
    }

    /// Sends again what was not answered, waits until everything has ended, and checks it.
    pub async fn settle(&self, door: &Door, within: Duration) {
        let deadline = Instant::now() + within;
        let unanswered: Vec<Sent> = self
            .state
            .lock()
            .open
            .iter()
            .filter(|sent| !sent.acknowledged)
            .cloned()
            .collect();
        for sent in &unanswered {
            self.records.answered(false);
            if let Err(problem) = self.send_until(door, sent, deadline).await {
                self.records.violated(format!("{problem:#}: {sent:?}"));
            }
        }
        let open = self.state.lock().open.clone();
        let checks = open.into_iter().map(|sent| async move {
            let result = self.check(door, &sent, deadline).await;
            if let Err(problem) = result {
                self.records.violated(format!("{problem:#}: {sent:?}"));
            }
            self.records.settle(&sent.order);
        });
        let checks = stream::iter(checks)
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<()>>();
        tokio::select! {
            _ = checks => {}
            () = self.keep_resuming(door) => {}
        }
        self.state.lock().open.clear();
    }

    /// Tells runs to go on that were paused because they executed at several deaths in a row: here it is the harness that kills. Never
    /// returns.
    async fn keep_resuming(&self, door: &Door) {
        loop {
            // A node that does not answer shows elsewhere.
            if let Ok(list) = door.get("/api/v1/runs?status=Paused").await {
                let paused = list.json["data"].as_array().into_iter().flatten();
                for run in paused.filter(|run| is_suspected(run)) {
                    let run = run["run_id"].as_str().unwrap_or_default();
                    let path = format!("/api/v1/runs/{run}/resume");
                    let resumed = door.call(Method::POST, &path, &[], Vec::new()).await;
                    if resumed.is_ok_and(|reply| reply.status == 200) {
                        self.records.resumed();
                    }
                }
            }
            tokio::time::sleep(RESUME_AGAIN).await;
        }
    }

    async fn send_until(&self, door: &Door, sent: &Sent, deadline: Instant) -> Result<()> {
        while !self.send(door, sent).await? {
            if Instant::now() > deadline {
                bail!("the node takes no events");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn check(&self, door: &Door, sent: &Sent, deadline: Instant) -> Result<()> {
        for (id, expected) in sent.ids.iter().zip(sent.order.runs()) {
            let event = door.get(&format!("/api/v1/events/{id}")).await?;
            if event.status != 200 {
                bail!(
                    "the acknowledged event {id} is missing ({}): {}",
                    event.status,
                    event.json
                );
            }
            match expected {
                Some(expected) => self.check_run_of(door, id, &expected, deadline).await?,
                None if event.json["runs"].as_array().is_some_and(Vec::is_empty) => {}
                None => bail!("the event {id} started a run, though no function listens to it"),
            }
        }
        self.check_inner(door, &sent.order, deadline).await
    }

    async fn check_run_of(
        &self,
        door: &Door,
        event: &str,
        expected: &ExpectedRun,
        deadline: Instant,
    ) -> Result<()> {
        let run = loop {
            let reply = door.get(&format!("/api/v1/events/{event}")).await?;
            let runs = reply.json["runs"].as_array().cloned().unwrap_or_default();
            match &*runs {
                [run] => break run["run_id"].as_str().unwrap_or_default().to_owned(),
                [] if Instant::now() < deadline => tokio::time::sleep(LOOK_AGAIN).await,
                other => bail!(
                    "the event {event} started {} runs instead of one: {other:?}",
                    other.len()
                ),
            }
        };
        let ended = self
            .check_run(door, &run, &expected.output, deadline)
            .await?;
        if ended["function_id"] != expected.function.as_str() {
            bail!(
                "the event {event} started {} instead of {}",
                ended["function_id"],
                expected.function
            );
        }
        let mut state = self.state.lock();
        if state.old.len() < MOST_OLD {
            state.old.push(Old {
                event: event.to_owned(),
                run,
                output: expected.output.clone(),
            });
        }
        Ok(())
    }

    /// Leaves and children: found by what the witness saw of them.
    async fn check_inner(&self, door: &Door, order: &Order, deadline: Instant) -> Result<()> {
        while !self.records.unseen(order).is_empty() {
            if Instant::now() > deadline {
                bail!(
                    "these steps never executed: {:?}",
                    self.records.unseen(order)
                );
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        for (function, key, run) in self.records.inner_runs(order) {
            let output = order
                .inner_output(&function, &key)
                .context("no inner run of this kind was expected")?;
            self.check_run(door, &run, &output, deadline).await?;
        }
        Ok(())
    }

    /// The run has ended, once, with this output.
    async fn check_run(
        &self,
        door: &Door,
        run: &str,
        output: &Value,
        deadline: Instant,
    ) -> Result<Value> {
        let ended = loop {
            let reply = door.get(&format!("/api/v1/runs/{run}")).await?;
            if reply.status != 200 {
                bail!(
                    "the run {run} is missing ({}): {}",
                    reply.status,
                    reply.json
                );
            }
            match reply.json["status"].as_str() {
                Some("Completed") => break reply.json,
                Some("Failed" | "Cancelled" | "Paused") if !is_suspected(&reply.json) => {
                    bail!("the run {run} must complete: {}", reply.json)
                }
                _ if Instant::now() < deadline => tokio::time::sleep(LOOK_AGAIN).await,
                _ => bail!("the run {run} does not end: {}", reply.json),
            }
        };
        if ended["output"] != *output {
            bail!(
                "the run {run} returned {} instead of {output}",
                ended["output"]
            );
        }
        let reply = door.get(&format!("/api/v1/runs/{run}/journal")).await?;
        check_journal(&reply.json).with_context(|| format!("the journal of {run}"))?;
        self.records.checked();
        Ok(ended)
    }

    /// Looks at some run that was settled long ago: it must be as it was.
    pub async fn look_back(&self, door: &Door, rng: &mut Rng) -> Result<()> {
        let old = rng.choice(&self.state.lock().old).cloned();
        let Some(old) = old else { return Ok(()) };
        let event = door.get(&format!("/api/v1/events/{}", old.event)).await?;
        let run = door.get(&format!("/api/v1/runs/{}", old.run)).await?;
        let runs = event.json["runs"].as_array().map_or(0, Vec::len);
        if event.status != 200
            || runs != 1
            || run.json["status"] != "Completed"
            || run.json["output"] != old.output
        {
            self.records.violated(format!(
                "something old has changed: {old:?}, now {} {}",
                event.json, run.json
            ));
        }
        Ok(())
    }
}

/// Whether a run is paused because it was executing at several deaths in a row.
fn is_suspected(run: &Value) -> bool {
    run["status"] == "Paused" && run["error"]["name"] == "ProcessDied"
}

/// Every operation is complete at most once, every attempt reaches outside and fails at most once and in order, and the run returns once,
/// at the end.
fn check_journal(journal: &Value) -> Result<()> {
    let entries = journal["data"]
        .as_array()
        .or_else(|| journal.as_array())
        .context("it is no list")?;
    let mut over = std::collections::BTreeSet::new();
    let mut attempts = std::collections::BTreeMap::new();
    let mut reached_out = std::collections::BTreeSet::new();
    let mut returned = false;
    for (place, entry) in entries.iter().enumerate() {
        let kind = entry["type"].as_str().unwrap_or_default();
        let op = entry["op"].as_u64();
        if returned {
            bail!("an entry follows the end: {entry}");
        }
        if entry["index"]
            .as_u64()
            .is_some_and(|index| index != place as u64)
        {
            bail!("entry {place} has another index: {entry}");
        }
        if (kind.starts_with("body_") || kind == "completed") && over.contains(&op) {
            bail!("entry {place} comes after the operation's outcome: {entry}");
        }
        match kind {
            "completed" => drop(over.insert(op)),
            "body_reached_out" => {
                let attempt = entry["attempt"].as_u64().unwrap_or_default();
                if attempt != attempts.get(&op).copied().unwrap_or(0)
                    || !reached_out.insert((op, attempt))
                {
                    bail!("entry {place}: an attempt that was over reaches outside: {entry}");
                }
            }
            "body_failed" | "body_interrupted" => {
                let attempt = entry["attempt"].as_u64().unwrap_or_default();
                let next = attempts.entry(op).or_insert(0);
                if attempt != *next {
                    bail!("entry {place}: attempt {next} was due: {entry}");
                }
                *next += 1;
            }
            "workflow_returned" => returned = true,
            "workflow_failed" => bail!("the workflow code failed: {entry}"),
            _ => {}
        }
    }
    if !returned {
        bail!("it has no end");
    }
    Ok(())
}

/// The id of event `n` of a request with this seed. SEMANTICS, section 1.
fn event_id(at_ms: u64, mut entropy: [u8; 10], n: u32) -> String {
    let mut last = [0; 4];
    last.copy_from_slice(&entropy[6..]);
    let last = u32::from_be_bytes(last).wrapping_add(n);
    entropy[6..].copy_from_slice(&last.to_be_bytes());
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at_ms.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&entropy);
    EventId::from_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_follow_from_the_seed() {
        let id: EventId = event_id(1_700_000_000_000, [1, 2, 3, 4, 5, 6, 0, 0, 0, 255], 1)
            .parse()
            .expect("an id");
        assert_eq!(id.made_at_ms(), 1_700_000_000_000);
        assert_eq!(id.to_bytes()[6..], [1, 2, 3, 4, 5, 6, 0, 0, 1, 0]);
    }

    #[test]
    fn a_journal_must_not_record_anything_twice() {
        let end = json!({"type": "workflow_returned"});
        let done = json!({"type": "completed", "op": 0});
        let failed = |attempt: u64| json!({"type": "body_failed", "op": 0, "attempt": attempt});
        assert!(check_journal(&json!([failed(0), failed(1), done, end])).is_ok());
        assert!(check_journal(&json!([failed(0), failed(0), done, end])).is_err());
        assert!(check_journal(&json!([failed(1), done, end])).is_err());
        let interrupted = json!({"type": "body_interrupted", "op": 0, "attempt": 0});
        let out = |attempt: u64| json!({"type": "body_reached_out", "op": 0, "attempt": attempt});
        assert!(check_journal(&json!([out(0), interrupted, out(1), done, end])).is_ok());
        assert!(check_journal(&json!([out(0), out(0), done, end])).is_err());
        assert!(check_journal(&json!([out(0), interrupted, out(0), done, end])).is_err());
        assert!(check_journal(&json!([done, done, end])).is_err());
        assert!(check_journal(&json!([done])).is_err());
        assert!(check_journal(&json!([end, done])).is_err());
    }
}
