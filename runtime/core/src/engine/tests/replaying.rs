//! Runs that are done again: from the start, and from a step.

use super::script::Program;
use super::world::{START_MS, World, guest_error};
use super::{program, run, wait};
use crate::engine::{Answer, FromStep, Input};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::function::options::BatchEvents;
use crate::ids::RunId;
use crate::journal::{Entry, Outcome};
use crate::operation::{Invoke, Operation, RunOptions};
use crate::retry::{Backoff, BackoffKind};
use crate::state::{Read, RunEnd, RunStatus};
use crate::{HOUR_MS, MINUTE_MS};

use RunStatus::{Completed, Failed, Sleeping, Waiting};

impl World {
    /// Replays a run, and lets everything happen.
    fn replay(&mut self, run: RunId, step: Option<&str>, input: Option<&str>) -> Answer {
        let from_step = step.map(|step| FromStep {
            step: step.into(),
            input: input.map(Into::into),
        });
        self.input(Input::Replay {
            run,
            from_step,
            reply: 0,
        });
        self.settle();
        self.answers.last().cloned().expect("an answer")
    }

    fn replay_last(&mut self, step: Option<&str>) -> Answer {
        let last = self.runs().last().expect("a run").id;
        self.replay(last, step, None)
    }

    fn output_of_last(&self) -> String {
        match &self.runs().last().expect("a run").end {
            Some(RunEnd::Output(json)) => json.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// Bodies say which of their executions it was; those of these steps fail for good.
    fn number_bodies(&mut self, failing: &'static [&'static str]) {
        let mut count = 0;
        let failing: Vec<_> = failing
            .iter()
            .map(|id| crate::journal::step_hash(id, 0))
            .collect();
        self.bodies(move |step, _| {
            count += 1;
            if failing.iter().any(|hash| step.ends_with(hash.as_str())) {
                return Err(guest_error(RetryAdvice::NonRetriable));
            }
            Ok(count.to_string().into())
        });
    }
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(reason) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn steps(ids: &[&str]) -> Program {
    program(ids.iter().map(|id| vec![(*id, run())]).collect())
}

#[test]
fn a_replay_from_the_start_is_a_new_run_for_the_same_event() {
    let mut world = World::new(&[("f", steps(&["a", "b"]))]);
    world.number_bodies(&["b"]);
    world.event("start/f", "{\"n\":1}");
    assert_eq!(world.status(), [Failed]);
    world.number_bodies(&[]);
    let answer = world.replay_last(None);
    assert_eq!(world.status(), [Failed, Completed]);
    let runs = world.runs();
    assert_eq!(answer, Answer::Replayed(runs[1].id));
    assert_eq!(runs[1].event, runs[0].event);
    assert_eq!(runs[1].original, Some(runs[0].id));
    assert!(world.state.links.contains(&(runs[0].event, runs[1].id)));
    assert_eq!(world.executed.len(), 4, "everything is done again");
    world.check_quiet();
}

#[test]
fn a_replay_from_a_step_keeps_the_results_before_it() {
    let mut world = World::new(&[("f", steps(&["a", "b", "c"]))]);
    world.number_bodies(&["c"]);
    world.event("start/f", "{}");
    world.number_bodies(&[]);
    world.replay_last(Some("c"));
    assert_eq!(world.status(), [Failed, Completed]);
    assert_eq!(world.executed.len(), 4, "only c is done again");
    let journal = &world.state.journals[&world.runs()[1].id];
    let kinds: Vec<_> = journal
        .iter()
        .map(|entry| match entry {
            Entry::Carried(carried) => format!("carried {}", carried.id),
            Entry::AttemptStarted { attempt, .. } => format!("attempt {attempt}"),
            Entry::OperationStarted { op, .. } => format!("start {op}"),
            Entry::Recalled { op, .. } => format!("recall {op}"),
            Entry::Completed { op, .. } => format!("complete {op}"),
            Entry::WorkflowReturned { .. } => "return".into(),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    let expected = "carried a, carried b, attempt 0, start 0, recall 0, start 1, recall 1, start 2, complete 2, return";
    assert_eq!(kinds.join(", "), expected);
    world.check_quiet();
    // The replay of a replay keeps what that one kept.
    world.number_bodies(&[]);
    world.replay_last(Some("b"));
    let journal = &world.state.journals[&world.runs()[2].id];
    let carried = journal
        .iter()
        .filter(|entry| matches!(entry, Entry::Carried(_)));
    assert_eq!(carried.count(), 1);
    assert_eq!(world.status(), [Failed, Completed, Completed]);
}

#[test]
fn what_ran_beside_the_step_is_done_again() {
    let groups = vec![
        vec![("before", run())],
        vec![("a", run()), ("b", run()), ("c", run())],
    ];
    let mut world = World::new(&[("f", program(groups))]);
    world.number_bodies(&["c"]);
    world.event("start/f", "{}");
    assert_eq!(world.executed.len(), 4);
    world.number_bodies(&[]);
    world.replay_last(Some("c"));
    assert_eq!(world.executed.len(), 7, "a, b and c began together");
    assert_eq!(world.status(), [Failed, Completed]);
}

#[test]
fn repeats_of_an_id_are_steps_of_their_own() {
    let mut world = World::new(&[("f", steps(&["a", "a", "a"]))]);
    let last = crate::journal::step_hash("a", 2);
    world.bodies(move |step, _| {
        if step.ends_with(last.as_str()) {
            return Err(guest_error(RetryAdvice::NonRetriable));
        }
        Ok("1".into())
    });
    world.event("start/f", "{}");
    world.number_bodies(&[]);
    world.replay_last(Some("a:1"));
    assert_eq!(world.executed.len(), 3 + 2);
    assert_eq!(world.status(), [Failed, Completed]);
}

#[test]
fn a_step_is_where_it_was_first_started_however_often_the_code_was_retried() {
    let flaky = Program {
        fails: 99,
        ..steps(&["a", "b", "c"])
    };
    let mut world = World::new(&[("f", flaky)]);
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    assert_eq!(world.status(), [Failed]);
    assert_eq!(world.executed.len(), 3);
    world.deploy(&[("f", steps(&["a", "b", "c"]))], 2);
    world.replay_last(Some("b"));
    assert_eq!(world.executed.len(), 5);
    assert_eq!(world.status(), [Failed, Completed]);
}

#[test]
fn a_failure_that_was_caught_before_the_step_is_thrown_again() {
    let caught = Program {
        catches: true,
        fails: 99,
        ..steps(&["a", "b"])
    };
    let mut world = World::new(&[("f", caught.clone())]);
    world.number_bodies(&["a"]);
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    world.number_bodies(&[]);
    let both = program(vec![vec![("a", run()), ("b", run())]]);
    let both = Program {
        catches: true,
        ..both
    };
    world.deploy(&[("f", both)], 2);
    world.replay_last(Some("b"));
    assert_eq!(world.output_of_last(), r#"["Error",1]"#);
}

#[test]
fn sleeps_waits_invokes_and_sends_before_the_step_keep_their_results() {
    let invoke = Operation::Invoke(Invoke {
        function: "child".into(),
        data: None,
        timeout_ms: None,
    });
    let send = Operation::SendEvents(vec![NewEvent {
        name: "sent".into(),
        ..NewEvent::default()
    }]);
    let groups = vec![
        vec![("nap", Operation::Sleep(HOUR_MS))],
        vec![("w", Operation::WaitForEvent(wait("go", HOUR_MS)))],
        vec![("i", invoke)],
        vec![("s", send)],
        vec![("last", run())],
    ];
    let child = program(vec![]);
    let mut world = World::new(&[("f", program(groups)), ("child", child)]);
    world.number_bodies(&["last"]);
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    world.event("go", "{\"n\":1}");
    assert_eq!(world.status(), [Failed, Completed]);
    let (failed, events) = (world.runs()[0].id, world.state.events.len());
    world.number_bodies(&[]);
    world.replay(failed, Some("last"), None);
    assert_eq!(
        world.status(),
        [Failed, Completed, Completed],
        "it ends at once, without a second child"
    );
    assert_eq!(world.state.events.len(), events, "nothing is sent again");
    world.replay(failed, Some("w"), None);
    assert_eq!(world.status().last(), Some(&Waiting));
}

#[test]
fn results_are_told_in_the_order_in_which_they_came_about() {
    let group = vec![
        ("slow", Operation::Sleep(HOUR_MS)),
        ("fast", Operation::Sleep(MINUTE_MS)),
    ];
    let mut world = World::new(&[("f", program(vec![group, vec![("last", run())]]))]);
    world.number_bodies(&["last"]);
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    world.number_bodies(&[]);
    world.replay_last(Some("last"));
    let journal = &world.state.journals[&world.runs()[1].id];
    let recalled: Vec<_> = journal
        .iter()
        .filter_map(|entry| match entry {
            Entry::Recalled { op, .. } => match &journal[*op as usize] {
                Entry::Carried(carried) => Some(carried.id.as_str()),
                other => panic!("expected a result that was carried over, got {other:?}"),
            },
            _ => None,
        })
        .collect();
    assert_eq!(recalled, ["fast", "slow"]);
    assert_eq!(world.status(), [Failed, Completed]);
}

#[test]
fn a_replay_of_a_batch_has_all_its_events() {
    let batch = BatchEvents {
        max_size: 3,
        timeout_ms: MINUTE_MS,
        key: None,
        if_expr: None,
    };
    let mut world = super::admission::world(0, |f| f.batch_events = Some(batch));
    for n in 0..3 {
        world.event("start/f", &format!("{{\"n\":{n}}}"));
    }
    let first = world.runs()[0].clone();
    assert_eq!((first.status, first.event_count), (Completed, 3));
    world.replay(first.id, None, None);
    let again = world.runs()[1].clone();
    assert_eq!(
        (again.status, again.batch, again.event_count),
        (Completed, true, 3)
    );
    let events = |run| world.state.run_events(run).expect("maps");
    assert_eq!(events(first.id), events(again.id));
    for event in events(again.id) {
        assert!(world.state.links.contains(&(event, again.id)));
    }
    let lost = events(first.id)[1];
    world.state.events.remove(&lost);
    let reason = refused(world.replay(first.id, None, None));
    assert!(reason.contains(&lost.to_string()), "{reason}");
}

#[test]
fn a_replay_survives_a_crash_at_any_report() {
    for dies_after in 1..12 {
        let groups = vec![
            vec![("a", run()), ("b", run())],
            vec![("nap", Operation::Sleep(1_000))],
            vec![("c", run())],
            vec![("d", run()), ("e", Operation::Sleep(1_000))],
        ];
        let mut world = World::new(&[("f", program(groups))]);
        world.number_bodies(&["d"]);
        world.event("start/f", "{}");
        world.advance(HOUR_MS);
        world.number_bodies(&[]);
        world.chatty = true;
        world.dies_after = Some(dies_after);
        let before = world.executed.len();
        world.replay_last(Some("c"));
        world.evict();
        world.advance(HOUR_MS);
        assert_eq!(world.status(), [Failed, Completed], "{dies_after}");
        let (a, b) = (
            crate::journal::step_hash("a", 0),
            crate::journal::step_hash("b", 0),
        );
        let again = &world.executed[before..];
        assert!(
            again
                .iter()
                .all(|(_, step, _)| !step.ends_with(&a) && !step.ends_with(&b)),
            "{again:?}"
        );
        world.check_quiet();
    }
}

#[test]
fn what_cannot_be_replayed_is_refused_with_the_reason() {
    let groups = vec![
        vec![("a", run())],
        vec![("nap", Operation::Sleep(HOUR_MS))],
        vec![("never", run())],
    ];
    let mut world = World::new(&[("f", program(groups))]);
    assert_eq!(world.replay(RunId(7), None, None), Answer::NoSuchRun);
    world.event("start/f", "{}");
    let id = world.runs()[0].id;
    let reason = refused(world.replay(id, None, None));
    assert!(
        reason.contains("has not ended (it is Sleeping); cancel it first"),
        "{reason}"
    );
    world.input(Input::Cancel {
        run: id,
        reason: "by hand".into(),
        reply: 0,
    });
    let reason = refused(world.replay(id, Some("never"), None));
    assert!(
        reason.contains("never came to a step `never`; its steps are `a`, `nap`"),
        "{reason}"
    );
    let reason = refused(world.replay(id, Some("nap"), Some("1")));
    assert!(
        reason.contains("`nap` is a `sleep`, which takes no input"),
        "{reason}"
    );
    let reason = refused(world.replay(id, Some("a"), Some("1")));
    assert!(
        reason.contains("has no input of its own that could be replaced"),
        "{reason}"
    );
    assert_eq!(world.runs().len(), 1, "nothing has happened");
    let event = world.runs()[0].event;
    let kept = world.state.events.remove(&event).expect("it is there");
    let reason = refused(world.replay(id, None, None));
    assert!(reason.contains("no longer kept"), "{reason}");
    world.state.events.insert(event, kept);
    world.deploy(&[("g", program(vec![]))], 2);
    let reason = refused(world.replay(id, None, None));
    assert!(
        reason.contains("app/f is not deployed any more"),
        "{reason}"
    );
}

#[test]
fn a_result_that_answers_something_else_fails_the_run_and_says_what_to_do() {
    let waiting = |event: &str| ("w", Operation::WaitForEvent(wait(event, MINUTE_MS)));
    let mut world = World::new(&[(
        "f",
        program(vec![vec![waiting("go")], vec![("last", run())]]),
    )]);
    world.number_bodies(&["last"]);
    world.event("start/f", "{}");
    world.advance(MINUTE_MS);
    let failed = world.runs()[0].id;
    world.number_bodies(&[]);
    // Of the same code the options may differ: they can depend on the time and on the run.
    world.deploy(
        &[(
            "f",
            program(vec![vec![waiting("other")], vec![("last", run())]]),
        )],
        1,
    );
    world.replay(failed, Some("last"), None);
    assert_eq!(world.status(), [Failed, Completed]);
    // Other code that waits for something else.
    world.deploy(
        &[(
            "f",
            program(vec![vec![waiting("third")], vec![("last", run())]]),
        )],
        2,
    );
    world.replay(failed, Some("last"), None);
    let last = world.output_of_last();
    assert!(
        last.contains("step `w`: it had other options") && last.contains("Replay from this step"),
        "{last}"
    );
    // Other code in which it is another kind of operation.
    world.deploy(&[("f", steps(&["w", "last"]))], 3);
    world.replay(failed, Some("last"), None);
    let last = world.output_of_last();
    assert!(
        last.contains("it was `wait-for-event` and is `run` now"),
        "{last}"
    );
    assert_eq!(world.executed.len(), 2, "nothing was done again");
    world.replay(failed, Some("w"), None);
    assert_eq!(world.status().last(), Some(&Completed));
    world.check_quiet();
}

#[test]
fn a_step_that_is_tried_in_another_way_keeps_its_result() {
    let mut world = World::new(&[("f", steps(&["a", "last"]))]);
    world.number_bodies(&["last"]);
    world.event("start/f", "{}");
    world.number_bodies(&[]);
    let patient = Operation::Run(RunOptions {
        retries: Some(10),
        backoff: Some(Backoff {
            kind: BackoffKind::Constant,
            base_ms: 5,
            factor: None,
            max_ms: None,
            jitter_ms: None,
        }),
        ..RunOptions::default()
    });
    world.deploy(
        &[(
            "f",
            program(vec![vec![("a", patient)], vec![("last", run())]]),
        )],
        2,
    );
    world.replay_last(Some("last"));
    assert_eq!(world.executed.len(), 3);
    assert_eq!(world.status(), [Failed, Completed]);
}

#[test]
fn attempts_of_the_step_count_anew() {
    let mut world = World::new(&[("f", steps(&["a"]))]);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::Retriable)));
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    let attempts = |world: &World, nth: usize| {
        let run = world.runs()[nth].id;
        let of_run = world.executed.iter().filter(|(of, ..)| *of == run);
        of_run.map(|(.., attempt)| *attempt).collect::<Vec<_>>()
    };
    assert_eq!(world.status(), [Failed]);
    let tried = attempts(&world, 0);
    world.replay_last(Some("a"));
    assert_eq!(world.status(), [Failed, Sleeping]);
    world.advance(HOUR_MS);
    assert_eq!(attempts(&world, 1), tried);
}

#[test]
fn a_future_time_of_the_event_delays_no_replay() {
    let mut world = World::new(&[("f", steps(&["a"]))]);
    let later = NewEvent {
        name: "start/f".into(),
        ts: Some(START_MS + HOUR_MS),
        ..NewEvent::default()
    };
    world.send(vec![later], None);
    let run = world.runs()[0].id;
    world.input(Input::Cancel {
        run,
        reason: "by hand".into(),
        reply: 0,
    });
    world.replay(run, None, None);
    assert_eq!(world.status().last(), Some(&Completed));
}

#[test]
fn a_result_that_was_carried_over_says_how_it_came_about() {
    let mut world = World::new(&[("f", steps(&["a", "last"]))]);
    let last = crate::journal::step_hash("last", 0);
    world.bodies(
        move |step, attempt| match (step.ends_with(&last), attempt) {
            (true, _) => Err(guest_error(RetryAdvice::NonRetriable)),
            (false, 0) => Err(guest_error(RetryAdvice::After(5_000))),
            (false, _) => Ok("7".into()),
        },
    );
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    world.replay_last(Some("last"));
    let Entry::Carried(carried) = &world.state.journals[&world.runs()[1].id][0] else {
        panic!("the journal begins with what is kept");
    };
    assert_eq!((carried.attempts, carried.before), (2, 0));
    assert_eq!(
        (carried.started_ms, carried.at_ms),
        (START_MS + 5_000, START_MS + 5_000)
    );
    assert_eq!(carried.outcome, Outcome::Done("7".into()));
}
