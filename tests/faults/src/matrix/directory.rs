//! The data directory: used twice, moved, removed, on a file system that takes no writes.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::io::Errno;

use super::{Needs, Row};
use crate::faults::{Rule, TRUNCATE, WRITE};
use crate::mounts::Mounted;
use crate::stage::Stage;

const LOAD: Duration = Duration::from_millis(300);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "two_processes_on_one_directory",
        fault: "a second process is started on the directory of a running node",
        expected: "it is refused with the first one's process id, exit 1; the first one does not notice",
        needs: Needs::Nothing,
        play: two_processes,
    },
    Row {
        name: "a_directory_that_is_moved_while_it_is_served",
        fault: "the data directory is renamed under the running node",
        expected: "nothing more is acknowledged, exit 1 with the reason; complete once it is back in its place",
        needs: Needs::Nothing,
        play: moved,
    },
    Row {
        name: "a_directory_that_is_removed_while_it_is_served",
        fault: "the data directory is removed under the running node",
        expected: "nothing more is acknowledged, exit 1 with the reason",
        needs: Needs::Nothing,
        play: removed,
    },
    Row {
        name: "a_file_system_that_becomes_read_only_while_serving",
        fault: "EROFS from every write, as after an error of the file system",
        expected: "nothing more is acknowledged, exit 1 with the reason; complete after a restart",
        needs: Needs::Preload,
        play: becomes_read_only,
    },
    Row {
        name: "a_real_file_system_that_is_read_only",
        fault: "the node starts on a file system that is mounted read-only",
        expected: "exit 1 with the reason; complete once it is writable",
        needs: Needs::Mounts,
        play: is_read_only,
    },
];

/// What a node says whose directory is somewhere else.
const GONE: &str = "no longer in its place";

fn two_processes(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 2)?;
    let first = stage.pid()?.to_string();
    stage
        .refused()?
        .fails_with(&["in use by another process", &first])?;
    stage.load(LOAD / 2)?;
    stage.settle()?;
    stage.goes_on()
}

fn moved(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    let here = stage.data().to_owned();
    let there = here.with_extension("moved");
    stage.load_while(LOAD, |_, _| Ok(fs::rename(&here, &there)?))?;
    stage.ended_under_load()?.fails_with(&[GONE])?;
    ensure!(!here.exists(), "something was written in its place");
    fs::rename(there, here)?;
    stage.recovers()
}

fn removed(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 2)?;
    stage.settle()?;
    fs::remove_dir_all(stage.data())?;
    let before = stage.acknowledged();
    stage.load(LOAD)?;
    ensure!(
        stage.acknowledged() == before,
        "events were acknowledged without a directory to keep them in"
    );
    stage.ended()?.fails_with(&[GONE])
}

fn becomes_read_only(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load_while(LOAD, |faults, _| {
        faults.set(0, Rule::fail(WRITE | TRUNCATE, "/data/", Errno::ROFS))
    })?;
    stage
        .ended_under_load()?
        .fails_with(&["Read-only file system"])?;
    stage.recovers()
}

fn is_read_only(stage: &mut Stage<'_>) -> Result<()> {
    let mounted = Mounted::memory(stage.data(), 64)?;
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(LOAD / 2)?;
    stage.kill()?;
    mounted.writable(false)?;
    for _ in 0..2 {
        stage.refused()?.fails_with(&["Read-only file system"])?;
    }
    mounted.writable(true)?;
    stage.recovers()?;
    mounted.unmount()
}
