//! Calls that fail while the node serves.
//!
//! The policy: whatever was to be made durable and failed is never tried again. Nothing more is acknowledged, the process exits with code
//! 1 and says why. Calls that the system only interrupted, or did in part, are continued and nobody notices.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::io::Errno;

use super::{Needs, Row};
use crate::faults::{ACCEPT, OPEN, READ, RENAME, Rule, SYNC, SYNC_RANGE, WRITE};
use crate::stage::Stage;

/// How long the node is under load; the fault comes after a third of it.
const LOAD: Duration = Duration::from_millis(450);

/// The slot of a rule that only counts.
const COUNTED: usize = 7;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "an_error_when_the_log_is_written",
        fault: "EIO from a write to the log",
        expected: "nothing more is acknowledged, exit 1 with the reason; complete after a restart",
        needs: Needs::Preload,
        play: |stage| {
            dies_of(
                stage,
                Rule::fail(WRITE, "data/log/db", Errno::IO).times(1),
                &["Input/output error"],
            )
        },
    },
    Row {
        name: "an_error_when_the_log_is_synced",
        fault: "EIO from the sync of the log, once; later syncs would succeed",
        expected: "as above, and the log is never synced again by this process",
        needs: Needs::Preload,
        play: a_failed_sync_is_never_tried_again,
    },
    Row {
        name: "an_error_when_the_log_is_handed_to_the_disk",
        fault: "EIO from `sync_file_range`, with which sled hands the log over",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| {
            dies_of(
                stage,
                Rule::fail(SYNC_RANGE, "data/log/db", Errno::IO).times(1),
                &["Input/output error"],
            )
        },
    },
    Row {
        name: "an_error_when_the_witness_is_written",
        fault: "EIO from a write to `commits`",
        expected: "nothing more is acknowledged, exit 1 with the file and the reason; complete after a restart",
        needs: Needs::Preload,
        play: |stage| {
            dies_of(
                stage,
                Rule::fail(WRITE, "data/commits", Errno::IO).times(1),
                &["commits", "Input/output error"],
            )
        },
    },
    Row {
        name: "a_payload_that_cannot_be_written",
        fault: "EIO from the write of a payload file",
        expected: "the event is not acknowledged, exit 1 with the file and the reason; complete after a restart",
        needs: Needs::Preload,
        play: |stage| loses_no_payload(stage, Rule::fail(WRITE, "/blobs/tmp/", Errno::IO)),
    },
    Row {
        name: "a_payload_that_cannot_be_synced",
        fault: "EIO from the sync of a payload file",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| loses_no_payload(stage, Rule::fail(SYNC, "/blobs/", Errno::IO).times(1)),
    },
    Row {
        name: "a_payload_that_cannot_be_named",
        fault: "EIO from the rename of a payload file to its name",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| {
            loses_no_payload(stage, Rule::fail(RENAME, "/blobs/tmp/", Errno::IO).times(1))
        },
    },
    Row {
        name: "a_payload_that_finds_no_descriptor",
        fault: "EMFILE when a payload file is created",
        expected: "as above",
        needs: Needs::Preload,
        play: |stage| loses_no_payload(stage, Rule::fail(OPEN, "/blobs/tmp/", Errno::MFILE)),
    },
    Row {
        name: "code_that_finds_no_descriptor",
        fault: "EMFILE when the code of runs is read that go on after a restart, five times",
        expected: "the runs wait, the log says for what, and they go on; none is paused",
        needs: Needs::Preload,
        play: code_that_finds_no_descriptor,
    },
    Row {
        name: "short_writes",
        fault: "every write to the data directory takes half of what it is given",
        expected: "the rest is written after it; nobody notices",
        needs: Needs::Preload,
        play: |stage| nobody_notices(stage, Rule::short("/data/")),
    },
    Row {
        name: "interrupted_calls",
        fault: "EINTR from 200 reads, writes and syncs of the data directory",
        expected: "they are made again; nobody notices",
        needs: Needs::Preload,
        play: |stage| {
            nobody_notices(
                stage,
                Rule::fail(READ | WRITE | SYNC, "/data/", Errno::INTR).times(200),
            )
        },
    },
    Row {
        name: "connections_that_break_before_they_are_accepted",
        fault: "ECONNABORTED from three accepts",
        expected: "the next ones are accepted; nothing is lost",
        needs: Needs::Preload,
        play: connections_that_break_before_they_are_accepted,
    },
    Row {
        name: "an_error_when_the_log_is_read",
        fault: "EIO from a read of the log at the next start",
        expected: "exit 1 with the file and the reason, nothing is changed; complete once it can be read",
        needs: Needs::Preload,
        play: an_error_when_the_log_is_read,
    },
];

