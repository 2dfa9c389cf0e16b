//! Runs that were executing when the process died.

use super::script::Program;
use super::world::{Deadly, World};
use super::{program, run};
use crate::engine::{Effect, Input, Notice, Output};
use crate::ids::RunId;
use crate::operation::Operation;
use crate::state::{Control, ControlKind, RunEnd, RunStatus, Write};
use crate::{DAY_MS, SECOND_MS};

use RunStatus::{Completed, Failed, Paused};

/// A world in which `deadly` and `deadly-code` kill the process, and `good` has three steps.
fn world() -> World {
    let steps = |ids: &[&'static str]| -> Program {
        program(ids.iter().map(|id| vec![(*id, run())]).collect())
    };
    let mut world = World::new(&[
        ("deadly", steps(&["boom"])),
        ("deadly-code", steps(&["never"])),
        ("good", steps(&["a", "b", "c"])),
    ]);
    world.deadly = Some(Deadly::Functions);
    world.chatty = true;
    world
}

/// Starts runs of these functions at once, and lets nothing happen yet.
fn start(world: &mut World, functions: &[&str]) -> Vec<RunId> {
    let before = world.runs().len();
    let events = functions.iter().map(|function| crate::event::NewEvent {
        name: format!("start/{function}"),
        ..crate::event::NewEvent::default()
    });
    world.send(events.collect(), None);
    let runs = world.runs();
    runs[before..].iter().map(|run| run.id).collect()
}

