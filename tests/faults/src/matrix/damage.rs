//! Files that are damaged, cut, missing, old or foreign. The node refuses with the file's name, or everything is as it was: never less
//! without a word.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Needs, Row};
use crate::files::{copy_folder, files, flip_bit, truncate};
use crate::stage::Stage;

/// Where a file is damaged, in thousandths of its length.
const PLACES: [u64; 7] = [0, 1, 20, 250, 500, 900, 999];

/// What must never be damaged without a word, by the beginning of its path.
const TRUTH: [&str; 4] = ["log/", "commits", "blobs/", "components/"];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a_bit_that_flips_in_any_file",
        fault: "one bit is flipped, in each file of the data directory, at seven places each",
        expected: "refused with the file's name and `Restore`, or an answer with an error for what is in it, or all is as it was",
        needs: Needs::Time,
        play: |stage| {
            each_damage(stage, &PLACES, |file, place| {
                let len = fs::metadata(file)?.len();
                flip_bit(file, usize::try_from(len * place / 1000)?)
            })
        },
    },
    Row {
        name: "any_file_is_cut",
        fault: "each file of the data directory is cut, at seven places each",
        expected: "as above",
        needs: Needs::Time,
        play: |stage| {
            each_damage(stage, &PLACES, |file, place| {
                truncate(file, fs::metadata(file)?.len() * place / 1000)
            })
        },
    },
    Row {
        name: "any_file_is_missing",
        fault: "each file of the data directory is removed",
        expected: "as above",
        needs: Needs::Nothing,
        play: |stage| each_damage(stage, &[0], |file, _| Ok(fs::remove_file(file)?)),
    },
    Row {
        name: "a_store_of_which_bits_flipped",
        fault: "one bit is flipped in the middle of each file of the store",
        expected: "as above",
        needs: Needs::Nothing,
        play: |stage| {
            each_damage(stage, &[500], |file, place| {
                let len = fs::metadata(file)?.len();
                flip_bit(file, usize::try_from(len * place / 1000)?)
            })
        },
    },
    Row {
        name: "a_component_that_is_damaged",
        fault: "the file of a deployed component is damaged, and its compiled code is gone",
        expected: "its runs are paused with the file's name; after the same deployment again and a resume they end",
        needs: Needs::Nothing,
        play: a_component_that_is_damaged,
    },
    Row {
        name: "caches_that_are_stale_or_foreign",
        fault: "`code-cache`, `space` and what compactions leave hold something else, or nothing that can be read",
        expected: "they are made again; nobody notices",
        needs: Needs::Nothing,
        play: caches_that_are_stale_or_foreign,
    },
    Row {
        name: "an_old_witness",
        fault: "`commits` is the one of some minutes ago, as after a power cut",
        expected: "all is as it was: it promises less than the log holds",
        needs: Needs::Nothing,
        play: an_old_witness,
    },
    Row {
        name: "an_old_log",
        fault: "`log` is the one of some minutes ago, under the present `commits`",
        expected: "refused: the log lacks commits that were acknowledged",
        needs: Needs::Nothing,
        play: an_old_log,
    },
];

/// Everything that the API shows of events and runs.
type Picture = BTreeMap<String, Value>;

/// Plays a life, and then, for each file and place, a start over a copy with this one damage.
fn each_damage(
    stage: &mut Stage<'_>,
    places: &[u64],
    damage: impl Fn(&Path, u64) -> Result<()>,
) -> Result<()> {
    let whole = tempfile::tempdir()?;
    let picture = a_life(stage, whole.path())?;
    let all = files(whole.path())?;
    let mut refused = 0;
    for file in &all {
        let name = file.strip_prefix(whole.path())?;
        let len = fs::metadata(file)?.len();
        for place in places.iter().filter(|place| len > 0 || **place == 0) {
            restore(whole.path(), stage.data())?;
            damage(&stage.data().join(name), *place)?;
            refused += u64::from(
                one_damage(stage, name, &picture)
                    .with_context(|| format!("{} at {place}/1000", name.display()))?,
            );
        }
    }
    ensure!(refused > 0, "no damage was refused");
    restore(whole.path(), stage.data())?;
    stage.recovers()
}

