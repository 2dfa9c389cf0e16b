//! The spans of one run, as its journal grows.
//!
//! | span            | from                          | to                          | id follows from            |
//! |-----------------|-------------------------------|-----------------------------|----------------------------|
//! | the run         | the run's creation            | its end                     | the run                    |
//! | `queue`         | the run's creation            | the start of its code       | the run                    |
//! | `execute`       | the first entry of a stretch  | the run rests or ends       | the entry's index          |
//! | a step          | the operation's start         | its completion              | the operation              |
//! | an attempt      | the attempt's start           | its end                     | the operation, the attempt |
//!
//! All hang below the run's span, attempts below their step's. A step that was attempted once is one span, that of its attempt: what it called
//! or started names that one. A span is made when it has ended, from what is durable; a trail that was lost, because the process ended or
//! too many runs were alive, is taken up from the journal. This module must not export, and tells nothing twice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use abide_core::event::{Event, EventSource};
use abide_core::ids::{EventId, RunId};
use abide_core::journal::{Entry, OpNumber, Outcome, interrupted, step_hash, step_key};
use abide_core::operation::Kind;
use abide_core::state::{Run, RunEnd, RunStatus};
use abide_core::trace::{
    Sampling, TraceContext, attempt_span, episode_span, queue_span, run_span, step_span,
};
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;

use super::span::{Shape, Span, cut};

/// The most events of a batch that a run's span links to.
const MOST_LINKS: usize = 128;

/// What a trail needs to know of the store.
pub(super) trait Lookup {
    /// An event.
    fn event(&self, id: EventId) -> Option<Event>;
    /// All entries of a run.
    fn journal(&self, run: RunId) -> Vec<Entry>;
    /// The events of a run that has several.
    fn events(&self, run: RunId) -> Vec<EventId>;
    /// A run.
    fn run(&self, id: RunId) -> Option<Run>;
}

/// What is known of a run between two looks at it.
pub(super) struct Trail {
    run: RunId,
    /// Where the run stands in its trace.
    place: Option<TraceContext>,
    /// The same; `None`: its trace is not recorded.
    trace: Option<TraceContext>,
    environment: std::sync::Arc<str>,
    /// Operations that have not ended.
    open: BTreeMap<OpNumber, Open>,
    /// How many operations there have been.
    operations: OpNumber,
    episode: Option<Episode>,
    /// The span of the stretch before.
    previous: Option<u64>,
    last_ms: u64,
}

/// An operation that has not ended.
struct Open {
    key: String,
    hash: String,
    kind: Kind,
    summary: String,
    started_ms: u64,
    /// Attempts that failed.
    failed: u32,
    /// When the attempt began that is under way.
    executing_ms: Option<u64>,
}

struct Episode {
    first: u32,
    started_ms: u64,
    links: Vec<u64>,
    failure: Option<(abide_core::failure::Failure, u64)>,
}

impl Trail {
    /// The trail of a run whose journal had `first` entries before what comes now.
    pub(super) fn take_up(
        run: &Run,
        first: u32,
        environment: &std::sync::Arc<str>,
        sampling: Sampling,
        store: &dyn Lookup,
    ) -> Self {
        let event = store.event(run.event);
        let given = event.as_ref().and_then(|event| event.trace.as_deref());
        let place = TraceContext::of_run(given, run.id, Some(sampling));
        let mut trail = Self {
            run: run.id,
            trace: place.clone().filter(TraceContext::is_sampled),
            place,
            environment: environment.clone(),
            open: BTreeMap::new(),
            operations: 0,
            episode: None,
            previous: None,
            last_ms: run.queued_ms,
        };
        if trail.trace.is_some() && first > 0 {
            let journal = store.journal(run.id);
            for (index, entry) in (0..first).zip(&journal) {
                // They were told before.
                trail.follow(index, entry, &mut Vec::new());
            }
            trail.episode = None;
        }
        trail
    }

    /// Whether there will never be anything to tell.
    pub(super) fn is_silent(&self) -> bool {
        self.trace.is_none()
    }

    /// Where the run's spans are, if its trace is recorded.
    pub(super) fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Where the run stands in its trace, be that recorded or not.
    pub(super) fn place(&self) -> Option<&TraceContext> {
        self.place.as_ref()
    }

    /// The step of an operation that has not ended.
    pub(super) fn step_key(&self, op: OpNumber) -> Option<String> {
        Some(self.open.get(&op)?.key.clone())
    }

