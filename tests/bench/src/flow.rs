//! Events through each control of flow: how many a second are recorded, decided on, and durable.

use std::path::Path;
use std::time::Instant;

use abide_server::Clock;
use anyhow::Result;

use crate::Scale;
use crate::report::Report;
use crate::rig::{Rig, event};
use crate::throughput::rate;

/// What the benchmark's functions are controlled by; `plain` starts runs without any control, to compare with.
const CONTROLS: [&str; 10] = [
    "plain",
    "concurrency",
    "throttle",
    "rate-limit",
    "debounce",
    "batch",
    "priority",
    "idempotency",
    "singleton",
    "cancel-on",
];

/// Distinct keys among the events.
const KEYS: usize = 1_000;

/// Events of one request.
const EVENTS_A_REQUEST: usize = 100;

/// Requests at once.
const REQUESTS_AT_ONCE: usize = 8;

/// Each control on a node of its own, so that none inherits the queue of another.
pub(crate) async fn controls(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    for control in CONTROLS {
        let rig = Rig::new(base, Clock::wall()).await?;
        let name = match control {
            "plain" => "bench/noop".to_owned(),
            _ => format!("flow/{control}"),
        };
        let requests = scale.events / 10 / EVENTS_A_REQUEST;
        let began = Instant::now();
        let senders: Vec<_> = (0..REQUESTS_AT_ONCE)
            .map(|sender| {
                let (node, name) = (rig.node.clone(), name.clone());
                tokio::spawn(async move {
                    for request in (sender..requests).step_by(REQUESTS_AT_ONCE) {
                        let first = request * EVENTS_A_REQUEST;
                        let events = (first..first + EVENTS_A_REQUEST)
                            .map(|n| event(&name, format!(r#"{{"key":{}}}"#, n % KEYS)))
                            .collect();
                        node.send_events(events, None).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        for sender in senders {
            sender.await??;
        }
        let rate = rate(requests * EVENTS_A_REQUEST, began.elapsed().as_secs_f64());
        let meaning = match control {
            "plain" => "events a second that each start a run, durably; 100 a request",
            _ => "the same through this control, 1,000 keys",
        };
        report.by("flow_events_per_s", control, rate, 0, meaning);
        rig.node.shutdown().await;
    }
    Ok(())
}
