//! Races and orders that no ordinary story meets, each with inputs by hand where it takes them.

use super::script::Program;
use super::world::{START_MS, World, guest_error};
use super::{program, run, wait};
use crate::engine::{Effect, Engine, EngineConfig, Input, Output, ValidEvents};
use crate::event::NewEvent;
use crate::failure::{Failure, Origin, RetryAdvice};
use crate::function::options::EventTrigger;
use crate::function::{FunctionConfig, Trigger};
use crate::ids::{Digest, RunId};
use crate::journal::{Entry, OpNumber, step_hash};
use crate::limits::Limits;
use crate::machine::{Change, Divergence, Position, Progress};
use crate::operation::{Fetch, Invoke, Operation, RunOptions, WaitForEvent};
use crate::retry::RetryPolicy;
use crate::schema::Schemas;
use crate::state::{App, Deployed, Registration, Run, RunEnd, RunStatus};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS};

use super::state::State;

/// An engine and its store, with an execution that reports what the test says.
struct Bench {
    engine: Engine,
    state: State,
    run: RunId,
    token: u64,
    entries: u32,
}

impl Bench {
    /// One run of `app/f` executes.
    fn new() -> Self {
        let mut bench = Self {
            engine: Engine::new(EngineConfig::default(), 1),
            state: State::default(),
            run: RunId(0),
            token: 0,
            entries: 0,
        };
        bench.input(Input::Recover);
        let function = FunctionConfig {
            id: "f".into(),
            triggers: vec![Trigger::Event(EventTrigger {
                event: "start/f".into(),
                if_expr: None,
            })],
            ..FunctionConfig::default()
        };
        let app = Box::new(App {
            id: "app".into(),
            current: Deployed {
                digest: Digest([1; 32]),
                at_ms: START_MS,
                bytes: 0,
                functions: vec![function],
                schemas: Vec::new(),
            },
            variables: std::collections::BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        });
        bench.input(Input::Deploy { app, reply: 0 });
        bench.event("start/f");
        let out = bench.input(Input::Dispatch);
        let Some(Effect::Execute { run, token, .. }) = out.now.into_iter().next() else {
            panic!("the run executes");
        };
        bench.run = run.id;
        bench.token = token;
        bench
    }

    fn input(&mut self, input: Input) -> Output {
        let mut out = Output::default();
        self.engine
            .step(input, START_MS, &self.state, &mut out)
            .expect("maps can always be read");
        for write in std::mem::take(&mut out.writes) {
            self.state.apply(write);
        }
        out
    }

    fn event(&mut self, name: &str) -> Output {
        let event = NewEvent {
            name: name.into(),
            ..NewEvent::default()
        };
        let events = ValidEvents::check(vec![event], &Limits::default(), &Schemas::default())
            .expect("a valid event");
        self.input(Input::Events {
            events,
            seed: None,
            reply: 0,
        })
    }

    /// The execution reports that it stands here, with one entry so that there is something to report.
    fn report(&mut self, position: Position, changes: Vec<(OpNumber, Change)>) -> Output {
        let entries = vec![Entry::Logged { lines: 0 }];
        let first = self.entries;
        self.entries += 1;
        self.input(Input::Progress {
            run: self.run,
            token: self.token,
            progress: Box::new(Progress {
                first,
                entries,
                changes,
                sends: Vec::new(),
                spans: Vec::new(),
                logs: Vec::new(),
                logged: crate::state::Logged::default(),
                wants: Vec::new(),
                releases: Vec::new(),
                position,
            }),
        })
    }

    fn released(&mut self) {
        self.input(Input::Released {
            run: self.run,
            token: self.token,
        });
    }

    fn record(&self) -> &Run {
        &self.state.runs[&self.run]
    }
}

fn watch(registration: Registration) -> Change {
    Change::Register {
        registration,
        replaces: false,
    }
}

fn divergence() -> Divergence {
    Divergence {
        index: 0,
        recorded: None,
        attempted: None,
        differences: Vec::new(),
    }
}

