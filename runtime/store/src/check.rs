//! The check of a whole store: every row, every file that a row refers to, and whether the rows that belong together agree.
//!
//! It reads and changes nothing. The log itself was audited when the store was opened. Memory stays flat: what belongs to a row is looked up,
//! not collected. It must find nothing in a store that this program wrote; each rule is one that every batch keeps.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::Path,
};

use abide_core::{
    event::Event,
    ids::{Digest as ComponentDigest, EventId, RunId},
    journal::Entry,
    state::{App, Registration, Run, RunStatus, TimerKey, WaitKey},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    backend::{Direction, visit_in_steps},
    backup::components_in,
    blobs::{BlobRef, Blobs, Found},
    codec,
    envelope::{self, Stored},
    error::{Error, PrintedKey, Result},
    inspect::inspect,
    keys::{ADMIN_TAG, Key, Prefix, Tag, Text},
    store::Store,
    typed::index_rows,
    view::View,
};

/// Rows that are looked at together.
const STEP: usize = 256;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The row or the file.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows.
    pub rows: u64,
    /// Payload files that rows refer to; one that several rows share counts for each.
    pub payloads: u64,
    /// Components.
    pub components: u64,
    /// Problems.
    pub problems: u64,
}

const RESTORE: &str = "restore a backup (`abide restore`)";
const REDEPLOY: &str =
    "deploy the same component again, or copy its file from a backup that was restored elsewhere";
const INCONSISTENT: &str = "restore a backup (`abide restore`); without one, cancel the run and replay it, and please report this";

impl Store {
    /// Checks what is applied. `components` is where components lie, if there are any; `seen` hears of rows as they are read, `tell` of
    /// each problem.
    pub fn check(
        &self,
        components: Option<&Path>,
        mut seen: impl FnMut(u64),
        tell: impl FnMut(Problem),
    ) -> Result<Checked> {
        let committer = self.committer();
        let mut check = Check {
            view: self.view(),
            blobs: &*committer.blobs,
            components,
            tell,
            checked: Checked::default(),
        };
        // Looked at between the steps of the scan, because looking reads other rows.
        let step = std::cell::RefCell::new(Vec::new());
        let mut failure = None;
        visit_in_steps(
            &*committer.backend,
            STEP,
            |key, row| {
                step.borrow_mut()
                    .push((Bytes::copy_from_slice(key), row.to_vec()));
                Ok(())
            },
            || {
                let looked = check.rows(&step.take());
                seen(check.checked.rows);
                match looked {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            },
        )?;
        if let Some(error) = failure {
            return Err(error);
        }
        check.rows(&step.take())?;
        check.component_files()?;
        Ok(check.checked)
    }
}

struct Check<'a, T> {
    view: View,
    blobs: &'a dyn Blobs,
    components: Option<&'a Path>,
    tell: T,
    checked: Checked,
}

