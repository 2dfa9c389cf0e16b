//! Simulated power cuts, many seeds.

use abide_crash::kill::{on_runtime, side_by_side};
use abide_crash::power::scenario;
use tokio::runtime::Handle;

const SEEDS: u64 = 200;

/// Scenarios at once: most of their time they wait for sockets and timers.
const AT_ONCE: usize = 6;

#[test]
fn what_was_durable_survives_power_cuts_and_nothing_else_is_needed() {
    let code_cache = tempfile::tempdir().expect("a temporary folder");
    let folder = code_cache.path().to_owned();
    let mut failed = Vec::new();
    let mut cuts = 0;
    let all = on_runtime(async {
        let outside = Handle::current();
        let work = move |seed| scenario(seed, &folder, &outside);
        side_by_side(0..SEEDS, AT_ONCE, work, |seed, result| {
            match result {
                Ok(summary) => {
                    cuts += summary.cuts;
                    failed.extend(
                        summary
                            .violations
                            .iter()
                            .map(|violation| format!("seed {seed}: {violation}")),
                    );
                }
                Err(error) => failed.push(format!("seed {seed}: {error:#}")),
            }
            failed.is_empty()
        })
        .await
    });
    if let Err(error) = all.and_then(|all| all) {
        failed.push(format!("{error:#}"));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(cuts >= 2 * SEEDS, "{cuts} cuts");
}
