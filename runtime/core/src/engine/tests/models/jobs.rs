//! Jobs against a naive reading of everything that was written: which runs a job was for, and what became of them.
//!
//! Steps are kept as groups of writes. A crash forgets some of the last ones; what is left is walked through once more at the end, and for every
//! job and run it is asked: was the run there before the job, was it one that the job was for all the time, and how often was it done?

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::engine::tests::state::State;
use crate::engine::tests::world::{START_MS, started_by_event};
use crate::engine::{
    Answer, Effect, Engine, EngineConfig, Input, Output, Selection, Token, ValidEvents,
};
use crate::event::NewEvent;
use crate::failure::{Failure, Origin};
use crate::ids::{Digest, EventId, RunId};
use crate::limits::Limits;
use crate::machine::{Position, Progress};
use crate::schema::Schemas;
use crate::state::{
    App, Deployed, Job, JobAction, JobState, Run, RunEnd, RunFilter, RunStatus, Write,
};
use crate::{DAY_MS, SECOND_MS};

/// The filters that jobs of a case have.
#[derive(Debug, Clone)]
struct Which {
    /// `f` or `g`.
    function: Option<bool>,
    /// Of the app that there is, or of another one.
    app: Option<bool>,
    statuses: Vec<RunStatus>,
    /// Relative to now, in seconds.
    since: Option<u64>,
    until: Option<u64>,
    /// `event.data.n` is at least this.
    n: Option<u8>,
}

#[derive(Debug, Clone)]
enum Op {
    /// So many events with this `n`, for `f` or `g`.
    Send(bool, u8, usize),
    /// One of the executing runs ends, well or not.
    End(usize, bool),
    /// Somebody cancels one of the runs.
    Cancel(usize),
    /// The retention of an event is over.
    Forget(usize),
    /// Time passes, and everything happens that is due.
    Pass(u64),
    /// So many ticks that are due.
    Ticks(usize),
    /// Cancel or replay, at this pace.
    Start(bool, Which, Option<u64>),
    /// One of the jobs is stopped.
    Stop(usize),
    /// Everything so far is on disk for good.
    Sync,
    /// The process dies, and at most so many of the last steps with it.
    Crash(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Write(Box<Write>),
    Forget(EventId),
}

/// A node that does nothing with runs but hold them until it is told to end them.
struct Node {
    engine: Engine,
    state: State,
    /// The writes of every step, with its time.
    groups: Vec<(u64, Vec<Change>)>,
    synced: usize,
    now_ms: u64,
    starts: u64,
    executing: BTreeMap<RunId, Token>,
}

fn config() -> EngineConfig {
    EngineConfig {
        runs_per_portion: 3,
        ..EngineConfig::default()
    }
}

impl Node {
    fn new() -> Self {
        let mut node = Self {
            engine: Engine::new(config(), 1),
            state: State::default(),
            groups: Vec::new(),
            synced: 0,
            now_ms: START_MS,
            starts: 1,
            executing: BTreeMap::new(),
        };
        node.step(Input::Recover);
        let app = App {
            id: "app".into(),
            current: Deployed {
                digest: Digest([1; 32]),
                at_ms: START_MS,
                bytes: 0,
                functions: vec![started_by_event("f"), started_by_event("g")],
                schemas: Vec::new(),
            },
            variables: BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        };
        node.step(Input::Deploy {
            app: Box::new(app),
            reply: 0,
        });
        node.synced = node.groups.len();
        node
    }

    fn step(&mut self, input: Input) -> Option<Answer> {
        let mut out = Output::default();
        self.engine
            .step(input, self.now_ms, &self.state, &mut out)
            .expect("maps can always be read");
        for write in &out.writes {
            self.state.apply(write.clone());
        }
        let writes = out.writes.into_iter().map(Box::new).map(Change::Write);
        self.groups.push((self.now_ms, writes.collect()));
        let mut answer = None;
        for effect in out.now.into_iter().chain(out.durable) {
            match effect {
                Effect::Execute { run, token, .. } => {
                    self.executing.insert(run.id, token);
                }
                Effect::Stop { run, .. } => {
                    self.executing.remove(&run);
                }
                Effect::Answer { answer: given, .. } => answer = Some(given),
                Effect::Deliver { .. }
                | Effect::Request { .. }
                | Effect::DropRequest { .. }
                | Effect::Suspect(_)
                | Effect::Schemas(_)
                | Effect::Notice(_) => {}
            }
        }
        answer
    }

