//! The queue told as stories: what a model of one app and one deployment does not show.

use std::collections::BTreeSet;

use super::super::script::Program;
use super::super::world::{START_MS, started_by_event};
use super::floor::{Floor, step};
use crate::engine::{EngineConfig, Input};
use crate::failure::{Failure, Origin};
use crate::function::FunctionConfig;
use crate::function::options::{Concurrency, ConcurrencyScope, ConcurrencyUnit};
use crate::ids::{FunctionId, RunId};
use crate::journal::OpNumber;
use crate::machine::{Arrival, Position, Progress};
use crate::state::{Place, RunEnd, RunStatus, Write};

fn limit(limit: u32, key: Option<&str>, scope: ConcurrencyScope) -> Concurrency {
    Concurrency {
        limit,
        key: key.map(str::to_owned),
        scope,
        per: ConcurrencyUnit::Step,
    }
}

/// A function whose runs do these steps at once.
fn function(id: &str, limits: Vec<Concurrency>, steps: &[&str]) -> (FunctionConfig, Program) {
    let mut config = started_by_event(id);
    config.concurrency = limits;
    let program = Program {
        groups: vec![steps.iter().map(|id| step(id)).collect()],
        ..Program::default()
    };
    (config, program)
}

fn send(floor: &mut Floor, function: &str, key: u32, count: usize) {
    for _ in 0..count {
        floor.send(&format!("start/{function}"), format!(r#"{{"k":{key}}}"#));
    }
    floor.settle();
}

fn pass(floor: &mut Floor, ms: u64) {
    let until = floor.now_ms + ms;
    while let Some(next) = floor.next_ms().filter(|next| *next <= until) {
        floor.now_ms = next.max(floor.now_ms);
        floor.settle();
    }
    floor.now_ms = until;
    floor.settle();
}

fn ended(floor: &Floor) -> usize {
    let runs = floor.state.runs.values();
    runs.filter(|run| run.status == RunStatus::Completed)
        .count()
}

#[test]
fn three_parallel_bodies_under_a_limit_of_one_execute_one_at_a_time() {
    let mut floor = Floor::new(EngineConfig::default());
    let one = limit(1, None, ConcurrencyScope::Fn);
    floor.deploy(
        "app",
        vec![function("f", vec![one], &["b1000", "b1000", "b1000"])],
    );
    send(&mut floor, "f", 0, 1);
    for _ in 0..3 {
        assert_eq!(floor.executing().len(), 1);
        pass(&mut floor, 1_000);
    }
    assert_eq!((floor.executing().len(), ended(&floor)), (0, 1));
}

#[test]
fn a_redeploy_with_another_limit_applies_to_queued_and_running_runs_at_once() {
    let mut floor = Floor::new(EngineConfig::default());
    let with = |n| {
        vec![function(
            "f",
            vec![limit(n, None, ConcurrencyScope::Fn)],
            &["b1000", "b5000"],
        )]
    };
    floor.deploy("app", with(1));
    send(&mut floor, "f", 0, 3);
    assert_eq!((floor.executing().len(), floor.queued().len()), (1, 2));
    floor.deploy("app", with(4));
    // The running run's second step, and then the next two runs.
    assert_eq!((floor.executing().len(), floor.queued().len()), (4, 0));
    floor.deploy("app", with(1));
    pass(&mut floor, 1_000);
    assert_eq!(
        floor.executing().len(),
        1,
        "nothing begins while more than one goes on"
    );
}

#[test]
fn functions_of_two_apps_share_a_limit_of_the_environment_and_go_in_turn() {
    let mut floor = Floor::new(EngineConfig::default());
    let shared = || vec![limit(2, Some("event.data.k"), ConcurrencyScope::Env)];
    floor.deploy("a", vec![function("f", shared(), &["b1000"])]);
    floor.deploy("b", vec![function("g", shared(), &["b1000"])]);
    send(&mut floor, "f", 1, 6);
    send(&mut floor, "g", 1, 2);
    send(&mut floor, "g", 2, 1);
    assert_eq!(
        floor.executing().len(),
        3,
        "another key has a limit of its own"
    );
    for _ in 0..4 {
        pass(&mut floor, 1_000);
        assert!(floor.executing().len() <= 2);
    }
    assert_eq!(ended(&floor), 9);
}

#[test]
fn apps_take_turns_when_there_is_little_room() {
    let config = EngineConfig {
        max_executing: 1,
        ..EngineConfig::default()
    };
    let mut floor = Floor::new(config);
    let own = || vec![limit(9, None, ConcurrencyScope::Fn)];
    floor.deploy("a", vec![function("f", own(), &["b1000"])]);
    floor.deploy("b", vec![function("g", own(), &["b1000"])]);
    send(&mut floor, "f", 0, 10);
    send(&mut floor, "g", 0, 3);
    pass(&mut floor, 6_000);
    let of_g = floor
        .state
        .runs
        .values()
        .filter(|run| &*run.function.function == "g");
    assert_eq!(
        of_g.filter(|run| run.status == RunStatus::Completed)
            .count(),
        3
    );
}

#[test]
fn a_paused_function_without_limits_queues_its_runs_and_starts_them_in_order() {
    let mut floor = Floor::new(EngineConfig::default());
    floor.deploy("app", vec![function("f", Vec::new(), &["b1000"])]);
    let f = FunctionId::new("app", "f");
    send(&mut floor, "f", 0, 1);
    // This one is ready already, and has not begun.
    floor.send("start/f", "{}".into());
    floor.set_paused(f.clone(), true);
    send(&mut floor, "f", 0, 2);
    floor.crash();
    floor.settle();
    assert_eq!((floor.executing().len(), floor.queued().len()), (1, 3));
    floor.set_paused(f, false);
    floor.settle();
    assert_eq!((floor.executing().len(), floor.queued().len()), (4, 0));
    pass(&mut floor, 1_000);
    assert_eq!(ended(&floor), 4);
}

#[test]
fn runs_of_a_function_that_was_removed_keep_the_limit_that_they_are_pinned_to() {
    let mut floor = Floor::new(EngineConfig::default());
    let one = limit(1, None, ConcurrencyScope::Fn);
    floor.deploy("app", vec![function("f", vec![one], &["b1000"])]);
    send(&mut floor, "f", 0, 3);
    floor.deploy("app", Vec::new());
    for _ in 0..3 {
        assert_eq!(floor.executing().len(), 1);
        pass(&mut floor, 1_000);
    }
    assert_eq!(ended(&floor), 3);
}

const LANES: u32 = 10_000;
const RUNS_IN_LANE: u32 = 100;

/// A million queued runs over ten thousand keys: their rows, and the first run of each lane.
fn million() -> Floor {
    let mut floor = Floor::new(EngineConfig {
        max_executing: 100,
        ..EngineConfig::default()
    });
    let one = limit(1, Some("event.data.k"), ConcurrencyScope::Fn);
    floor.deploy("app", vec![function("f", vec![one], &["b1000"])]);
    floor.send("start/f", r#"{"k":0}"#.into());
    let run = floor.state.runs.values().next().expect("one").clone();
    let (lane, place) = run.lane().expect("it queues");
    floor.state.apply(Write::DeleteQueued {
        lane: lane.clone(),
        place,
    });
    for key in 0..LANES {
        let mut queue = (**run.queue.as_ref().expect("it queues")).clone();
        queue.lane = format!("{}{key}", lane.lane).into();
        queue.counters[0].name = format!("{}{key}", queue.counters[0].name).into();
        let mut lane = lane.clone();
        lane.lane = queue.lane.clone();
        for number in 0..RUNS_IN_LANE {
            let id = RunId(place.run.0 + u128::from(number * LANES + key));
            let place = Place {
                order_ms: START_MS + u64::from(number),
                run: id,
            };
            floor.state.queued.insert((lane.clone(), place));
            if number < 2 {
                let mut run = run.clone();
                run.id = id;
                queue.order_ms = place.order_ms;
                run.queue = Some(Box::new(queue.clone()));
                floor.state.runs.insert(id, run);
            }
        }
    }
    assert_eq!(floor.state.queued.len(), 1_000_000);
    floor
}

#[test]
fn a_million_queued_runs_are_neither_read_at_the_start_nor_when_the_next_is_picked() {
    let mut floor = million();
    floor.crash();
    let lanes = LANES as usize;
    floor.state.rows_read.set(0);
    floor.settle();
    assert_eq!(floor.executing().len(), 100);
    // A row a lane, and for each start its run, and the next places of its lane.
    let read = floor.state.rows_read.get();
    assert!(read <= lanes + 100 * (1 + 64) + 200, "{read} rows");
    let first: BTreeSet<_> = floor.executing();
    floor.state.rows_read.set(0);
    pass(&mut floor, 1_000);
    let read = floor.state.rows_read.get();
    assert_eq!(floor.executing().len(), 100);
    assert!(floor.executing().is_disjoint(&first));
    assert!(read <= 100 * (2 + 64) + 200, "{read} rows for 100 starts");
}

/// How an execution can come to its end.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Broken,
    Cancelled,
    Paused,
    Rests,
    RetriesLater,
    Returns,
}

fn ending(how: Ending, run: RunId, token: u64) -> Input {
    let position = match how {
        Ending::Broken => {
            let failure = Failure::permanent(Origin::Limit, "no");
            return Input::Broken {
                run,
                token,
                failure,
            };
        }
        Ending::Cancelled | Ending::Paused => {
            let (reason, reply) = ("by hand".into(), 0);
            return match how {
                Ending::Paused => Input::PauseRun { run, reason, reply },
                _ => Input::Cancel { run, reason, reply },
            };
        }
        Ending::Rests => Position::Parked { sleeping: true },
        Ending::RetriesLater => Position::RetryLater,
        Ending::Returns => Position::Ended(RunEnd::Output("1".into())),
    };
    stands(position, Vec::new(), run, token)
}

/// The execution says where it stands, and which steps it wants to execute.
fn stands(position: Position, wants: Vec<OpNumber>, run: RunId, token: u64) -> Input {
    let progress = Progress {
        first: 0,
        entries: Vec::new(),
        changes: Vec::new(),
        sends: Vec::new(),
        spans: Vec::new(),
        logs: Vec::new(),
        logged: crate::state::Logged::default(),
        wants,
        releases: Vec::new(),
        position,
    };
    Input::Progress {
        run,
        token,
        progress: Box::new(progress),
    }
}

#[test]
fn a_run_that_stops_gives_back_its_slot_whatever_stopped_it() {
    use Ending::{Broken, Cancelled, Paused, Rests, RetriesLater, Returns};
    let endings = [Broken, Cancelled, Paused, Rests, RetriesLater, Returns];
    let mut floor = Floor::new(EngineConfig::default());
    // What executes is told to the test only.
    floor.idle = true;
    let one = limit(1, None, ConcurrencyScope::Fn);
    floor.deploy("app", vec![function("f", vec![one], &["b1"])]);
    send(&mut floor, "f", 0, endings.len());
    for how in endings {
        let [(run, token)] = floor.take_begun()[..] else {
            panic!("one run starts at a time");
        };
        floor.input(ending(how, run, token));
        floor.settle();
    }
    assert!(floor.take_begun().is_empty() && floor.engine.queues.is_idle());
}

#[test]
fn a_slot_that_is_granted_while_the_instances_leave_is_kept_for_the_next_execution() {
    let mut floor = Floor::new(EngineConfig::default());
    floor.idle = true;
    let one = limit(1, None, ConcurrencyScope::Fn);
    floor.deploy("app", vec![function("f", vec![one], &["b1"])]);
    send(&mut floor, "f", 0, 1);
    let [(run, token)] = floor.take_begun()[..] else {
        panic!("it starts");
    };
    floor.input(stands(Position::Gated, vec![0], run, token));
    // Memory is short: the run is asked to leave before the word that it may go on has reached it.
    floor.input(Input::Released { run, token });
    floor.settle();
    let [(again, token)] = floor.take_begun()[..] else {
        panic!("it executes again");
    };
    assert_eq!(again, run);
    assert_eq!(floor.engine.grants(run), [(0, Arrival::Granted)]);
    floor.input(ending(Ending::Returns, run, token));
    floor.settle();
    assert!(floor.take_begun().is_empty() && floor.engine.queues.is_idle());
}
