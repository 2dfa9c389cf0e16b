//! A disk that becomes slow.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Needs, Row};
use crate::faults::{Rule, SYNC};
use crate::stage::Stage;

/// How long a sync takes then.
const SYNC_TIME: Duration = Duration::from_millis(1_500);

/// How often health is asked at most.
const ASKED: usize = 20;

pub(super) const ROWS: &[Row] = &[Row {
    name: "a_disk_that_becomes_slow",
    fault: "each sync of the log takes 1.5 s",
    expected: "answers wait for their sync, health still answers, SIGTERM ends with exit 0; nothing is lost",
    needs: Needs::Preload,
    play: becomes_slow,
}];

fn becomes_slow(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(Duration::from_millis(150))?;
    stage
        .faults
        .set(0, Rule::delay(SYNC, "data/log/db", SYNC_TIME))?;
    let asked = Instant::now();
    ensure!(stage.send_large()?, "a slow disk must not refuse events");
    ensure!(
        asked.elapsed() >= SYNC_TIME,
        "an event was acknowledged before its sync was over"
    );
    stage.load(Duration::from_millis(300))?;
    // One of them is quick, also where the machine itself is slow.
    let mut answers = (0..ASKED).map(|_| -> Result<bool> {
        let asked = Instant::now();
        ensure!(stage.answers()?, "health does not answer");
        Ok(asked.elapsed() < SYNC_TIME)
    });
    let quick = answers.find(|answer| !matches!(answer, Ok(false)));
    ensure!(quick.transpose()?.is_some(), "health waits for the disk");
    stage.stop()?;
    stage.recovers()
}