/// Runs, payloads, a process that was killed: the directory is copied, and what the API shows of it is remembered.
fn a_life(stage: &mut Stage<'_>, copy: &Path) -> Result<Picture> {
    stage.begin()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    stage.load(Duration::from_millis(200))?;
    stage.settle()?;
    stage.stop()?;
    // The file that makes compactions possible, and a log with some history.
    stage.start()?;
    ensure!(stage.send_large()?, "a large event is not taken");
    let picture = take_picture(stage)?;
    stage.kill()?;
    copy_folder(stage.data(), copy)?;
    Ok(picture)
}

/// Whether the damage was refused, with a clear message; if not, everything must be as it was.
fn one_damage(stage: &mut Stage<'_>, name: &Path, picture: &Picture) -> Result<bool> {
    let mut starting = stage.spawn()?;
    if let Some(end) = stage.refused_or_serves(&mut starting)? {
        end.fails_with(&[])?;
        let said = end.last_line();
        let top = name.iter().next().unwrap_or_default().to_string_lossy();
        ensure!(
            said.contains(&*top) && (said.contains("estore") || said.contains("version")),
            "the message names neither the file nor what to do: {said}"
        );
        return Ok(true);
    }
    drop(starting);
    stage.start()?;
    let now = take_picture(stage)?;
    let mut refused = false;
    for (what, before) in picture {
        let now = match now.get(what) {
            Some(now) => now.clone(),
            // A list that is refused names nothing: what it would have named is asked for.
            None => look(stage, what)?,
        };
        if now.to_string().contains("is damaged") {
            refused = true;
        } else {
            ensure!(now == *before, "{what} was {before} and is {now} now");
        }
    }
    ensure!(
        !refused
            || TRUTH
                .iter()
                .any(|truth| name.starts_with(truth.trim_end_matches('/'))),
        "a cache is damaged, and something is refused for it"
    );
    stage.kill()?;
    Ok(refused)
}

fn take_picture(stage: &Stage<'_>) -> Result<Picture> {
    let mut picture = Picture::new();
    for list in ["events", "runs"] {
        let mut cursor = String::new();
        loop {
            let page = format!("{list}?limit=100{cursor}");
            let ids = look(stage, &page)?;
            picture.insert(page, ids.clone());
            // Nothing, when a damaged row of the page is refused.
            let ids = ids.as_array().cloned().unwrap_or_default();
            for id in ids.iter().filter_map(Value::as_str) {
                let row = format!("{list}/{id}");
                picture.insert(row.clone(), look(stage, &row)?);
            }
            match ids.last().and_then(Value::as_str) {
                Some(last) if ids.len() == 100 => cursor = format!("&cursor={last}"),
                _ => break,
            }
        }
    }
    ensure!(picture.len() > 2, "there is nothing to look at");
    Ok(picture)
}

/// What the API says of this: of a list, the ids.
fn look(stage: &Stage<'_>, what: &str) -> Result<Value> {
    let (status, said) = stage.get(&format!("/api/v1/{what}"))?;
    if status != 200 || !what.contains('?') {
        return Ok(said);
    }
    let rows = said["data"].as_array().into_iter().flatten();
    let ids = rows.filter_map(|row| {
        row["event_id"]
            .as_str()
            .filter(|_| what.starts_with("events"))
            .or(row["run_id"].as_str())
    });
    Ok(json!(ids.collect::<Vec<_>>()))
}

/// Puts the directory back as it was.
fn restore(whole: &Path, data: &Path) -> Result<()> {
    fs::remove_dir_all(data)?;
    copy_folder(whole, data)
}

