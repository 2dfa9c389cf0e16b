//! Taking out, bringing in, backing up and examining on servers that ask for keys: with the key that it takes, with weaker ones, with
//! one of another server and with none; and a restored server with several environments that worked while it was backed up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use abide_e2e::{Api, Run, Server, until};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::keys::ADMIN;
use crate::support::{SOON, deploy, folder, order};

/// A server that asks for keys.
struct Guarded {
    data: TempDir,
    server: Server,
    admin: Api,
}

impl Guarded {
    fn start() -> Self {
        let data = folder();
        let server = Server::guarded(data.path(), Some(ADMIN));
        let admin = server.api().with_key(ADMIN, None);
        Self {
            data,
            server,
            admin,
        }
    }

    fn of(&self, environment: &str) -> Api {
        self.server.api().with_key(ADMIN, Some(environment))
    }

    /// A new key of this role, for the default environment.
    fn key(&self, role: &str) -> String {
        key(&self.admin, role)
    }

    /// A command with this key, or with none.
    fn abide(&self, key: Option<&str>, arguments: &[&str]) -> Run {
        let run = Run::abide(arguments).env("ABIDE_URL", self.server.url());
        // An empty variable is none.
        run.env("ABIDE_API_KEY", key.unwrap_or_default())
    }
}

/// A new key of this role, for the environment of whoever makes it.
#[track_caller]
fn key(admin: &Api, role: &str) -> String {
    let made = admin.post("/api/v1/keys", &json!({"name": role, "role": role}));
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["key"].as_str().expect("a key").to_owned()
}

#[track_caller]
fn list(api: &Api, path: &str) -> Vec<Value> {
    let answer = api.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json["data"].as_array().expect("a list").clone()
}

