//! Random programs under random evictions, crashes and lost time: they end as if nothing had happened.

use proptest::prelude::*;

use super::script::{Groups, Program};
use super::world::{World, guest_error};
use super::{run, wait};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::operation::{Invoke, Operation, SendSignal, WaitForEvent, WaitForSignal};
use crate::state::RunStatus;
use crate::{DAY_MS, HOUR_MS, MINUTE_MS};

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(run()),
        2 => (0..3 * MINUTE_MS).prop_map(Operation::Sleep),
        1 => (1..HOUR_MS).prop_map(|timeout| Operation::WaitForEvent(wait("tick", timeout))),
        1 => (1..HOUR_MS, 1..HOUR_MS).prop_map(|(timeout, lookback_ms)| {
            Operation::WaitForEvent(WaitForEvent { lookback_ms, ..wait("tick", timeout) })
        }),
        1 => (1..HOUR_MS, any::<bool>()).prop_map(|(timeout_ms, replace)| {
            Operation::WaitForSignal(WaitForSignal { signal: "s".into(), timeout_ms, replace })
        }),
        1 => (0..HOUR_MS).prop_map(|ttl_ms| Operation::SendSignal(SendSignal {
            signal: "s".into(),
            data: None,
            ttl_ms: Some(ttl_ms),
        })),
        1 => Just(Operation::SendEvents(vec![NewEvent {
            name: "tick".into(),
            ..NewEvent::default()
        }])),
        1 => Just(Operation::Invoke(Invoke {
            function: "child".into(),
            data: None,
            timeout_ms: None,
        })),
    ]
}

fn groups() -> impl Strategy<Value = Groups> {
    let group = prop::collection::vec(operation(), 1..4).prop_map(|group| {
        let names = ["a", "b", "a", "c"];
        group
            .into_iter()
            .zip(names)
            .map(|(op, id)| (id.to_owned(), op))
            .collect()
    });
    prop::collection::vec(group, 0..5)
}

fn program() -> impl Strategy<Value = Program> {
    let later = prop::option::of(groups());
    (groups(), later, any::<bool>(), 0..3_u32).prop_map(|(groups, later, catches, fails)| Program {
        groups,
        later,
        catches,
        fails,
    })
}

#[derive(Debug, Clone)]
enum Fault {
    Evict,
    Crash,
    CrashAmid(usize),
    Pass(u64),
    Tick,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Evict),
        Just(Fault::Crash),
        (1..20_usize).prop_map(Fault::CrashAmid),
        (1..2 * HOUR_MS).prop_map(Fault::Pass),
        Just(Fault::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 4_000 } else { 20_000 },
        // A failing case becomes a test with a name.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_run_ends_once_and_no_recorded_step_executes_again(
        programs in prop::collection::vec(program(), 1..3),
        faults in prop::collection::vec(fault(), 0..12),
        fail_every in 2..6_usize,
        chatty in any::<bool>(),
    ) {
        let child = Program {
            groups: vec![vec![("x".into(), run())], vec![("y".into(), Operation::Sleep(1_000))]],
            ..Program::default()
        };
        let names = ["f", "g"];
        let mut functions: Vec<_> = names.into_iter().zip(programs).collect();
        functions.push(("child", child));
        let mut world = World::new(&functions);
        let mut calls = 0;
        world.bodies(move |_, attempt| {
            calls += 1;
            if calls % fail_every == 0 && attempt < 3 {
                Err(guest_error(RetryAdvice::Retriable))
            } else {
                Ok(calls.to_string().into())
            }
        });
        world.chatty = chatty;
        for (name, _) in &functions {
            world.event(&format!("start/{name}"), "{}");
        }
        for fault in faults {
            match fault {
                Fault::Evict => world.evict(),
                Fault::Crash => world.crash(),
                Fault::CrashAmid(reports) => world.dies_after = Some(reports),
                Fault::Pass(ms) => world.advance(ms),
                Fault::Tick => world.event("tick", "{}"),
            }
        }
        world.advance(30 * DAY_MS);
        for run in world.runs() {
            prop_assert!(run.status.is_final(), "{:?} hangs: {:?}", run, world.state.journals.get(&run.id));
            // An invoked run is cancelled when the one that invoked it ends without it.
            prop_assert!(run.status != RunStatus::Cancelled || run.parent.is_some());
        }
        world.check_quiet();
        // A step executes once for every attempt that is recorded: no attempt twice.
        let mut executed = world.executed.clone();
        let count = executed.len();
        executed.sort();
        executed.dedup();
        prop_assert_eq!(executed.len(), count, "an attempt was executed twice");
    }
}
