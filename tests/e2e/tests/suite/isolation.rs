//! Two environments of one server try to reach each other's data through every route that the API's description names: nothing.

use std::collections::BTreeSet;
use std::io::BufRead;

use abide_e2e::{Api, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::keys::ADMIN;
use crate::support::{deploy, folder, order, stands};

/// A word that is in everything of the one environment and in nothing of the other.
const MARK: &str = "mark-of-blue";

fn key_for(admin: &Api, name: &str, role: &str) -> (String, String) {
    let made = admin.post("/api/v1/keys", &json!({"name": name, "role": role}));
    assert_eq!(made.status, 201, "{}", made.text);
    let text = |name: &str| made.json[name].as_str().expect("text").to_owned();
    (text("id"), text("key"))
}

/// What is in the environment `blue`: by the names of the parameters that stand for it.
struct Blue {
    event: String,
    run: String,
    job: String,
    key: String,
}

impl Blue {
    fn fill(api: &Api) -> Self {
        deploy(api, "ledger", "ledger");
        let event = api.send("ledger/sleep", &order(MARK, 2, 3_600_000));
        let run = api.run_of(&event);
        stands(api, &run, "Sleeping");
        let schema = json!({"title": MARK});
        let put = api.call(Method::PUT, "/api/v1/schemas/blue/only", |it| {
            it.json(&schema)
        });
        assert_eq!(put.status, 200, "{}", put.text);
        let signal = json!({"signal": MARK, "data": {"of": MARK}, "ttl_ms": 3_600_000});
        assert_eq!(api.post("/v1/signals", &signal).status, 200);
        let job = api.post(
            "/api/v1/jobs",
            &json!({"action": "cancel", "filter": {"status": ["Failed"]}}),
        );
        let job = job.json["id"]
            .as_str()
            .map_or_else(|| "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), str::to_owned);
        let (key, _) = key_for(api, MARK, "read");
        Self {
            event,
            run,
            job,
            key,
        }
    }

    /// A path for a route: with what is in `blue` for its parameters.
    fn path(&self, route: &str) -> String {
        let last = |prefix: &str, id: &str| route.starts_with(prefix).then(|| id.to_owned());
        let id = last("/api/v1/events", &self.event)
            .or(last("/v1/events", &self.event))
            .or(last("/api/v1/jobs", &self.job))
            .or(last("/v1/cancellations", &self.job))
            .or(last("/api/v1/keys", &self.key))
            .unwrap_or_else(|| self.run.clone());
        route
            .replace("{id}", &id)
            .replace("{app}", "ledger")
            .replace("{function}", "sleep")
            .replace("{event}", "blue/only")
            .replace("{name}", "blue")
            .replace("{code}", "no_such_run")
            .replace("{key}", "x")
    }
}

/// Everything of `blue`, as its own key sees it.
fn seen(api: &Api, blue: &Blue) -> Vec<Value> {
    [
        format!("/api/v1/runs/{}", blue.run),
        format!("/api/v1/runs/{}/journal", blue.run),
        format!("/api/v1/events/{}", blue.event),
        "/api/v1/schemas".into(),
        "/api/v1/apps".into(),
        "/api/v1/keys".into(),
    ]
    .map(|path| {
        let mut json = api.get(&path).json;
        // A key that is used says when.
        for key in json["data"].as_array_mut().into_iter().flatten() {
            if let Some(key) = key.as_object_mut() {
                key.remove("last_used_at");
            }
        }
        json
    })
    .into()
}

#[test]
fn no_route_reaches_another_environment() {
    let data = folder();
    let server = Server::guarded(data.path(), Some(ADMIN));
    let admin = server.api().with_key(ADMIN, None);
    for name in ["blue", "green"] {
        let made = admin.post("/api/v1/environments", &json!({ "name": name }));
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let blue_admin = server.api().with_key(ADMIN, Some("blue"));
    let blue = Blue::fill(&blue_admin);
    // The strongest key that the other environment has.
    let (_, green) = key_for(
        &server.api().with_key(ADMIN, Some("green")),
        "of green",
        "admin",
    );
    let green = server.api().with_key(&green, None);
    let before = seen(&blue_admin, &blue);
    let secrets: BTreeSet<&str> = [MARK, &blue.event, &blue.run, &blue.key].into();
    let document = green.get("/api/openapi.json").json;
    let mut walked = 0;
    for (route, item) in document["paths"].as_object().expect("paths") {
        for name in item.as_object().expect("methods").keys() {
            let Ok(method) = name.to_uppercase().parse::<Method>() else {
                continue;
            };
            let path = blue.path(route);
            // It goes on for ever: what it says is read below.
            if route == "/api/v1/stream" {
                continue;
            }
            let answer = green.call(method.clone(), &path, |it| it.json(&json!({})));
            walked += 1;
            let text = answer.text.replace(&path, "");
            let body = if answer.status < 400 { &text } else { "" };
            for secret in &secrets {
                assert!(
                    !body.contains(secret),
                    "{method} {path} tells of {secret}: {}",
                    answer.text
                );
            }
            if route.contains("{id}") {
                assert!(answer.status >= 400, "{method} {path}: {}", answer.text);
            }
        }
    }
    assert!(walked > 45, "{walked} routes");
    let mut told = green.stream("/api/v1/stream").lines();
    blue_admin.send("blue/told", &json!({ "of": MARK }));
    green.send("green/told", &json!({}));
    let before_own = told
        .by_ref()
        .map(|line| line.expect("the stream goes on"))
        .take_while(|line| !line.contains("green/told"));
    for line in before_own {
        assert!(!line.contains("blue/told"), "{line}");
    }
    // Asking for it by name does not help either.
    let elsewhere =
        |it: reqwest::blocking::RequestBuilder| it.header("x-abide-environment", "blue");
    assert_eq!(
        green.call(Method::GET, "/api/v1/runs", elsewhere).status,
        403
    );
    // Waits, signals and events of the one are nothing to the other, and what was there is as it was.
    green.post(
        "/v1/signals",
        &json!({"signal": MARK, "data": {}, "ttl_ms": 1_000}),
    );
    green.send("ledger/sleep", &order(MARK, 1, 1));
    assert_eq!(green.get("/api/v1/runs").json["data"], json!([]));
    assert_eq!(seen(&blue_admin, &blue), before);
}
