//! Seeds of the simulation: some hundreds anew, each twice, and those that found something once.

use abide_sim::campaign::{self, Campaign};
use abide_sim::life::Machine;
use abide_sim::seed;

/// Seeds that each change lives through.
const SEEDS: u64 = 100;

/// Seeds that found a bug, and which. What a seed does changes with the generator of programs and with the scheduler: a bug that can be told in a
/// small test has one beside the code that it was in.
const FOUND: [(u64, &str); 3] = [
    (
        528,
        "when the disk failed, those who waited were told in the order of a hash map: the same seed was another world",
    ),
    (
        3_033_583,
        "where no parked run could stay in memory, one that asked for a slot left before it came, gave it back and asked again, for ever",
    ),
    (
        3_029_696,
        "a run that was cancelled in the moment before its code returned was said not to replay",
    ),
];

fn machine() -> Machine {
    let guest = abide_e2e::guest("program");
    let wasm = std::fs::read(guest).expect("the guest");
    Machine::new(&wasm, 2).expect("it compiles")
}

fn live_through(machine: &Machine, from: u64, seeds: u64) {
    let campaign = Campaign {
        from,
        seeds,
        jobs: 2,
        twice: true,
        failures: 3,
    };
    let broken = |seed: u64, outcome: &seed::Outcome| {
        println!("{}", outcome.tail.join("\n"));
        println!("seed {seed}: {}", outcome.broken.as_deref().unwrap_or(""));
    };
    let report = campaign::run(machine, campaign, broken, |_, _| {});
    assert_eq!(report.seeds, seeds);
    assert!(
        report.failures.is_empty(),
        "{} seeds broke promises; `cargo xtask sim --from N --seeds 1 --trace` shows one step by step",
        report.failures.len()
    );
}

#[test]
fn no_seed_breaks_a_promise_and_each_is_the_same_world_twice() {
    let machine = machine();
    live_through(&machine, 0, SEEDS);
    for (seed, what) in FOUND {
        println!("seed {seed}: {what}");
        live_through(&machine, seed, 1);
    }
}

#[test]
fn another_seed_is_another_world() {
    let machine = machine();
    let hash = |seed| seed::live(&machine, seed, false, false).hash;
    assert_ne!(hash(1), hash(2));
}
