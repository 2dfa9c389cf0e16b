//! Several nodes over one store: a few seeds of what `cargo xtask cluster` does with many, and proof that they would notice.

use abide_sim::cluster::{Counts, Mutation, Outcome, live};

fn broken(seeds: std::ops::Range<u64>, mutation: Mutation) -> Vec<String> {
    seeds
        .filter_map(|seed| live(seed, mutation, false).broken)
        .collect()
}

#[test]
fn a_cluster_keeps_its_promises_and_a_seed_goes_one_way() {
    let mut sum = Counts::default();
    for seed in 0..24 {
        let outcome = live(seed, Mutation::default(), false);
        assert_eq!(outcome.broken, None, "seed {seed}");
        if seed % 8 == 0 {
            assert_eq!(
                live(seed, Mutation::default(), false),
                outcome,
                "seed {seed}"
            );
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
    let Outcome { hash, .. } = live(1, Mutation::default(), false);
    assert_ne!(hash, live(2, Mutation::default(), false).hash);
}

#[test]
fn without_the_fence_a_node_that_lost_its_shard_writes() {
    let mutation = Mutation {
        no_fence: true,
        ..Mutation::default()
    };
    let broken = broken(0..6, mutation);
    assert!(
        broken
            .iter()
            .any(|said| said.contains("was accepted after epoch")),
        "{broken:?}"
    );
}

#[test]
fn without_a_new_epoch_two_nodes_write_in_one() {
    let mutation = Mutation {
        same_epoch: true,
        ..Mutation::default()
    };
    let broken = broken(0..6, mutation);
    assert!(
        broken
            .iter()
            .any(|said| said.contains("were accepted in epoch")),
        "{broken:?}"
    );
}

#[test]
fn what_is_noted_as_handed_over_too_early_is_lost() {
    let mutation = Mutation {
        forget_hand_over: true,
        ..Mutation::default()
    };
    // Rare: the receiver has to die between the two.
    let broken = (0..200).find_map(|seed| live(seed, mutation, false).broken);
    assert!(broken.is_some_and(|said| said.contains("is lost")));
}
