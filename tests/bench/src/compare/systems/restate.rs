//! Restate: its server with the settings that it ships with, and one Node process with the services, driven through its ingress,
//! where a call is answered with the result.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;
use async_trait::async_trait;
use serde_json::json;

use super::{Facts, Places, System, install, number};
use crate::compare::line::Line;
use crate::compare::process::{Process, free_address};
use crate::compare::workload::{Job, Workload};

/// The server and the services.
pub(crate) struct Restate {
    ingress: SocketAddr,
    processes: Vec<Process>,
    version: String,
}

impl Restate {
    pub(super) async fn start(places: &Places<'_>) -> Result<Self> {
        let installed = install::restate(places.installed)?;
        let data = places.data.path();
        let [ingress, admin, node, services] = [
            free_address()?,
            free_address()?,
            free_address()?,
            free_address()?,
        ];
        let mut command = Command::new(&installed.server);
        command
            .arg("--base-dir")
            .arg(data.join("restate"))
            .args(["--no-logo", "--node-name", "compare"])
            .env("RESTATE_INGRESS__BIND_ADDRESS", ingress.to_string())
            .env("RESTATE_ADMIN__BIND_ADDRESS", admin.to_string())
            .env("RESTATE_BIND_ADDRESS", node.to_string())
            .env("RESTATE_LISTEN_MODE", "tcp")
            .env("RESTATE_DISABLE_TELEMETRY", "true")
            .env("RESTATE_LOG_FILTER", "warn");
        let mut server = Process::start("restate-server", &mut command, data)?;
        let mut command = Command::new(&installed.node);
        command
            .arg(&installed.services)
            .env("PORT", services.port().to_string())
            .env("RESTATE_LOGGING", "WARN");
        let mut app = Process::start("restate-services", &mut command, data)?;
        server.until_it_answers(admin, "/health").await?;
        let deployment = json!({"uri": format!("http://{services}")});
        let register = async |_: &str| {
            let mut line = Line::open(admin).await.ok()?;
            line.post("/deployments", &deployment).await.ok()
        };
        app.until(register).await?;
        server.until_it_answers(ingress, "/restate/health").await?;
        Ok(Self {
            ingress,
            processes: vec![server, app],
            version: installed.versions,
        })
    }
}

#[async_trait]
impl System for Restate {
    fn address(&self) -> SocketAddr {
        self.ingress
    }

    fn processes(&self) -> &[Process] {
        &self.processes
    }

    fn facts(&self) -> Facts {
        Facts {
            version: self.version.clone(),
            durability: "as it ships: a replicated log with one replica, RocksDB's WAL on and synced (`rocksdb-disable-wal-fsync = false`), 24 partitions",
            driven: "a call of the service through the ingress, which answers with the result",
            more: "services run anywhere, in another process that the server calls over HTTP/2 (here one Node process); keyed state; SQL over its state; with more nodes a replicated log",
        }
    }

    async fn run(&self, line: &mut Line, job: &Job) -> Result<u64> {
        let path = match job.workload {
            Workload::Wait => format!("/wait/{}/run", job.key),
            Workload::FanOut => "/compare/fanOut".into(),
            Workload::Sequence | Workload::Parallel | Workload::Sleep | Workload::Long => {
                format!("/compare/{}", job.workload.program())
            }
        };
        number(&line.post(&path, &job.data()).await?)
    }

    async fn waits(&self, line: &mut Line, job: &Job) -> Result<bool> {
        let waits = line
            .post(&format!("/wait/{}/waits", job.key), &json!({}))
            .await?;
        Ok(waits.as_ref() == b"true")
    }

    async fn wake(&self, line: &mut Line, job: &Job) -> Result<()> {
        line.post(&format!("/wait/{}/wake", job.key), &json!({}))
            .await?;
        Ok(())
    }
}
