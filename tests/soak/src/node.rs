//! The process under test: started, killed, asked to stop, started again; and what it wrote meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use abide_e2e::{Run, Server};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::sync::{Mutex, watch};

use crate::findings::{Census, Findings};

/// How long a start may take, on a busy machine.
const START: Duration = Duration::from_secs(120);

/// How long an orderly stop may take: the product promises 10 s, on a machine that has time for it.
const STOP: Duration = Duration::from_secs(30);

/// One process.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) url: Arc<str>,
    pub(crate) pid: u32,
    pub(crate) began: Instant,
}

/// One data directory, and the process that serves it.
pub(crate) struct Node {
    data: PathBuf,
    arguments: Vec<String>,
    findings: Arc<Findings>,
    lives: AtomicU64,
    life: watch::Sender<Option<Life>>,
    server: Mutex<Option<Server>>,
}

impl Node {
    pub(crate) fn new(data: &Path, arguments: Vec<String>, findings: Arc<Findings>) -> Self {
        Self {
            data: data.to_owned(),
            arguments,
            findings,
            lives: AtomicU64::new(0),
            life: watch::Sender::new(None),
            server: Mutex::new(None),
        }
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The process that serves, over time.
    pub(crate) fn lives(&self) -> watch::Receiver<Option<Life>> {
        self.life.subscribe()
    }

    pub(crate) async fn start(&self) -> Result<()> {
        let (data, arguments) = (self.data.clone(), self.arguments.clone());
        let started = blocking(move || Server::spawn_serve(&data, arguments)?.ready(START));
        let server = started.await?.context("the node does not start")?;
        let life = Life {
            number: self.lives.fetch_add(1, Ordering::Relaxed) + 1,
            url: server.url().into(),
            pid: server.pid(),
            began: Instant::now(),
        };
        *self.server.lock().await = Some(server);
        self.life.send_replace(Some(life));
        Ok(())
    }

    /// `kill -9`.
    pub(crate) async fn kill(&self) -> Result<()> {
        self.life.send_replace(None);
        let server = self.server.lock().await.take().context("none serves")?;
        let written = blocking(move || {
            let written = server.output();
            server.kill();
            written
        });
        self.read_log(&written.await?);
        Ok(())
    }

    /// SIGTERM; it must end by itself with exit code 0.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.life.send_replace(None);
        let mut server = self.server.lock().await.take().context("none serves")?;
        let (status, written) = blocking(move || {
            let asked = server.terminate();
            let status = asked.map(|()| server.ended(STOP));
            (status, server.output())
        })
        .await?;
        self.read_log(&written);
        let status = status?.context("the node did not stop within 30 s")?;
        ensure!(status.success(), "the node stopped with {status}");
        Ok(())
    }

    /// A process that has ended by itself is a broken promise.
    pub(crate) async fn check_alive(&self) -> Result<()> {
        let mut server = self.server.lock().await;
        let Some(server) = server.as_mut() else {
            return Ok(());
        };
        if !server.is_alive() {
            self.read_log(&server.output());
            anyhow::bail!("the node ended by itself");
        }
        Ok(())
    }

    /// Counts what the store holds. No process may serve it.
    pub(crate) async fn census(&self) -> Result<()> {
        let data = self.data.clone();
        let ran = blocking(move || {
            let data = data.display().to_string();
            Run::abide(["store", "stats", "--json", "--data", &data])
                .within(START)
                .run()
                .done()
                .json()
        })
        .await?;
        let kinds = ran["kinds"].as_array().into_iter().flatten();
        let rows = kinds.filter_map(|kind| {
            let name = kind["kind"].as_str()?.to_owned();
            Some((name, kind["rows"].as_u64()?))
        });
        self.findings.census(Census {
            at_s: self.findings.at_s(),
            rows: rows.collect(),
            alive_bytes: ran["alive_bytes"].as_u64().unwrap_or(0),
        });
        Ok(())
    }

    fn read_log(&self, written: &str) {
        for line in written.lines().filter(|line| !line.trim().is_empty()) {
            match complaint(line) {
                Complaint::None => {}
                Complaint::Warning => {
                    self.findings.count("warnings in the log");
                    eprintln!("the node warned: {line}");
                }
                Complaint::Error => self
                    .findings
                    .violated(format!("the node's log says {line}")),
            }
        }
    }
}

/// How bad a line of the log is.
#[derive(Debug, PartialEq, Eq)]
enum Complaint {
    None,
    Warning,
    Error,
}

/// A line that is no JSON did not come from the log: a panic, for example.
fn complaint(line: &str) -> Complaint {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        return if line.starts_with("listening on ") {
            Complaint::None
        } else {
            Complaint::Error
        };
    };
    match line["level"].as_str() {
        Some("INFO" | "DEBUG" | "TRACE") => Complaint::None,
        Some("WARN") => Complaint::Warning,
        _ => Complaint::Error,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("a thread of the harness failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_whatever_is_no_log_line_are_complaints() {
        for (line, expected) in [
            ("listening on http://127.0.0.1:1", Complaint::None),
            (r#"{"level":"INFO","message":"serving"}"#, Complaint::None),
            (r#"{"level":"WARN","message":"hm"}"#, Complaint::Warning),
            (r#"{"level":"ERROR","message":"ouch"}"#, Complaint::Error),
            ("thread 'abide-shard' panicked at", Complaint::Error),
        ] {
            assert_eq!(complaint(line), expected, "{line}");
        }
    }
}
