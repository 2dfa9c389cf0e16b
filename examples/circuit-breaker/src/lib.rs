//! When a service is down, calling it again and again helps nobody. A circuit breaker stops the calls, tries from time to time whether it is back, and then lets
//! everything that waited go on.
//!
//! The circuit is no table and no flag: it is a place, of which there is one for each gateway. Who wants to send passes through the place (`gate`); as long
//! as the circuit is open, `breaker` occupies it. The engine keeps that across crashes, restarts and deploys.

use abide_sdk::prelude::*;

/// Failures within ten seconds that open the circuit: the size of the breaker's batch.
const THRESHOLD: usize = 3;
/// How long to leave the gateway alone before every probe. In production: half a minute.
const COOL_DOWN: &str = "1s";

/// The name of errors that are the gateway's fault.
const OUTAGE: &str = "GatewayDown";

/// The name of the failure of a step that the end of the node interrupted.
const INTERRUPTED: &str = "Interrupted";

/// Data of `text/submitted`.
#[derive(Deserialize)]
struct Text {
    gateway: String,
    to: String,
    text: String,
}

/// Data of `gateway/failed`, and what the gate is asked for.
#[derive(Serialize, Deserialize)]
struct Gateway {
    gateway: String,
}

#[derive(Serialize)]
struct Sent {
    to: String,
    /// How often the gateway was called for it.
    calls: u32,
}

#[abide::function(
    id = "send-text",
    name = "Send a text message",
    on = "text/submitted",
    // Nobody wants a text that is a day late. The time in front of an open circuit counts.
    timeouts(finish = "1 day")
)]
async fn send_text(ctx: Context, event: Event<Text>) -> Result<Sent> {
    let Text { gateway, to, text } = event.data;
    let about = Gateway { gateway };
    let message = json!({"gateway": about.gateway, "to": to, "text": text});

    let mut calls = 0;
    loop {
        calls += 1;
        // Closed: over at once. Open: this is where the run waits, and costs nothing.
        ctx.invoke::<()>("pass", "gate").data(&about).await?;

        // The same key for every call: should one have arrived though we saw it fail, the text is not sent twice.
        let (key, body) = (ctx.run_id().to_owned(), message.clone());
        let sent = ctx.step("send").retries(0).run(call(key, body)).await;

        match sent {
            Ok(()) => return Ok(Sent { to, calls }),
            Err(error) if error.name() == OUTAGE => {
                ctx.send_event("report", NewEvent::new("gateway/failed").data(&about))
                    .await?;
                ctx.sleep("breathe", "300ms").await?;
            }
            // The node ended in the middle of the call: nobody knows whether it arrived, and the key makes it safe to call again.
            Err(error) if error.name() == INTERRUPTED => {}
            // Not the gateway's fault, and not cured by waiting.
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whoever gets through finds the circuit closed.
#[abide::function(
    id = "gate",
    // No trigger: it is invoked. It shares the one place with the breaker: `scope = env` counts over all functions whose key has the same
    // value, and `per = run` counts whole runs, so that the breaker keeps its place while it sleeps.
    concurrency(limit = 1, key = "'circuit ' + event.data.gateway", scope = env, per = run)
)]
async fn gate(_: Context, _: Event<Gateway>) -> Result<()> {
    Ok(())
}

#[derive(Serialize)]
struct Closed {
    gateway: String,
    failures: usize,
    probes: u32,
}

#[abide::function(
    id = "breaker",
    name = "Keep the circuit open",
    on = "gateway/failed",
    // A batch counts: three failures within ten seconds make it full, and start the breaker at once.
    batch_events(max_size = 3, timeout = "10s", key = "event.data.gateway"),
    concurrency(limit = 1, key = "'circuit ' + event.data.gateway", scope = env, per = run)
)]
async fn breaker(ctx: Context, events: Vec<Event<Gateway>>) -> Result<Closed> {
    let failures = events.len();
    let gateway = events[0].data.gateway.clone();
    let mut probes = 0;
    // Fewer than that in ten seconds is life.
    if failures >= THRESHOLD {
        // Open: nobody passes the gate while this run lives.
        loop {
            ctx.sleep("cool-down", COOL_DOWN).await?;
            probes += 1;
            // Half open: one call, ours.
            let key = format!("{}/probe-{probes}", ctx.run_id());
            let probe = json!({"gateway": gateway, "to": "self-test", "text": "Are you there?"});
            if ctx
                .step("probe")
                .retries(0)
                .run(call(key, probe))
                .await
                .is_ok()
            {
                break;
            }
        }
    }
    // Closed: with the end of this run the place is free, and all who waited go on, the oldest first.
    Ok(Closed {
        gateway,
        failures,
        probes,
    })
}

async fn call(key: String, message: Value) -> Result<()> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    let response = http::post(format!("{base}/messages"))
        .header("idempotency-key", key)
        .json(&message)
        .timeout("5s")
        .send()
        .await
        .map_err(|error| error.named(OUTAGE))?;
    let down = response.status() >= 500;
    let sent = response.error_for_status();
    sent.map(drop)
        .map_err(|error| if down { error.named(OUTAGE) } else { error })
}

abide::app!(send_text, gate, breaker);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    fn text() -> Run {
        let data = json!({"gateway": "sms-1", "to": "+491701", "text": "Hello"});
        Run::of::<send_text>(event("text/submitted", data))
    }

    fn outage() -> Error {
        Error::retriable("the service answered 503").named(OUTAGE)
    }

    fn failures(count: usize) -> Run {
        Run::of::<breaker>(vec![
            event("gateway/failed", json!({"gateway": "sms-1"}));
            count
        ])
    }

    #[test]
    fn a_text_passes_the_gate_before_every_call() {
        let mut run = text();
        run.complete("pass", ());
        run.fail("send", outage());
        let told = run.asked("report")["events"][0].clone();
        assert_eq!(told["data"], json!({"gateway": "sms-1"}));
        run.complete("report", ["1"]);
        run.complete("breathe", ());
        assert_eq!(run.pending(), ["pass:1"]);
        run.complete("pass:1", ());
        run.complete("send:1", ());
        let sent = json!({"to": "+491701", "calls": 2});
        assert_eq!(run.output(), Some(Ok(sent)));
    }

    #[test]
    fn what_is_wrong_with_the_text_is_not_the_gateways_fault() {
        let mut run = text();
        run.complete("pass", ());
        run.fail("send", Error::non_retriable("the service answered 422"));
        assert!(run.output().unwrap().is_err());
    }

    #[test]
    fn an_open_circuit_closes_with_the_first_probe_that_gets_through() {
        let mut run = failures(3);
        run.complete("cool-down", ());
        run.fail("probe", outage());
        run.complete("cool-down:1", ());
        run.complete("probe:1", ());
        let closed = json!({"gateway": "sms-1", "failures": 3, "probes": 2});
        assert_eq!(run.output(), Some(Ok(closed)));
    }

    #[test]
    fn two_failures_in_ten_seconds_open_nothing() {
        let closed = json!({"gateway": "sms-1", "failures": 2, "probes": 0});
        assert_eq!(failures(2).output(), Some(Ok(closed)));
    }

    #[test]
    fn gate_and_breaker_share_one_place() {
        let (gate, breaker) = (config_of::<gate>(), config_of::<breaker>());
        assert_eq!(gate["concurrency"], breaker["concurrency"]);
        assert_eq!(breaker["batch_events"]["max_size"], THRESHOLD);
    }
}