#[test]
fn a_lookback_sees_what_the_run_itself_has_just_sent() {
    let sent = Operation::SendEvents(vec![NewEvent {
        name: "pong".into(),
        ..NewEvent::default()
    }]);
    let wait = Operation::WaitForEvent(WaitForEvent {
        lookback_ms: MINUTE_MS,
        ..wait("pong", HOUR_MS)
    });
    let mut world = World::new(&[("f", program(vec![vec![("s", sent)], vec![("w", wait)]]))]);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [RunStatus::Completed]);
    assert!(world.output().contains("pong"), "{}", world.output());
    world.check_quiet();
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a stack that is small enough to be filled"
)]
fn cancelling_costs_no_stack_however_deep_runs_invoked_each_other() {
    const DEPTH: usize = 400;
    let story = || {
        let names: Vec<_> = (0..=DEPTH).map(|n| format!("f{n}")).collect();
        let functions: Vec<(&str, Program)> = (0..DEPTH)
            .map(|n| {
                let invoke = Operation::Invoke(Invoke {
                    function: names[n + 1].clone(),
                    data: None,
                    timeout_ms: None,
                });
                (names[n].as_str(), program(vec![vec![("next", invoke)]]))
            })
            .chain([(
                names[DEPTH].as_str(),
                program(vec![vec![(
                    "w",
                    Operation::WaitForEvent(wait("never", DAY_MS)),
                )]]),
            )])
            .collect();
        let mut world = World::new(&functions);
        world.event("start/f0", "{}");
        assert_eq!(world.runs().len(), DEPTH + 1);
        let root = world.runs()[0].id;
        world.input(Input::Cancel {
            run: root,
            reason: "enough".into(),
            reply: 0,
        });
        world.settle();
        assert!(
            world
                .status()
                .iter()
                .all(|status| *status == RunStatus::Cancelled)
        );
        world.check_quiet();
    };
    let thread = std::thread::Builder::new()
        .stack_size(384 << 10)
        .spawn(story);
    thread.expect("a thread").join().expect("the story ends");
}

/// Attempt 0 fails while its step `a` waits for a retry; attempt 1 does something else.
fn abandoned_retry(second: Program) -> World {
    let once = Operation::Run(RunOptions {
        retries: Some(0),
        ..RunOptions::default()
    });
    let first = program(vec![vec![("a", run()), ("b", once)]]);
    let mut world = World::new(&[("f", first)]);
    world.bodies(|step, _| {
        if step.ends_with(&step_hash("a", 0)) {
            Err(guest_error(RetryAdvice::After(HOUR_MS)))
        } else {
            Err(guest_error(RetryAdvice::Retriable))
        }
    });
    world.event("start/f", "{}");
    assert_eq!(
        world.status(),
        [RunStatus::Sleeping],
        "{:?}",
        world.journal()
    );
    world.deploy(&[("f", second)], 2);
    world
}

#[test]
fn a_run_that_ends_leaves_no_timer_of_a_step_that_no_attempt_asked_for_again() {
    let second = program(vec![vec![("nap", Operation::Sleep(2 * HOUR_MS))]]);
    let mut world = abandoned_retry(second);
    world.advance(5 * HOUR_MS);
    assert_eq!(
        world.status(),
        [RunStatus::Completed],
        "{:?}",
        world.journal()
    );
    world.check_quiet();
}

#[test]
fn an_arrival_that_changes_nothing_holds_no_execution() {
    let second = program(vec![vec![(
        "w",
        Operation::WaitForEvent(wait("go", 9 * HOUR_MS)),
    )]]);
    let mut world = abandoned_retry(second);
    world.advance(2 * HOUR_MS);
    assert_eq!(
        world.status(),
        [RunStatus::Waiting],
        "{:?}",
        world.journal()
    );
    assert_eq!(world.engine.resident(), 1);
    assert_eq!(
        world.engine.executing(),
        0,
        "a parked run counts as executing"
    );
    world.event("go", "{}");
    assert_eq!(world.status(), [RunStatus::Completed]);
    world.check_quiet();
}

