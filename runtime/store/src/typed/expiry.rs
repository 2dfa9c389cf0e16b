//! What has expired: finished runs, finished jobs and events that were kept long enough, external event ids and controls whose time has
//! passed, and signals that nobody came for.
//!
//! Finding them reads many rows and runs beside the engine; forgetting them looks at each again, on the thread that writes, so that a row
//! that was written anew in between is kept. Never forgotten: a run that is not final, and an event that any run was started by, or is
//! being collected for.

use std::{collections::BTreeMap, ops::Bound, ops::ControlFlow};

use abide_core::{
    function::options::ConcurrencyUnit,
    ids::{EventId, FunctionId, RunId},
    state::{App, BufferedSignal, Job, Run},
};
use bytes::Bytes;

use crate::{
    Batch,
    backend::{Direction, KeyRange},
    codec::{self, ControlRow, Dedupe},
    error::Result,
    keys::{Key, Prefix, Tag, Text},
    typed::read::{past, unexpected},
    view::View,
};

/// What is looked at, in this order: runs before the events that they keep.
const KINDS: [Tag; 6] = [
    Tag::Run,
    Tag::EventByName,
    Tag::Dedupe,
    Tag::Signal,
    Tag::Control,
    Tag::Job,
];

/// How many rows one page looks at, so that whoever asks can pause.
const MOST_ROWS_SEEN: usize = 5_000;

/// How long finished runs and events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    runs_ms: u64,
    functions: BTreeMap<FunctionId, u64>,
    events_ms: u64,
}

impl Keep {
    /// Runs as long as their functions say, as these apps are deployed now; runs of other functions, jobs and events as long as given here.
    pub fn new(runs_ms: u64, events_ms: u64, apps: &[App]) -> Self {
        let functions = apps.iter().flat_map(|app| {
            app.current.functions.iter().filter_map(|function| {
                let id = FunctionId::new(app.id.clone(), function.id.as_str());
                Some((id, function.retention_ms?))
            })
        });
        Self {
            runs_ms,
            functions: functions.collect(),
            events_ms,
        }
    }

    fn run_has_expired(&self, run: &Run, now_ms: u64) -> bool {
        let keep_ms = self.functions.get(&run.function).unwrap_or(&self.runs_ms);
        let ended_ms = run.ended_ms.unwrap_or(run.queued_ms);
        run.status.is_final() && ended_ms.saturating_add(*keep_ms) <= now_ms
    }

    /// Runs that were created after this time cannot have expired.
    fn newest_run_ms(&self, now_ms: u64) -> u64 {
        let shortest = self.functions.values().copied().min();
        now_ms.saturating_sub(shortest.map_or(self.runs_ms, |ms| ms.min(self.runs_ms)))
    }

    fn event_has_expired(&self, received_ms: u64, now_ms: u64) -> bool {
        received_ms.saturating_add(self.events_ms) <= now_ms
    }
}

/// A part of what has expired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Names each thing by one of its rows. There may be fewer than asked for, even none, although more follow.
    pub keys: Vec<Bytes>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Bytes>,
}

impl View {
    /// What has expired at `now_ms`, of one kind of thing, after the place where an earlier page ended, at most `limit` things.
    pub fn expired(
        &self,
        keep: &Keep,
        now_ms: u64,
        after: Option<&Bytes>,
        limit: usize,
    ) -> Result<Expired> {
        let mut page = Expired::default();
        let mut seen = 0;
        let place = after.and_then(|key| key.first().copied());
        let begun = KINDS.iter().position(|tag| Some(*tag as u8) == place);
        for (n, tag) in KINDS.into_iter().enumerate().skip(begun.unwrap_or(0)) {
            let mut range = kind(tag, keep, now_ms);
            if let Some(after) = after.filter(|_| begun == Some(n)) {
                range.start = Bound::Excluded(after.clone());
            }
            loop {
                let mut failure = None;
                let mut jump = None;
                self.scan(&range, Direction::Forward, |key, value| {
                    seen += 1;
                    match self.look(&key, &value, keep, now_ms) {
                        Ok(Look::Expired) => page.keys.push(key.clone()),
                        Ok(Look::Kept) => {}
                        Ok(Look::SkipTo(start)) => jump = Some(start),
                        Err(error) => failure = Some(error),
                    }
                    if seen >= MOST_ROWS_SEEN || page.keys.len() >= limit {
                        page.next = Some(key);
                    }
                    if page.next.is_some() || jump.is_some() || failure.is_some() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })?;
                if let Some(error) = failure {
                    return Err(error);
                }
                if page.next.is_some() {
                    return Ok(page);
                }
                match jump {
                    Some(start) => range.start = start,
                    None => break,
                }
            }
            // What was found is forgotten before the next kind is looked at, which may depend on it.
            if !page.keys.is_empty() {
                page.next = KINDS.get(n + 1).map(|next| Prefix::tag(*next).bytes());
                break;
            }
        }
        Ok(page)
    }

