//! What was deployed, and what is due: an app's deployments and the schedules of all apps, through the API.

use std::collections::BTreeSet;

use abide_e2e::{Api, Server, guest};
use serde_json::{Value, json};

use crate::keys::ADMIN;
use crate::support::{SOON, deploy, folder, order, stands};

/// Deploys the ledger with a custom section, which makes it another component of the same code. Its digest.
#[track_caller]
fn deploy_version(api: &Api, version: u8) -> String {
    let mut component = std::fs::read(guest("ledger")).expect("the component is there");
    component.extend([0, 3, 1, b'v', version]);
    let answer = api.deploy_bytes("ledger", component, "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["digest"].as_str().expect("a digest").to_owned()
}

#[track_caller]
fn list(api: &Api, path: &str) -> Vec<Value> {
    let answer = api.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json["data"].as_array().expect("a list").clone()
}

/// Of each deployment, newest first: its number, digest, whether it is served, and the runs on it.
#[track_caller]
fn deployments(api: &Api) -> Vec<(Value, Value, Value, Value)> {
    let listed = list(api, "/api/v1/apps/ledger/deployments");
    let member = |it: &Value, name: &str| it[name].clone();
    let row = |it: &Value| {
        let runs = member(&it["pinned"], "runs");
        (
            member(it, "number"),
            member(it, "digest"),
            member(it, "served"),
            runs,
        )
    };
    listed.iter().map(row).collect()
}

#[test]
fn an_app_tells_what_was_served_by_whom_and_which_runs_are_still_on_it() {
    let data = folder();
    let server = Server::guarded(data.path(), Some(ADMIN));
    let admin = server.api().with_key(ADMIN, None);
    let key = |role: &str| {
        let made = admin.post(
            "/api/v1/keys",
            &json!({"name": format!("the {role} key"), "role": role}),
        );
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["key"].as_str().expect("a key").to_owned()
    };
    let pipeline = server.api().with_key(&key("deploy"), None);
    let operator = server.api().with_key(&key("operate"), None);

    let first = deploy_version(&pipeline, 1);
    let run = admin.run_of(&admin.send("ledger/wait", &order("pinned", 0, 0)));
    stands(&admin, &run, "Waiting");
    let second = deploy_version(&pipeline, 2);
    let refused = operator.deploy("ledger", &guest("operate"), "");
    assert_eq!(
        (refused.status, &refused.json["code"]),
        (403, &json!("role_missing"))
    );
    let unfit = pipeline.deploy_bytes("ledger", b"no component".to_vec(), "");
    assert_eq!(unfit.status, 422, "{}", unfit.text);
    // Back to what was good.
    assert_eq!(deploy_version(&admin, 1), first);
    let row = |number: u32, digest: &str, served: bool, runs: u32| {
        (json!(number), json!(digest), json!(served), json!(runs))
    };
    let expected = [
        row(3, &first, true, 1),
        row(2, &second, false, 0),
        row(1, &first, false, 1),
    ];
    assert_eq!(deployments(&operator), expected);
    let shown = list(&operator, "/api/v1/apps/ledger/deployments");
    assert_eq!(shown[1]["deployed_by"], "the deploy key");
    assert_ne!(shown[0]["deployed_by"], "the deploy key");
    assert_eq!(shown[0]["language"], "Rust", "{:#}", shown[0]);
    let functions = shown[0]["functions"].as_array().expect("functions");
    assert!(functions.contains(&json!("waiter")), "{functions:?}");
    let unknown = operator.get("/api/v1/apps/nobody/deployments");
    assert_eq!(
        (unknown.status, &unknown.json["code"]),
        (404, &json!("no_such_app"))
    );

    server.kill();
    let server = Server::guarded(data.path(), Some(ADMIN));
    let admin = server.api().with_key(ADMIN, None);
    assert_eq!(deployments(&admin), expected);
    admin.send("ledger/go", &json!({"key": "pinned", "value": 3}));
    admin.ended(&run, SOON);
    let over: Vec<_> = deployments(&admin).into_iter().map(|it| it.3).collect();
    assert_eq!(over, [json!(0), json!(0), json!(0)]);
}

#[test]
fn schedules_of_all_apps_are_listed_by_their_next_tick_and_go_with_their_code() {
    let data = folder();
    let server = Server::serve(data.path());
    let api = server.api();
    assert_eq!(list(&api, "/api/v1/schedules"), [] as [Value; 0]);
    deploy(&api, "golden", "golden");
    deploy(&api, "soak", "soak");
    let ids = |api: &Api| {
        let listed = list(api, "/api/v1/schedules");
        let ids = listed
            .iter()
            .map(|it| it["function_id"].as_str().expect("an id").to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let both = ["golden/nightly", "soak/every-minute"].map(str::to_owned);
    assert_eq!(ids(&api), both.clone().into());
    let listed = list(&api, "/api/v1/schedules");
    let first = |n: usize| listed[n]["next"][0].as_str().expect("a tick");
    assert!(first(0) <= first(1), "{listed:#?}");

    // One function says the same.
    let nightly = |api: &Api| {
        let listed = list(api, "/api/v1/schedules").into_iter();
        let mut nightly = listed.filter(|it| it["function_id"] == "golden/nightly");
        nightly.next().expect("it is listed")
    };
    let own = api.get("/api/v1/functions/golden/nightly").json["schedules"][0].clone();
    assert_eq!(
        (&own["cron"], &own["next"]),
        (&nightly(&api)["cron"], &nightly(&api)["next"])
    );
    let paused = api.post("/api/v1/functions/golden/nightly/pause", &json!({}));
    assert_eq!(paused.status, 200, "{}", paused.text);
    assert!(nightly(&api)["paused_at"].is_string());

    server.kill();
    let server = Server::serve(data.path());
    let api = server.api();
    assert!(nightly(&api)["paused_at"].is_string());
    assert_eq!(ids(&api), both.into());
    // Code without the schedule takes its place.
    deploy(&api, "soak", "operate");
    assert_eq!(ids(&api), ["golden/nightly".to_owned()].into());
}
