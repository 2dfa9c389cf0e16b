//! Random programs, without a world.

use abide_sim::program::bare::{Treatment, check};
use abide_sim::program::{Expectation, Program, Setting, generate, shrink, simplify};
use abide_sim::rng::Rng;

fn setting(seed: u64) -> Setting {
    Setting {
        key: format!("k{seed}"),
        url: "http://service.test".into(),
        start_ms: 1_700_000_000_000,
        size: 20,
    }
}

/// How many programs each test makes: `PROPTEST_CASES` says another number, as everywhere.
fn cases() -> u64 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

fn program(seed: u64) -> Program {
    generate(&mut Rng::new(seed), &setting(seed))
}

#[test]
fn the_same_seed_makes_the_same_program_and_its_json_reads_back() {
    for seed in 0..500 {
        let made = program(seed);
        assert_eq!(made, program(seed));
        let json = serde_json::to_string(&made).expect("JSON");
        let read: Program = serde_json::from_str(&json).expect("it reads back");
        assert_eq!(made, read, "seed {seed}");
    }
}

#[test]
fn what_must_come_of_a_program_can_be_told_and_is_mostly_one_thing() {
    let (mut single, mut bytes) = (0, 0);
    for seed in 0..1_000 {
        let made = program(seed);
        bytes += serde_json::to_string(&made).expect("JSON").len();
        let expected = Expectation::of(&made).expect("it can be told");
        assert!(!expected.worlds().is_empty(), "seed {seed}");
        single += usize::from(expected.worlds().len() == 1);
    }
    println!(
        "{single} of 1,000 have one world; {} bytes each",
        bytes / 1_000
    );
    assert!(single > 500, "{single}");
}

#[test]
fn every_simpler_program_is_understood_and_none_is_the_same() {
    for seed in 0..100 {
        let made = program(seed);
        for simpler in simplify(&made) {
            assert_ne!(simpler, made, "seed {seed}");
            let _ = Expectation::of(&simpler);
        }
    }
}

/// Checks many programs, and says of the first that fails what its simplest form is.
fn check_all(seeds: std::ops::Range<u64>, treatment: Treatment) -> (usize, u32, usize) {
    let (mut runs, mut restarts, mut entries) = (0, 0, 0);
    for seed in seeds {
        let made = program(seed);
        match check(&made, seed, treatment) {
            Ok(told) => {
                runs += told.runs.len();
                restarts += told.restarts;
                entries += told.entries;
            }
            Err(problem) => {
                let simplest = shrink(made, |simpler| check(simpler, seed, treatment).is_err());
                let its = check(&simplest, seed, treatment).err();
                panic!("seed {seed}: {problem}\nin its simplest form: {its:?}\n{simplest:#?}");
            }
        }
    }
    (runs, restarts, entries)
}

#[test]
fn programs_come_to_what_is_expected_of_them() {
    let treatment = Treatment {
        restarts: 0,
        failures: 0,
        steady: false,
        version: 0,
    };
    let (runs, _, entries) = check_all(0..cases(), treatment);
    println!("{runs} runs, {entries} entries");
}

#[test]
fn programs_that_are_thrown_out_of_memory_come_to_the_same() {
    let treatment = Treatment {
        restarts: 20,
        failures: 5,
        steady: false,
        version: 0,
    };
    let (runs, restarts, entries) = check_all(0..cases(), treatment);
    println!("{runs} runs, {restarts} restarts, {entries} entries");
    assert!(u64::from(restarts) > cases(), "{restarts}");
}
