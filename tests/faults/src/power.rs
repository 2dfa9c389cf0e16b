//! Power cuts on a real file system: ext4 on a file, the data directory on it, the real binary under load.
//!
//! The file system's own shutdown call takes its disk away at a random instant. What was not synced is gone then: the page cache is
//! forgotten with the mount. Each cut leaves one image of the disk, which is mounted again, and on which the node must start and go on.
//! After some cuts, a handful at most, everything that was acknowledged is asked for, and every run must come to its end. Images follow on
//! each other, so that each also carries what the earlier recoveries left.

use std::time::Duration;

use abide_crash::records::Counts;
use abide_crash::rng::Rng;
use anyhow::{Context, Result};

use crate::mounts::{Journal, Mounted, cut_power, make_image};
use crate::stage::{Stage, play};

/// Room of the file system: recoveries and payloads of some hundred cuts.
const DISK_MB: u64 = 192;

/// Cuts on one file system, before a new one is made.
const CUTS_ON_ONE: u64 = 100;

/// The longest load before a cut.
const MOST_LOAD_MS: u64 = 60;

/// Orders that may be open over several cuts.
const MOST_OPEN: usize = 30;

/// What a file system promises of data that nobody synced: their order before names and sizes, or nothing.
const MODES: [&str; 2] = ["data=ordered", "data=writeback"];

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Power cuts, each with an image that was started from.
    pub cuts: u64,
    /// Of these, on a file system with `data=writeback`.
    pub writeback: u64,
    /// Of these, with the journal written in the last moment.
    pub flushed: u64,
    /// Of these, with a process that noticed and ended by itself.
    pub noticed: u64,
    /// How often everything that was acknowledged by then was asked for, to the end of every run.
    pub settled: u64,
    /// What the witness counted.
    pub counts: Counts,
}

/// Cuts the power `cuts` times; tells `progress` after each.
pub fn run(cuts: u64, seed: u64, progress: impl Fn(&Summary)) -> Result<Summary> {
    let mut rng = Rng::new(seed);
    let mut summary = Summary::default();
    let mut disks = 0;
    while summary.cuts < cuts {
        let mode = MODES[disks % MODES.len()];
        disks += 1;
        let most = CUTS_ON_ONE.min(cuts - summary.cuts);
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("disk");
        make_image(&image, DISK_MB)?;
        let before = summary.counts;
        play(folder.path(), |stage| {
            let mut mounted = Mounted::image(&image, stage.data(), mode)?;
            stage.begin()?;
            for _ in 0..most {
                one_cut(stage, &mut rng, &mut summary).with_context(|| {
                    format!("after {} power cuts, {mode}, seed {seed}", summary.cuts)
                })?;
                mounted.unmount()?;
                mounted = Mounted::image(&image, stage.data(), mode)?;
                stage.start()?;
                if rng.chance(25) || stage.open() > MOST_OPEN {
                    stage.settle()?;
                    summary.settled += 1;
                }
                summary.cuts += 1;
                summary.writeback += u64::from(mode == MODES[1]);
                summary.counts = before;
                summary.counts += stage.counts();
                progress(&summary);
            }
            stage.settle()?;
            stage.stop()?;
            mounted.unmount()
        })?;
    }
    Ok(summary)
}

/// The node is loaded, its disk goes, its process ends.
fn one_cut(stage: &mut Stage<'_>, rng: &mut Rng, summary: &mut Summary) -> Result<()> {
    let journal = if rng.chance(30) {
        summary.flushed += 1;
        Journal::Flushed
    } else {
        Journal::Lost
    };
    if rng.chance(30) {
        // Not always acknowledged: the cut of the round before may have been the last thing that fits.
        stage.send_large()?;
    }
    let time = Duration::from_millis(rng.within(9..MOST_LOAD_MS));
    let data = stage.data().to_owned();
    // The cut comes after a third of it; soon after that nobody answers.
    stage.load_while(time * 3, |_, _| cut_power(&data, journal))?;
    if rng.chance(8) {
        summary.noticed += 1;
        // Somebody must want something for it to notice.
        stage.send_large()?;
        return stage.ended()?.fails_with(&["Input/output error"]);
    }
    stage.kill()
}
