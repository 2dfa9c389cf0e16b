//! Notifications: told by the real binary to whoever takes webhooks and to a program, killed before and after, and refused.

use std::collections::BTreeSet;
use std::path::Path;

use abide_e2e::{Api, Received, Receiver, Run, Server, until};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{SOON, deploy, folder, stands};

/// `whsec_` and the base64 of this key.
const SECRET: &str = "whsec_dGhlIGtleSBvZiBhbiBlbmQtdG8tZW5kIHRlc3Q=";
const KEY: &[u8] = b"the key of an end-to-end test";

/// A server whose operator is told by a webhook.
struct Operator {
    data: TempDir,
    receiver: Receiver,
    server: Server,
    api: Api,
}

impl Operator {
    fn start() -> Self {
        let (data, receiver) = (folder(), Receiver::start());
        std::fs::write(data.path().join("secret"), SECRET).expect("a file");
        let server = serve(data.path(), &receiver);
        let api = server.api();
        deploy(&api, "operate", "operate");
        Self {
            data,
            receiver,
            server,
            api,
        }
    }

    /// `kill -9`, then a new process over the same data.
    fn killed_and_back(self) -> Self {
        let Self {
            data,
            receiver,
            server,
            ..
        } = self;
        server.kill();
        let server = serve(data.path(), &receiver);
        let api = server.api();
        Self {
            data,
            receiver,
            server,
            api,
        }
    }

    fn notify(&self, arguments: &[&str]) -> Run {
        let head = ["notify"].into_iter().chain(arguments.iter().copied());
        Run::abide(head.chain(["--url", self.server.url()])).inside(self.data.path())
    }

    fn add(&self, name: &str, more: &[&str]) {
        let url = format!("{}/{name}/secret-path", self.receiver.url());
        let add = ["add", "webhook", name, &url, "--secret-file", "secret"];
        let _ = self.notify(&[&add, more].concat()).run().done();
    }

    /// An order that is declined; its run.
    fn declined(&self) -> String {
        let event = self.api.send("operate/order", &json!({"amount": 1_000}));
        let run = self.api.run_of(&event);
        stands(&self.api, &run, "Failed");
        run
    }

    /// What came of a notification so far, each verified.
    fn told(&self, name: &str) -> Vec<Told> {
        let path = format!("/{name}/secret-path");
        let requests = self.receiver.requests().into_iter();
        requests
            .filter(|it| it.path == path)
            .map(|it| verified(&it))
            .collect()
    }

    fn shown(&self, name: &str) -> Value {
        self.notify(&["show", name, "--json"]).run().done().json()
    }
}

fn serve(data: &Path, receiver: &Receiver) -> Server {
    let address = receiver.url();
    let address = address.trim_start_matches("http://");
    Server::serve_with(&data.join("data"), ["--allow-net", address])
}

#[derive(Debug, Clone, PartialEq)]
struct Told {
    id: String,
    message: Value,
}

impl Told {
    fn kind(&self) -> &str {
        self.message["type"].as_str().unwrap_or_default()
    }

    fn runs(&self) -> Vec<&str> {
        let runs = self.message["data"]["runs"].as_array();
        let runs = runs.into_iter().flatten();
        runs.filter_map(|run| run["run_id"].as_str()).collect()
    }
}

/// As any receiver of Standard Webhooks does it.
fn verified(request: &Received) -> Told {
    let header = |name| request.header(name).expect("it is signed").to_owned();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &request.body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    let signature = header("webhook-signature");
    let signature = signature.strip_prefix("v1,").expect("of the first version");
    hmac::verify(&key, &signed, &from_base64(signature)).expect("the signature is right");
    let message: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(message["id"], json!(id));
    Told { id, message }
}

fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| ALPHABET.iter().position(|it| *it == byte);
    let (mut bits, mut count, mut bytes) = (0_usize, 0, Vec::new());
    for value in text.bytes().filter_map(digit) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("a byte"));
        }
    }
    bytes
}