fn suspects(world: &World) -> Vec<(u32, u64)> {
    let controls = world.state.controls.iter();
    controls
        .filter(|(key, _)| key.kind == ControlKind::Suspect)
        .map(|(_, control)| match control {
            Control::Suspect { deaths, life } => (*deaths, *life),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn reason(world: &World, run: RunId) -> String {
    match &world.state.runs[&run].end {
        Some(RunEnd::Failure(failure)) => failure.message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_kills_the_process_is_paused_at_the_third_death_and_others_complete() {
    let mut world = world();
    let runs = start(&mut world, &["deadly", "good"]);
    world.settle();
    assert_eq!(world.status(), [Paused, Completed]);
    assert_eq!(world.starts(), 4);
    let reason = reason(&world, runs[0]);
    assert!(
        reason.contains("3 times in a row, the last time before 2023-11-14T22:13:20Z")
            && reason.contains(&format!("abide runs resume {}", runs[0])),
        "{reason}"
    );
    let told = |notice: &Notice| matches!(notice, Notice::Poisonous { run, .. } if *run == runs[0]);
    assert!(world.notices.iter().any(told));
    assert_eq!(suspects(&world), []);
    assert!(!world.state.ready.contains(&runs[0]));
}

#[test]
fn each_death_counts_as_an_attempt_and_when_these_run_out_the_step_fails() {
    let mut world = world();
    let runs = start(&mut world, &["deadly"]);
    world.settle();
    let resume = |world: &mut World| {
        world.input(Input::ResumeRun {
            run: runs[0],
            reply: 0,
        });
        world.settle();
    };
    // Resumed it starts with no deaths, but goes on with its attempts: the fifth is the last.
    resume(&mut world);
    let attempts: Vec<_> = world.executed.iter().map(|(_, _, n)| *n).collect();
    assert_eq!(attempts, [0, 1, 2, 3, 4]);
    // The code does not catch it, and fails with it at each of its own attempts.
    world.advance(DAY_MS);
    assert_eq!(world.status(), [Failed]);
    assert!(reason(&world, runs[0]).contains("attempt 5"));
    assert_eq!((world.starts(), suspects(&world)), (6, vec![]));
    world.check_quiet();
}

#[test]
fn code_that_kills_the_process_before_anything_is_recorded_is_found_a_death_later() {
    let mut world = world();
    start(&mut world, &["deadly-code", "good", "good"]);
    world.settle();
    assert_eq!(world.status(), [Paused, Completed, Completed]);
    assert_eq!(world.starts(), 5);
}

#[test]
fn a_run_that_sleeps_and_then_kills_the_process_is_found() {
    let nap = vec![("nap", Operation::Sleep(SECOND_MS))];
    let mut world = World::new(&[("deadly", program(vec![nap, vec![("boom", run())]]))]);
    world.event("start/deadly", "{}");
    world.deadly = Some(Deadly::Functions);
    world.advance(SECOND_MS);
    assert_eq!(world.status(), [Paused]);
}

#[test]
fn two_deaths_are_forgiven_to_a_run_that_then_gets_something_done() {
    let mut world = world();
    start(&mut world, &["deadly", "good"]);
    world.deadly = Some(Deadly::Nothing);
    for expected in [vec![], vec![(0, 2), (0, 2)]] {
        world.dispatch_only();
        assert_eq!(suspects(&world), expected);
        world.crash();
    }
    world.dispatch_only();
    assert_eq!(suspects(&world), [(1, 3), (1, 3)]);
    world.settle();
    assert_eq!(world.status(), [Completed, Completed]);
    assert_eq!(suspects(&world), []);
    // Nobody is suspected now: what starts next is not even looked at.
    world.control_writes = 0;
    start(&mut world, &["good"]);
    world.settle();
    assert_eq!(world.control_writes, 0);
}

#[test]
fn those_with_two_deaths_execute_one_at_a_time_and_each_is_alone_for_a_while() {
    let mut world = world();
    let runs = start(&mut world, &["good", "good", "good"]);
    world.deadly = Some(Deadly::Nothing);
    for _ in 0..3 {
        world.dispatch_only();
        assert_eq!(world.executing(), runs);
        world.crash();
    }
    world.dispatch_only();
    assert_eq!(world.executing(), runs[..1]);
    // The first takes its time: then the next has its turn, and only that one is blamed for the next death.
    world.now_ms += 30 * SECOND_MS - 1;
    world.input(Input::Tick);
    world.dispatch_only();
    assert_eq!(world.executing(), runs[..1]);
    world.now_ms += 1;
    world.input(Input::Tick);
    world.dispatch_only();
    assert_eq!(world.executing(), runs[..2]);
    world.crash();
    world.dispatch_only();
    assert_eq!(world.status()[1], Paused);
    world.settle();
    assert_eq!(world.status(), [Completed, Paused, Completed]);
}

#[test]
fn a_run_that_is_cancelled_or_paused_leaves_its_turn_to_the_next() {
    let mut world = world();
    let runs = start(&mut world, &["good", "good", "good"]);
    world.deadly = Some(Deadly::Nothing);
    for _ in 0..3 {
        world.dispatch_only();
        world.crash();
    }
    world.dispatch_only();
    world.input(Input::Cancel {
        run: runs[0],
        reason: "by hand".into(),
        reply: 0,
    });
    world.dispatch_only();
    assert_eq!(world.executing(), [runs[1]]);
    world.input(Input::PauseRun {
        run: runs[1],
        reason: "by hand".into(),
        reply: 0,
    });
    world.dispatch_only();
    assert_eq!(world.executing(), [runs[2]]);
    world.settle();
    assert_eq!(
        (world.status()[2], suspects(&world)),
        (Completed, Vec::new())
    );
}

#[test]
fn an_orderly_end_blames_nobody_and_forgives_nobody() {
    let mut world = world();
    start(&mut world, &["good"]);
    world.deadly = Some(Deadly::Nothing);
    for _ in 0..2 {
        world.dispatch_only();
        world.crash();
    }
    world.dispatch_only();
    for life in [3, 4, 5] {
        assert_eq!(suspects(&world), [(1, life)]);
        world.input(Input::Close);
        world.crash();
        world.dispatch_only();
    }
    world.crash();
    world.dispatch_only();
    assert_eq!(suspects(&world), [(2, 7)]);
}

#[test]
fn whatever_kills_the_process_and_however_much_runs_beside_it_the_innocent_complete() {
    for seed in 0..60_u64 {
        let mut world = world();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let count = 1 + draw(8);
        let functions: Vec<_> = (0..count)
            .map(|_| {
                ["deadly", "deadly-code", "good", "good"][usize::try_from(draw(4)).expect("small")]
            })
            .collect();
        start(&mut world, &functions);
        world.settle();
        for (function, status) in functions.iter().zip(world.status()) {
            let expected = if *function == "good" {
                Completed
            } else {
                Paused
            };
            assert_eq!(status, expected, "seed {seed}: {functions:?}");
        }
        assert_eq!(suspects(&world), [], "seed {seed}");
        let executed = &world.executed;
        for (index, body) in executed.iter().enumerate() {
            let deadly = world.state.runs[&body.0].function.function.as_ref() == "deadly";
            assert!(
                !deadly || !executed[..index].contains(body),
                "seed {seed}: an attempt that reached outside executed again: {body:?}"
            );
        }
    }
}

#[test]
fn the_record_of_a_suspect_comes_before_it_executes() {
    let mut world = world();
    start(&mut world, &["good"]);
    world.deadly = Some(Deadly::Nothing);
    world.dispatch_only();
    world.crash();
    let mut out = Output::default();
    let stepped = world
        .engine
        .step(Input::Dispatch, world.now_ms, &world.state, &mut out);
    stepped.expect("maps can always be read");
    let executes = |effect: &Effect| matches!(effect, Effect::Execute { .. });
    assert!(!out.now.iter().chain(&out.durable).any(executes));
    assert!(matches!(
        &out.writes[..],
        [Write::PutControl {
            control: Control::Suspect { deaths: 0, .. },
            ..
        }]
    ));
    assert!(matches!(out.durable[..], [Effect::Suspect(_)]));
}
