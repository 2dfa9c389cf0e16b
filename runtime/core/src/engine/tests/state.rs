//! The store as plain maps: applies writes, and answers the engine's questions.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{Entry, OpNumber, Outcome};
use crate::state::{
    App, BufferedSignal, Control, ControlKey, ControlKind, EventSchema, Job, LaneKey, LogLine,
    Place, Read, ReadError, Registration, Run, TimerKey, WaitKey, Write,
};

type Result<T> = std::result::Result<T, ReadError>;

#[derive(Clone, Default)]
pub(super) struct State {
    pub events: BTreeMap<EventId, Event>,
    pub runs: BTreeMap<RunId, Run>,
    pub journals: BTreeMap<RunId, Vec<Entry>>,
    pub logs: BTreeMap<RunId, Vec<LogLine>>,
    pub ready: BTreeSet<RunId>,
    pub registrations: BTreeMap<WaitKey, Registration>,
    pub arrivals: BTreeMap<WaitKey, (Outcome, u32, u64)>,
    pub signals: BTreeMap<(String, u128), BufferedSignal>,
    dedupes: BTreeMap<(FunctionId, String), (RunId, u64)>,
    apps: BTreeMap<String, App>,
    pub links: BTreeSet<(EventId, RunId)>,
    pub run_events: BTreeMap<(RunId, u32), EventId>,
    pub controls: BTreeMap<ControlKey, Control>,
    pub queued: BTreeSet<(LaneKey, Place)>,
    pub holders: BTreeSet<(String, RunId)>,
    pub jobs: BTreeMap<RunId, Job>,
    schemas: BTreeMap<(String, Option<String>), EventSchema>,
    /// Rows of lanes and runs that were read.
    pub rows_read: Cell<usize>,
}

const FIRST_PLACE: Place = Place {
    order_ms: 0,
    run: RunId(0),
};
const LAST_PLACE: Place = Place {
    order_ms: u64::MAX,
    run: RunId(u128::MAX),
};

impl State {
    fn count(&self, rows: usize) {
        self.rows_read.set(self.rows_read.get() + rows);
    }