#[test]
fn a_failed_run_is_told_under_one_id_whenever_the_server_is_killed() {
    let operator = Operator::start();
    operator.add("on-call", &["--run-failed", "--min-interval", "0s"]);
    operator.receiver.answer(503);
    let first = operator.declined();
    until("it is tried", SOON, || operator.told("on-call").pop());
    until("the refusal is shown", SOON, || {
        let shown = operator.shown("on-call");
        let reason = shown["error"]["reason"].as_str()?;
        assert_eq!(reason, "the answer was 503");
        Some(())
    });

    // Killed before anybody took it.
    let operator = operator.killed_and_back();
    operator.receiver.answer(200);
    until("it is taken", SOON, || {
        operator.shown("on-call")["delivered_at"].as_str().map(drop)
    });
    let told = operator.told("on-call");
    assert!(told.len() >= 2, "{told:#?}");
    assert!(told.iter().all(|it| *it == told[0]), "{told:#?}");
    assert_eq!(
        (told[0].kind(), told[0].runs()),
        ("run.failed", vec![&*first])
    );
    assert_eq!(operator.shown("on-call")["error"], Value::Null);

    // Killed in the moment in which a run fails: before it is noticed, before it is told, or after.
    let second = operator.declined();
    let operator = operator.killed_and_back();
    let of_second = until("it is told", SOON, || {
        let told = operator.told("on-call").into_iter();
        let told: Vec<_> = told.filter(|it| it.runs().contains(&&*second)).collect();
        (!told.is_empty()).then_some(told)
    });
    let ids: BTreeSet<_> = of_second.iter().map(|it| &it.id).collect();
    assert_eq!(ids.len(), 1, "{of_second:#?}");

    // Killed when all is told: the next message is about what failed since, and about nothing else.
    until("nothing waits", SOON, || {
        let shown = operator.shown("on-call");
        (shown["waiting"] == 0 && shown["error"].is_null()).then_some(())
    });
    let operator = operator.killed_and_back();
    let third = operator.declined();
    let last = until("the third is told", SOON, || {
        let told = operator.told("on-call").into_iter();
        told.rev().find(|it| it.runs().contains(&&*third))
    });
    assert_eq!(last.runs(), [&third]);
    let ids: BTreeSet<_> = operator
        .told("on-call")
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids.len(), 3, "one for each run");

    let (server, shown) = (
        operator.server.output(),
        operator.shown("on-call").to_string(),
    );
    for said in [&server, &shown] {
        assert!(
            !said.contains("whsec_") && !said.contains("secret-path"),
            "{said}"
        );
    }
}

#[test]
fn what_its_address_refused_is_told_to_the_new_one_when_it_is_changed() {
    let operator = Operator::start();
    operator.add("old", &["--run-failed", "--min-interval", "0s"]);
    operator.receiver.answer(503);
    let run = operator.declined();
    let refused = until("it is tried", SOON, || operator.told("old").pop());
    let address = format!("{}/new/secret-path", operator.receiver.url());
    let change = |more: &[&str]| operator.notify(&[&["change", "old"], more].concat()).run();
    let changed = change(&["--address", &address, "--min-interval", "1s", "--json"]).done();
    let changed = changed.json();
    assert_eq!(
        (&changed["min_interval_s"], &changed["rules"]),
        (&json!(1), &json!([{"on": "run_failed"}]))
    );
    assert_eq!(changed["secret"], Value::Null, "it keeps its own");
    let again = until("it is tried there", SOON, || operator.told("new").pop());
    assert_eq!(
        again, refused,
        "the same message, signed with the same secret"
    );
    assert_eq!(again.runs(), [&run]);
    operator.receiver.answer(200);
    let shown = until("it is taken", SOON, || {
        let shown = operator.shown("old");
        (shown["messages"][0]["status"] == "delivered").then_some(shown)
    });
    assert_eq!(shown["messages"][0]["id"], json!(again.id));
    assert_eq!(
        (&shown["error"], &shown["waiting"]),
        (&Value::Null, &json!(0))
    );

    // Whatever it is about then, an answer that got lost is asked for again to no other effect.
    change(&[]).refused(2, &["say what changes"]);
    let path = "/api/v1/notifications/old";
    let rules = json!([{"on": "backlog_age", "over_s": 60}]);
    let wanted = json!({"rules": rules, "enabled": false});
    for replayed in [None, Some("true")] {
        let answer = operator.api.call(Method::PUT, path, |request| {
            request.header("idempotency-key", "a-key").json(&wanted)
        });
        assert_eq!(
            (answer.status, &answer.json["enabled"]),
            (200, &json!(false))
        );
        let header = answer.headers.get("idempotency-replayed");
        assert_eq!(header.and_then(|it| it.to_str().ok()), replayed);
    }
    let made = change(&["--new-secret"]).done();
    let secret = made
        .stdout
        .lines()
        .find_map(|line| line.split_once("whsec_"));
    assert!(secret.is_some_and(|(_, secret)| !SECRET.contains(secret)));
    let (server, shown) = (operator.server.output(), operator.shown("old").to_string());
    for said in [&server, &shown] {
        assert!(
            !said.contains("whsec_") && !said.contains("secret-path"),
            "{said}"
        );
    }
}