/// The fault strikes under load: the process ends as the policy says, and nothing is missing afterwards.
fn dies_of(stage: &mut Stage<'_>, rule: Rule, says: &[&str]) -> Result<()> {
    stage.begin()?;
    stage.load_while(LOAD, |faults, _| faults.set(0, rule))?;
    stage.ended_under_load()?.fails_with(says)?;
    ensure!(stage.faults.tally(0)?.struck > 0, "the fault never struck");
    stage.recovers()
}

fn a_failed_sync_is_never_tried_again(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load_while(LOAD, |faults, _| {
        faults.set(0, Rule::fail(SYNC, "data/log/db", Errno::IO).times(1))?;
        faults.set(COUNTED, Rule::count(WRITE, "data/commits"))
    })?;
    stage
        .ended_under_load()?
        .fails_with(&["sync", "log/db", "Input/output error"])?;
    let syncs = stage.faults.tally(0)?;
    ensure!(
        syncs.seen == 1 && syncs.struck == 1,
        "the log was synced again after a failed sync: {syncs:?}"
    );
    let promises = stage.faults.tally(COUNTED)?;
    ensure!(
        promises.seen <= 1,
        "the witness went on after a failed sync: {promises:?}"
    );
    stage.recovers()
}

fn loses_no_payload(stage: &mut Stage<'_>, rule: Rule) -> Result<()> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(LOAD / 3)?;
    stage.faults.set(0, rule)?;
    ensure!(
        !stage.send_large()?,
        "an event was acknowledged whose payload was not stored"
    );
    stage.ended()?.fails_with(&["blobs"])?;
    stage.faults.clear()?;
    stage.start()?;
    ensure!(stage.send_large()?, "a large event is not taken any more");
    stage.settle()?;
    stage.goes_on()
}

fn nobody_notices(stage: &mut Stage<'_>, rule: Rule) -> Result<()> {
    stage.begin()?;
    stage.load_while(LOAD, |faults, _| faults.set(0, rule))?;
    ensure!(stage.send_large()?, "a large event is not taken");
    ensure!(stage.faults.tally(0)?.struck > 0, "the fault never struck");
    stage.settle()?;
    stage.kill()?;
    // Also while it opens.
    stage.faults.set(0, rule)?;
    stage.start()?;
    stage.settle()?;
    stage.goes_on()
}

fn code_that_finds_no_descriptor(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD)?;
    stage.kill()?;
    let rule = Rule::fail(OPEN, "/components/", Errno::MFILE).times(5);
    stage.faults.set(0, rule)?;
    stage.start()?;
    stage.settle()?;
    ensure!(stage.faults.tally(0)?.struck == 5, "the fault never struck");
    ensure!(
        stage.output()?.contains("it is tried again in"),
        "the log does not say that runs wait:\n{}",
        stage.output()?
    );
    stage.goes_on()
}

fn connections_that_break_before_they_are_accepted(stage: &mut Stage<'_>) -> Result<()> {
    let rule = Rule::fail(ACCEPT, "", Errno::CONNABORTED).times(3);
    stage.begin()?;
    stage.load_while(LOAD, |faults, _| faults.set(0, rule))?;
    // The load keeps the connections that it has.
    let _new = TcpStream::connect(stage.address()?)?;
    stage.wait_for("accepting fails", || {
        Ok((stage.faults.tally(0)?.struck == 3).then_some(()))
    })?;
    stage.settle()?;
    stage.goes_on()
}

fn an_error_when_the_log_is_read(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 2)?;
    stage.kill()?;
    stage
        .faults
        .set(0, Rule::fail(READ, "data/log/db", Errno::IO).after(1))?;
    let end = stage.refused()?;
    end.fails_with(&["log/db", "Input/output error"])?;
    ensure!(
        !end.said().contains("damaged"),
        "what cannot be read now is not damaged:\n{}",
        end.said()
    );
    stage.recovers()
}
