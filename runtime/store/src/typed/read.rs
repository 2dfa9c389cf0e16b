//! The engine's questions, answered from a view: it sees every write that was submitted before.

use std::{borrow::Borrow, ops::Bound, ops::ControlFlow};

use abide_core::{
    event::Event,
    ids::{EventId, FunctionId, RunId},
    journal::{Entry, OpNumber, Outcome},
    state::{
        App, BufferedSignal, Control, ControlKey, ControlKind, EventSchema, Job, LaneKey, Place,
        Read, ReadError, Registration, Run, TimerKey, WaitKey,
    },
};
use bytes::Bytes;

use crate::{
    backend::{Direction, KeyRange},
    codec::{self, Arrival, Dedupe, Record},
    error::{Error, Result},
    keys::{Key, Prefix, Tag, Text},
    typed::encode::signal_key,
    view::View,
};

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        if error.is_transient() {
            Self::transient(error.to_string())
        } else {
            Self::new(error.to_string())
        }
    }
}

type Answer<T> = std::result::Result<T, ReadError>;

impl Read for View {
    fn event(&self, id: EventId) -> Answer<Option<Event>> {
        Ok(self.record(&Key::Event(id))?)
    }

    fn has_event(&self, id: EventId) -> Answer<bool> {
        Ok(self.contains(&Key::Event(id).encode())?)
    }

    fn events_since(
        &self,
        name: &str,
        from_ms: u64,
        after: Option<EventId>,
        limit: usize,
    ) -> Answer<Vec<Event>> {
        let prefix = Prefix::tag(Tag::EventByName).text(name);
        let start = match after {
            Some(event) => Bound::Excluded(
                Key::EventByName {
                    name: Text::new(name),
                    received_ms: from_ms,
                    event,
                }
                .encode(),
            ),
            None => Bound::Included(prefix.clone().u64(from_ms).bytes()),
        };
        let range = KeyRange {
            start,
            end: prefix.range().end,
        };
        let ids = self.keys(&range, limit, |key| match key {
            Key::EventByName { event, .. } => Some(event),
            _ => None,
        })?;
        let mut events = Vec::with_capacity(ids.len());
        for id in ids {
            let event = self.record(&Key::Event(id))?;
            events.push(event.ok_or_else(|| missing(&Key::Event(id), "an index row names it"))?);
        }
        Ok(events)
    }

    fn dedupe(&self, function: &FunctionId, external_id: &str) -> Answer<Option<(RunId, u64)>> {
        Ok(self.record::<Dedupe>(&Key::dedupe(function, external_id))?)
    }

    fn run(&self, id: RunId) -> Answer<Option<Run>> {
        Ok(self.record(&Key::Run(id))?)
    }

    fn journal(&self, run: RunId) -> Answer<Vec<Entry>> {
        Ok(self.journal_of(run)?)
    }