#[test]
fn a_run_is_taken_out_by_who_may_read_and_brought_in_by_who_may_operate() {
    let (here, there) = (Guarded::start(), Guarded::start());
    deploy(&here.admin, "ledger", "ledger");
    let done = here
        .admin
        .outcome("ledger/sequence", &order("done", 3, 0), SOON);
    let id = done["run_id"].as_str().expect("an id");

    let export = ["export", "run", id, "--with-component"];
    let (sender, reader) = (here.key("send"), here.key("read"));
    let foreign = there.key("admin");
    for (key, words) in [
        (None, ["needs a key", "--key-file"]),
        (Some(&*sender), ["`read`", "`send`"]),
        (Some(&foreign), ["ABIDE_API_KEY", "another"]),
    ] {
        here.abide(key, &export).run().refused(1, &words);
    }
    let document = here.abide(Some(&reader), &export).run().done().stdout;
    for secret in [&*sender, &reader, ADMIN] {
        assert!(!document.contains(secret), "a key is in the document");
    }

    let import = ["import", "-", "--check", "--json"];
    for (key, words) in [
        (None, ["needs a key", "--key-file"]),
        (Some(&*there.key("read")), ["`operate`", "`read`"]),
        (Some(&reader), ["ABIDE_API_KEY", "another"]),
    ] {
        let run = there.abide(key, &import).stdin(&document);
        run.run().refused(1, &words);
    }
    assert_eq!(list(&there.admin, "/api/v1/runs"), [] as [Value; 0]);
    let operator = there.key("operate");
    let run = there.abide(Some(&operator), &import).stdin(&document);
    let told = run.run().done().json();
    assert_eq!(
        (&told["imported"], &told["replay"]["fits"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(there.admin.run(id)["output"], done["output"]);
    let audit = list(&there.admin, "/api/v1/audit");
    let imported =
        |line: &Value| line["action"] == "POST /api/v1/import" && line["outcome"] == "done";
    assert!(audit.iter().any(imported), "{audit:#?}");
}

#[test]
fn a_backup_takes_an_admin_of_the_whole_server_and_the_doctor_tells_who_may_not_look() {
    let here = Guarded::start();
    let made = here
        .admin
        .post("/api/v1/environments", &json!({"name": "blue"}));
    assert_eq!(made.status, 201, "{}", made.text);
    let folder = folder();
    let file = folder.path().join("abide.backup");
    let backup = ["backup", &*file.to_string_lossy()];
    let whole = ["for all environments", "`admin` in the environment"];
    for (key, words) in [
        (None, ["needs a key", "--key-file"]),
        (
            Some(here.key("deploy")),
            ["for all environments", "`deploy`"],
        ),
        (Some(here.key("admin")), whole),
        (Some(key(&here.of("blue"), "admin")), whole),
    ] {
        here.abide(key.as_deref(), &backup).run().refused(1, &words);
        let left = std::fs::read_dir(folder.path())
            .expect("the folder")
            .count();
        assert_eq!(left, 0, "a refused backup leaves a file");
    }
    let _ = here.abide(Some(ADMIN), &backup).run().done();
    assert!(file.exists());

    let data = here.data.path().to_string_lossy().into_owned();
    let looked = |key: Option<&str>| {
        let ran = here
            .abide(key, &["doctor", "--data", &data, "--json"])
            .run();
        let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let findings = told["findings"].as_array().expect("findings").clone();
        let of = |check: &str| {
            let found = findings.iter().find(|finding| finding["check"] == check);
            found
                .unwrap_or_else(|| panic!("no {check}: {findings:#?}"))
                .clone()
        };
        assert_eq!(of("server")["level"], "ok", "health is anybody's");
        assert_eq!(of("store")["level"], "ok", "{}", of("store"));
        let keys = of("keys");
        let said = format!("{}: {}", keys["level"], keys["found"]);
        said.replace('"', "")
    };
    let _idle = here.key("read");
    assert_eq!(looked(Some(ADMIN)), "warning: these were never used: read");
    for (key, words) in [
        (None, "needs a key"),
        (Some(here.key("operate")), "`admin`"),
        (Some("abide_sk_00".to_owned()), "checksum"),
    ] {
        let said = looked(key.as_deref());
        assert!(
            said.starts_with("ok: not looked at: ") && said.contains(words),
            "{said}"
        );
    }
}

/// What must be in one environment.
struct Told {
    /// Internal ids of events, and the keys of their orders.
    events: BTreeMap<String, String>,
    /// A key that was made before the backup.
    reader: String,
}

/// Sends orders until it is over; what was acknowledged before the backup was asked for: internal ids, and the orders' keys.
fn keep_busy(
    api: &Api,
    name: &str,
    asked: &AtomicBool,
    over: &AtomicBool,
) -> BTreeMap<String, String> {
    let mut events = BTreeMap::new();
    for n in 0_u32.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{name}-{n}");
        let mut data = order(&key, 3, 0);
        // Every other one is kept in a file of its own.
        data["padding"] = json!("p".repeat(6_000 * usize::try_from(n % 2).expect("small")));
        let event = api.send("ledger/sequence", &data);
        if !asked.load(Ordering::SeqCst) {
            events.insert(event, key);
        }
    }
    events
}

/// Lets the load end, also when the test fails.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The other two things that an environment holds: a schema and a webhook.
fn furnish(api: &Api, name: &str) {
    deploy(api, "ledger", "ledger");
    let schema = json!({"title": name, "required": ["of"]});
    let path = format!("/api/v1/schemas/{name}/checked");
    let put = api.call(Method::PUT, &path, |it| it.json(&schema));
    assert_eq!(put.status, 200, "{}", put.text);
    let hook =
        json!({"name": format!("{name}-hook"), "provider": "github", "secret": "s".repeat(32)});
    let made = api.post("/api/v1/webhooks", &hook);
    assert_eq!(made.status, 201, "{}", made.text);
}

/// Everything of an environment is in the restored server, and nothing of another one.
fn is_whole(server: &Server, name: &str, told: &Told, others: &[&Told]) {
    let api = server.api().with_key(&told.reader, None);
    assert!(
        told.events.len() > 5,
        "{name}: {} events",
        told.events.len()
    );
    for (event, key) in &told.events {
        let run = api.ended(&api.run_of(event), SOON);
        assert_eq!(run["status"], "Completed", "{name}: {run:#}");
        let shown = api.get(&format!("/api/v1/events/{event}")).json;
        assert_eq!(shown["data"]["key"], json!(key), "{name}");
    }
    for event in others.iter().flat_map(|other| other.events.keys()) {
        let shown = api.get(&format!("/api/v1/events/{event}"));
        assert_eq!(shown.status, 404, "{name} shows an event of another");
    }
    let schemas = list(&api, "/api/v1/schemas");
    let names: Vec<_> = schemas
        .iter()
        .map(|schema| schema["event"].clone())
        .collect();
    assert_eq!(names, [json!(format!("{name}/checked"))]);
    let hooks = list(&api, "/api/v1/webhooks");
    let names: Vec<_> = hooks.iter().map(|hook| hook["name"].clone()).collect();
    assert_eq!(names, [json!(format!("{name}-hook"))]);
    // It goes on, by the same rules.
    let admin = server.api().with_key(ADMIN, Some(name));
    let refused = admin.post(
        "/e/x",
        &json!({"name": format!("{name}/checked"), "data": {}}),
    );
    assert_eq!(refused.status, 400, "{}", refused.text);
    let run = admin.outcome(
        "ledger/sequence",
        &order(&format!("{name}-after"), 2, 0),
        SOON,
    );
    assert_eq!(run["status"], "Completed", "{run:#}");
}

#[test]
fn a_server_with_three_environments_is_backed_up_under_load_and_each_goes_on_elsewhere() {
    let here = Guarded::start();
    for name in ["blue", "green"] {
        let made = here
            .admin
            .post("/api/v1/environments", &json!({ "name": name }));
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let names = ["default", "blue", "green"];
    let apis = names.map(|name| here.of(name));
    for (name, api) in names.iter().zip(&apis) {
        furnish(api, name);
    }
    // A key of before the backup, and one that was revoked.
    let early = apis.each_ref().map(|api| key(api, "read"));
    let gone = here
        .admin
        .post("/api/v1/keys", &json!({"name": "gone", "role": "admin"}));
    let id = gone.json["id"].as_str().expect("an id").to_owned();
    let revoked = here
        .admin
        .post(&format!("/api/v1/keys/{id}/revoke"), &json!({}));
    assert_eq!(revoked.status, 200, "{}", revoked.text);

    let folder = folder();
    let file = folder.path().join("abide.backup");
    let (asked, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let told = std::thread::scope(|scope| {
        let load = names.iter().zip(&apis);
        let load: Vec<_> = load
            .map(|(name, api)| scope.spawn(|| keep_busy(api, name, &asked, &over)))
            .collect();
        let ends = Ends(&over);
        for api in &apis {
            until("some load", SOON, || {
                (list(api, "/api/v1/runs?limit=20").len() > 10).then_some(())
            });
        }
        asked.store(true, Ordering::SeqCst);
        let path = file.to_string_lossy().into_owned();
        let ran = here.abide(Some(ADMIN), &["backup", &path, "--json"]).run();
        drop(ends);
        let told: Vec<_> = load
            .into_iter()
            .map(|it| it.join().expect("it ends"))
            .collect();
        let _ = ran.done();
        told
    });
    let told = told.into_iter().zip(early);
    let told: Vec<_> = told
        .map(|(events, reader)| Told { events, reader })
        .collect();
    here.server.kill();

    let elsewhere = folder.path().join("elsewhere");
    let server = restored(&file, &elsewhere);
    for (at, name) in names.iter().enumerate() {
        let (own, others): (Vec<_>, Vec<_>) = told.iter().enumerate().partition(|(n, _)| *n == at);
        let others: Vec<_> = others.into_iter().map(|(_, told)| told).collect();
        is_whole(&server, name, own[0].1, &others);
    }
    let gone = gone.json["key"].as_str().expect("a key");
    assert_eq!(
        server.api().with_key(gone, None).get("/api/v1/runs").status,
        401
    );
    let listed = list(&server.api().with_key(ADMIN, None), "/api/v1/environments");
    assert_eq!(listed.len(), 3, "{listed:#?}");
    drop(server);
    let data = elsewhere.to_string_lossy().into_owned();
    let checked = Run::abide(["store", "check", "--json", "--data", &data])
        .run()
        .done()
        .json();
    assert_eq!(
        (
            &checked["sound"],
            checked["stores"].as_array().map(Vec::len)
        ),
        (&json!(true), Some(4))
    );
}

/// A server over what a backup holds.
fn restored(file: &Path, data: &Path) -> Server {
    let [from, to] = [file, data].map(|path| path.to_string_lossy().into_owned());
    let _ = Run::abide(["restore", &from, "--data", &to]).run().done();
    Server::guarded(data, Some(ADMIN))
}
