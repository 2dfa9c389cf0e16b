//! Power cuts that no real disk would make so often: what the node does to its files is recorded, and images are built of what a disk may
//! hold at any moment of it.
//!
//! Of an image is certain only what was synced. Anything else may be there or not: each write whole, not at all, or torn at its sectors
//! of 512 bytes, later ones without earlier ones; sizes that grew; names that were made. The store is opened on each image, and must
//! hold every event that was acknowledged before that moment, with its payload.
//!
//! A moment is a position in the record: an event was acknowledged *before* it if its answer had come when the record was no longer.

mod image;
mod log;

use std::fs;
use std::path::Path;
use std::time::Duration;

use abide_core::ids::EventId;
use abide_crash::rng::Rng;
use abide_store::{SledOptions, Store};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::image::{Disk, Mood};
use self::log::Op;
use crate::files::copy_folder;
use crate::stage::{Stage, play};

/// How long the node is recorded. Every image is built of the same record, up to its own moment.
const RECORDED: Duration = Duration::from_millis(1_500);

/// Images of one record, before a new one is made.
const IMAGES_OF_ONE: u64 = 250;

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Images on which the store was opened.
    pub images: u64,
    /// Records that they were built of.
    pub records: u64,
    /// Writes, syncs and names in these.
    pub operations: u64,
    /// Events that the images had to hold, together.
    pub events: u64,
}

/// An event that was acknowledged.
pub(crate) struct Acknowledged {
    /// Its id.
    pub(crate) id: String,
    /// Its data.
    pub(crate) data: Value,
    /// How long the record was when the answer had come.
    pub(crate) record_len: u64,
}

/// Builds `images` images and opens the store on each.
pub fn run(images: u64, seed: u64, progress: impl Fn(&Summary)) -> Result<Summary> {
    let mut rng = Rng::new(seed);
    let mut summary = Summary::default();
    while summary.images < images {
        let folder = tempfile::tempdir()?;
        let base = folder.path().join("base");
        let record = folder.path().join("record");
        let mut acknowledged = Vec::new();
        play(folder.path(), |stage| {
            acknowledged = record_a_life(stage, &record, &base)?;
            Ok(())
        })?;
        let ops = log::read(&record, &folder.path().join("data"))?;
        ensure!(
            ops.len() > 100 && acknowledged.len() > 10,
            "too little was recorded: {} operations, {} events",
            ops.len(),
            acknowledged.len()
        );
        summary.records += 1;
        summary.operations += ops.len() as u64;
        for _ in 0..IMAGES_OF_ONE.min(images - summary.images) {
            let image_seed = rng.draw();
            let held = one_image(&base, folder.path(), &ops, &acknowledged, image_seed)
                .with_context(|| format!("seed {seed}, image {image_seed}"))?;
            summary.images += 1;
            summary.events += held;
            progress(&summary);
        }
    }
    Ok(summary)
}

/// Plays a life; leaves the directory as it was when the record began, and what was acknowledged.
fn record_a_life(stage: &mut Stage<'_>, record: &Path, base: &Path) -> Result<Vec<Acknowledged>> {
    fs::write(record, "")?;
    stage.record_in(record);
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(Duration::from_millis(100))?;
    stage.settle()?;
    // Nothing moves now, so that the copy is what is on the disk.
    for part in ["log", "blobs"] {
        copy_folder(&stage.data().join(part), &base.join(part))?;
    }
    fs::copy(stage.data().join("commits"), base.join("commits"))?;
    stage.faults.record(true)?;
    let acknowledged = stage.load_and_send(RECORDED, record)?;
    stage.faults.record(false)?;
    stage.settle()?;
    stage.kill()?;
    Ok(acknowledged)
}

/// How many events the image had to hold.
fn one_image(
    base: &Path,
    folder: &Path,
    ops: &[Op],
    acknowledged: &[Acknowledged],
    seed: u64,
) -> Result<u64> {
    let mut rng = Rng::new(seed);
    let moment = usize::try_from(rng.within(1..ops.len() as u64))?;
    let mut disk = Disk::new(base)?;
    for op in &ops[..moment] {
        disk.take(op);
    }
    // What is under way at the moment may be done in part.
    disk.begin(&ops[moment]);
    let image = folder.join("image");
    if image.exists() {
        fs::remove_dir_all(&image)?;
    }
    copy_folder(base, &image)?;
    disk.write_to(&image, Mood::draw(&mut rng), &mut rng)?;
    let due: Vec<_> = acknowledged
        .iter()
        .filter(|event| event.record_len <= ops[moment].at)
        .collect();
    opens_and_holds(&image, &due)
        .with_context(|| format!("at operation {moment} of {}", ops.len()))?;
    Ok(due.len() as u64)
}

fn opens_and_holds(image: &Path, due: &[&Acknowledged]) -> Result<()> {
    let options = SledOptions {
        cache_bytes: 4 << 20,
        ..SledOptions::default()
    };
    let store = Store::open(image, &options).context("the store does not open")?;
    let view = store.view();
    for event in due {
        let id: EventId = event.id.parse().context("an id")?;
        let found = view
            .get_event(id)?
            .with_context(|| format!("the acknowledged event {id} is gone"))?;
        let data: Value = serde_json::from_str(&found.data)?;
        ensure!(data == event.data, "the event {id} is not as it was");
    }
    // And everything else that is there can be read.
    let mut listed = 0;
    let mut before = None;
    loop {
        let page = view.list_events(before, None, 100)?;
        listed += page.items.len();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    ensure!(listed >= due.len(), "the list lacks events");
    store.close().context("the store does not close")
}
