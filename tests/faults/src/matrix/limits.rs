//! Limits of the process: descriptors and memory.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Needs, Row};
use crate::stage::Stage;

const LOAD: Duration = Duration::from_millis(400);

/// Connections of a client that does nothing but connect.
const IDLE: usize = 40;

/// What is left of address space when it becomes scarce.
const SCARCE: u64 = 12 << 20;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "no_descriptors_for_connections",
        fault: "a client holds 40 connections, and the process may open no further file",
        expected: "who has a connection is served, new ones wait; they are accepted once there are descriptors",
        needs: Needs::Preload,
        play: no_descriptors_for_connections,
    },
    Row {
        name: "no_memory_for_instances",
        fault: "the address space of the process is limited to 12 MB more than it has, under load",
        expected: "runs wait, or the process ends; no run fails for it, complete after a restart",
        needs: Needs::Preload,
        play: no_memory_for_instances,
    },
];

fn limit(pid: u32, resource: Resource, new: Option<u64>) -> Result<Option<u64>> {
    let pid = Pid::from_raw(pid.cast_signed()).context("the process has no number")?;
    let limits = Rlimit {
        current: new,
        maximum: None,
    };
    let limits = match prlimit(Some(pid), resource, limits) {
        Ok(before) => return Ok(before.current),
        // Not root: the upper limit stays as it is.
        Err(_) => Rlimit {
            maximum: rustix::process::getrlimit(resource).maximum,
            ..limits
        },
    };
    let before = prlimit(Some(pid), resource, limits).context("the limit cannot be set")?;
    Ok(before.current)
}

fn no_descriptors_for_connections(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 3)?;
    stage.settle()?;
    ensure!(stage.answers()?, "health does not answer");
    let pid = stage.pid()?;
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let before = limit(pid, Resource::Nofile, Some(open as u64))?;
    let idle: Vec<_> = (0..IDLE)
        .map(|_| TcpStream::connect(stage.address()?).context("the queue is full"))
        .collect::<Result<_>>()?;
    ensure!(
        stage.answers()?,
        "who had a connection is not served any more"
    );
    limit(pid, Resource::Nofile, before)?;
    drop(idle);
    stage.goes_on()
}

fn no_memory_for_instances(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 4)?;
    stage.load_while(LOAD, |_, pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kilobytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmSize:"))
            .and_then(|size| size.trim().trim_end_matches(" kB").parse().ok())
            .context("the system does not say how large the process is")?;
        limit(pid, Resource::As, Some(kilobytes * 1024 + SCARCE)).map(drop)
    })?;
    stage.kill()?;
    stage.recovers()
}