    /// Has the death of the process look like an orderly end: for tests that kill more often than any run may be killed with.
    pub(super) fn forgive_death(&mut self) {
        for control in self.controls.values_mut() {
            if let Control::Process { open, .. } = control {
                *open = false;
            }
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm a write")]
    pub(super) fn apply(&mut self, write: Write) {
        match write {
            Write::PutEvent(event) => {
                self.events.insert(event.id, (*event).clone());
            }
            Write::LinkEvent { event, run } => {
                self.links.insert((event, run));
            }
            Write::UnlinkEvent { event, run } => {
                self.links.remove(&(event, run));
            }
            Write::PutRunEvents { run, first, events } => {
                for (number, event) in (first..).zip(events) {
                    self.run_events.insert((run, number), event);
                }
            }
            Write::PutControl { key, control } => {
                self.controls.insert(key, control);
            }
            Write::DeleteControl(key) => {
                self.controls.remove(&key);
            }
            Write::PutQueued { lane, place } => {
                self.queued.insert((lane, place));
            }
            Write::DeleteQueued { lane, place } => {
                let removed = self.queued.remove(&(lane, place));
                assert!(removed, "a run was taken out of a lane where it is not");
            }
            Write::PutHolder { counter, run } => {
                self.holders.insert((counter.to_string(), run));
            }
            Write::DeleteHolder { counter, run } => {
                self.holders.remove(&(counter.to_string(), run));
            }
            Write::PutJob(job) => {
                self.jobs.insert(job.id, *job);
            }
            Write::PutSchema(schema) => {
                let key = (schema.event.clone(), schema.v.clone());
                self.schemas.insert(key, schema);
            }
            Write::DeleteSchema { event, v } => {
                self.schemas.remove(&(event, v));
            }
            Write::PutDedupe {
                function,
                external_id,
                run,
                until_ms,
            } => {
                self.dedupes
                    .insert((function, external_id), (run, until_ms));
            }
            Write::PutRun(run) => {
                self.runs.insert(run.id, (*run).clone());
            }
            Write::PutReady(run) => {
                self.ready.insert(run);
            }
            Write::DeleteReady(run) => {
                self.ready.remove(&run);
            }
            Write::AppendJournal { run, chunk } => {
                let journal = self.journals.entry(run).or_default();
                assert_eq!(
                    journal.len(),
                    chunk.first as usize,
                    "a gap in the journal of {run}"
                );
                journal.extend(chunk.entries);
            }
            Write::AppendLog { run, lines, .. } => self.logs.entry(run).or_default().extend(lines),
            Write::Register {
                run,
                op,
                registration,
            } => {
                let earlier = self
                    .registrations
                    .insert(WaitKey { run, op }, (*registration).clone());
                assert_eq!(
                    earlier, None,
                    "a registration was replaced without being removed"
                );
            }
            Write::Unregister {
                run,
                op,
                registration,
            } => {
                let removed = self.registrations.remove(&WaitKey { run, op });
                assert_eq!(
                    removed.as_ref(),
                    Some(&*registration),
                    "the wrong one was removed"
                );
            }
            Write::PutArrival { run, op, arrival } => {
                self.arrivals.insert(WaitKey { run, op }, arrival);
            }
            Write::DeleteArrival { run, op } => {
                self.arrivals.remove(&WaitKey { run, op });
            }
            Write::PutSignal {
                name,
                number,
                signal,
            } => {
                self.signals.insert((name, number), signal);
            }
            Write::DeleteSignal { name, number } => {
                self.signals.remove(&(name, number));
            }
            Write::PutApp(app) => {
                self.apps.insert(app.id.to_string(), (*app).clone());
            }
        }
    }

    fn of_run(run: RunId) -> std::ops::RangeInclusive<WaitKey> {
        WaitKey { run, op: 0 }..=WaitKey {
            run,
            op: OpNumber::MAX,
        }
    }
}

fn page<T>(items: impl Iterator<Item = T>, limit: usize) -> Vec<T> {
    items.take(limit).collect()
}

impl Read for State {
    fn event(&self, id: EventId) -> Result<Option<Event>> {
        Ok(self.events.get(&id).cloned())
    }
    fn has_event(&self, id: EventId) -> Result<bool> {
        Ok(self.events.contains_key(&id))
    }
    fn events_since(
        &self,
        name: &str,
        from_ms: u64,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Event>> {
        let mut recent: Vec<_> = self
            .events
            .values()
            .filter(|event| {
                let at = (event.received_ms, Some(event.id));
                &*event.name == name && (at > (from_ms, after) && event.received_ms >= from_ms)
            })
            .cloned()
            .collect();
        recent.sort_by_key(|event| (event.received_ms, event.id));
        Ok(page(recent.into_iter(), limit))
    }
    fn dedupe(&self, function: &FunctionId, external_id: &str) -> Result<Option<(RunId, u64)>> {
        Ok(self
            .dedupes
            .get(&(function.clone(), external_id.to_owned()))
            .copied())
    }
    fn run(&self, id: RunId) -> Result<Option<Run>> {
        self.count(1);
        Ok(self.runs.get(&id).cloned())
    }
    fn journal(&self, run: RunId) -> Result<Vec<Entry>> {
        Ok(self.journals.get(&run).cloned().unwrap_or_default())
    }
    fn ready_after(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>> {
        let later = self
            .ready
            .iter()
            .copied()
            .filter(|run| after.is_none_or(|after| *run > after));
        Ok(page(later, limit))
    }
    fn registration(&self, run: RunId, op: OpNumber) -> Result<Option<Registration>> {
        Ok(self.registrations.get(&WaitKey { run, op }).cloned())
    }
    fn registrations(&self, run: RunId) -> Result<Vec<(OpNumber, Registration)>> {
        let range = self.registrations.range(Self::of_run(run));
        Ok(range
            .map(|(key, registration)| (key.op, registration.clone()))
            .collect())
    }
    fn arrivals(&self, run: RunId) -> Result<Vec<(OpNumber, Outcome, u32, u64)>> {
        let range = self.arrivals.range(Self::of_run(run));
        Ok(range
            .map(|(key, (outcome, attempts, at))| (key.op, outcome.clone(), *attempts, *at))
            .collect())
    }
    fn runs_with_arrivals_after(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>> {
        let runs: BTreeSet<_> = self.arrivals.keys().map(|key| key.run).collect();
        let later = runs
            .into_iter()
            .filter(|run| after.is_none_or(|after| *run > after));
        Ok(page(later, limit))
    }
    fn timers(
        &self,
        after: Option<TimerKey>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<TimerKey>> {
        let timers: BTreeSet<_> = self
            .registrations
            .iter()
            .filter_map(|(key, registration)| {
                Some(TimerKey {
                    due_ms: registration.due_ms()?,
                    run: key.run,
                    op: key.op,
                })
            })
            .filter(|timer| timer.due_ms <= until_ms && after.is_none_or(|after| *timer > after))
            .collect();
        Ok(page(timers.into_iter(), limit))
    }
    fn waits(
        &self,
        name: &str,
        match_on: Option<(&str, &str)>,
        after: Option<WaitKey>,
        limit: usize,
    ) -> Result<Vec<WaitKey>> {
        let found = self.registrations.iter().filter(|(key, registration)| {
            registration.awaited() == Some((name, match_on))
                && after.is_none_or(|after| **key > after)
        });
        Ok(page(found.map(|(key, _)| *key), limit))
    }
    fn wait_paths(&self, name: &str) -> Result<Vec<String>> {
        let paths: BTreeSet<_> = self
            .registrations
            .values()
            .filter_map(|registration| match registration.awaited() {
                Some((waited, Some((path, _)))) if waited == name => Some(path.to_owned()),
                Some(_) | None => None,
            })
            .collect();
        Ok(paths.into_iter().collect())
    }
    fn signal_wait(&self, name: &str) -> Result<Option<WaitKey>> {
        let waits = |registration: &Registration| matches!(registration, Registration::Signal { name: waited, .. } if waited == name);
        Ok(self
            .registrations
            .iter()
            .find(|(_, registration)| waits(registration))
            .map(|(key, _)| *key))
    }
    fn signals(
        &self,
        name: &str,
        after: Option<u128>,
        limit: usize,
    ) -> Result<Vec<(u128, BufferedSignal)>> {
        let of_name = self
            .signals
            .iter()
            .filter(|((of, number), _)| of == name && after.is_none_or(|after| *number > after));
        let found = of_name.map(|((_, number), signal)| (*number, signal.clone()));
        Ok(page(found, limit))
    }
    fn requests_after(&self, after: Option<WaitKey>, limit: usize) -> Result<Vec<WaitKey>> {
        let requests = self.registrations.iter().filter(|(key, registration)| {
            registration.is_request() && after.is_none_or(|after| **key > after)
        });
        Ok(page(requests.map(|(key, _)| *key), limit))
    }
    fn run_events(&self, run: RunId) -> Result<Vec<EventId>> {
        let range = self.run_events.range((run, 0)..=(run, u32::MAX));
        Ok(range.map(|(_, event)| *event).collect())
    }
    fn control(&self, key: &ControlKey) -> Result<Option<Control>> {
        Ok(self.controls.get(key).cloned())
    }
    fn controls(
        &self,
        kind: ControlKind,
        after: Option<&ControlKey>,
        limit: usize,
    ) -> Result<Vec<(ControlKey, Control)>> {
        let found = self
            .controls
            .iter()
            .filter(|(key, _)| key.kind == kind && after.is_none_or(|after| *key > after));
        let found = found.map(|(key, control)| (key.clone(), control.clone()));
        Ok(page(found, limit))
    }
    fn lanes_after(
        &self,
        after: Option<&LaneKey>,
        past_function: bool,
        limit: usize,
    ) -> Result<Vec<(LaneKey, Place)>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let last = |lane: &LaneKey| (lane.clone(), LAST_PLACE);
        let mut from = after.map_or(Unbounded, |after| Excluded(last(after)));
        if let (Some(after), true) = (after, past_function) {
            let mut lanes = self.queued.range((from, Unbounded));
            let next = lanes.find(|(lane, _)| lane.function != after.function);
            let Some(next) = next else {
                return Ok(Vec::new());
            };
            from = Included(next.clone());
        }
        let mut heads: Vec<(LaneKey, Place)> = Vec::new();
        while heads.len() < limit
            && let Some((lane, place)) = self.queued.range((from, Unbounded)).next()
        {
            from = Excluded(last(lane));
            heads.push((lane.clone(), *place));
        }
        self.count(heads.len());
        Ok(heads)
    }
    fn queued(&self, lane: &LaneKey, after: Option<Place>, limit: usize) -> Result<Vec<Place>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from = match after {
            Some(after) => Excluded((lane.clone(), after)),
            None => Included((lane.clone(), FIRST_PLACE)),
        };
        let places = self.queued.range((from, Unbounded));
        let places = places.take_while(|(of, _)| of == lane);
        let places = page(places.map(|(_, place)| *place), limit);
        self.count(places.len());
        Ok(places)
    }
    fn holders(&self, counter: &str, limit: usize) -> Result<Vec<RunId>> {
        let holding = self.holders.iter().filter(|(name, _)| name == counter);
        Ok(page(holding.map(|(_, run)| *run), limit))
    }
    fn runs_after(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Run>> {
        let later = self
            .runs
            .values()
            .filter(|run| after.is_none_or(|after| run.id > after));
        Ok(page(later.cloned(), limit))
    }
    fn has_waits(&self, name: &str) -> Result<bool> {
        Ok(self
            .registrations
            .values()
            .any(|registration| registration.awaited().is_some_and(|(n, _)| n == name)))
    }
    fn jobs(&self) -> Result<Vec<Job>> {
        Ok(self.jobs.values().cloned().collect())
    }
    fn schemas(&self) -> Result<Vec<EventSchema>> {
        Ok(self.schemas.values().cloned().collect())
    }
    fn apps(&self) -> Result<Vec<App>> {
        Ok(self.apps.values().cloned().collect())
    }
}
