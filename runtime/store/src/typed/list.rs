//! What the API lists: runs and events newest first, runs of an event, journals, log lines.
//!
//! Callers show results only after [`crate::Store::read_barrier`].

use std::ops::{Bound, ControlFlow};

use abide_core::{
    event::Event,
    ids::{EventId, RunId},
    journal::Entry,
    state::{App, LogLine, Run, RunFilter},
};

use crate::{
    backend::{Direction, KeyRange},
    codec,
    error::Result,
    keys::{Key, Prefix, Tag, Text},
    typed::read::unexpected,
    view::View,
};

/// How many rows one page looks at, so that a filter that matches nothing answers quickly too.
const MOST_ROWS_SEEN: usize = 10_000;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items. There may be fewer than asked for, even none, although more follow.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<C>,
}

impl View {
    /// Runs, newest first; those older than `before`. The filter's condition is the caller's affair.
    pub fn list_runs(
        &self,
        before: Option<RunId>,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Page<Run, RunId>> {
        let mut rows = MOST_ROWS_SEEN;
        self.list_runs_within(before, filter, limit, &mut rows)
    }

    /// The same, looking at no more than so many rows; those that it looked at are taken off.
    pub fn list_runs_within(
        &self,
        before: Option<RunId>,
        filter: &RunFilter,
        limit: usize,
        rows: &mut usize,
    ) -> Result<Page<Run, RunId>> {
        let range = rows_before(Tag::Run, before.map(Key::Run));
        self.page(&range, limit, |value, key| {
            *rows = rows.saturating_sub(1);
            let run: Run = codec::decode(key, value)?;
            Ok(Step {
                cursor: run.id,
                item: filter.admits(&run).then_some(run),
                enough: *rows == 0,
            })
        })
    }

    /// Events, newest first; those older than `before`, of this exact name if one is given.
    pub fn list_events(
        &self,
        before: Option<EventId>,
        name: Option<&str>,
        limit: usize,
    ) -> Result<Page<Event, EventId>> {
        let range = rows_before(Tag::Event, before.map(Key::Event));
        let mut seen = 0;
        self.page(&range, limit, |value, key| {
            seen += 1;
            let event: Event = codec::decode(key, value)?;
            Ok(Step {
                cursor: event.id,
                item: name
                    .is_none_or(|name| *event.name == *name)
                    .then_some(event),
                enough: seen >= MOST_ROWS_SEEN,
            })
        })
    }

    /// The runs that an event started, oldest first.
    pub fn event_runs(&self, event: EventId) -> Result<Vec<RunId>> {
        let range = Prefix::tag(Tag::EventRun).id(event.0).range();
        self.keys(&range, usize::MAX, |key| match key {
            Key::EventRun { run, .. } => Some(run),
            _ => None,
        })
    }

    /// A run.
    pub fn get_run(&self, run: RunId) -> Result<Option<Run>> {
        self.record(&Key::Run(run))
    }

    /// An event.
    pub fn get_event(&self, event: EventId) -> Result<Option<Event>> {
        self.record(&Key::Event(event))
    }

    /// An app.
    pub fn get_app(&self, id: &str) -> Result<Option<App>> {
        self.record(&Key::App(Text::new(id)))
    }

    /// The whole journal of a run.
    pub fn run_journal(&self, run: RunId) -> Result<Vec<Entry>> {
        self.journal_of(run)
    }

    /// The log lines of a run from this chunk on, with the number of the chunk that each belongs to.
    pub fn run_logs(&self, run: RunId, from_chunk: u32) -> Result<Vec<(u32, LogLine)>> {
        let mut all = Vec::new();
        self.each_log_line(run, from_chunk, |chunk, line| {
            all.push((chunk, line));
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    /// Hands over the log lines of a run from this chunk on, in order, until `take` has enough.
    pub fn each_log_line(
        &self,
        run: RunId,
        from_chunk: u32,
        mut take: impl FnMut(u32, LogLine) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut range = Prefix::tag(Tag::Log).id(run.0).range();
        range.start = Bound::Included(
            Key::Log {
                run,
                chunk: from_chunk,
                part: 0,
            }
            .encode(),
        );
        let mut failure = None;
        self.scan(&range, Direction::Forward, |key, value| {
            let lines = match (
                Key::decode(&key),
                codec::decode::<Vec<LogLine>>(&key, &value),
            ) {
                (Some(Key::Log { chunk, .. }), Ok(lines)) => Ok((chunk, lines)),
                (_, Err(error)) => Err(error),
                (_, Ok(_)) => Err(unexpected(&key)),
            };
            match lines {
                Ok((chunk, lines)) => lines.into_iter().try_for_each(|line| take(chunk, line)),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    fn page<T, C>(
        &self,
        range: &KeyRange,
        limit: usize,
        mut step: impl FnMut(&[u8], &[u8]) -> Result<Step<T, C>>,
    ) -> Result<Page<T, C>> {
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        let mut failure = None;
        self.scan(range, Direction::Backward, |key, value| {
            match step(&value, &key) {
                Err(error) => failure = Some(error),
                Ok(step) => {
                    page.items.extend(step.item);
                    if step.enough || page.items.len() >= limit {
                        page.next = Some(step.cursor);
                    }
                }
            }
            if failure.is_some() || page.next.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failure.map_or(Ok(page), Err)
    }
}

struct Step<T, C> {
    cursor: C,
    item: Option<T>,
    enough: bool,
}

/// All rows of a kind that come before this key.
fn rows_before(tag: Tag, before: Option<Key<'_>>) -> KeyRange {
    let mut range = Prefix::tag(tag).range();
    if let Some(before) = before {
        range.end = Bound::Excluded(before.encode());
    }
    range
}