    fn dispatch(&mut self) {
        while self.engine.wants_dispatch() {
            self.step(Input::Dispatch);
        }
    }

    fn is_due(&self, until_ms: u64) -> bool {
        self.engine.next_due_ms().is_some_and(|due| due <= until_ms)
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.is_due(until) {
            let due = self.engine.next_due_ms().unwrap_or(0);
            self.now_ms = self.now_ms.max(due);
            self.step(Input::Tick);
            self.dispatch();
        }
        self.now_ms = until;
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Send(first, n, count) => {
                let event = NewEvent {
                    name: if first { "start/f" } else { "start/g" }.into(),
                    data: Some(format!("{{\"n\":{n}}}").into()),
                    ..NewEvent::default()
                };
                let events = vec![event; count];
                let events = ValidEvents::check(events, &Limits::default(), &Schemas::default());
                self.step(Input::Events {
                    events: events.expect("valid events"),
                    seed: None,
                    reply: 0,
                });
            }
            Op::End(index, well) => self.end(index, well),
            Op::Cancel(index) => {
                if let Some(run) = nth(self.state.runs.keys(), index) {
                    let reason = "by hand".into();
                    self.step(Input::Cancel {
                        run,
                        reason,
                        reply: 0,
                    });
                }
            }
            Op::Forget(index) => {
                let live = |id: &&EventId| {
                    let of = |run: &&Run| run.event == **id && !run.status.is_final();
                    self.state.runs.values().find(of).is_some()
                };
                let ended = self.state.events.keys().filter(|id| !live(id));
                if let Some(event) = nth(ended, index) {
                    self.state.events.remove(&event);
                    self.groups.push((self.now_ms, vec![Change::Forget(event)]));
                }
            }
            Op::Pass(ms) => self.pass(ms),
            Op::Ticks(count) => {
                for _ in 0..count {
                    if self.is_due(self.now_ms) {
                        self.step(Input::Tick);
                    }
                }
            }
            Op::Start(cancels, which, interval_us) => self.start(cancels, &which, interval_us),
            Op::Stop(index) => {
                if let Some(job) = nth(self.state.jobs.keys(), index) {
                    let answer = self.step(Input::StopJob { job, reply: 0 });
                    assert!(matches!(answer, Some(Answer::Job(_))), "{answer:?}");
                }
            }
            Op::Sync => self.synced = self.groups.len(),
            Op::Crash(lost) => self.crash(lost),
        }
        self.dispatch();
    }

    fn end(&mut self, index: usize, well: bool) {
        let Some(run) = nth(self.executing.keys(), index) else {
            return;
        };
        let token = self.executing.remove(&run).expect("it executes");
        let end = if well {
            RunEnd::Output("1".into())
        } else {
            RunEnd::Failure(Failure::permanent(Origin::Guest, "no"))
        };
        let progress = Progress {
            first: self.state.runs[&run].entries,
            entries: Vec::new(),
            changes: Vec::new(),
            sends: Vec::new(),
            spans: Vec::new(),
            logs: Vec::new(),
            logged: crate::state::Logged::default(),
            wants: Vec::new(),
            releases: Vec::new(),
            position: Position::Ended(end),
        };
        self.step(Input::Progress {
            run,
            token,
            progress: Box::new(progress),
        });
        self.step(Input::Released { run, token });
    }

    fn start(&mut self, cancels: bool, which: &Which, interval_us: Option<u64>) {
        let relative = |seconds: u64| self.now_ms.saturating_sub(seconds * SECOND_MS);
        let filter = RunFilter {
            function: which
                .function
                .map(|first| crate::ids::FunctionId::new("app", if first { "f" } else { "g" })),
            app: which
                .app
                .map(|ours| if ours { "app" } else { "other" }.to_owned()),
            statuses: which.statuses.clone(),
            since_ms: which.since.map(relative),
            until_ms: which.until.map(relative),
            if_expr: which.n.map(|n| format!("event.data.n >= {n}")),
        };
        let action = if cancels {
            JobAction::Cancel {
                reason: format!("job {}", self.groups.len()),
            }
        } else {
            JobAction::Replay
        };
        // What would be done, counted in portions of two.
        let counted = Selection::new(&action, filter.clone())
            .ok()
            .map(|selection| {
                let (mut after, mut selected) = (None, 0);
                loop {
                    let counted = selection.count(after, 2, &self.state).expect("maps");
                    selected += counted.selected;
                    after = counted.last;
                    if after.is_none() {
                        return selected;
                    }
                }
            });
        let answer = self.step(Input::StartJob {
            action,
            filter,
            interval_us,
            reply: 0,
        });
        match answer {
            Some(Answer::Job(job)) => {
                let runs = self.state.runs.values();
                let wanted = runs.filter(|run| wants(&job, run, &self.state.events));
                assert_eq!(counted, Some(wanted.count() as u64), "the dry run");
            }
            Some(Answer::Refused(_)) => assert!(counted.is_none(), "the job alone is refused"),
            other => panic!("{other:?}"),
        }
    }

