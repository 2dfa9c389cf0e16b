//! Deaths of the process: a run that was executing at three of them in a row is paused instead of started again.
//!
//! The store says of the process whether it is open, and of each *suspect* (a run that was executing when the process died) at how many
//! deaths in a row it was. The row ends when the run gets anything done: a step is complete, an attempt fails, the run rests or ends.
//!
//! | a run that is taken up after a death | deaths | and then                                                    |
//! |--------------------------------------|--------|-------------------------------------------------------------|
//! | had begun to execute                 | one more | below two: is recorded, then executes                      |
//! | had not begun, as far as is known    | none   | is recorded, so that the next death counts                  |
//! | was executing at two                 | 2      | waits for its turn, is recorded, executes alone for a while |
//! | was executing at three               | 3      | is paused                                                   |
//!
//! Invariants: a suspect's record is durable before it executes, or its next death would not be counted. Of those with two deaths one
//! executes at a time, so that the innocent are not paused along with the guilty; it has [`ALONE_MS`] to itself, after which it is not
//! blamed for the next death: what kills the process by executing does so soon. A process that ended in an orderly way blames nobody, and
//! where nobody is suspected none of this costs anything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat};

use super::{Context, Effect, Engine, Notice};
use crate::failure::{Failure, Origin};
use crate::ids::{FunctionId, RunId};
use crate::journal::{Entry, Outcome};
use crate::machine::{Position, Progress};
use crate::state::{Control, ControlKey, ControlKind, ReadError, Run};

/// At so many deaths in a row a run is paused.
const MOST_DEATHS: u32 = 3;

/// From so many deaths on a run executes alone among those like it.
const ALONE_FROM: u32 = 2;

/// How long it does: others wait meanwhile.
const ALONE_MS: u64 = 30_000;

/// Suspects that are read at once.
const PAGE: usize = 1_000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Deaths {
    life: u64,
    /// When this life began, if the one before it ended in a death.
    after_death_ms: Option<u64>,
    suspects: BTreeMap<RunId, Suspect>,
    /// Who executes alone, and until when: that is known once it begins.
    alone: Option<(RunId, Option<u64>)>,
    /// Who waits for that, the oldest first.
    waiting: BTreeSet<RunId>,
    recording: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// Found among those that recovery takes up, and perhaps listed as executing.
    Found { listed: bool },
    /// The store knows of so many deaths.
    Known { deaths: u32 },
    /// Its record for this life is on its way.
    Recording { deaths: u32 },
    /// It may execute.
    Recorded { deaths: u32 },
}

/// Whether a run may execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Now,
    /// As soon as that is recorded.
    Later,
    /// Not before others, or not at all.
    Held,
}

impl Deaths {
    /// Takes note of a run that a former process left behind.
    pub(super) fn found(&mut self, run: RunId, listed: bool) {
        if self.after_death_ms.is_some() {
            self.suspects
                .entry(run)
                .or_insert(Suspect::Found { listed });
        }
    }

    /// Takes note of a run that a timer wakes: one that was due before the death may have been awake then.
    pub(super) fn woken(&mut self, run: RunId, due_ms: u64) {
        if self.after_death_ms.is_some_and(|since| due_ms <= since) {
            self.found(run, false);
        }
    }

    pub(super) fn suspects(&self, run: RunId) -> bool {
        !self.suspects.is_empty() && self.suspects.contains_key(&run)
    }

    /// Runs that are about to execute once their records are durable.
    pub(super) fn recording(&self) -> usize {
        self.recording
    }

    /// Whether somebody waits to be alone, and nobody is.
    pub(super) fn wants_turn(&self) -> bool {
        self.alone.is_none() && !self.waiting.is_empty()
    }

    /// When somebody has been alone for long enough.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.alone.and_then(|(_, until_ms)| until_ms)
    }

    /// Whether another suspect is to be alone first. Told before the run is read: many may wait.
    pub(super) fn must_wait(&mut self, id: RunId) -> bool {
        let others_turn = self.alone.is_some_and(|(other, _)| other != id);
        let waits = others_turn
            && matches!(
                self.suspects.get(&id),
                Some(Suspect::Known { deaths: ALONE_FROM })
            );
        if waits {
            self.waiting.insert(id);
        }
        waits
    }
}

/// Whether a run got something done, so that it is not what ended the process.
pub(super) fn gets_on(progress: &Progress) -> bool {
    let rests = match progress.position {
        // One that waits for slots has yet to do what it waits for.
        Position::Running | Position::Gated => false,
        Position::Parked { .. }
        | Position::Ended(_)
        | Position::RetryLater
        | Position::Diverged(_) => true,
    };
    rests || progress.entries.iter().any(|entry| match entry {
        Entry::Completed { outcome, .. } => {
            !matches!(outcome, Outcome::Failed(failure) if failure.origin == Origin::Interrupted)
        }
        Entry::BodyFailed { .. }
        | Entry::WorkflowFailed { .. }
        | Entry::WorkflowReturned { .. } => true,
        Entry::AttemptStarted { .. }
        | Entry::OperationStarted { .. }
        | Entry::Input { .. }
        | Entry::Carried(_)
        | Entry::BodyStarted { .. }
        | Entry::BodyReachedOut { .. }
        | Entry::BodyInterrupted { .. }
        | Entry::Recalled { .. }
        | Entry::Cancelled { .. }
        | Entry::Logged { .. } => false,
    })
}