#[test]
fn a_run_that_was_woken_while_its_rest_was_being_reported_counts_as_executing() {
    let mut bench = Bench::new();
    let event = watch(Registration::Event {
        name: "go".into(),
        match_path: None,
        if_expr: None,
        since_ms: None,
        due_ms: START_MS + HOUR_MS,
    });
    bench.report(Position::Running, vec![(0, event)]);
    let out = bench.event("go");
    assert!(
        out.now
            .iter()
            .any(|effect| matches!(effect, Effect::Deliver { op: 0, .. }))
    );
    // This was on its way already.
    bench.report(Position::Parked { sleeping: false }, Vec::new());
    bench.report(Position::Running, vec![(0, Change::Unregister)]);
    assert_eq!(bench.engine.executing(), 1);
    bench.report(Position::Ended(RunEnd::Output("1".into())), Vec::new());
    bench.released();
    assert_eq!(bench.engine.executing(), 0);
    assert_eq!(bench.engine.resident(), 0);
}

#[test]
fn what_is_reported_after_a_pause_or_an_end_is_late() {
    let mut bench = Bench::new();
    bench.report(Position::Diverged(divergence()), Vec::new());
    bench.report(Position::Running, Vec::new());
    assert_eq!(bench.record().status, RunStatus::Paused);
    bench.released();
    assert!(
        !bench.engine.wants_dispatch(),
        "a paused run does not execute"
    );
    assert!(bench.state.ready.is_empty());

    let mut bench = Bench::new();
    bench.report(Position::Ended(RunEnd::Output("1".into())), Vec::new());
    let entries = bench.record().entries;
    bench.report(Position::Running, Vec::new());
    assert_eq!(bench.record().status, RunStatus::Completed);
    assert_eq!(bench.record().entries, entries);
}

#[test]
fn a_run_that_has_ended_stays_as_it_ended_whatever_its_host_says() {
    let mut bench = Bench::new();
    bench.report(Position::Ended(RunEnd::Output("1".into())), Vec::new());
    bench.input(Input::Broken {
        run: bench.run,
        token: bench.token,
        failure: Failure::permanent(Origin::Limit, "it does not replay"),
    });
    assert_eq!(bench.record().status, RunStatus::Completed);
    assert_eq!(bench.record().end, Some(RunEnd::Output("1".into())));
    assert_eq!(bench.engine.resident(), 0);
}

#[test]
fn a_request_that_is_given_up_is_not_overtaken_by_its_own_beginning() {
    let mut bench = Bench::new();
    let fetch = Fetch {
        method: "GET".into(),
        url: "https://example.com/".into(),
        headers: Vec::new(),
        body: None,
        timeout_ms: None,
        retries: None,
        backoff: None,
    };
    let fetch = watch(Registration::Fetch {
        fetch: Box::new(fetch),
        policy: RetryPolicy::default(),
        attempt: 0,
        due_ms: None,
    });
    let begun = bench.report(Position::Parked { sleeping: false }, vec![(0, fetch)]);
    let given_up = bench.input(Input::Cancel {
        run: bench.run,
        reason: "enough".into(),
        reply: 0,
    });
    // Both wait for their writes, so that the order of the steps is the order outside.
    let begins = |effect: &Effect| matches!(effect, Effect::Request { .. });
    let drops = |effect: &Effect| matches!(effect, Effect::DropRequest { .. });
    assert!(begun.durable.iter().any(begins));
    assert!(given_up.durable.iter().any(drops));
    assert!(!given_up.now.iter().any(drops));
}

#[test]
fn a_later_attempt_at_the_code_survives_eviction_and_crash_like_the_first() {
    let nap = || Operation::Sleep(HOUR_MS);
    let program = Program {
        fails: 1,
        later: Some(program(vec![vec![("x", nap())], vec![("y", nap())]]).groups),
        ..Program::default()
    };
    let mut world = World::new(&[("f", program)]);
    world.event("start/f", "{}");
    world.advance(MINUTE_MS);
    world.evict();
    world.advance(HOUR_MS);
    world.crash();
    world.advance(HOUR_MS);
    assert_eq!(
        world.status(),
        [RunStatus::Completed],
        "{:?}",
        world.journal()
    );
    world.check_quiet();
}