    /// The run's journal has this entry now.
    pub(super) fn entry(&mut self, index: u32, entry: &Entry, run: &Run, out: &mut Vec<SpanData>) {
        if self.trace.is_none() {
            return;
        }
        if let Entry::AttemptStarted { attempt: 0, at_ms } = entry
            && *at_ms > run.queued_ms
        {
            let times = (run.queued_ms, *at_ms);
            out.extend(
                self.span(queue_span(self.run), "queue", times)
                    .map(Span::done),
            );
        }
        self.follow(index, entry, out);
    }

    #[allow(clippy::too_many_lines, reason = "one short arm a kind of entry")]
    fn follow(&mut self, index: u32, entry: &Entry, out: &mut Vec<SpanData>) {
        self.execute(index, entry);
        match entry {
            Entry::OperationStarted {
                op,
                kind,
                id,
                occurrence,
                summary,
                at_ms,
                ..
            } => {
                // A later attempt at the workflow code takes over what an earlier one has started.
                if *op >= self.operations {
                    self.operations = op + 1;
                    let open = Open {
                        key: step_key(id, *occurrence),
                        hash: step_hash(id, *occurrence),
                        kind: *kind,
                        summary: summary.clone(),
                        started_ms: *at_ms,
                        failed: 0,
                        executing_ms: None,
                    };
                    self.open.insert(*op, open);
                }
            }
            Entry::Carried(carried) => self.operations = self.operations.max(carried.op + 1),
            Entry::BodyStarted { op, at_ms, .. } | Entry::BodyReachedOut { op, at_ms, .. } => {
                if let Some(open) = self.open.get_mut(op) {
                    open.executing_ms = Some(*at_ms);
                }
            }
            Entry::BodyFailed {
                op,
                attempt,
                failure,
                started_ms,
                at_ms,
                retry_at_ms,
            } => {
                let span = self.attempt(*op, *attempt, (*started_ms, *at_ms));
                let retry_in_ms = retry_at_ms.saturating_sub(*at_ms);
                out.extend(span.map(|span| {
                    span.failed(failure, *at_ms)
                        .with("abide.retry.in_ms", saturated(retry_in_ms))
                        .done()
                }));
                self.attempt_over(*op, *attempt);
            }
            Entry::BodyInterrupted {
                op,
                attempt,
                started_ms,
                at_ms,
            } => {
                let span = self.attempt(*op, *attempt, (*started_ms, *at_ms));
                out.extend(span.map(|span| span.failed(&interrupted(*attempt), *at_ms).done()));
                self.attempt_over(*op, *attempt);
            }
            Entry::Completed {
                op,
                outcome,
                attempts,
                started_ms,
                at_ms,
            } => self.completed(*op, outcome, *attempts, (*started_ms, *at_ms), out),
            Entry::Cancelled { op, at_ms } => self.cancelled(*op, *at_ms, out),
            Entry::WorkflowFailed { failure, at_ms, .. } => {
                if let Some(episode) = &mut self.episode {
                    episode.failure = Some((failure.clone(), *at_ms));
                }
            }
            Entry::AttemptStarted { .. }
            | Entry::WorkflowReturned { .. }
            | Entry::Input { .. }
            | Entry::Recalled { .. }
            | Entry::Logged { .. } => {}
        }
    }

    /// A stretch of execution begins with the first entry after a rest.
    fn execute(&mut self, index: u32, entry: &Entry) {
        let Some(at_ms) = entry.at_ms() else { return };
        self.last_ms = self.last_ms.max(at_ms);
        if self.episode.is_some() {
            return;
        }
        let (woken_by, started_ms) = match entry {
            Entry::Completed {
                op,
                attempts,
                started_ms,
                ..
            } => {
                let is_body = self.open.get(op).is_some_and(|open| open.kind == Kind::Run);
                let cause = match attempts.checked_sub(2) {
                    Some(failed) if is_body => attempt_span(self.run, *op, failed),
                    Some(_) | None => self.completed_span(*op, *attempts),
                };
                let started_ms = if is_body { *started_ms } else { at_ms };
                (
                    Some(cause).filter(|_| !is_body || *attempts > 1),
                    started_ms,
                )
            }
            Entry::BodyStarted { op, attempt, .. } | Entry::BodyReachedOut { op, attempt, .. } => {
                let failed = attempt.checked_sub(1);
                let cause = failed.map(|failed| attempt_span(self.run, *op, failed));
                (cause, at_ms)
            }
            Entry::BodyFailed { started_ms, .. } | Entry::BodyInterrupted { started_ms, .. } => {
                (None, *started_ms)
            }
            _ => (None, at_ms),
        };
        self.episode = Some(Episode {
            first: index,
            started_ms,
            links: self.previous.into_iter().chain(woken_by).collect(),
            failure: None,
        });
    }

