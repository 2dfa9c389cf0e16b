//! DBOS: a library in a program of the user's, here one `FastAPI` process, on a PostgreSQL server of its own or on SQLite. A request is
//! answered with the result of the workflow that it started.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::json;

use super::{Facts, Places, System, install, number};
use crate::compare::line::Line;
use crate::compare::process::{Process, free_address};
use crate::compare::workload::Job;

/// Where DBOS keeps what it must not forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    Sqlite,
}

/// The program, and its database server if it has one.
pub(crate) struct Dbos {
    address: SocketAddr,
    processes: Vec<Process>,
    version: String,
    database: Database,
}

impl Dbos {
    pub(super) async fn start(database: Database, places: &Places<'_>) -> Result<Self> {
        let postgres = match database {
            Database::Postgres => Some(Postgres::find()?),
            Database::Sqlite => None,
        };
        let installed = install::dbos(places.installed)?;
        let data = places.data.path();
        let mut version = installed.versions;
        let mut processes = Vec::new();
        let (name, url) = match postgres {
            Some(postgres) => {
                let (server, address) = postgres.start(places.data.path()).await?;
                processes.push(server);
                version = format!("{version}, {}", postgres.version);
                ("dbos", format!("postgresql://dbos@{address}/compare"))
            }
            None => {
                let file = data.join("dbos.sqlite");
                ("dbos-sqlite", format!("sqlite:///{}", file.display()))
            }
        };
        let address = free_address()?;
        let mut command = Command::new(&installed.python);
        command
            .arg(&installed.program)
            .env("DATABASE", url)
            .env("PORT", address.port().to_string());
        let mut program = Process::start(name, &mut command, data)?;
        program.until_it_answers(address, "/health").await?;
        // The last one that was started is the first one to be ended.
        processes.insert(0, program);
        Ok(Self {
            address,
            processes,
            version,
            database,
        })
    }
}

#[async_trait]
impl System for Dbos {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn processes(&self) -> &[Process] {
        &self.processes
    }

    fn facts(&self) -> Facts {
        Facts {
            version: self.version.clone(),
            durability: match self.database {
                Database::Postgres => {
                    "PostgreSQL as it ships: `fsync` and `synchronous_commit` on; every step is a commit"
                }
                Database::Sqlite => {
                    "SQLite as DBOS opens it: a rollback journal, `synchronous = FULL`; every step is a commit"
                }
            },
            driven: "a request to the program (FastAPI), which awaits the workflow in it",
            more: "a library inside the user's own program (one Python process here; more can share the database); state is rows that SQL reads; with PostgreSQL its replication and backups",
        }
    }

    async fn run(&self, line: &mut Line, job: &Job) -> Result<u64> {
        let path = format!("/{}", job.workload.program());
        number(&line.post(&path, &job.data()).await?)
    }

    async fn waits(&self, line: &mut Line, job: &Job) -> Result<bool> {
        let waits = line.get(&format!("/waits/{}", job.key)).await?;
        Ok(waits.as_ref() == b"true")
    }

    async fn wake(&self, line: &mut Line, job: &Job) -> Result<()> {
        line.post(&format!("/wake/{}", job.key), &json!({})).await?;
        Ok(())
    }
}

/// An installed PostgreSQL.
struct Postgres {
    programs: PathBuf,
    version: String,
}

impl Postgres {
    fn find() -> Result<Self> {
        let mut folders: Vec<_> = std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            .collect();
        // Where Debian keeps the programs that are not for everybody's PATH.
        let versions = fs::read_dir("/usr/lib/postgresql");
        folders.extend(
            versions
                .into_iter()
                .flatten()
                .flatten()
                .map(|version| version.path().join("bin")),
        );
        let programs = folders
            .into_iter()
            .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
            .context("no PostgreSQL on this machine: neither PATH nor /usr/lib/postgresql has `initdb` and `postgres` (Debian: the package postgresql)")?;
        let version = install::output(Command::new(programs.join("postgres")).arg("--version"))?;
        let version = version
            .trim()
            .replace("postgres (PostgreSQL)", "PostgreSQL");
        Ok(Self { programs, version })
    }

    /// A server over an empty database.
    async fn start(&self, data: &Path) -> Result<(Process, SocketAddr)> {
        let folder = data.join("postgres");
        fs::create_dir(&folder)?;
        let account = account()?;
        if let Some((user, group)) = account {
            // It refuses to run as root, and must reach its folder as somebody else.
            fs::set_permissions(data, fs::Permissions::from_mode(0o755))?;
            chown(&folder, Some(user), Some(group))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(self.programs.join(name));
            command.arg("-D").arg(&folder).current_dir("/");
            if let Some((user, group)) = account {
                command.uid(user).gid(group);
            }
            command
        };
        let created = program("initdb")
            .args(["-U", "dbos", "--auth=trust", "-E", "UTF8", "--locale=C"])
            .stdin(Stdio::null())
            .output()
            .context("could not start initdb")?;
        ensure!(
            created.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&created.stderr)
        );
        let address = free_address()?;
        let mut command = program("postgres");
        command
            .args([
                "-c",
                "unix_socket_directories=",
                "-c",
                "listen_addresses=127.0.0.1",
                "-p",
            ])
            .arg(address.port().to_string());
        let mut server = Process::start("postgres", &mut command, data)?;
        server
            .until(async |printed| {
                printed
                    .contains("ready to accept connections")
                    .then_some(())
            })
            .await?;
        Ok((server, address))
    }
}

/// The account for a server that must not be root's: nobody's own if this process is not root's either.
fn account() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let line = ["postgres:", "nobody:"]
        .iter()
        .find_map(|name| accounts.lines().find(|line| line.starts_with(name)));
    let fields: Vec<_> = line.unwrap_or_default().split(':').collect();
    let ids = fields.get(2).zip(fields.get(3));
    let (user, group) =
        ids.context("PostgreSQL does not run as root, and there is no account postgres or nobody")?;
    Ok(Some((user.parse()?, group.parse()?)))
}
