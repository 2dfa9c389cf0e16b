//! The real binary, killed.

use abide_crash::kill::{Plan, on_runtime, run};

const CYCLES: u64 = 30;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_recorded_is_repeated_over_thirty_kills() {
    let seed = u64::from(std::process::id());
    let summary = on_runtime(run(Plan::new(CYCLES, seed), |_| {})).and_then(|summary| summary);
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => panic!("seed {seed}: {error:#}"),
    };
    println!("seed {seed}: {summary:?}");
    assert!(
        summary.violations.is_empty(),
        "seed {seed}:\n{}",
        summary.violations.join("\n")
    );
    assert!(
        summary.kills >= CYCLES
            && summary.checked > 0
            && summary.counts.acknowledged > CYCLES
            && summary.counts.effects > CYCLES,
        "{summary:?}"
    );
}
