//! Several nodes over one store: a few seeds of what `cargo xtask cluster` does with many, and proof that they would notice.

use abide_sim::cluster::{Counts, Outcome, Without, live};

fn broken(seeds: std::ops::Range<u64>, without: Without) -> Vec<String> {
    seeds
        .filter_map(|seed| live(seed, without, false).broken)
        .collect()
}

#[test]
fn a_cluster_keeps_its_promises_and_a_seed_goes_one_way() {
    let mut sum = Counts::default();
    for seed in 0..24 {
        let outcome = live(seed, Without::Nothing, false);
        assert_eq!(outcome.broken, None, "seed {seed}");
        if seed % 8 == 0 {
            assert_eq!(live(seed, Without::Nothing, false), outcome, "seed {seed}");
        }
        sum += outcome.counts;
    }
    let happened = [
        sum.runs,
        sum.taken,
        sum.fenced,
        sum.deaths,
        sum.pauses,
        sum.handed_over,
        sum.late,
    ];
    assert!(
        happened.iter().all(|count| *count > 0),
        "not everything happened: {sum:?}"
    );
}

#[test]
fn two_seeds_are_two_stories() {
    let Outcome { hash, .. } = live(1, Without::Nothing, false);
    assert_ne!(hash, live(2, Without::Nothing, false).hash);
}

#[test]
fn without_the_fence_a_node_that_lost_its_shard_writes() {
    let without = Without::Fence;
    let broken = broken(0..6, without);
    assert!(
        broken
            .iter()
            .any(|said| said.contains("was accepted after epoch")),
        "{broken:?}"
    );
}

#[test]
fn without_a_new_epoch_two_nodes_write_in_one() {
    let without = Without::Epoch;
    let broken = broken(0..6, without);
    assert!(
        broken
            .iter()
            .any(|said| said.contains("were accepted in epoch")),
        "{broken:?}"
    );
}

#[test]
fn what_is_noted_as_handed_over_too_early_is_lost() {
    let without = Without::Acknowledgement;
    // Rare: the receiver has to die between the two.
    let broken = (0..200).find_map(|seed| live(seed, without, false).broken);
    assert!(broken.is_some_and(|said| said.contains("is lost")));
}
