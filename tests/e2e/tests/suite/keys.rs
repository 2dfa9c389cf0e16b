//! Keys over real sockets and through the command line, and what a killed server keeps of them.

use abide_e2e::{Run, Server};
use serde_json::json;

use crate::support::{SOON, folder};

/// An operator's own admin key.
pub(crate) const ADMIN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn printed_key(server: &Server) -> String {
    abide_e2e::until("the admin key is printed", SOON, || {
        let output = server.output();
        let (_, rest) = output.split_once("stored as a hash only: ")?;
        Some(rest.split_whitespace().next()?.to_owned())
    })
}

fn cli(server: &Server, key: &str, arguments: &[&str]) -> Run {
    Run::abide(arguments)
        .env("ABIDE_URL", server.url())
        .env("ABIDE_API_KEY", key)
}

#[test]
fn the_first_key_opens_the_door_and_a_kill_loses_neither_keys_nor_the_audit_log() {
    let data = folder();
    let server = Server::guarded(data.path(), None);
    let admin = printed_key(&server);
    assert_eq!(server.api().get("/api/v1/runs").status, 401);
    let made = cli(
        &server,
        &admin,
        &["keys", "create", "site", "--role", "read", "--json"],
    );
    let made = made.run().done().json();
    let reader = made["key"].as_str().expect("a key").to_owned();
    let gone = cli(
        &server,
        &admin,
        &[
            "keys",
            "create",
            "old",
            "--role",
            "read",
            "--expires",
            "90d",
            "--json",
        ],
    );
    let gone = gone.run().done().json();
    let id = gone["id"].as_str().expect("an id");
    let _ = cli(&server, &admin, &["keys", "revoke", id]).run().done();
    let _ = cli(&server, &admin, &["environments", "create", "staging"])
        .run()
        .done();
    server.kill();

    let server = Server::guarded(data.path(), None);
    assert!(
        !server.output().contains("abide_sk_"),
        "a key is printed once"
    );
    assert_eq!(
        server
            .api()
            .with_key(&reader, None)
            .get("/v1/events")
            .status,
        200
    );
    let revoked = gone["key"].as_str().expect("a key");
    assert_eq!(
        server
            .api()
            .with_key(revoked, None)
            .get("/v1/events")
            .status,
        401
    );
    let signing = made["inngest_signing_key"]
        .as_str()
        .expect("its other form");
    assert_eq!(
        server
            .api()
            .with_key(signing, None)
            .get("/v1/events")
            .status,
        200
    );
    cli(&server, &admin, &["environments", "list"])
        .run()
        .done()
        .says(&["staging"]);
    cli(&server, &admin, &["keys", "list"])
        .run()
        .done()
        .says(&["site", "revoked"]);
    cli(&server, &admin, &["audit"]).run().done().says(&[
        "POST /api/v1/keys",
        "revoke",
        "first admin key",
    ]);
    cli(&server, &admin, &["audit", "--of-server"])
        .run()
        .done()
        .says(&["staging", "done"]);
    cli(&server, &reader, &["keys", "list"])
        .run()
        .refused(1, &["`admin`", "`read`"]);
    cli(&server, "abide_sk_00", &["runs", "list"])
        .run()
        .refused(1, &["checksum"]);
}

#[test]
fn the_command_line_takes_a_key_from_a_file_and_an_environment_by_name() {
    let data = folder();
    let server = Server::guarded(data.path(), Some(ADMIN));
    let file = data.path().join("key");
    std::fs::write(&file, format!("{ADMIN}\n")).expect("written");
    let file = file.to_string_lossy().into_owned();
    let with = |arguments: &[&str]| {
        let all = arguments
            .iter()
            .copied()
            .chain(["--key-file", &file, "--url", server.url()]);
        Run::abide(all)
    };
    let _ = with(&["environments", "create", "staging"]).run().done();
    let send = ["send", "order/placed", "--environment", "staging"];
    let _ = with(&send).run().done();
    with(&["events", "list", "--environment", "staging"])
        .run()
        .done()
        .says(&["order/placed"]);
    let listed = with(&["events", "list", "--json"]).run().done().json();
    assert_eq!(listed["data"], json!([]));
    with(&["environments", "remove", "staging"])
        .run()
        .refused(1, &["events", "force"]);
    let _ = with(&["environments", "remove", "staging", "--force"])
        .run()
        .done();
    Run::abide(["runs", "list", "--url", server.url()])
        .run()
        .refused(1, &["ABIDE_API_KEY"]);
}

#[test]
fn a_development_server_listens_elsewhere_only_when_that_is_said() {
    Run::abide(["dev", "--host", "0.0.0.0", "--port", "0"])
        .run()
        .refused(2, &["--host", "--insecure"]);
}