impl Engine {
    /// Finds out how the process before this one ended, and whom it suspected.
    pub(super) fn recover_deaths(&mut self, cx: &Context<'_>) -> Result<(), ReadError> {
        let (last, died) = match cx.read.control(&process_key())? {
            Some(Control::Process { life, open }) => (life, open),
            Some(_) | None => (0, false),
        };
        self.deaths.after_death_ms = died.then_some(cx.now_ms);
        let life = last + 1;
        self.deaths.life = life;
        self.put_control(process_key(), Control::Process { life, open: true });
        let mut after = None;
        loop {
            let page = cx
                .read
                .controls(ControlKind::Suspect, after.as_ref(), PAGE)?;
            let whole = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, control) in page {
                if let (Ok(run), Control::Suspect { deaths, life }) = (key.key.parse(), control) {
                    let executed = died && life == last;
                    let deaths = deaths + u32::from(executed);
                    self.deaths.suspects.insert(run, Suspect::Known { deaths });
                }
            }
            if whole {
                return Ok(());
            }
        }
    }

    /// The process ends in an orderly way.
    pub(super) fn close(&mut self) {
        let life = self.deaths.life;
        self.put_control(process_key(), Control::Process { life, open: false });
    }

    /// Whether a run may execute, as far as deaths are concerned. One that was executing at too many is paused.
    pub(super) fn judge(&mut self, run: &Run, cx: &mut Context<'_>) -> Result<Verdict, ReadError> {
        let id = run.id;
        let deaths = match self.deaths.suspects.get(&id) {
            None | Some(Suspect::Recorded { .. }) => return Ok(Verdict::Now),
            Some(Suspect::Recording { .. }) => return Ok(Verdict::Later),
            Some(Suspect::Known { deaths }) => *deaths,
            // Nothing is recorded of a run before it gets somewhere: one without entries may just have been queued.
            Some(Suspect::Found { listed }) => u32::from(*listed && run.entries > 0),
        };
        if deaths >= MOST_DEATHS {
            self.pause_poisonous(run, deaths, cx)?;
            return Ok(Verdict::Held);
        }
        if deaths >= ALONE_FROM {
            self.deaths.alone = Some((id, None));
        }
        self.deaths
            .suspects
            .insert(id, Suspect::Recording { deaths });
        self.deaths.recording += 1;
        let life = self.deaths.life;
        self.put_control(suspect_key(id), Control::Suspect { deaths, life });
        cx.out.durable.push(Effect::Suspect(id));
        Ok(Verdict::Later)
    }

    fn pause_poisonous(
        &mut self,
        run: &Run,
        deaths: u32,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let reason = format!(
            "it was executing when the process ended, {deaths} times in a row, the last time before {}; `abide runs resume {}` starts it again",
            time(cx.now_ms),
            run.id
        );
        cx.out.durable.push(Effect::Notice(Notice::Poisonous {
            run: run.id,
            function: run.function.clone(),
            reason: reason.clone(),
        }));
        let failure = Failure {
            name: "ProcessDied".into(),
            ..Failure::permanent(Origin::Interrupted, reason)
        };
        self.pause(run.clone(), failure, cx)
    }

    /// A suspect's record is durable.
    pub(super) fn suspect_recorded(&mut self, id: RunId, now_ms: u64) {
        let Some(suspect) = self.deaths.suspects.get_mut(&id) else {
            return;
        };
        let Suspect::Recording { deaths } = *suspect else {
            return;
        };
        *suspect = Suspect::Recorded { deaths };
        self.deaths.recording -= 1;
        if let Some((_, until_ms)) = self.deaths.alone.as_mut().filter(|(run, _)| *run == id) {
            *until_ms = Some(now_ms.saturating_add(ALONE_MS));
        }
        self.make_ready_unless_active(id);
    }

    /// Forgets what a run was suspected of: it got on, or will not execute again by itself.
    pub(super) fn acquit(&mut self, id: RunId) {
        match self.deaths.suspects.remove(&id) {
            None => return,
            Some(Suspect::Found { .. }) => {}
            Some(Suspect::Recording { .. }) => {
                self.deaths.recording -= 1;
                self.delete_control(suspect_key(id));
            }
            Some(Suspect::Known { .. } | Suspect::Recorded { .. }) => {
                self.delete_control(suspect_key(id));
            }
        }
        self.deaths.waiting.remove(&id);
        if self.deaths.alone.is_some_and(|(run, _)| run == id) {
            self.deaths.alone = None;
        }
    }

    /// Lets the next suspect execute if one has been alone for long enough. That one goes on, and is not blamed for the next death.
    pub(super) fn end_solitude(&mut self, now_ms: u64) {
        let Some((id, Some(until_ms))) = self.deaths.alone else {
            return;
        };
        if until_ms > now_ms {
            return;
        }
        if let Some(Suspect::Recorded { deaths }) = self.deaths.suspects.get(&id) {
            let deaths = *deaths;
            self.put_control(suspect_key(id), Control::Suspect { deaths, life: 0 });
        }
        self.deaths.alone = None;
    }

    /// Makes the oldest of those ready that wait until nobody is alone. It may turn out that it cannot execute now: then another has
    /// its turn.
    pub(super) fn let_next_suspect(&mut self) {
        if self.deaths.wants_turn()
            && let Some(next) = self.deaths.waiting.pop_first()
        {
            self.make_ready_unless_active(next);
        }
    }
}

fn process_key() -> ControlKey {
    ControlKey {
        kind: ControlKind::Process,
        function: FunctionId::new("", ""),
        key: String::new(),
    }
}

fn suspect_key(run: RunId) -> ControlKey {
    ControlKey {
        kind: ControlKind::Suspect,
        function: FunctionId::new("", ""),
        key: run.to_string(),
    }
}

/// A time as people read it.
fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    at.map_or_else(
        || format!("{at_ms} ms"),
        |at| at.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