fn a_component_that_is_damaged(stage: &mut Stage<'_>) -> Result<()> {
    stage.begin()?;
    stage.load(Duration::from_millis(150))?;
    stage.kill()?;
    fs::remove_dir_all(stage.data().join("code-cache"))?;
    let component = files(&stage.data().join("components"))?
        .pop()
        .context("nothing is deployed")?;
    let name = component
        .file_stem()
        .context("components have names")?
        .to_string_lossy()
        .into_owned();
    let middle = usize::try_from(fs::metadata(&component)?.len() / 2)?;
    flip_bit(&component, middle)?;
    stage.start()?;
    let paused = stage.wait_for("runs are paused", || {
        let (_, page) = stage.get("/api/v1/runs?status=Paused&limit=100")?;
        let paused = page["data"].as_array().cloned().unwrap_or_default();
        Ok(Some(paused).filter(|paused| !paused.is_empty()))
    })?;
    let shown = Value::Array(paused).to_string();
    ensure!(
        shown.contains(&name),
        "the reason does not name the component {name}: {shown}"
    );
    stage.deploy()?;
    // Some may just be looking at the file as it was.
    stage.wait_for("every run goes on", || {
        stage.resume_paused()?;
        let (_, page) = stage.get("/api/v1/runs?status=Paused&limit=1")?;
        let (_, health) = stage.get("/health")?;
        let none = page["data"].as_array().is_some_and(Vec::is_empty);
        Ok((none && health["executing"] == 0).then_some(()))
    })?;
    stage.settle()?;
    // Mended on the disk too, not only in memory.
    stage.kill()?;
    fs::remove_dir_all(stage.data().join("code-cache"))?;
    stage.start()?;
    stage.goes_on()
}

fn caches_that_are_stale_or_foreign(stage: &mut Stage<'_>) -> Result<()> {
    let whole = tempfile::tempdir()?;
    let picture = a_life(stage, whole.path())?;
    let data = stage.data().to_owned();
    for code in files(&data.join("code-cache"))? {
        fs::write(code, b"\x7fELF something that nobody here compiled")?;
    }
    fs::write(data.join("code-cache/foreign.cwasm"), "foreign")?;
    fs::write(data.join("space"), "18446744073709551615 x\n")?;
    fs::write(data.join("space.new"), "half")?;
    // A compaction that died while it copied: another store's log, incomplete.
    copy_folder(&data.join("log"), &data.join("compacting/log"))?;
    truncate(&data.join("compacting/log/db"), 700)?;
    // A sled that died while it wrote a snapshot, and a payload that was never named.
    fs::write(data.join("log/snap.0000000000000001.generating"), "half")?;
    fs::write(data.join("blobs/tmp/0"), "half")?;
    fs::write(data.join("blobs/README"), "foreign")?;
    stage.start()?;
    ensure!(
        take_picture(stage)? == picture,
        "something is not as it was"
    );
    ensure!(!data.join("compacting").exists(), "the leftovers stay");
    stage.settle()?;
    stage.goes_on()
}

fn an_old_witness(stage: &mut Stage<'_>) -> Result<()> {
    old(stage, "commits")?;
    stage.recovers()
}

fn an_old_log(stage: &mut Stage<'_>) -> Result<()> {
    old(stage, "log")?;
    stage
        .refused()?
        .fails_with(&["log/db is damaged", "Restore"])
}

/// A part of the directory is the one of an earlier copy.
fn old(stage: &mut Stage<'_>, part: &str) -> Result<()> {
    stage.begin()?;
    stage.load(Duration::from_millis(80))?;
    let earlier = tempfile::tempdir()?;
    // A copy of a running store is no backup, but of one file it is what a power cut may leave.
    stage.settle()?;
    stage.kill()?;
    copy_folder(stage.data(), earlier.path())?;
    stage.start()?;
    stage.load(Duration::from_millis(150))?;
    stage.settle()?;
    stage.kill()?;
    let (from, to) = (earlier.path().join(part), stage.data().join(part));
    if from.is_dir() {
        fs::remove_dir_all(&to)?;
        copy_folder(&from, &to)
    } else {
        fs::copy(from, to).map(drop).map_err(Into::into)
    }
}
