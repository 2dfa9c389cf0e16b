//! Requests with an `Idempotency-Key` around `kill -9`: whatever instant it strikes, what was asked for is done once, and the repetition
//! tells of it.

use std::collections::BTreeMap;
use std::time::Duration;

use abide_e2e::{Api, Server, guest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SOON, deploy, folder};

/// Lives of the server; the kill comes a little later in each of them.
const LIVES: u64 = 8;

/// By how much.
const LATER: Duration = Duration::from_millis(3);

/// What is asked for in one life: what it is, where, and with which body.
fn asked(life: u64, failed: &str) -> Vec<(&'static str, Method, String, Vec<u8>)> {
    let json = |value: Value| value.to_string().into_bytes();
    let job = json!({"action": "replay", "filter": {"function": "operate/none"}});
    let name = format!("made-{life}");
    let wasm = std::fs::read(guest("operate")).expect("the component");
    let cancellation = json!({"app_id": "operate", "function_id": "pay", "started_before": "2020-01-01T00:00:00Z"});
    let webhook = json!({"name": name, "provider": "github", "secret": "a-long-secret"});
    vec![
        ("job", Method::POST, "/api/v1/jobs".into(), json(job)),
        (
            "cancellation",
            Method::POST,
            "/v1/cancellations".into(),
            json(cancellation),
        ),
        (
            "replay",
            Method::POST,
            format!("/api/v1/runs/{failed}/replay"),
            Vec::new(),
        ),
        (
            "event",
            Method::POST,
            "/e/any".into(),
            json(json!({"name": "kept"})),
        ),
        (
            "webhook",
            Method::POST,
            "/api/v1/webhooks".into(),
            json(webhook),
        ),
        (
            "environment",
            Method::POST,
            "/api/v1/environments".into(),
            json(json!({"name": name})),
        ),
        (
            "deployment",
            Method::PUT,
            "/api/v1/apps/operate".into(),
            wasm,
        ),
    ]
}

fn count(api: &Api, path: &str) -> usize {
    let answer = api.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json["data"].as_array().map_or(0, Vec::len)
}

/// How much there is of everything that is asked for.
fn counted(api: &Api) -> BTreeMap<&'static str, usize> {
    let deployments = api.get("/api/v1/apps/operate").json["deployments"].as_u64();
    let jobs = count(api, "/api/v1/jobs?limit=200");
    let cancellations = count(api, "/v1/cancellations");
    [
        ("job", jobs - cancellations),
        ("cancellation", cancellations),
        ("replay", count(api, "/api/v1/runs?limit=200")),
        ("event", count(api, "/api/v1/events?name=kept&limit=200")),
        ("webhook", count(api, "/api/v1/webhooks")),
        ("environment", count(api, "/api/v1/environments")),
        (
            "deployment",
            usize::try_from(deployments.unwrap_or_default()).unwrap_or_default(),
        ),
    ]
    .into()
}

#[test]
fn a_request_with_a_key_has_its_effect_once_whenever_the_server_is_killed() {
    let data = folder();
    let server = Server::serve(data.path());
    let api = server.api();
    deploy(&api, "operate", "operate");
    let event = api.send("operate/order", &json!({"amount": 60}));
    let failed = api.ended(&api.run_of(&event), SOON)["run_id"].clone();
    let failed = failed.as_str().expect("an id").to_owned();
    let before = counted(&api);
    let mut server = Some(server);
    let mut unanswered = 0;
    for life in 0..LIVES {
        let key = format!("life-{life}");
        let asked = asked(life, &failed);
        let killed = server.take().expect("it lives");
        let api = killed.api();
        std::thread::scope(|scope| {
            for (_, method, path, body) in &asked {
                let (api, key) = (&api, &key);
                scope.spawn(move || {
                    // Whether an answer comes is up to the kill.
                    let with = |request: reqwest::blocking::RequestBuilder| {
                        request.header("idempotency-key", key).body(body.clone())
                    };
                    let _ = api.try_call(method.clone(), path, with);
                });
            }
            std::thread::sleep(LATER * u32::try_from(life).unwrap_or(0));
            killed.kill();
        });
        let again = Server::serve(data.path());
        let api = again.api();
        for (what, method, path, body) in &asked {
            let answer = api.call(method.clone(), path, |request| {
                request.header("idempotency-key", &key).body(body.clone())
            });
            assert!(
                (200..300).contains(&answer.status),
                "{what} in life {life}: {}",
                answer.text
            );
            unanswered += usize::from(!answer.headers.contains_key("idempotency-replayed"));
            let told = api.call(method.clone(), path, |request| {
                request.header("idempotency-key", &key).body(body.clone())
            });
            assert_eq!(
                (told.status, told.text),
                (answer.status, answer.text),
                "{what}"
            );
        }
        let lives = usize::try_from(life + 1).expect("few");
        for (what, now) in counted(&api) {
            assert_eq!(now, before[what] + lives, "{what} after life {life}");
        }
        server = Some(again);
    }
    assert!(unanswered > 0, "no kill came before an answer was recorded");
}