    fn completed(
        &mut self,
        op: OpNumber,
        outcome: &Outcome,
        attempts: u32,
        (started_ms, at_ms): (u64, u64),
        out: &mut Vec<SpanData>,
    ) {
        if has_attempts(self.open.get(&op)) && attempts > 1 {
            // The last attempt; the step as a whole is the span above.
            let span = self.attempt(op, attempts - 1, (started_ms, at_ms));
            out.extend(span.map(|span| ended(span, outcome, at_ms).done()));
        }
        let Some(open) = self.open.remove(&op) else {
            return;
        };
        let id = self.completed_span_of(op, &open, attempts);
        let from_ms = match (open.kind, attempts) {
            (Kind::Run, 1) => started_ms,
            _ => open.started_ms,
        };
        let span = self.step(id, &open, (from_ms, at_ms));
        out.extend(span.map(|span| {
            let attempts = (attempts > 0).then_some(i64::from(attempts));
            ended(span, outcome, at_ms)
                .with_some("abide.step.attempts", attempts)
                .done()
        }));
    }

    fn cancelled(&mut self, op: OpNumber, at_ms: u64, out: &mut Vec<SpanData>) {
        let failed = self.open.get(&op).map_or(0, |open| open.failed);
        let executing_ms = self.open.get(&op).and_then(|open| open.executing_ms);
        if let Some(started_ms) = executing_ms.filter(|_| failed > 0) {
            let span = self.attempt(op, failed, (started_ms, at_ms));
            out.extend(span.map(|span| span.with("abide.step.status", "cancelled").done()));
        }
        let Some(open) = self.open.remove(&op) else {
            return;
        };
        let id = self.completed_span_of(op, &open, failed + 1);
        let span = self.step(id, &open, (open.started_ms, at_ms));
        out.extend(span.map(|span| span.with("abide.step.status", "cancelled").done()));
    }

    /// The run stands so now. `true`: it has ended, and the trail with it.
    pub(super) fn stands(
        &mut self,
        run: &Run,
        store: &dyn Lookup,
        out: &mut Vec<SpanData>,
    ) -> bool {
        match run.status {
            RunStatus::Queued | RunStatus::Running => false,
            RunStatus::Sleeping | RunStatus::Waiting | RunStatus::Paused => {
                self.rest(self.last_ms, out);
                false
            }
            // It never began.
            RunStatus::Skipped => true,
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => {
                let ended_ms = run.ended_ms.unwrap_or(self.last_ms);
                self.rest(ended_ms, out);
                let left: Vec<_> = self.open.keys().copied().collect();
                for op in left {
                    self.cancelled(op, ended_ms, out);
                }
                out.extend(self.whole(run, ended_ms, store));
                true
            }
        }
    }

    /// The stretch of execution is over.
    fn rest(&mut self, at_ms: u64, out: &mut Vec<SpanData>) {
        let Some(episode) = self.episode.take() else {
            return;
        };
        let id = episode_span(self.run, episode.first);
        let times = (episode.started_ms, at_ms);
        if let (Some(mut span), Some(trace)) = (self.span(id, "execute", times), &self.trace) {
            for link in episode.links {
                span = span.linked(trace, link);
            }
            if let Some((failure, at_ms)) = &episode.failure {
                span = span.failed(failure, *at_ms);
            }
            out.push(span.done());
        }
        self.previous = Some(id);
    }

    /// The span of the run.
    fn whole(&self, run: &Run, ended_ms: u64, store: &dyn Lookup) -> Option<SpanData> {
        let trace = self.trace.as_ref()?;
        let event = store.event(run.event);
        let given = event.as_ref().and_then(|event| event.trace.as_deref());
        let from_outside = matches!(
            event.as_ref().map(|event| &event.source),
            Some(EventSource::Api)
        );
        let name = run.function.to_string();
        let mut span = Span::new(Shape {
            trace,
            id: run_span(run.id),
            parent: given.map_or(0, TraceContext::parent_id),
            name: Cow::Owned(name.clone()),
            start_ms: run.queued_ms,
            end_ms: ended_ms,
        })
        .kind(SpanKind::Consumer)
        .remote_parent(from_outside)
        .with("faas.name", name)
        .with("faas.invocation_id", run.id.to_string())
        .with(
            "faas.trigger",
            if run.cron.is_some() {
                "timer"
            } else {
                "pubsub"
            },
        )
        .with_some("faas.cron", run.cron.as_deref().map(str::to_owned))
        .with("abide.run.id", run.id.to_string())
        .with("abide.run.status", run.status.as_str())
        .with("abide.app", run.function.app.to_string())
        .with("abide.function", run.function.function.to_string())
        .with("abide.environment", self.environment.to_string())
        .with("abide.deployment.digest", run.digest.to_string())
        .with("messaging.message.id", run.event.to_string())
        .with_some(
            "abide.event.name",
            event.as_ref().map(|event| cut(&event.name).to_owned()),
        )
        .with_some(
            "abide.run.parent_id",
            run.parent.map(|(parent, _)| parent.to_string()),
        )
        .with_some(
            "abide.run.original_id",
            run.original.map(|it| it.to_string()),
        );
        if run.event_count > 1 {
            span = span.with("messaging.batch.message_count", i64::from(run.event_count));
            for other in store.events(run.id).into_iter().take(MOST_LINKS) {
                if other != run.event
                    && let Some(trace) = store.event(other).and_then(|event| event.trace)
                {
                    span = span.linked(&trace, trace.parent_id());
                }
            }
        }
        let span = match (&run.end, run.status) {
            (Some(RunEnd::Failure(failure)), RunStatus::Failed) => span.failed(failure, ended_ms),
            (Some(RunEnd::Failure(failure)), _) => {
                span.with("abide.run.reason", cut(&failure.message).to_owned())
            }
            (_, RunStatus::Failed) => span.error("the run failed"),
            (_, RunStatus::Completed) => span.ok(),
            _ => span,
        };
        Some(span.done())
    }