impl<T: FnMut(Problem)> Check<'_, T> {
    fn problem(&mut self, place: impl Into<String>, what: impl Into<String>, remedy: &'static str) {
        self.checked.problems += 1;
        (self.tell)(Problem {
            place: place.into(),
            what: what.into(),
            remedy,
        });
    }

    /// A row that does not agree with another.
    fn disagrees(&mut self, key: &[u8], what: impl Into<String>) {
        self.problem(place(key), what, INCONSISTENT);
    }

    fn rows(&mut self, rows: &[(Bytes, Vec<u8>)]) -> Result<()> {
        for (key, row) in rows {
            self.checked.rows += 1;
            let Some(value) = self.value(key, row)? else {
                continue;
            };
            // What the row refers to may be damaged itself: that is told where it lies.
            match self.references(key, &value) {
                Ok(()) | Err(Error::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The value of a sound row.
    fn value(&mut self, key: &Bytes, row: &[u8]) -> Result<Option<Bytes>> {
        let stored = match envelope::decode(key, row.to_vec()) {
            Ok(stored) => stored,
            Err(error) => {
                self.problem(place(key), reason(error)?, RESTORE);
                return Ok(None);
            }
        };
        let value = match stored {
            Stored::Inline(value) => value,
            Stored::Blob(blob) => match self.payload(key, &blob)? {
                Some(value) => value,
                None => return Ok(None),
            },
        };
        if key.first() == Some(&ADMIN_TAG) {
            let json = value
                .split_first()
                .map(|(_, json)| json)
                .unwrap_or_default();
            if serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err() {
                self.problem(place(key), "it is no JSON", RESTORE);
            }
            return Ok(None);
        }
        let payload = value.clone();
        match inspect(key, row, |_| Some(payload)) {
            Ok(_) => Ok(Some(value)),
            Err(error) => {
                self.problem(place(key), reason(error)?, RESTORE);
                Ok(None)
            }
        }
    }

    fn payload(&mut self, key: &[u8], blob: &BlobRef) -> Result<Option<Bytes>> {
        self.checked.payloads += 1;
        let name = hex::encode(blob.sha256);
        let file = format!("blobs/{}/{}", &name[..2], &name[2..]);
        match self.blobs.get(blob)? {
            Found::Value(value) => return Ok(Some(value)),
            Found::Missing => {
                let what = format!("it is missing, and {} needs it", place(key));
                self.problem(file, what, RESTORE);
            }
            Found::Damaged(what) => {
                self.problem(file, format!("{what}; {} needs it", place(key)), RESTORE);
            }
        }
        Ok(None)
    }

    fn references(&mut self, key: &Bytes, value: &Bytes) -> Result<()> {
        let Some(named) = Key::decode(key) else {
            return Ok(());
        };
        match &named {
            Key::Run(id) => self.run(key, *id, &codec::decode(key, value)?),
            Key::Event(_) => {
                let event: Event = codec::decode(key, value)?;
                self.must_exist(
                    key,
                    &by_name(&event),
                    "the index of events by name lacks it",
                )
            }
            Key::EventByName { event, .. } => match self.view.get_event(*event)? {
                Some(found) if by_name(&found).encode() == *key => Ok(()),
                _ => {
                    self.disagrees(key, "there is no such event");
                    Ok(())
                }
            },
            Key::EventRun { event, .. } => self.event_exists(key, *event),
            Key::RunEvent { .. } => {
                for event in codec::decode::<Vec<EventId>>(key, value)? {
                    self.event_exists(key, event)?;
                }
                Ok(())
            }
            Key::Journal { run, .. } | Key::Log { run, .. } | Key::Holder { run, .. } => {
                self.run_exists(key, *run).map(drop)
            }
            Key::Ready(run) => self.run_is_live(key, *run),
            Key::Queued { place, .. } => self.run_is_live(key, place.run),
            Key::Arrival(wait) => self.run_is_live(key, wait.run),
            Key::Registration(wait) => self.registration(key, *wait, &codec::decode(key, value)?),
            Key::Timer(TimerKey { run, op, .. }) => {
                self.implied(key, WaitKey { run: *run, op: *op })
            }
            Key::Wait { wait, .. }
            | Key::WaitMatch { wait, .. }
            | Key::SignalWait { wait, .. }
            | Key::Request(wait) => self.implied(key, *wait),
            Key::App(_) => {
                let app: App = codec::decode(key, value)?;
                self.component_exists(key, app.current.digest);
                Ok(())
            }
            // What they name may have been forgotten already.
            _ => Ok(()),
        }
    }

    fn run(&mut self, key: &Bytes, id: RunId, run: &Run) -> Result<()> {
        self.component_exists(key, run.digest);
        self.event_exists(key, run.event)?;
        let (mut entries, mut gap) = (0, None);
        let range = Prefix::tag(Tag::Journal).id(id.0).range();
        let mut failure = None;
        self.view.scan(&range, Direction::Forward, |key, value| {
            let Some(Key::Journal { first, .. }) = Key::decode(&key) else {
                return ControlFlow::Continue(());
            };
            if first != entries {
                gap.get_or_insert(entries);
            }
            match codec::decode::<Vec<Entry>>(&key, &value) {
                Ok(found) => entries = first + u32::try_from(found.len()).unwrap_or(u32::MAX),
                Err(error) => failure = Some(error),
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(gap) = gap {
            self.disagrees(key, format!("its journal has a gap at entry {gap}"));
        }
        let ended = matches!(run.status, RunStatus::Completed | RunStatus::Failed);
        // One that executes may have more than its record says yet.
        if entries < run.entries || (ended && entries > run.entries) {
            let what = format!(
                "its journal has {entries} entries instead of {}",
                run.entries
            );
            self.disagrees(key, what);
        }
        Ok(())
    }

    fn registration(
        &mut self,
        key: &Bytes,
        wait: WaitKey,
        registration: &Registration,
    ) -> Result<()> {
        // A debounce and a batch are of runs that are still to be created.
        if !matches!(
            registration,
            Registration::Debounce(_) | Registration::Batch(_)
        ) {
            self.run_is_live(key, wait.run)?;
        }
        for (index, _) in index_rows(wait.run, wait.op, registration) {
            self.must_exist(key, &index, "an index lacks it: it would wait for ever")?;
        }
        Ok(())
    }

    /// An index row, which exactly the registration of this wait implies.
    fn implied(&mut self, key: &Bytes, wait: WaitKey) -> Result<()> {
        let owner = Key::Registration(wait).encode();
        let registration = match self.view.get(&owner)? {
            Some(value) => Some(codec::decode::<Registration>(&owner, &value)?),
            None => None,
        };
        let implied = registration.is_some_and(|registration| {
            let rows = index_rows(wait.run, wait.op, &registration);
            rows.iter().any(|(index, _)| index.encode() == *key)
        });
        if !implied {
            self.disagrees(key, "no registration implies it");
        }
        Ok(())
    }

    fn must_exist(&mut self, key: &[u8], other: &Key<'_>, what: &str) -> Result<()> {
        if !self.view.contains(&other.encode())? {
            self.disagrees(key, what);
        }
        Ok(())
    }

    fn event_exists(&mut self, key: &[u8], event: EventId) -> Result<()> {
        if !self.view.contains(&Key::Event(event).encode())? {
            self.disagrees(key, format!("there is no event {event}"));
        }
        Ok(())
    }

    fn run_exists(&mut self, key: &[u8], run: RunId) -> Result<Option<Run>> {
        let found = self.view.get_run(run)?;
        if found.is_none() {
            self.disagrees(key, format!("there is no run {run}"));
        }
        Ok(found)
    }

    fn run_is_live(&mut self, key: &[u8], run: RunId) -> Result<()> {
        let found = self.run_exists(key, run)?;
        if found.is_some_and(|run| run.status.is_final()) {
            self.disagrees(key, format!("the run {run} has ended"));
        }
        Ok(())
    }

    fn component_exists(&mut self, key: &[u8], digest: ComponentDigest) {
        let missing = self
            .components
            .is_some_and(|dir| !dir.join(format!("{digest}.wasm")).is_file());
        if missing {
            let what = format!("it is missing, and {} needs it", place(key));
            self.problem(format!("components/{digest}.wasm"), what, REDEPLOY);
        }
    }

    fn component_files(&mut self) -> Result<()> {
        let Some(dir) = self.components else {
            return Ok(());
        };
        for (digest, path) in components_in(dir)? {
            self.checked.components += 1;
            let reading = |error| Error::io("read", &path, error);
            let mut hasher = Sha256::new();
            let mut file = File::open(&path).map_err(reading)?;
            io::copy(&mut file, &mut hasher).map_err(reading)?;
            if hasher.finalize()[..] != digest[..] {
                let len = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                let what = format!("its {len} bytes do not fit its digest");
                self.problem(path.display().to_string(), what, REDEPLOY);
            }
        }
        Ok(())
    }
}

fn by_name(event: &Event) -> Key<'_> {
    Key::EventByName {
        name: Text::new(&event.name),
        received_ms: event.received_ms,
        event: event.id,
    }
}

/// A row as people find it again: its kind, and its key.
fn place(key: &[u8]) -> String {
    let kind = Tag::name_of(key.first().copied().unwrap_or_default());
    match Key::decode(key) {
        Some(Key::Run(run)) => format!("run {run}"),
        Some(Key::Event(event)) => format!("event {event}"),
        Some(Key::Journal { run, first }) => format!("journal of run {run} from entry {first}"),
        Some(named) => format!("{kind}: {named:?}"),
        None => format!("{kind}: {}", PrintedKey::from(key)),
    }
}

/// What is wrong with a row; whatever else went wrong is no property of the row.
fn reason(error: Error) -> Result<String> {
    match error {
        Error::Corrupt { reason, .. } => Ok(reason),
        other => Err(other),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
