//! Calls that fail while the node opens its directory: it exits with code 1 and a message, has changed nothing that counts, and a start
//! without the cause finds everything.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::io::Errno;

use super::{Needs, Row};
use crate::faults::{OPEN, RENAME, Rule, SYNC, SYNC_RANGE, TRUNCATE, WRITE};
use crate::stage::Stage;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a_full_disk_at_open",
        fault: "ENOSPC from every write and every creation while the node starts",
        expected: "exit 1 with the file and the reason; complete after a start with room",
        needs: Needs::Preload,
        play: |stage| {
            refuses(
                stage,
                &[Rule::fail(WRITE | TRUNCATE, "/data/", Errno::NOSPC)],
                &["No space left on device"],
            )
        },
    },
    Row {
        name: "an_error_when_opening_is_synced",
        fault: "EIO from every sync while the node starts",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| {
            refuses(
                stage,
                &[Rule::fail(SYNC | SYNC_RANGE, "/data/", Errno::IO)],
                &["Input/output error"],
            )
        },
    },
    Row {
        name: "a_directory_that_may_not_be_opened",
        fault: "EACCES from every `open` in the data directory",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| {
            refuses(
                stage,
                &[Rule::fail(OPEN, "/data/", Errno::ACCESS)],
                &["Permission denied"],
            )
        },
    },
    Row {
        name: "a_file_system_that_became_read_only",
        fault: "EROFS from every write and rename while the node starts, as after an error of the file system",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| {
            refuses(
                stage,
                &[Rule::fail(WRITE | TRUNCATE | RENAME, "/data/", Errno::ROFS)],
                &["Read-only file system"],
            )
        },
    },
    Row {
        name: "no_descriptors_at_open",
        fault: "EMFILE from `open` in the data directory, at each of the first 24 places where a start opens files",
        expected: "as above",
        needs: Needs::Preload,
        play: no_descriptors_at_open,
    },
];

/// Something to lose, and a process that did not end in order.
fn something(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(Duration::from_millis(200))?;
    stage.kill()
}

fn refuses(stage: &mut Stage<'_>, rules: &[Rule], says: &[&str]) -> Result<()> {
    something(stage)?;
    for (slot, rule) in rules.iter().enumerate() {
        stage.faults.set(slot, *rule)?;
    }
    // Twice: what a failed start leaves must not change the second answer.
    for _ in 0..2 {
        let end = stage.refused()?;
        end.fails_with(says)?;
        ensure!(
            !end.last_line().contains("damaged"),
            "nothing is damaged, but it says so: {}",
            end.last_line()
        );
    }
    stage.recovers()
}

fn no_descriptors_at_open(stage: &mut Stage<'_>) -> Result<()> {
    something(stage)?;
    let mut refusals = 0;
    for place in 0..24 {
        stage
            .faults
            .set(0, Rule::fail(OPEN, "/data/", Errno::MFILE).after(place))?;
        let mut starting = stage.spawn()?;
        // Late places are beyond the start: then it listens, and fails or goes on as other rows say.
        let Some(end) = stage.refused_or_serves(&mut starting)? else {
            continue;
        };
        refusals += 1;
        end.fails_with(&["Too many open files"])?;
        ensure!(
            !end.last_line().contains("damaged"),
            "nothing is damaged, but it says so: {}",
            end.last_line()
        );
    }
    ensure!(refusals >= 8, "only {refusals} starts were refused");
    stage.recovers()
}