    fn crash(&mut self, lost: usize) {
        let kept = self.groups.len().saturating_sub(lost).max(self.synced);
        self.groups.truncate(kept);
        self.state = State::default();
        for change in self.groups.iter().flat_map(|(_, changes)| changes) {
            apply(&mut self.state, change);
        }
        self.executing.clear();
        // A start takes a while: ids of two processes do not share a millisecond.
        self.now_ms += 1;
        self.starts += 1;
        self.engine = Engine::new(config(), self.starts);
        self.state.forgive_death();
        self.step(Input::Recover);
        self.synced = self.groups.len();
    }
}

fn apply(state: &mut State, change: &Change) {
    match change {
        Change::Write(write) => state.apply((**write).clone()),
        Change::Forget(event) => {
            state.events.remove(event);
        }
    }
}

fn nth<'a, T: Copy + 'a>(items: impl Iterator<Item = &'a T>, index: usize) -> Option<T> {
    let items: Vec<_> = items.copied().collect();
    (!items.is_empty()).then(|| items[index % items.len()])
}

/// Whether a job is for a run as it stands: naively.
fn wants(job: &Job, run: &Run, events: &BTreeMap<EventId, crate::event::Event>) -> bool {
    let ended = matches!(
        run.status,
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled | RunStatus::Skipped
    );
    let filter = &job.filter;
    let n = events.get(&run.event).map(|event| {
        let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        data["n"].as_u64().expect("a number")
    });
    let least = filter.if_expr.as_ref().map(|source| {
        let number = source.rsplit(' ').next().expect("a number");
        number.parse::<u64>().expect("a number")
    });
    ended == (job.action == JobAction::Replay)
        && (n.is_some() || job.action != JobAction::Replay)
        && filter
            .function
            .as_ref()
            .is_none_or(|id| *id == run.function)
        && filter.app.as_deref().is_none_or(|app| app == "app")
        && (filter.statuses.is_empty() || filter.statuses.contains(&run.status))
        && filter.since_ms.is_none_or(|since| since <= run.queued_ms)
        && filter.until_ms.is_none_or(|until| run.queued_ms < until)
        && least.is_none_or(|least| n.is_some_and(|n| n >= least))
}

/// What is known of a job at the end.
struct Seen {
    job: Job,
    /// The group that created it.
    began: usize,
    /// The runs that were there then, and whether the job has been for them ever since.
    before: BTreeMap<RunId, bool>,
    /// The group that finished or stopped it.
    over: Option<usize>,
    /// What it did: the run, the group, and when.
    done: Vec<(RunId, usize, u64)>,
}

/// Walks through what is left, and compares.
fn judge(groups: &[(u64, Vec<Change>)]) {
    let mut state = State::default();
    let mut jobs: BTreeMap<RunId, Seen> = BTreeMap::new();
    for (number, (at_ms, changes)) in groups.iter().enumerate() {
        let doing = changes.iter().find_map(|change| match change {
            Change::Write(write) => match &**write {
                Write::PutJob(job) if jobs.contains_key(&job.id) => Some((**job).clone()),
                _ => None,
            },
            Change::Forget(_) => None,
        });
        if let Some(job) = &doing {
            let seen = jobs.get_mut(&job.id).expect("it began");
            assert_eq!(seen.over, None, "a job that is over does something");
            for change in changes {
                let Some(run) = done_by(job, change) else {
                    continue;
                };
                assert!(
                    seen.before.contains_key(&run),
                    "a run that came after the job"
                );
                assert!(
                    wants(job, &state.runs[&run], &state.events),
                    "a run that the job is not for"
                );
                seen.done.push((run, number, *at_ms));
            }
            if job.state != JobState::Running {
                seen.over = Some(number);
            }
            seen.job = job.clone();
        }
        for change in changes {
            if let Change::Write(write) = change
                && let Write::PutJob(job) = &**write
                && !jobs.contains_key(&job.id)
            {
                let before = state.runs.keys().map(|run| (*run, true)).collect();
                let seen = Seen {
                    job: (**job).clone(),
                    began: number,
                    before,
                    over: None,
                    done: Vec::new(),
                };
                jobs.insert(job.id, seen);
            }
            apply(&mut state, change);
        }
        for seen in jobs.values_mut().filter(|seen| seen.over.is_none()) {
            for (run, all_the_time) in &mut seen.before {
                let done = seen.done.iter().any(|(of, ..)| of == run);
                *all_the_time &= done || wants(&seen.job, &state.runs[run], &state.events);
            }
        }
    }
    for seen in jobs.values() {
        seen.judge();
    }
}

