//! What the examples of flow control promise in their READMEs, beyond the outcome of their events: when things start, what waits for what, what
//! outlives a `kill -9`. Times are compared with each other, as the server recorded them; nothing here waits for the clock.

use abide_e2e::{Api, Server, until};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::examples::{DEV, all_ended, examples, send_file};
use crate::support::{SOON, folder, given_time};

/// One example, served by `abide dev`.
struct Served {
    app: &'static str,
    data: TempDir,
    server: Server,
}

impl Served {
    fn app(app: &'static str) -> Self {
        let data = folder();
        let server = dev(app, &data);
        Self { app, data, server }
    }

    fn api(&self) -> Api {
        self.server.api()
    }

    /// `kill -9`, and the same command again.
    fn crash(self) -> Self {
        let Self { app, data, server } = self;
        server.kill();
        let server = dev(app, &data);
        Self { app, data, server }
    }

    /// Sends a file of the example.
    fn send(&self, file: &str) -> Vec<String> {
        send_file(&self.api(), &examples().join(self.app).join(file))
    }

    /// The ended runs of a file of the example, in the order in which they started; `runs` counts skipped ones too.
    fn outcome(&self, file: &str, runs: usize) -> Vec<Value> {
        let mut ended = all_ended(&self.api(), &self.send(file), runs);
        // A skipped run never started.
        ended.retain(|run| run["status"] != "Skipped");
        ended.sort_by_key(|run| moment(&run["started_at"]));
        ended
    }

    /// All runs of a function, oldest first, with their steps.
    fn runs_of(&self, function: &str) -> Vec<Value> {
        let path = format!("/api/v1/runs?limit=200&function={}/{function}", self.app);
        let list = self.api().get(&path);
        let runs = list.json["data"].as_array().cloned().unwrap_or_default();
        let ids = runs.iter().rev().filter_map(|run| run["run_id"].as_str());
        ids.map(|id| self.api().run(id)).collect()
    }

    /// The one run of a function, once it has ended.
    fn the_run_of(&self, function: &str) -> Value {
        let run = until("it has run", SOON, || self.runs_of(function).pop());
        self.api()
            .ended(run["run_id"].as_str().unwrap_or_default(), SOON)
    }
}

fn dev(app: &str, data: &TempDir) -> Server {
    let _turn = DEV.lock();
    Server::dev(data.path(), &[&examples().join(app)])
}

#[track_caller]
fn moment(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().expect("it has a time");
    text.parse().expect("RFC 3339")
}

/// From when to when each attempt at these runs' steps executed.
fn executions(runs: &[Value], step: &str) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let steps = runs.iter().filter_map(|run| run["steps"].as_array());
    let steps = steps
        .flatten()
        .filter(|it| it["id"].as_str().is_some_and(|id| id.starts_with(step)));
    let attempts = steps
        .filter_map(|step| step["attempts"].as_array())
        .flatten();
    attempts
        .map(|attempt| (moment(&attempt["started_at"]), moment(&attempt["ended_at"])))
        .collect()
}

/// How many of these overlap at most.
fn at_once(spans: &[(DateTime<Utc>, DateTime<Utc>)]) -> usize {
    let at = |time: DateTime<Utc>| {
        let open = |span: &&(DateTime<Utc>, DateTime<Utc>)| span.0 <= time && time < span.1;
        spans.iter().filter(open).count()
    };
    spans.iter().map(|span| at(span.0)).max().unwrap_or(0)
}

fn outputs(runs: &[Value], member: &str) -> Vec<Value> {
    runs.iter()
        .map(|run| run["output"][member].clone())
        .collect()
}

#[test]
fn search_index_collects_until_it_is_quiet_also_across_a_crash() {
    let served = Served::app("search-index");
    let sent = Utc::now();
    let events = served.send("event.json");
    let served = served.crash();
    let mut runs = all_ended(&served.api(), &events, 2);
    runs.sort_by_key(|run| run["event_count"].as_u64());
    assert_eq!(outputs(&runs, "kind"), ["article", "product"]);
    assert_eq!(outputs(&runs, "changes"), [1, 3]);
    for run in &runs {
        let waited = moment(&run["started_at"]) - sent;
        assert!(waited >= chrono::Duration::seconds(2), "{waited}: {run:#}");
    }
}

