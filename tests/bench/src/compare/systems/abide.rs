//! Abide: the release binary as `abide serve` with the benchmark's component, driven by `POST /e/KEY`. The end of a run comes through
//! the event's stream, which tells it at once; that is a second request after the first one's answer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Facts, Places, System, number};
use crate::compare::line::{Line, excerpt};
use crate::compare::process::Process;
use crate::compare::workload::Job;
use crate::rig;

/// A node of its own.
pub(crate) struct Abide {
    address: SocketAddr,
    processes: Vec<Process>,
    version: String,
}

#[derive(Deserialize)]
struct Sent {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Event {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    status: String,
}

#[derive(Deserialize)]
struct Health {
    version: String,
}

impl Abide {
    pub(super) async fn start(places: &Places<'_>) -> Result<Self> {
        let binary = std::env::var_os("ABIDE_BIN")
            .map(PathBuf::from)
            .context("ABIDE_BIN does not name the binary; `cargo xtask bench` builds it")?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--data"])
            .arg(places.data.path().join("abide"));
        let mut process = Process::start("abide", &mut command, places.data.path())?;
        let address = process
            .until(async |printed| {
                let after = printed.split("listening on http://").nth(1)?;
                after.split_whitespace().next()?.parse().ok()
            })
            .await?;
        let mut line = Line::open(address).await?;
        let deploy = format!("/api/v1/apps/{}?allow_net={}", rig::APP, places.effects);
        line.ask(Method::PUT, &deploy, rig::component()?).await?;
        let health: Health = serde_json::from_slice(&line.get("/health").await?)?;
        Ok(Self {
            address,
            processes: vec![process],
            version: health.version,
        })
    }

    async fn send(line: &mut Line, name: &str, data: serde_json::Value) -> Result<String> {
        let event = json!({"name": format!("compare/{name}"), "data": data});
        let sent: Sent = serde_json::from_slice(&line.post("/e/bench", &event).await?)?;
        sent.ids.into_iter().next().context("an event has an id")
    }
}

#[async_trait]
impl System for Abide {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn processes(&self) -> &[Process] {
        &self.processes
    }

    fn facts(&self) -> Facts {
        Facts {
            version: format!("Abide {}, a Rust component", self.version),
            durability: "one `fdatasync` a commit group before anything outside can notice; effect-free steps of a run share one",
            driven: "`POST /e/KEY`, then `GET /api/v1/events/{id}/stream?steps=false` until the end",
            more: "the steps run inside the node, sandboxed, in WebAssembly",
        }
    }

    async fn run(&self, line: &mut Line, job: &Job) -> Result<u64> {
        let id = Self::send(line, job.workload.program(), job.data()).await?;
        let path = format!("/api/v1/events/{id}/stream?steps=false");
        // Only the watcher of a waiting run reads it, and a job has one run.
        let _ = job.id.set(id);
        result(&line.get(&path).await?)
    }

    async fn waits(&self, line: &mut Line, job: &Job) -> Result<bool> {
        let Some(id) = job.id.get() else {
            return Ok(false);
        };
        let event = line.get(&format!("/api/v1/events/{id}")).await?;
        let event: Event = serde_json::from_slice(&event)?;
        Ok(event.runs.iter().any(|run| run.status == "Waiting"))
    }

    async fn wake(&self, line: &mut Line, job: &Job) -> Result<()> {
        Self::send(line, "wake", json!({"key": job.key})).await?;
        Ok(())
    }
}

/// The result in the last message about the run.
fn result(stream: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(stream)?;
    let last = text.rsplit("event: run").next().unwrap_or_default();
    let output = last
        .contains(r#""status":"Completed""#)
        .then(|| last.split(r#""output":"#).nth(1)?.split(',').next());
    match output.flatten() {
        Some(output) => number(output.as_bytes()),
        None => bail!("a run did not complete: {}", excerpt(last.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_that_of_the_last_message() {
        let stream = concat!(
            "event: run\ndata: {\"status\":\"Running\",\"output\":null,\"steps\":[]}\n\n",
            "event: run\ndata: {\"status\":\"Completed\",\"output\":45,\"error\":null}\n\n",
            "event: end\ndata: {}\n\n"
        );
        assert_eq!(result(stream.as_bytes()).expect("a result"), 45);
    }

    #[test]
    fn a_run_that_failed_or_a_stream_that_broke_has_no_result() {
        for stream in [
            "event: run\ndata: {\"status\":\"Failed\",\"output\":null}\n\nevent: end\ndata: {}\n\n",
            "event: run\ndata: {\"status\":\"Running\",\"output\":null}\n\n",
            "",
        ] {
            assert!(result(stream.as_bytes()).is_err(), "{stream}");
        }
    }
}
