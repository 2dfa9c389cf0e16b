//! A wall clock that jumps. The node's time never goes back while it runs; a sleep never ends early by the clock that it began with.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Needs, Row};
use crate::stage::Stage;

/// Less than the longest wait of the workload and than what its waits look back, so that a jump fulfils nothing by itself.
const JUMP_MS: i64 = 40 * 60_000;

const LOAD: Duration = Duration::from_millis(450);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a_clock_that_is_set_back",
        fault: "the clock is set back by 40 minutes while the node serves",
        expected: "its time runs on from where it was; nothing is lost, late or twice",
        needs: Needs::Preload,
        play: |stage| jumps_while_serving(stage, &[-JUMP_MS]),
    },
    Row {
        name: "a_clock_that_jumps_ahead_and_back",
        fault: "the clock jumps 40 minutes ahead, and back again",
        expected: "what is due then is done at once; after the return, time runs on from where it was",
        needs: Needs::Preload,
        play: |stage| jumps_while_serving(stage, &[JUMP_MS, 0]),
    },
    Row {
        name: "a_leap_second",
        fault: "the clock repeats a second, three times, as systems do at a leap second",
        expected: "nobody notices",
        needs: Needs::Preload,
        play: |stage| jumps_while_serving(stage, &[-1_000, -2_000, -3_000]),
    },
    Row {
        name: "a_clock_that_was_set_back_between_two_lives",
        fault: "the node starts with the clock 40 minutes behind where it was killed, and the clock is set right later",
        expected: "everything is there; runs that wait for a time wait until the clock gets there, the others go on",
        needs: Needs::Preload,
        play: set_back_between_two_lives,
    },
    Row {
        name: "a_clock_that_begins_at_1970",
        fault: "the node starts with the clock in 1970, as machines without a battery do, and the clock is set right later",
        expected: "as above",
        needs: Needs::Preload,
        play: begins_at_1970,
    },
];

fn jumps_while_serving(stage: &mut Stage<'_>, offsets_ms: &[i64]) -> Result<()> {
    stage.begin()?;
    for offset_ms in offsets_ms {
        stage.load_while(LOAD / 2, |faults, _| faults.shift_clock(*offset_ms))?;
    }
    stage.settle()?;
    // The next life begins where the clock is now, which is behind the times that were recorded.
    stage.kill()?;
    stage.start()?;
    stage.goes_on()
}

fn set_back_between_two_lives(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD)?;
    stage.kill()?;
    stage.faults.shift_clock(-JUMP_MS)?;
    set_right_later(stage, |stage| stage.load(LOAD / 3))
}

fn begins_at_1970(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD)?;
    stage.kill()?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
    stage
        .faults
        .shift_clock(60_000 - i64::try_from(now.as_millis())?)?;
    // No new runs: those that look back an hour for their event would look in another year.
    set_right_later(stage, |stage| {
        stage.wait_for("the runs go on while the clock is behind", || {
            // Twice, because the runs are looked at one after the other, and one may have told another in between.
            Ok((only_sleeps(stage)? && only_sleeps(stage)?).then_some(()))
        })
    })
}

/// Whether no open run can go on before the clock is set right. What begins to wait in 1970 must also end there: an hour that is given to a
/// call is over when the clock leaps by half a century.
fn only_sleeps(stage: &Stage<'_>) -> Result<bool> {
    const THEN: &str = "1970-";
    let (_, page) = stage.get("/api/v1/runs?status=Queued,Running,Sleeping,Waiting&limit=200")?;
    for run in page["data"].as_array().context("runs are listed")? {
        if !run["ended_at"].is_null() {
            continue;
        }
        let id = run["run_id"].as_str().context("runs have ids")?;
        let (_, run) = stage.get(&format!("/api/v1/runs/{id}"))?;
        let steps = run["steps"].as_array().context("runs have steps")?;
        let mut open = steps.iter().filter(|step| step["ended_at"].is_null());
        let sleeps = |step: &Value| {
            let until = step["waiting"]["until"].as_str();
            until.is_some_and(|until| !until.starts_with(THEN))
        };
        if run["ended_at"].is_null()
            && !open
                .next()
                .is_some_and(|first| sleeps(first) && open.all(sleeps))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_right_later(
    stage: &mut Stage<'_>,
    work: impl Fn(&mut Stage<'_>) -> Result<()>,
) -> Result<()> {
    stage.start()?;
    ensure!(
        stage.answers()? && stage.send_large()?,
        "the node does not serve while its clock is behind"
    );
    work(stage)?;
    stage.faults.shift_clock(0)?;
    stage.settle()?;
    stage.goes_on()
}
