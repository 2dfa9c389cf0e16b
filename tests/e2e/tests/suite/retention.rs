//! What a node forgets by itself, and what it keeps because something still needs it.

use std::path::Path;
use std::time::Duration;

use abide_e2e::{Api, Server, guest, holds_for, until};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{SOON, folder, order, stands};

/// A server that forgets after a second.
fn forgetful() -> (TempDir, Server) {
    let data = folder();
    let server = serve(data.path());
    (data, server)
}

fn serve(data: &Path) -> Server {
    let times = [
        "--keep-runs",
        "1s",
        "--keep-events",
        "1s",
        "--keep-house-every",
        "1s",
    ];
    Server::serve_with(data, times)
}

/// Deploys the ledger with a custom section, which makes it another component of the same code. Its digest.
fn deploy_version(api: &Api, version: u8) -> String {
    let mut component = std::fs::read(guest("ledger")).expect("the component is there");
    component.extend([0, 3, 1, b'v', version]);
    let answer = api.deploy_bytes("ledger", component, "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["digest"].as_str().expect("a digest").to_owned()
}

/// Whether there is a file of this component, its code, and its compiled code.
fn is_kept(data: &Path, digest: &str) -> bool {
    let of_it = |folder: &str| {
        let entries = std::fs::read_dir(data.join(folder)).expect("the folder is there");
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with(digest))
    };
    let (code, compiled) = (of_it("components"), of_it("code-cache"));
    code || compiled
}

#[test]
fn what_has_ended_is_forgotten_as_soon_as_the_operator_wants() {
    let (_data, server) = forgetful();
    let api = server.api();
    deploy_version(&api, 1);
    let event = api.send("ledger/sequence", &order("short", 2, 0));
    until("the run and its event are gone", SOON, || {
        (api.get(&format!("/api/v1/events/{event}")).status == 404).then_some(())
    });
    assert_eq!(api.get("/api/v1/runs").json["data"], json!([]));
}

#[test]
fn code_stays_for_as_long_as_it_is_served_or_a_run_needs_it() {
    let (data, server) = forgetful();
    let api = server.api();
    let first = deploy_version(&api, 1);
    let mut waiting = order("waiting", 0, 0);
    waiting["timeout_ms"] = json!(3_600_000);
    let run = api.run_of(&api.send("ledger/wait", &waiting));
    stands(&api, &run, "Waiting");
    let second = deploy_version(&api, 2);
    let third = deploy_version(&api, 3);
    until("code that nothing needs goes", SOON, || {
        (!is_kept(data.path(), &second)).then_some(())
    });
    drop(server);
    let server = serve(data.path());
    let api = server.api();
    assert!(
        holds_for(Duration::from_secs(3), || {
            is_kept(data.path(), &first) && is_kept(data.path(), &third)
        }),
        "the first is what a run waits in, the third is served"
    );
    api.send("ledger/go", &json!({"key": "waiting", "value": 3}));
    until(
        "the run ends and is forgotten, and its code with it",
        SOON,
        || (!is_kept(data.path(), &first)).then_some(()),
    );
    assert_eq!(
        api.get(&format!("/api/v1/runs/{run}")).status,
        404,
        "not the code before the run"
    );
    assert!(is_kept(data.path(), &third));
    assert_eq!(deploy_version(&api, 2), second, "it can be deployed again");
    // By a server that keeps the run for as long as it is looked at.
    drop(server);
    let server = Server::serve(data.path());
    let api = server.api();
    assert_eq!(
        api.outcome("ledger/sequence", &order("after", 1, 0), SOON)["status"],
        "Completed"
    );
}