/// The run to which the job did what it does, if this change says so.
fn done_by(job: &Job, change: &Change) -> Option<RunId> {
    let Change::Write(write) = change else {
        return None;
    };
    let Write::PutRun(run) = &**write else {
        return None;
    };
    match &job.action {
        JobAction::Cancel { reason } => match &run.end {
            Some(RunEnd::Failure(failure)) if failure.message == *reason => Some(run.id),
            _ => None,
        },
        JobAction::Replay => run.original,
    }
}

impl Seen {
    fn judge(&self) {
        let job = &self.job;
        assert!(self.over.is_some(), "a job that never ends");
        let mut runs: Vec<_> = self.done.iter().map(|(run, ..)| *run).collect();
        runs.sort_unstable();
        let count = runs.len();
        runs.dedup();
        assert_eq!(runs.len(), count, "a run was done twice");
        assert_eq!(job.done, count as u64);
        if job.state == JobState::Finished {
            assert_eq!(job.examined, self.before.len() as u64);
            for (run, wanted) in &self.before {
                assert!(
                    !wanted || runs.contains(run),
                    "{run} was left out by the job of step {}",
                    self.began
                );
            }
        }
        let Some(interval_us) = job.interval_us else {
            return;
        };
        for (first, (.., from)) in self.done.iter().enumerate() {
            for (between, (.., to)) in (0..).zip(&self.done[first..]) {
                let least = (interval_us * between).saturating_sub(1_000);
                assert!((to - from) * 1_000 >= least, "faster than its pace");
            }
        }
    }
}

fn which() -> impl Strategy<Value = Which> {
    let status = prop::sample::select(RunStatus::ALL.to_vec());
    (
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::weighted(0.2, prop::bool::weighted(0.8)),
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(status, 1..4)],
        prop::option::weighted(0.3, 0..20_u64),
        prop::option::weighted(0.3, 0..20_u64),
        prop::option::weighted(0.3, 0..4_u8),
    )
        .prop_map(|(function, app, statuses, since, until, n)| Which {
            function,
            app,
            statuses,
            since,
            until,
            n,
        })
}

fn op() -> impl Strategy<Value = Op> {
    let interval = prop::option::of(prop_oneof![
        1..2_000_u64,
        Just(1_000_u64),
        1_000..5_000_000_u64
    ]);
    prop_oneof![
        6 => (any::<bool>(), 0..4_u8, 1..8_usize).prop_map(|(f, n, count)| Op::Send(f, n, count)),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(index, well)| Op::End(index, well)),
        1 => any::<usize>().prop_map(Op::Cancel),
        1 => any::<usize>().prop_map(Op::Forget),
        4 => prop_oneof![0..10_u64, 0..10_000_u64].prop_map(Op::Pass),
        4 => (1..4_usize).prop_map(Op::Ticks),
        4 => (any::<bool>(), which(), interval).prop_map(|(c, w, i)| Op::Start(c, w, i)),
        1 => any::<usize>().prop_map(Op::Stop),
        1 => Just(Op::Sync),
        2 => (0..12_usize).prop_map(Op::Crash),
    ]
}

proptest! {
    #[test]
    fn model_of_jobs(ops in prop::collection::vec(op(), 1..40)) {
        let mut node = Node::new();
        for op in ops {
            node.apply(op);
        }
        node.apply(Op::Pass(30 * DAY_MS));
        judge(&node.groups);
    }
}