    /// Writes that forget those of the things that are still expired. To be called, and submitted, by the thread that writes them.
    pub fn forget(&self, keys: &[Bytes], keep: &Keep, now_ms: u64) -> Result<Batch> {
        let mut batch = Batch::new();
        for key in keys {
            let Some(value) = self.get(key)? else {
                continue;
            };
            if !matches!(self.look(key, &value, keep, now_ms)?, Look::Expired) {
                continue;
            }
            match Key::decode(key) {
                Some(Key::Run(run)) => {
                    self.forget_run(&codec::decode(key, &value)?, run, &mut batch)?;
                }
                Some(Key::EventByName { event, .. }) => {
                    batch.delete(Key::Event(event).encode());
                }
                _ => {}
            }
            batch.delete(key.clone());
        }
        Ok(batch)
    }

    fn look(&self, key: &[u8], value: &[u8], keep: &Keep, now_ms: u64) -> Result<Look> {
        let until_ms = match Key::decode(key) {
            Some(Key::Run(_)) => {
                let run: Run = codec::decode(key, value)?;
                return Ok(Look::expired_if(keep.run_has_expired(&run, now_ms)));
            }
            Some(Key::EventByName {
                name,
                received_ms,
                event,
            }) => {
                if !keep.event_has_expired(received_ms, now_ms) {
                    let name = Prefix::tag(Tag::EventByName).text_in_key(&name);
                    return Ok(Look::SkipTo(past(name)));
                }
                return Ok(Look::expired_if(!self.is_linked(event)?));
            }
            Some(Key::Dedupe { .. }) => Some(codec::decode::<Dedupe>(key, value)?.1),
            Some(Key::Signal { .. }) => Some(codec::decode::<BufferedSignal>(key, value)?.until_ms),
            Some(Key::Control { .. }) => codec::decode::<ControlRow>(key, value)?.1.expires_ms(),
            Some(Key::Job(_)) => {
                let job: Job = codec::decode(key, value)?;
                job.ended_ms
                    .map(|ended_ms| ended_ms.saturating_add(keep.runs_ms))
            }
            _ => return Err(unexpected(key)),
        };
        Ok(Look::expired_if(
            until_ms.is_some_and(|until_ms| until_ms <= now_ms),
        ))
    }

    /// Whether a run was started by the event, or is being collected from it.
    fn is_linked(&self, event: EventId) -> Result<bool> {
        let links = Prefix::tag(Tag::EventRun).id(event.0).range();
        Ok(!self.rows(&links, Direction::Forward, 1)?.is_empty())
    }

    /// Everything of a run but its own row.
    fn forget_run(&self, record: &Run, run: RunId, batch: &mut Batch) -> Result<()> {
        let mut events = self.events_of(run)?;
        events.push(record.event);
        for event in events {
            batch.delete(Key::EventRun { event, run }.encode());
        }
        for tag in [Tag::Journal, Tag::Log, Tag::RunEvent, Tag::Arrival] {
            for key in self.keys_in(&Prefix::tag(tag).id(run.0).range())? {
                batch.delete(key);
            }
        }
        let counters = record.queue.iter().flat_map(|queue| &queue.counters);
        for counter in counters.filter(|counter| counter.per == ConcurrencyUnit::Run) {
            let holder = Key::Holder {
                counter: Text::new(&counter.name),
                run,
            };
            batch.delete(holder.encode());
        }
        Ok(())
    }
}

/// What one row says.
enum Look {
    Expired,
    Kept,
    /// No row before this one has expired.
    SkipTo(Bound<Bytes>),
}

impl Look {
    fn expired_if(expired: bool) -> Self {
        if expired { Self::Expired } else { Self::Kept }
    }
}

/// The rows of a kind that can have expired.
fn kind(tag: Tag, keep: &Keep, now_ms: u64) -> KeyRange {
    let mut range = Prefix::tag(tag).range();
    if tag == Tag::Run {
        // The first 48 bits of an id are the time at which it was made.
        let newer_ms = u128::from(keep.newest_run_ms(now_ms)).saturating_add(1);
        if newer_ms < 1 << 48 {
            range.end = Bound::Excluded(Key::Run(RunId(newer_ms << 80)).encode());
        }
    }
    range
}
