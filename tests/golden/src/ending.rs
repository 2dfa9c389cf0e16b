//! How what was under way goes on: a node opened over the recorded rows, the same help from outside, two days and more of virtual time.
//!
//! Only runs that were there when the fixture was recorded count: the ids of later ones follow from the node that makes them.

use std::collections::BTreeMap;

use abide_core::engine::Answer;
use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::ids::{FunctionId, RunId};
use abide_core::operation::SendSignal;
use abide_core::state::{Read, Run, RunEnd, RunStatus};
use abide_crash::life::Folders;
use abide_store::View;
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::fixture::Fixture;
use crate::life::Stage;
use crate::scenario::long_name;

/// Longer than anything that the functions wait for.
const ALL_OF_IT_MS: u64 = 50 * 3_600_000;

/// A node over a fixture, with what lies beside the store.
pub struct Reopened {
    /// The node.
    pub stage: Stage,
    _folders: (TempDir, Folders),
}

impl Reopened {
    /// Opens a node over a copy of the fixture, a millisecond after it was recorded.
    pub fn open(fixture: &Fixture) -> Result<Self> {
        let cache = tempfile::tempdir()?;
        let folders = Folders::sharing(cache.path())?;
        let components = folders.path().join("components");
        std::fs::create_dir_all(&components)?;
        let digest = pinned(fixture)?;
        std::fs::write(
            components.join(format!("{digest}.wasm")),
            &fixture.component,
        )?;
        let stage = Stage::open(&fixture.disk(), &folders, fixture.at_ms + 1, 3, |_| {})?;
        Ok(Self {
            stage,
            _folders: (cache, folders),
        })
    }

    /// Everything that the store lists, oldest first.
    pub fn runs(&self) -> Result<Vec<Run>> {
        let all = self
            .stage
            .node()
            .read(|view| view.runs_after(None, usize::MAX));
        Ok(self.stage.run(all)?)
    }

    /// Helps what waits for help, then lets time pass.
    pub fn go_on(&self) -> Result<()> {
        self.stage.settle()?;
        let node = self.stage.node();
        let input = FunctionId::new("golden", "input");
        let answer = self.stage.run(node.resume_function(input))?;
        ensure!(answer == Answer::Resumed, "{answer:?}");
        for run in self.runs()? {
            if run.status == RunStatus::Paused {
                let answer = self.stage.run(node.resume_run(run.id))?;
                ensure!(answer == Answer::Resumed, "{answer:?}");
            }
        }
        let wake = NewEvent {
            name: "golden/wake".into(),
            data: Some(r#"{"key":"later","n":6}"#.into()),
            ..NewEvent::default()
        };
        let seed = EventIdSeed {
            at_ms: self.stage.now_ms(),
            entropy: [1; 10],
        };
        self.stage.run(node.send_events(vec![wake], Some(seed)))?;
        for name in ["later".to_owned(), long_name()] {
            let signal = SendSignal {
                signal: name,
                data: Some("\"at last\"".into()),
                ttl_ms: None,
            };
            let waited = self.stage.run(node.send_signal(signal))?;
            ensure!(waited.is_some(), "nobody waited for the signal");
        }
        self.stage.advance_to(self.stage.now_ms() + ALL_OF_IT_MS)
    }
}

/// A line for each run that was there, or was being prepared, when the fixture was recorded: lets it go on, and looks how it ended.
pub fn outcomes(fixture: &Fixture) -> Result<Vec<String>> {
    let node = Reopened::open(fixture)?;
    let (before, ready) = node.stage.run(node.stage.node().read(|view: &View| {
        let runs = view.runs_after(None, usize::MAX)?;
        Ok((runs, view.ready_after(None, usize::MAX)?))
    }))?;
    let before: BTreeMap<RunId, RunStatus> = before
        .into_iter()
        .map(|run| {
            (
                run.id,
                if ready.contains(&run.id) {
                    RunStatus::Queued
                } else {
                    run.status
                },
            )
        })
        .collect();
    node.go_on()?;
    let ended = node.runs()?;
    node.stage.close();
    let counted = ended
        .iter()
        .filter(|run| run.id.made_at_ms() <= fixture.at_ms);
    Ok(counted.map(|run| line(run, before.get(&run.id))).collect())
}

fn line(run: &Run, before: Option<&RunStatus>) -> String {
    let before = before.map_or("unborn", |status| status.as_str());
    let end = match &run.end {
        None => "nothing".to_owned(),
        Some(RunEnd::Output(json)) if json.len() > 300 => format!("{} bytes", json.len()),
        Some(RunEnd::Output(json)) => json.to_string(),
        Some(RunEnd::Failure(failure)) => format!("{}: {}", failure.name, failure.message),
        Some(RunEnd::Skipped(reason)) => reason.clone(),
    };
    let (id, function, status) = (run.id, &run.function.function, run.status.as_str());
    format!("{id} {function} {before} -> {status}: {end}")
}

/// What the recorded runs are pinned to.
fn pinned(fixture: &Fixture) -> Result<abide_core::ids::Digest> {
    let store = abide_store::Store::in_memory(&fixture.disk(), abide_store::Commits::ByHand)?;
    let app = store.view().get_app("golden")?;
    Ok(app.context("the app is not deployed")?.current.digest)
}
