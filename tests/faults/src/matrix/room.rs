//! A disk without room.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use abide_e2e::Run;
use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

use super::{Needs, Row};
use crate::faults::{OPEN, Rule, TRUNCATE, WRITE};
use crate::mounts::Mounted;
use crate::stage::Stage;

const LOAD: Duration = Duration::from_millis(450);

/// The system's words.
const FULL: &str = "No space left on device";

/// Room of the small file system: some more than a new data directory takes.
const SMALL_MB: u64 = 48;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a_disk_that_fills_up_while_serving",
        fault: "ENOSPC from every write to the data directory",
        expected: "nothing more is acknowledged, exit 1 with the reason; complete after a restart with room",
        needs: Needs::Preload,
        play: fills_up,
    },
    Row {
        name: "a_real_disk_that_fills_up_while_serving",
        fault: "another file takes the last block of a file system of 48 MB",
        expected: "as above",
        needs: Needs::Mounts,
        play: really_fills_up,
    },
    Row {
        name: "a_real_disk_that_is_full_at_open",
        fault: "the node starts on a file system without a free block, again and again",
        expected: "it serves, or exit 1 with the reason; complete once there is room",
        needs: Needs::Mounts,
        play: really_full_at_open,
    },
    Row {
        name: "a_full_disk_during_a_compaction",
        fault: "ENOSPC from every write to the copy that `abide store compact` makes, from its first, third and last on",
        expected: "exit 1 with the reason, the old log stays as it was, the next start removes the rest",
        needs: Needs::Preload,
        play: full_during_a_compaction,
    },
    Row {
        name: "a_disk_without_room_for_caches",
        fault: "ENOSPC from every write to `code-cache`",
        expected: "it is compiled each time, with a warning; nothing else changes",
        needs: Needs::Preload,
        play: no_room_for_caches,
    },
    Row {
        name: "a_disk_without_room_for_a_component",
        fault: "ENOSPC while a component is deployed",
        expected: "the deployment is refused with the reason, the version before stays served, the node goes on",
        needs: Needs::Preload,
        play: no_room_for_a_component,
    },
];

fn fills_up(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load_while(LOAD, |faults, _| {
        faults.set(0, Rule::fail(WRITE | TRUNCATE, "/data/", Errno::NOSPC))
    })?;
    stage.ended_under_load()?.fails_with(&[FULL])?;
    stage.recovers()
}

fn really_fills_up(stage: &mut Stage<'_>) -> Result<()> {
    let small = Mounted::memory(stage.data(), SMALL_MB)?;
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    let filler = stage.data().join("filler");
    stage.load_while(LOAD, |_, _| fill(&filler))?;
    // The log has some room of its own: it ends when somebody needs more.
    while stage.send_large()? {}
    stage.ended()?.fails_with(&[FULL])?;
    fs::remove_file(filler)?;
    stage.recovers()?;
    small.unmount()
}

fn really_full_at_open(stage: &mut Stage<'_>) -> Result<()> {
    let small = Mounted::memory(stage.data(), SMALL_MB)?;
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(LOAD / 2)?;
    stage.kill()?;
    let filler = stage.data().join("filler");
    fill(&filler)?;
    for _ in 0..3 {
        let mut starting = stage.spawn()?;
        if let Some(end) = stage.refused_or_serves(&mut starting)? {
            end.fails_with(&[FULL])?;
        }
        drop(starting);
        stage.drained()?;
    }
    fs::remove_file(filler)?;
    stage.recovers()?;
    small.unmount()
}

/// Takes all the room that is left.
fn fill(file: &Path) -> Result<()> {
    let mut filler = fs::File::create(file)?;
    for block in [1 << 20, 4096, 1] {
        let zeros = vec![0; block];
        while filler.write_all(&zeros).is_ok() {}
    }
    Ok(())
}

fn full_during_a_compaction(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(LOAD)?;
    stage.settle()?;
    stage.stop()?;
    for place in [0, 2, 9] {
        let data = stage.data().to_string_lossy().into_owned();
        stage.faults.set(
            0,
            Rule::fail(WRITE | TRUNCATE, "/compacting/", Errno::NOSPC).after(place),
        )?;
        let mut compact = Run::abide(["store", "compact", "--data", &data]);
        for (name, value) in stage.faults.environment()? {
            compact = compact.env(name, value);
        }
        let ran = compact.run().expect(1);
        ensure!(
            ran.stderr.contains(FULL) && !ran.stderr.contains("panicked"),
            "{}",
            ran.stderr
        );
        ensure!(
            stage.faults.tally(0)?.struck > 0,
            "the fault never struck at {place}"
        );
    }
    stage.recovers()?;
    ensure!(
        !stage.data().join("compacting").exists(),
        "the rest of the copy stays"
    );
    Ok(())
}

fn no_room_for_caches(stage: &mut Stage<'_>) -> Result<()> {
    stage
        .faults
        .set(0, Rule::fail(WRITE, "/code-cache/", Errno::NOSPC))?;
    stage.begin_without_cache()?;
    stage.load(LOAD / 2)?;
    stage.settle()?;
    let said = stage.output()?;
    ensure!(
        said.contains("compiled code could not be kept") && said.contains(FULL),
        "no warning:\n{said}"
    );
    stage.goes_on()
}

fn no_room_for_a_component(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(LOAD / 2)?;
    stage
        .faults
        .set(0, Rule::fail(WRITE | OPEN, "/components/", Errno::NOSPC))?;
    let wasm = fs::read(abide_e2e::guest("operate")).context("no guest")?;
    let (status, answer) = stage.put_app("operate", wasm.clone())?;
    ensure!(
        status == 500 && answer.to_string().contains(FULL),
        "the deployment is answered with {status}: {answer}"
    );
    stage.faults.clear()?;
    let (status, answer) = stage.put_app("operate", wasm)?;
    ensure!(status == 200, "not deployed with room either: {answer}");
    stage.settle()?;
    stage.goes_on()
}
