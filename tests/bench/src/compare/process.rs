//! The programs that are measured: started with their output in a file, looked at through `/proc`, ended with everything they started.
//!
//! Each leads a process group of its own, and only that group is ever signalled.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::line::Line;

/// How long a program may take to start.
const START: Duration = Duration::from_secs(60);

/// How long it may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(5);

/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// A running program. Dropping it ends it.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, with everything that it prints in `NAME.log` in this folder.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        Ok(Self {
            name: name.into(),
            child,
            log,
        })
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until `probe` finds something; a program that has ended, or takes too long, is an error with what it printed last.
    pub(crate) async fn until<T>(
        &mut self,
        mut probe: impl AsyncFnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = probe(&self.printed()).await {
                return Ok(found);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || began.elapsed() > START {
                let how = ended.map_or("is not ready".into(), |status| format!("ended ({status})"));
                let printed = self.printed();
                let tail: Vec<_> = printed.lines().rev().take(8).collect();
                let tail: Vec<_> = tail.into_iter().rev().collect();
                bail!("{} {how}; it printed: {}", self.name, tail.join(" | "));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until this route answers with success.
    pub(crate) async fn until_it_answers(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        self.until(async |_| Line::open(address).await.ok()?.get(path).await.ok())
            .await?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(group) = group else { return };
        // A group that is gone already needs no signal.
        let _ = kill_process_group(group, Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOP {
            std::thread::sleep(PAUSE);
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A port that is free right now, for programs that cannot choose one by themselves.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The processor time that these programs, and all that they started, have used so far.
pub(crate) fn cpu_time(processes: &[Process]) -> Duration {
    let ticks: u64 = tree(processes).iter().map(|(_, ticks)| ticks).sum();
    Duration::from_millis(ticks * 10)
}

/// Their memory in bytes; pages that several of them share are divided among these.
pub(crate) fn memory_bytes(processes: &[Process]) -> u64 {
    tree(processes)
        .iter()
        .map(|(id, _)| proportional_bytes(*id))
        .sum()
}

/// The ids of the processes and their descendants, each with its ticks.
fn tree(processes: &[Process]) -> Vec<(u32, u64)> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut ticks = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some((parent, used)) = stat(id) {
            children.entry(parent).or_default().push(id);
            ticks.insert(id, used);
        }
    }
    let mut left: Vec<u32> = processes.iter().map(|process| process.child.id()).collect();
    let mut found = Vec::new();
    while let Some(id) = left.pop() {
        left.extend(children.get(&id).into_iter().flatten());
        found.extend(ticks.get(&id).map(|ticks| (id, *ticks)));
    }
    found
}

/// The parent of a process, and its processor time with that of its ended children, in ticks of 10 ms.
fn stat(id: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which may hold spaces: the state, the parent, and from field 14 on the times.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let times = fields.get(11..15)?.iter();
    let ticks = times.filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

fn proportional_bytes(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