    fn attempt_over(&mut self, op: OpNumber, attempt: u32) {
        if let Some(open) = self.open.get_mut(&op) {
            open.failed = attempt + 1;
            open.executing_ms = None;
        }
    }

    /// The id of a step that is complete after so many attempts.
    fn completed_span(&self, op: OpNumber, attempts: u32) -> u64 {
        match self.open.get(&op) {
            Some(open) => self.completed_span_of(op, open, attempts),
            None => attempt_span(self.run, op, 0),
        }
    }

    fn completed_span_of(&self, op: OpNumber, open: &Open, attempts: u32) -> u64 {
        if has_attempts(Some(open)) && attempts > 1 {
            step_span(self.run, op)
        } else {
            attempt_span(self.run, op, 0)
        }
    }

    /// A span below the run's.
    fn span(
        &self,
        id: u64,
        name: impl Into<Cow<'static, str>>,
        (start_ms, end_ms): (u64, u64),
    ) -> Option<Span> {
        let shape = Shape {
            trace: self.trace.as_ref()?,
            id,
            parent: run_span(self.run),
            name: name.into(),
            start_ms,
            end_ms,
        };
        Some(Span::new(shape).with("abide.run.id", self.run.to_string()))
    }

    fn step(&self, id: u64, open: &Open, times: (u64, u64)) -> Option<Span> {
        let kind = match open.kind {
            Kind::Fetch | Kind::AiInfer => SpanKind::Client,
            Kind::SendEvents | Kind::SendSignal | Kind::Invoke => SpanKind::Producer,
            Kind::Run
            | Kind::Sleep
            | Kind::SleepUntil
            | Kind::WaitForEvent
            | Kind::WaitForSignal => SpanKind::Internal,
        };
        let span = self.span(id, cut(&open.key).to_owned(), times)?;
        // A condition may hold what an author took from an event.
        let summary = open.summary.split(" if=").next().unwrap_or_default();
        Some(
            span.kind(kind)
                .with("abide.step.id", cut(&open.key).to_owned())
                .with("abide.step.hash", open.hash.clone())
                .with("abide.step.kind", open.kind.as_str())
                .with("abide.step.summary", summary.to_owned()),
        )
    }

    /// A span below its step's.
    fn attempt(&self, op: OpNumber, attempt: u32, (start_ms, end_ms): (u64, u64)) -> Option<Span> {
        let trace = self.trace.as_ref()?;
        let key = self.open.get(&op).map_or("", |open| &open.key);
        let number = i64::from(attempt) + 1;
        let span = Span::new(Shape {
            trace,
            id: attempt_span(self.run, op, attempt),
            parent: step_span(self.run, op),
            name: Cow::Owned(format!("{} (attempt {number})", cut(key))),
            start_ms,
            end_ms,
        });
        Some(
            span.with("abide.run.id", self.run.to_string())
                .with("abide.step.id", cut(key).to_owned())
                .with("abide.step.attempt", number),
        )
    }
}

/// Whether each attempt at it is told: its body's are in the journal.
fn has_attempts(open: Option<&Open>) -> bool {
    open.is_some_and(|open| open.kind == Kind::Run)
}

fn ended(span: Span, outcome: &Outcome, at_ms: u64) -> Span {
    match outcome {
        Outcome::Done(_) => span.ok(),
        Outcome::Failed(failure) => span.failed(failure, at_ms),
        Outcome::Empty => span.with("abide.step.status", "timed_out"),
    }
}

fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