#[test]
fn notifications_that_are_urgent_do_not_wait_for_the_batch() {
    let served = Served::app("notifications");
    let sent = Utc::now();
    let runs = served.outcome("event.json", 3);
    let subjects = outputs(&runs, "subject");
    assert_eq!(subjects[0], "Urgent: New sign-in from Lima", "it is first");
    let batches = [false, true, true].map(Value::from);
    assert_eq!(
        runs.iter().map(|run| &run["batch"]).collect::<Vec<_>>(),
        batches.iter().collect::<Vec<_>>()
    );
    for batch in &runs[1..] {
        let waited = moment(&batch["started_at"]) - sent;
        assert!(
            waited >= chrono::Duration::seconds(3),
            "{waited}: {runs:#?}"
        );
    }
}

#[test]
fn api_sync_keeps_to_the_contract_of_each_account() {
    let served = Served::app("api-sync");
    let sent = Utc::now();
    let runs = served.outcome("event.json", 5);
    let start = |invoice: &str| {
        let is_it = |run: &&Value| run["output"]["invoice"] == invoice;
        let run = runs.iter().find(is_it).expect("it was handed over");
        moment(&run["started_at"])
    };
    // The throttle lets nobody start before the time; how long a start then takes is the machine's affair.
    let after = |invoice| (start(invoice) - sent).num_milliseconds();
    assert!(after("i-3") >= 1_000, "two at once, then one a second");
    assert!(after("i-4") >= 2_000, "in order: {runs:#?}");
    for at_once in ["i-1", "i-2"] {
        assert!(after(at_once) < after("i-3"), "two at once: {runs:#?}");
    }
    assert!(after("i-5") < after("i-3"), "another account does not wait");
    let busy = &served.runs_of("sync-invoice")[1];
    let tries = busy["steps"][0]["attempts"].as_array().map(Vec::len);
    assert_eq!(tries, Some(3), "twice the partner was busy: {busy:#}");
}

#[test]
fn daily_report_is_due_at_seven_in_berlin_on_working_days() {
    let served = Served::app("daily-report");
    let function = served.api().get("/api/v1/functions/daily-report/report");
    let schedule = &function.json["schedules"][0];
    let ticks = schedule["next"].as_array().cloned().unwrap_or_default();
    assert!(!ticks.is_empty(), "{}", function.text);
    for tick in &ticks {
        let utc = moment(tick).format("%a %H:%M").to_string();
        let (day, time) = utc.split_once(' ').expect("a day and a time");
        assert!(
            time == "05:00" || time == "06:00",
            "summer or winter: {utc}"
        );
        assert!(!["Sat", "Sun"].contains(&day), "{utc}");
    }
    let twice = served.outcome("event-twice.json", 2);
    assert_eq!(twice.len(), 1, "one of the two is skipped");
    let skipped = served.runs_of("report");
    let skipped = skipped.iter().find(|run| run["status"] == "Skipped");
    let why = skipped.and_then(|run| run["skipped_reason"].as_str());
    assert!(why.is_some_and(|why| why.contains("singleton")), "{why:?}");
}

#[test]
fn document_analysis_ends_with_the_document_in_the_middle_of_a_page() {
    let served = Served::app("document-analysis");
    let api = served.api();
    let upload = |document: &str, tenant: &str| {
        let data = json!({"tenant": tenant, "document": document, "pages": 3, "page_ms": 400});
        api.send("document/uploaded", &data)
    };
    let acme: Vec<_> = ["a", "b", "c", "d"].map(|name| upload(name, "acme")).into();
    let other = upload("e", "other");
    let long = json!({"tenant": "third", "document": "long", "pages": 50, "page_ms": 300});
    let long = api.run_of(&api.send("document/uploaded", &long));
    until("the first page is analysed", SOON, || {
        let run = api.run(&long);
        (run["steps"][0]["status"] == "completed").then_some(())
    });
    let deleted = api.send("document/deleted", &json!({"document": "long"}));
    let cancelled = api.ended(&long, SOON);
    assert_eq!(cancelled["status"], "Cancelled");
    let told = cancelled["error"]["message"].as_str().unwrap_or_default();
    assert!(told.contains(&deleted), "it says why: {told}");
    assert_eq!(served.the_run_of("tidy-up")["output"], "long");

    let acme = all_ended(&api, &acme, 4);
    let pages = executions(&acme, "page-");
    assert_eq!(pages.len(), 12);
    assert_eq!(at_once(&pages), 2, "a tenant has two places, and uses them");
    let other = all_ended(&api, &[other], 1);
    let last = acme.iter().map(|run| moment(&run["ended_at"])).max();
    assert!(
        Some(moment(&other[0]["ended_at"])) < last,
        "another tenant does not wait behind them"
    );
}

