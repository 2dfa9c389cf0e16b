//! The suite can fail: what a wrong guest would do is noticed, and said where.

use std::path::Path;
use std::sync::OnceLock;

use abide_conformance::language;
use abide_conformance::play::play;
use abide_conformance::scenario::{Act, Ends, Scenario, event};
use abide_conformance::stage::{Component, Way, host};
use abide_conformance::suite::{all_ways, compare};
use bytes::Bytes;
use serde_json::json;

fn rust() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-code");
        let path = language::component("rust").unwrap_or_else(|error| panic!("{error:#}"));
        let wasm = std::fs::read(path).expect("the component is readable");
        let host = host(&cache).expect("the host");
        Component::load(&host, Bytes::from(wasm)).unwrap_or_else(|error| panic!("{error:#}"))
    })
}

fn refused(scenario: &Scenario) -> String {
    let error = all_ways(rust(), scenario).expect_err("it must be noticed");
    format!("{error:#}")
}

#[test]
fn another_output_is_noticed() {
    let said = refused(&Scenario::plain("parallel", json!(7)));
    assert!(said.contains("the output is 6, not 7"), "{said}");
}

#[test]
fn an_output_in_place_of_a_failure_is_noticed_and_the_other_way_round() {
    let said = refused(&Scenario::started(
        "run",
        &json!({}),
        Ends::Failure("Broken"),
    ));
    assert!(said.contains("it ended with Some(Output("), "{said}");
    let said = refused(&Scenario::plain("outside-final", json!(null)));
    assert!(said.contains("Fatal"), "{said}");
}

#[test]
fn another_kind_of_failure_is_noticed() {
    let said = refused(&Scenario::started(
        "uncaught",
        &json!({}),
        Ends::Failure("Other"),
    ));
    assert!(
        said.contains("it failed as OutOfStock, not as Other"),
        "{said}"
    );
}

#[test]
fn steps_in_another_order_are_noticed() {
    let scenario = Scenario::plain("parallel", json!(6));
    let story = all_ways(rust(), &scenario).expect("it is played");
    let swapped = story
        .replace("#0 `a`", "#0 `x`")
        .replace("#1 `b`", "#1 `a`")
        .replace("#0 `x`", "#0 `b`");
    let said = compare(&story, &swapped)
        .expect_err("they differ")
        .to_string();
    assert!(
        said.contains("-   +0 #0 `a` after 0: run\n  +   +0 #0 `b` after 0: run"),
        "{said}"
    );
}

#[test]
fn a_story_that_is_shorter_is_noticed() {
    let said = compare("a\nb", "a").expect_err("they differ").to_string();
    assert!(said.ends_with("- b\n  + (its end)"), "{said}");
    compare("a\nb", "a\nb").expect("they are the same");
}

#[test]
fn a_function_that_is_not_there_is_noticed() {
    let said = refused(&Scenario::plain("no-such-scenario", json!(null)));
    assert!(said.contains("the event started no run"), "{said}");
}

#[test]
fn an_event_that_should_be_refused_and_is_not_is_noticed() {
    let fine = event("conformance/shaped", &json!({"n": 1}));
    let scenario = Scenario::played("shapes", vec![Act::SendRefused(fine)], Ends::Never);
    let said = refused(&scenario.of_the_app());
    assert!(said.contains("it should be refused"), "{said}");
}

#[test]
fn the_power_is_cut_after_every_commit_that_it_is_said_to() {
    let scenario = Scenario::plain("loop", json!([0, 1, 4, 9, 16]));
    let way = |cut_after| Way {
        commit_each: true,
        cut_after,
        ..Way::default()
    };
    let whole = play(rust(), &scenario, way(None)).expect("it is played");
    assert!(whole.commits > 5, "a commit an entry: {}", whole.commits);
    let packed = play(rust(), &scenario, Way::default()).expect("it is played");
    assert!(packed.commits < whole.commits, "{}", packed.commits);
    // A node that died has more to commit than one that did not: it takes up the run again.
    let cut = play(rust(), &scenario, way(Some(3))).expect("it is played");
    assert_ne!(cut.commits, whole.commits);
    assert_eq!(cut.story, whole.story);
}