    fn ready_after(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<RunId>> {
        let range = rows_after(Tag::Ready, after.map(|run| Key::Ready(run).encode()));
        Ok(self.keys(&range, limit, |key| match key {
            Key::Ready(run) => Some(run),
            _ => None,
        })?)
    }

    fn registration(&self, run: RunId, op: OpNumber) -> Answer<Option<Registration>> {
        Ok(self.record(&Key::Registration(WaitKey { run, op }))?)
    }

    fn registrations(&self, run: RunId) -> Answer<Vec<(OpNumber, Registration)>> {
        let range = Prefix::tag(Tag::Registration).id(run.0).range();
        Ok(
            self.records(&range, usize::MAX, |key, registration| match key {
                Key::Registration(wait) => Some((wait.op, registration)),
                _ => None,
            })?,
        )
    }

    fn arrivals(&self, run: RunId) -> Answer<Vec<(OpNumber, Outcome, u32, u64)>> {
        let range = Prefix::tag(Tag::Arrival).id(run.0).range();
        Ok(self.records(
            &range,
            usize::MAX,
            |key, (outcome, attempts, started_ms): Arrival| match key {
                Key::Arrival(wait) => Some((wait.op, outcome, attempts, started_ms)),
                _ => None,
            },
        )?)
    }

    fn runs_with_arrivals_after(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<RunId>> {
        let mut runs = Vec::new();
        let mut after = after;
        while runs.len() < limit {
            // From run to run: the number of arrivals of one does not matter.
            let last_of_run = after.map(|run| {
                Key::Arrival(WaitKey {
                    run,
                    op: OpNumber::MAX,
                })
                .encode()
            });
            let range = rows_after(Tag::Arrival, last_of_run);
            let next = self.keys(&range, 1, |key| match key {
                Key::Arrival(wait) => Some(wait.run),
                _ => None,
            })?;
            let Some(&run) = next.first() else {
                break;
            };
            runs.push(run);
            after = Some(run);
        }
        Ok(runs)
    }

    fn timers(
        &self,
        after: Option<TimerKey>,
        until_ms: u64,
        limit: usize,
    ) -> Answer<Vec<TimerKey>> {
        let all = rows_after(Tag::Timer, after.map(|timer| Key::Timer(timer).encode()));
        let end = match until_ms.checked_add(1) {
            Some(end_ms) => Bound::Excluded(Prefix::tag(Tag::Timer).u64(end_ms).bytes()),
            None => all.end,
        };
        let range = KeyRange {
            start: all.start,
            end,
        };
        Ok(self.keys(&range, limit, |key| match key {
            Key::Timer(timer) => Some(timer),
            _ => None,
        })?)
    }

    fn waits(
        &self,
        name: &str,
        match_on: Option<(&str, &str)>,
        after: Option<WaitKey>,
        limit: usize,
    ) -> Answer<Vec<WaitKey>> {
        let prefix = match match_on {
            None => Prefix::tag(Tag::Wait).text(name),
            Some((path, value)) => Prefix::tag(Tag::WaitMatch)
                .text(name)
                .text(path)
                .text(value),
        };
        let key = |wait| match match_on {
            None => Key::Wait {
                name: Text::new(name),
                wait,
            },
            Some((path, value)) => Key::WaitMatch {
                name: Text::new(name),
                path: Text::new(path),
                value: Text::new(value),
                wait,
            },
        };
        let mut range = prefix.range();
        if let Some(after) = after {
            range.start = Bound::Excluded(key(after).encode());
        }
        Ok(self.keys(&range, limit, |key| match key {
            Key::Wait { wait, .. } | Key::WaitMatch { wait, .. } => Some(wait),
            _ => None,
        })?)
    }

    fn wait_paths(&self, name: &str) -> Answer<Vec<String>> {
        let mut paths = Vec::new();
        let mut range = Prefix::tag(Tag::WaitMatch).text(name).range();
        loop {
            // From path to path: the number of waits on one does not matter.
            let Some((key, path)) = self.rows(&range, Direction::Forward, 1)?.pop() else {
                return Ok(paths);
            };
            let Some(Key::WaitMatch { path: in_key, .. }) = Key::decode(&key) else {
                return Err(unexpected(&key).into());
            };
            paths.push(String::from_utf8_lossy(&path).into_owned());
            range.start = past(Prefix::tag(Tag::WaitMatch).text(name).text_in_key(&in_key));
        }
    }

    fn signal_wait(&self, name: &str) -> Answer<Option<WaitKey>> {
        let range = Prefix::tag(Tag::SignalWait).text(name).range();
        let found = self.keys(&range, 1, |key| match key {
            Key::SignalWait { wait, .. } => Some(wait),
            _ => None,
        })?;
        Ok(found.first().copied())
    }

    fn signals(
        &self,
        name: &str,
        after: Option<u128>,
        limit: usize,
    ) -> Answer<Vec<(u128, BufferedSignal)>> {
        let mut range = Prefix::tag(Tag::Signal).text(name).range();
        if let Some(after) = after {
            range.start = Bound::Excluded(signal_key(name, after).encode());
        }
        Ok(self.records(&range, limit, |key, signal| match key {
            Key::Signal { number, .. } => Some((number, signal)),
            _ => None,
        })?)
    }

    fn requests_after(&self, after: Option<WaitKey>, limit: usize) -> Answer<Vec<WaitKey>> {
        let range = rows_after(Tag::Request, after.map(|wait| Key::Request(wait).encode()));
        Ok(self.keys(&range, limit, |key| match key {
            Key::Request(wait) => Some(wait),
            _ => None,
        })?)
    }

    fn run_events(&self, run: RunId) -> Answer<Vec<EventId>> {
        Ok(self.events_of(run)?)
    }

    fn control(&self, key: &ControlKey) -> Answer<Option<Control>> {
        Ok(self.control_of(key)?)
    }

    fn controls(
        &self,
        kind: ControlKind,
        after: Option<&ControlKey>,
        limit: usize,
    ) -> Answer<Vec<(ControlKey, Control)>> {
        Ok(self.controls_after(kind, after, limit)?)
    }

    fn lanes_after(
        &self,
        after: Option<&LaneKey>,
        past_function: bool,
        limit: usize,
    ) -> Answer<Vec<(LaneKey, Place)>> {
        Ok(self.lane_heads(after, past_function, limit)?)
    }

    fn queued(&self, lane: &LaneKey, after: Option<Place>, limit: usize) -> Answer<Vec<Place>> {
        Ok(self.places(lane, after, limit)?)
    }

    fn holders(&self, counter: &str, limit: usize) -> Answer<Vec<RunId>> {
        let range = Prefix::tag(Tag::Holder).text(counter).range();
        Ok(self.keys(&range, limit, |key| match key {
            Key::Holder { run, .. } => Some(run),
            _ => None,
        })?)
    }

    fn runs_after(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<Run>> {
        let range = rows_after(Tag::Run, after.map(|run| Key::Run(run).encode()));
        Ok(self.records(&range, limit, |_, run| Some(run))?)
    }

    fn has_waits(&self, name: &str) -> Answer<bool> {
        for tag in [Tag::Wait, Tag::WaitMatch] {
            let range = Prefix::tag(tag).text(name).range();
            if !self.rows(&range, Direction::Forward, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn jobs(&self) -> Answer<Vec<Job>> {
        Ok(
            self.records(&Prefix::tag(Tag::Job).range(), usize::MAX, |_, job| {
                Some(job)
            })?,
        )
    }

    fn schemas(&self) -> Answer<Vec<EventSchema>> {
        Ok(self.records(
            &Prefix::tag(Tag::Schema).range(),
            usize::MAX,
            |_, schema| Some(schema),
        )?)
    }

    fn apps(&self) -> Answer<Vec<App>> {
        Ok(
            self.records(&Prefix::tag(Tag::App).range(), usize::MAX, |_, app| {
                Some(app)
            })?,
        )
    }
}

impl View {
    /// The record under a key.
    pub(crate) fn record<R: Record>(&self, key: &Key<'_>) -> Result<Option<R>> {
        let key = key.encode();
        match self.get(&key)? {
            Some(bytes) => codec::decode(&key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The first `limit` records of a range with their keys; `None` from `pick` means that a key is out of place.
    pub(crate) fn records<R: Record, T>(
        &self,
        range: &KeyRange,
        limit: usize,
        pick: impl Fn(Key<'static>, R) -> Option<T>,
    ) -> Result<Vec<T>> {
        self.collect(range, Direction::Forward, limit, |key, value| {
            let record = codec::decode(key, value)?;
            let parsed = Key::decode(key).ok_or_else(|| unexpected(key))?;
            pick(parsed, record).ok_or_else(|| unexpected(key))
        })
    }

    /// The first `limit` keys of a range.
    pub(crate) fn keys<T>(
        &self,
        range: &KeyRange,
        limit: usize,
        pick: impl Fn(Key<'static>) -> Option<T>,
    ) -> Result<Vec<T>> {
        self.collect(range, Direction::Forward, limit, |key, _| {
            Key::decode(key)
                .and_then(&pick)
                .ok_or_else(|| unexpected(key))
        })
    }

    /// Turns the first `limit` rows of a range into something.
    pub(crate) fn collect<T>(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        make: impl Fn(&[u8], &[u8]) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut failure = None;
        if limit == 0 {
            return Ok(items);
        }
        self.scan(range, direction, |key, value| {
            match make(&key, &value) {
                Ok(item) => items.push(item),
                Err(error) => failure = Some(error),
            }
            if failure.is_some() || items.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failure.map_or(Ok(items), Err)
    }

    /// The whole journal of a run; a gap in it is damage.
    pub(crate) fn journal_of(&self, run: RunId) -> Result<Vec<Entry>> {
        let range = Prefix::tag(Tag::Journal).id(run.0).range();
        self.numbered(&range, |key| match key {
            Key::Journal { first, .. } => Some(first),
            _ => None,
        })
    }

    /// A list in several rows, each of which names the number of its first item in its key; a gap is damage.
    pub(crate) fn numbered<T>(
        &self,
        range: &KeyRange,
        first: impl Fn(Key<'static>) -> Option<u32>,
    ) -> Result<Vec<T>>
    where
        Vec<T>: Record,
    {
        let mut items: Vec<T> = Vec::new();
        for (key, value) in self.rows(range, Direction::Forward, usize::MAX)? {
            let first = Key::decode(&key)
                .and_then(&first)
                .ok_or_else(|| unexpected(&key))?;
            if usize::try_from(first) != Ok(items.len()) {
                let reason = format!(
                    "the {} continue with number {first} after {}",
                    <Vec<T> as Record>::NAME,
                    items.len()
                );
                return Err(Error::corrupt(&key, reason));
            }
            items.append(&mut codec::decode::<Vec<T>>(&key, &value)?);
        }
        Ok(items)
    }
}

/// All rows of a kind that come after this key.
pub(super) fn rows_after(tag: Tag, after: Option<Bytes>) -> KeyRange {
    let mut range = Prefix::tag(tag).range();
    if let Some(after) = after {
        range.start = Bound::Excluded(after);
    }
    range
}

/// Behind all rows with a prefix.
pub(super) fn past(prefix: Prefix) -> Bound<Bytes> {
    match prefix.range().end {
        Bound::Excluded(end) => Bound::Included(end),
        other => other,
    }
}

pub(super) fn missing(key: &Key<'_>, why: &str) -> Error {
    Error::corrupt(
        key.encode().borrow(),
        format!("it is missing, although {why}"),
    )
}

pub(super) fn unexpected(key: &[u8]) -> Error {
    Error::corrupt(key, "no row of this program has such a key")
}
