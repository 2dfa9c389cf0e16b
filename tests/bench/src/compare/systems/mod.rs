//! The systems that are compared, each behind the same few questions; how it is asked over HTTP is its file's business.

mod abide;
mod dbos;
mod install;
mod restate;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use tempfile::TempDir;

use super::line::{Line, excerpt};
use super::process::Process;
use super::workload::Job;

/// A system that runs, with the workloads in it.
#[async_trait]
pub(crate) trait System: Send + Sync {
    /// Where its users send requests.
    fn address(&self) -> SocketAddr;

    /// Its programs.
    fn processes(&self) -> &[Process];

    /// Which versions, and what matters of their settings.
    fn facts(&self) -> Facts;

    /// Starts a run and comes back with its result as soon as the end is durable.
    async fn run(&self, line: &mut Line, job: &Job) -> Result<u64>;

    /// Whether the run waits for its event.
    async fn waits(&self, line: &mut Line, job: &Job) -> Result<bool>;

    /// Sends the event that the run waits for.
    async fn wake(&self, line: &mut Line, job: &Job) -> Result<()>;
}

/// What a reader must know of a system to judge its figures.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) durability: &'static str,
    pub(crate) driven: &'static str,
    pub(crate) more: &'static str,
}

/// Which system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Name {
    Abide,
    Restate,
    /// On PostgreSQL.
    Dbos,
    DbosSqlite,
}

impl Name {
    /// Whom Abide is compared with unless somebody says otherwise.
    pub(crate) const PEERS: [Self; 3] = [Self::Restate, Self::Dbos, Self::DbosSqlite];

    /// Its key in the JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Abide => "abide",
            Self::Restate => "restate",
            Self::Dbos => "dbos",
            Self::DbosSqlite => "dbos-sqlite",
        }
    }

    /// Its name in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Abide => "Abide",
            Self::Restate => "Restate",
            Self::Dbos => "DBOS on PostgreSQL",
            Self::DbosSqlite => "DBOS on SQLite",
        }
    }
}

/// Where things are while systems are compared.
pub(crate) struct Places<'a> {
    /// Data, logs: goes away afterwards.
    pub(crate) data: &'a TempDir,
    /// What was installed: stays.
    pub(crate) installed: &'a Path,
    /// The server that steps call.
    pub(crate) effects: SocketAddr,
}

/// Installs what is needed and starts it. The error says what is missing on this machine.
pub(crate) async fn start(name: Name, places: &Places<'_>) -> Result<Box<dyn System>> {
    Ok(match name {
        Name::Abide => Box::new(abide::Abide::start(places).await?),
        Name::Restate => Box::new(restate::Restate::start(places).await?),
        Name::Dbos => Box::new(dbos::Dbos::start(dbos::Database::Postgres, places).await?),
        Name::DbosSqlite => Box::new(dbos::Dbos::start(dbos::Database::Sqlite, places).await?),
    })
}

/// An answer that is one number.
fn number(body: &[u8]) -> Result<u64> {
    let text = excerpt(body);
    let number = text.trim().parse();
    ensure!(number.is_ok(), "a run answered {text}");
    Ok(number?)
}
