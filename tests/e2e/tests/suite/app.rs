//! An app of one's own, anywhere on the disk: `abide new`, `abide build`, `abide deploy`, `abide send`.

use std::time::Duration;

use abide_e2e::{Run, Server};
use serde_json::json;

use crate::support::folder;

/// The first build compiles the SDK and what it needs.
const BUILD: Duration = Duration::from_secs(600);

#[test]
fn a_new_app_builds_deploys_and_runs_anywhere() {
    let (place, data) = (folder(), folder());
    let inside = |arguments: &[&str]| Run::abide(arguments).inside(place.path());
    let written = inside(&["new", "first-app"]).run().done();
    assert!(
        written.stdout.contains("dev first-app") && written.stdout.contains("send --event"),
        "it says how to go on: {}",
        written.stdout
    );
    inside(&["new", "first-app"])
        .run()
        .refused(1, &["first-app", "not empty"]);
    let built = inside(&["build", "first-app", "-o", "out/first-app.wasm"])
        .within(BUILD)
        .run()
        .done();
    assert!(built.stdout.ends_with("first-app.wasm"), "{}", built.stdout);
    assert!(place.path().join("out/first-app.wasm").is_file());

    let server = Server::serve(data.path());
    let url = ["--url", server.url()];
    let deployed = inside(&["deploy", "out/first-app.wasm", "--json", url[0], url[1]])
        .run()
        .done()
        .json();
    assert_eq!(deployed[0]["id"], "first-app");
    let sent = inside(&[
        "send",
        "--event",
        "first-app/event.json",
        "--wait",
        "--json",
        url[0],
        url[1],
    ])
    .run()
    .done()
    .json();
    assert_eq!(sent["runs"][0]["status"], json!("Completed"), "{sent:#}");
    assert_eq!(sent["runs"][0]["error"], json!(null));
}

#[test]
fn names_that_cannot_be_are_wrong_usage_and_nothing_is_written() {
    let place = folder();
    for name in ["My App", "1st", "abide-sdk", "with/slash"] {
        Run::abide(["new", name])
            .inside(place.path())
            .run()
            .refused(2, &[name]);
    }
    let left = std::fs::read_dir(place.path())
        .expect("it can be read")
        .count();
    assert_eq!(left, 0);
}

#[test]
fn what_is_no_app_is_not_built() {
    let place = folder();
    Run::abide(["build", "nowhere"])
        .inside(place.path())
        .run()
        .refused(1, &["nowhere"]);
    Run::abide(["build", "."])
        .inside(place.path())
        .run()
        .refused(1, &["no app"]);
}

#[test]
fn a_compile_error_is_shown_as_the_compiler_says_it() {
    let place = folder();
    let inside = |arguments: &[&str]| Run::abide(arguments).inside(place.path()).within(BUILD);
    let _ = inside(&["new", "broken-app"]).run().done();
    std::fs::write(
        place.path().join("broken-app/src/lib.rs"),
        "fn f() -> u32 { \"text\" }\n",
    )
    .expect("it can be written");
    inside(&["build", "broken-app"])
        .run()
        .refused(1, &["mismatched types", "does not compile"]);
}
