//! Keys over real sockets and through the command line, and what a killed server keeps of them.

use abide_e2e::{Run, Server};
use serde_json::{Value, json};

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

/// What a command that is done prints.
fn prints(run: Run, words: &[&str]) {
    let ran = run.run().done();
    for word in words {
        assert!(ran.stdout.contains(word), "{word} in {}", ran.stdout);
    }
}

fn cli(server: &Server, key: &str, arguments: &[&str]) -> Run {
    Run::abide(arguments)
        .env("ABIDE_URL", server.url())
        .env("ABIDE_API_KEY", key)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

/// A key that a command makes, as its JSON.
fn made(server: &Server, admin: &str, arguments: &[&str]) -> Value {
    let create = [
        &["keys", "create"],
        arguments,
        &["--role", "read", "--json"],
    ]
    .concat();
    cli(server, admin, &create).run().done().json()
}

#[test]
fn the_first_key_opens_the_door_and_a_kill_loses_neither_keys_nor_the_audit_log() {
    let data = folder();
    let server = Server::guarded(data.path(), None);
    let admin = printed_key(&server);
    assert_eq!(server.api().get("/api/v1/runs").status, 401);
    let site = made(&server, &admin, &["site"]);
    let reader = text(&site, "key");
    let gone = made(&server, &admin, &["old", "--expires", "90d"]);
    prints(
        cli(&server, &admin, &["keys", "revoke", text(&gone, "id")]),
        &[],
    );
    prints(
        cli(&server, &admin, &["environments", "create", "staging"]),
        &[],
    );
    server.kill();

    let server = Server::guarded(data.path(), None);
    assert!(
        !server.output().contains("abide_sk_"),
        "a key is printed once"
    );
    let inngests = text(&site, "inngest_signing_key");
    for (key, status) in [(reader, 200), (text(&gone, "key"), 401), (inngests, 200)] {
        let api = server.api().with_key(key, None);
        assert_eq!(api.get("/v1/events").status, status);
    }
    for (arguments, words) in [
        (&["environments", "list"][..], &["staging"][..]),
        (&["keys", "list"], &["site", "revoked"]),
        (
            &["audit"],
            &["POST /api/v1/keys", "revoke", "first admin key"],
        ),
        (&["audit", "--of-server"], &["staging", "done"]),
    ] {
        prints(cli(&server, &admin, arguments), words);
    }
    cli(&server, reader, &["keys", "list"])
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
    prints(
        with(&["events", "list", "--environment", "staging"]),
        &["order/placed"],
    );
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

#[test]
fn a_key_that_leaves_the_machine_unencrypted_is_warned_of_once() {
    // A proxy that is not there: nothing leaves this machine.
    let proxy = "http://127.0.0.1:9";
    let said = |address: &str, key: &str| {
        let list = Run::abide(["runs", "list", "--url", address])
            .env("ABIDE_API_KEY", key)
            .env("http_proxy", proxy)
            .env("https_proxy", proxy);
        list.run().expect(3).stderr
    };
    let warned = said("http://abide.example", ADMIN);
    assert_eq!(warned.matches("warning: ").count(), 1, "{warned}");
    assert!(
        warned.contains("http://abide.example unencrypted") && !warned.contains(ADMIN),
        "{warned}"
    );
    for (address, key) in [
        ("https://abide.example", ADMIN),
        ("http://abide.example", ""),
        (proxy, ADMIN),
    ] {
        let said = said(address, key);
        assert!(!said.contains("unencrypted"), "{said}");
    }
}
