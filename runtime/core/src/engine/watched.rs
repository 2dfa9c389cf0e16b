//! What is watched for runs, as a step sees it: what the store holds, and over it what this very step changed.
//!
//! One request can hold thousands of events, and the writes of a step are visible to the reads of the next step only. So every change of a
//! registration passes through here. Invariant: for the rest of the step, no registration that was taken back is found again, and each that
//! was made is found as if the store held it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Context, Engine};
use crate::ids::RunId;
use crate::journal::OpNumber;
use crate::state::{ReadError, Registration, TimerKey, WaitKey, Write};

/// By name of the awaited event, then by the path that must be equal (none: nothing must), then by its canonical value.
type Awaited = BTreeMap<String, BTreeMap<Option<String>, BTreeMap<String, BTreeSet<WaitKey>>>>;

/// What a step changed.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Made, or (none) taken back.
    changed: BTreeMap<WaitKey, Option<Arc<Registration>>>,
    /// Those made that look out for events.
    awaited: Awaited,
}

impl Watched {
    fn made(&mut self, key: WaitKey, registration: Arc<Registration>) {
        if let Some((name, matched)) = registration.awaited() {
            let (path, value) = matched.unzip();
            self.awaited
                .entry(name.to_owned())
                .or_default()
                .entry(path.map(str::to_owned))
                .or_default()
                .entry(value.unwrap_or_default().to_owned())
                .or_default()
                .insert(key);
        }
        self.changed.insert(key, Some(registration));
    }

    fn taken_back(&mut self, key: WaitKey) {
        let Some(Some(made)) = self.changed.insert(key, None) else {
            return;
        };
        if let Some((name, matched)) = made.awaited() {
            let (path, value) = matched.unzip();
            let keys = self
                .awaited
                .get_mut(name)
                .and_then(|paths| paths.get_mut(&path.map(str::to_owned)))
                .and_then(|values| values.get_mut(value.unwrap_or_default()));
            if let Some(keys) = keys {
                keys.remove(&key);
            }
        }
    }

    /// Whether the step made something that looks out for events of this name.
    pub(super) fn awaits(&self, name: &str) -> bool {
        self.awaited
            .get(name)
            .into_iter()
            .flat_map(BTreeMap::values)
            .flat_map(BTreeMap::values)
            .any(|keys| !keys.is_empty())
    }

    /// The paths at which something that the step made asks for an equal value.
    pub(super) fn paths(&self, name: &str) -> Vec<String> {
        let paths = self.awaited.get(name).into_iter().flat_map(BTreeMap::keys);
        paths.flatten().cloned().collect()
    }

    /// What the step made that looks out for events of this name, and of this canonical value at this path if any.
    pub(super) fn waits(&self, name: &str, match_on: Option<(&str, &str)>) -> Vec<WaitKey> {
        let (path, value) = match_on.unzip();
        let keys = self
            .awaited
            .get(name)
            .and_then(|paths| paths.get(&path.map(str::to_owned)))
            .and_then(|values| values.get(value.unwrap_or_default()));
        keys.into_iter().flatten().copied().collect()
    }
}

impl Engine {
    /// Watches something for a run.
    pub(super) fn register(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        cx: &mut Context<'_>,
    ) {
        if let Some(due_ms) = registration.due_ms() {
            self.note_timer(TimerKey {
                due_ms,
                run: key.run,
                op: key.op,
            });
        }
        if let Some((name, _)) = registration.awaited() {
            self.listeners.note_wait(name);
        }
        self.step.watched.made(key, registration.clone());
        cx.out.write(Write::Register {
            run: key.run,
            op: key.op,
            registration,
        });
    }

    /// Watches it no more.
    pub(super) fn unregister(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        cx: &mut Context<'_>,
    ) {
        self.step.watched.taken_back(key);
        cx.out.write(Write::Unregister {
            run: key.run,
            op: key.op,
            registration,
        });
    }

    /// What is watched for an operation.
    pub(super) fn registration_in_step(
        &self,
        key: WaitKey,
        cx: &Context<'_>,
    ) -> Result<Option<Arc<Registration>>, ReadError> {
        match self.step.watched.changed.get(&key) {
            Some(changed) => Ok(changed.clone()),
            None => Ok(cx.read.registration(key.run, key.op)?.map(Arc::new)),
        }
    }

    /// Everything that is watched for a run.
    pub(super) fn registrations_in_step(
        &self,
        run: RunId,
        cx: &Context<'_>,
    ) -> Result<BTreeMap<WaitKey, Arc<Registration>>, ReadError> {
        let stored = cx.read.registrations(run)?.into_iter();
        let mut all: BTreeMap<_, _> = stored
            .map(|(op, registration)| (WaitKey { run, op }, Arc::new(registration)))
            .collect();
        let of_run = WaitKey { run, op: 0 }..=WaitKey {
            run,
            op: OpNumber::MAX,
        };
        for (key, changed) in self.step.watched.changed.range(of_run) {
            match changed {
                Some(made) => all.insert(*key, made.clone()),
                None => all.remove(key),
            };
        }
        Ok(all)
    }
}