#[test]
fn a_backlog_and_a_failure_rate_are_told_and_so_is_their_end() {
    let operator = Operator::start();
    let rules = [
        "--backlog-age",
        "1s",
        "--failure-rate",
        "50%",
        "--window",
        "10s",
    ];
    let more = [
        "--least-runs",
        "1",
        "--min-interval",
        "0s",
        "--function",
        "operate/pay",
    ];
    operator.add("rates", &[&rules[..], &more[..]].concat());
    let other = operator
        .api
        .post("/api/v1/environments", &json!({"name": "blue"}));
    assert_eq!(other.status, 201, "{}", other.text);
    operator.add("elsewhere", &["--run-failed", "--environment", "blue"]);
    let pay = "/api/v1/functions/operate/pay";
    let paused = operator.api.post(&format!("{pay}/pause"), &json!({}));
    assert_eq!(paused.status, 200, "{}", paused.text);
    let event = operator
        .api
        .send("operate/order", &json!({"amount": 1_000}));
    let told = |kind: &str| {
        let told = until(kind, SOON, || {
            let told = operator.told("rates").into_iter();
            told.rev().find(|it| it.kind() == kind)
        });
        let functions = told.message["data"]["functions"].as_array().cloned();
        let functions = functions.expect("functions");
        assert_eq!(functions.len(), 1, "{functions:?}");
        assert_eq!(functions[0]["function_id"], "operate/pay");
        functions[0].clone()
    };
    assert!(told("backlog_age.high")["age_s"].as_u64() >= Some(1));
    assert_eq!(operator.shown("rates")["firing"][0]["rule"], "backlog_age");
    let resumed = operator.api.post(&format!("{pay}/resume"), &json!({}));
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    told("backlog_age.recovered");
    operator.api.ended(&operator.api.run_of(&event), SOON);
    assert_eq!(told("failure_rate.high")["failed"], 1);
    told("failure_rate.recovered");
    assert_eq!(operator.told("elsewhere"), [], "nothing failed there");
    let here = operator.notify(&["list", "--json"]).run().done().json();
    let names: Vec<_> = here["data"].as_array().into_iter().flatten().collect();
    assert_eq!(names.len(), 1, "{here:#}");
}

#[test]
fn a_program_is_started_only_by_a_server_that_was_started_with_it() {
    let operator = Operator::start();
    let tee = std::env::var_os("PATH").and_then(|path| {
        let mut folders = std::env::split_paths(&path);
        folders.find_map(|folder| Some(folder.join("tee")).filter(|it| it.is_file()))
    });
    let tee = tee.expect("tee is on every machine");
    let tee = tee.to_str().expect("text");
    let file = operator.data.path().join("told");
    let add = [
        "add",
        "command",
        "pager",
        tee,
        "--run-failed",
        "--min-interval",
        "0s",
    ];
    let target = ["--", file.to_str().expect("text")];
    let with = |server: &Server, data: &Path, arguments: &[&str]| {
        Run::abide(arguments)
            .inside(data)
            .env("ABIDE_URL", server.url())
    };
    let arguments = [&["notify"], &add[..], &target[..]].concat();
    with(&operator.server, operator.data.path(), &arguments)
        .run()
        .refused(1, &["may not start", "--notify-commands"]);

    let Operator { data, server, .. } = operator;
    server.terminate().expect("it is asked to end");
    drop(server);
    let directory = data.path().join("data");
    let server = Server::serve_with(&directory, ["--notify-commands", tee]);
    let notify = |arguments: &[&str]| with(&server, data.path(), arguments).run();
    notify(&arguments).done().says(&["notify test pager"]);
    let tested = notify(&["notify", "test", "pager"]).done();
    assert!(
        tested.stdout.starts_with("delivered as ntf_"),
        "{}",
        tested.stdout
    );
    let written = || -> Value {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    };
    assert_eq!(written()["type"], "test");
    let api = server.api();
    let run = api.run_of(&api.send("operate/order", &json!({"amount": 1_000})));
    until("the failure is written", SOON, || {
        (written()["data"]["runs"][0]["run_id"] == json!(run)).then_some(())
    });

    // Paused, it tells nothing; a server that may not start it any more says so.
    let _ = notify(&["notify", "pause", "pager"]).done();
    let listed = notify(&["notify", "list"]).done();
    assert!(listed.stdout.contains("paused"), "{}", listed.stdout);
    let _ = notify(&["notify", "resume", "pager"]).done();
    drop(server);
    let server = Server::serve(&directory);
    let notify = |arguments: &[&str]| with(&server, data.path(), arguments).run();
    let refused = notify(&["notify", "test", "pager"]).expect(1);
    assert!(
        refused.stdout.contains("may not start"),
        "{}",
        refused.stdout
    );
    let _ = notify(&["notify", "remove", "pager"]).done();
    notify(&["notify", "show", "pager"]).refused(1, &["no notification `pager`"]);
}