#[test]
fn bootstrap_works_on_three_parts_at_a_time_and_opens_when_all_are_there() {
    let served = Served::app("bootstrap");
    let runs = served.outcome("event.json", 1);
    let workers = served.runs_of("load-part");
    assert_eq!(workers.len(), 5);
    assert!(at_once(&executions(&workers, "")) <= 3, "{workers:#?}");
    let last = workers.iter().map(|run| moment(&run["ended_at"])).max();
    let opened = executions(&runs, "open-workspace");
    assert!(Some(opened[0].0) >= last, "{runs:#?}");
}

#[test]
fn premium_queue_serves_those_who_pay_first_and_everybody_in_the_end() {
    let served = Served::app("premium-queue");
    let api = served.api();
    let request = |video: &str, plan: &str, takes_ms: u64| {
        let data = json!({"video": video, "plan": plan, "takes_ms": takes_ms});
        api.send("render/requested", &data)
    };
    let mut runs = given_time(|takes_ms| {
        let first = request("first", "free", takes_ms);
        let run = api.run_of(&first);
        until("the renderer is busy", SOON, || {
            api.run(&run)["started_at"].is_string().then_some(())
        });
        let mut events = vec![first];
        events.extend([
            request("free-1", "free", 50),
            request("free-2", "free", 50),
            request("premium", "premium", 50),
            request("enterprise", "enterprise", 50),
        ]);
        // All of them have come while it was busy?
        let still = api.run(&run)["steps"][0]["status"] != "completed";
        let runs = all_ended(&api, &events, 5);
        still.then_some(runs)
    });
    runs.sort_by_key(|run| moment(&run["started_at"]));
    assert_eq!(
        outputs(&runs, "video"),
        ["first", "enterprise", "premium", "free-1", "free-2"]
    );
    assert_eq!(at_once(&executions(&runs, "render")), 1);
}

#[test]
fn circuit_breaker_makes_no_call_while_the_circuit_is_open() {
    let served = Served::app("circuit-breaker");
    let runs = served.outcome("event.json", 4);
    // The first one: a failure that came too late for it is counted by another.
    let breaker = served.runs_of("breaker").remove(0);
    assert_eq!(breaker["output"]["failures"], 3);
    let open = (moment(&breaker["started_at"]), moment(&breaker["ended_at"]));
    // A call begins at the gate. Whoever was through it when the circuit opened may still call.
    let passed = served.runs_of("gate");
    let while_open = passed.iter().filter(|gate| {
        let at = moment(&gate["started_at"]);
        open.0 < at && at < open.1
    });
    assert_eq!(while_open.count(), 0, "{breaker:#}\n{passed:#?}");
    let calls = executions(&runs, "send");
    assert_eq!(calls.len(), passed.len(), "each call passed the gate");
    let before = calls.iter().filter(|call| call.0 < open.0).count();
    assert!(before >= 3, "{before} calls found the gateway down");
    for run in &runs {
        let steps = run["steps"].as_array().into_iter().flatten();
        let sends =
            steps.filter(|step| step["id"].as_str().is_some_and(|id| id.starts_with("send")));
        let sent = sends.filter(|step| step["status"] == "completed");
        assert_eq!(sent.count(), 1, "each text was sent once: {run:#}");
    }
}

#[test]
fn circuit_breaker_keeps_the_circuit_open_across_a_crash() {
    let served = Served::app("circuit-breaker");
    let events = served.send("event.json");
    until("the circuit is open", SOON, || {
        let breaker = served.runs_of("breaker").pop()?;
        breaker["started_at"].is_string().then_some(())
    });
    let served = served.crash();
    let runs = all_ended(&served.api(), &events, 4);
    assert!(runs.iter().all(|run| run["status"] == "Completed"));
    let breakers = served.runs_of("breaker");
    let first = breakers[0]["run_id"].as_str().unwrap_or_default();
    assert_eq!(served.api().ended(first, SOON)["status"], "Completed");
}
