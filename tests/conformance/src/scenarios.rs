//! All scenarios, in the order of `SCENARIOS.md`, which says what the guests do in them.

use abide_core::event::NewEvent;
use serde_json::{Value, json};

use crate::scenario::{Act, Ends, HOUR_MS, MINUTE_MS, SECOND_MS, Scenario, event};
use crate::service::URL;
use crate::stage::BEGINNING_MS;

/// Scenarios that belong together, under the heading that they have in `SCENARIOS.md`.
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// In their order.
    pub scenarios: Vec<Scenario>,
}

/// All of them.
pub fn all() -> Vec<Group> {
    let group = |title, scenarios| Group { title, scenarios };
    vec![
        group("Steps and values", values()),
        group("Time", time()),
        group("Waiting and sending", [waiting(), outside()].concat()),
        group("Requests that the host performs", requests()),
        group("Errors", errors()),
        group("Side by side", branches()),
        group("Other ways to start", started()),
        group("Cheating", cheats()),
        group("Configuration", configuration()),
    ]
}

fn start(id: &str, data: &Value) -> Act {
    Act::Send(event(&format!("conformance/{id}"), data))
}

fn output(value: Value) -> Ends {
    Ends::Output(value)
}

fn values() -> Vec<Scenario> {
    let context = NewEvent {
        id: Some("given-id".into()),
        user: Some(r#"{"id":"u1"}"#.into()),
        ts: Some(1_767_225_600_123),
        v: Some("2".into()),
        ..event("conformance/context", &json!({"n": 1}))
    };
    let seen = json!({
        "id": "given-id", "name": "conformance/context", "data": {"n": 1}, "user": {"id": "u1"},
        "ts": 1_767_225_600_123_u64, "v": "2"
    });
    let text = "héllo \"wörld\" \\ \n\t 日本語 🧭🏽 \u{1} \u{2028} \u{10FFFF}";
    let numbers = r#"{"max":9007199254740991,"min":-9007199254740991,"even":9007199254740992,"huge":1e308,"tiny":5e-324,"zero":-0.0,"tenth":0.1,"i64":"9223372036854775807","odd":"9007199254740993"}"#;
    let same: Value = serde_json::from_str(numbers).unwrap_or_default();
    let numbers = NewEvent {
        data: Some(numbers.into()),
        ..event("conformance/numbers", &json!({}))
    };
    let large = "a".repeat(1 << 20);
    let more = format!("{large}b");
    let load = |keys: &[&str]| keys.iter().map(|key| json!(format!("{key}!"))).collect();
    vec![
        Scenario::plain("run", json!({"first": 1, "second": 2})),
        Scenario::played(
            "context",
            vec![Act::Send(context), Act::Finish],
            output(json!({
                "app": "conformance", "function": "context", "runIdLength": 26, "attempt": 0, "maxAttempts": 1,
                "event": seen, "events": 1
            })),
        ),
        Scenario::plain(
            "values",
            json!([null, true, 0, "", [], {}, {"a": [1, {"b": null}]}]),
        ),
        Scenario::plain("nothing", Value::Null),
        Scenario::started(
            "unicode",
            &json!({"text": text}),
            output(json!({"echoed": text, "same": true})),
        ),
        Scenario::played(
            "numbers",
            vec![Act::Send(numbers), Act::Finish],
            output(json!({
                "same": same, "sum": 0, "tenths": 0.1 + 0.2, "third": 1.0 / 3.0, "negativeZero": true,
                "odd": "9007199254740993"
            })),
        ),
        Scenario::started(
            "large",
            &json!({"text": large}),
            output(json!({"length": more.len(), "text": more})),
        ),
        Scenario::started("keys", &json!({}), Ends::Masked),
        Scenario::played(
            "step-input",
            vec![
                start("step-input", &json!({"n": 3})),
                Act::Finish,
                Act::Replay("square", json!({"n": 5})),
                Act::Finish,
            ],
            output(json!(9)),
        ),
        Scenario::plain("loop", json!([0, 1, 4, 9, 16])),
        Scenario::plain("many", json!(4950)).cut_every(17),
        Scenario::plain("helper", load(&["x", "y", "z"])),
        Scenario::plain("nested-operation", json!({"name": "NestedOperation"})),
    ]
}

fn time() -> Vec<Scenario> {
    let at = BEGINNING_MS + 90 * SECOND_MS;
    vec![
        Scenario::plain("sleep", json!(2_592_001_000_u64)),
        Scenario::started("sleep-until", &json!({"at": at}), output(json!("awake"))),
        Scenario::started("sleep-too-long", &json!({}), Ends::Failure("LimitExceeded")),
    ]
}

fn waiting() -> Vec<Scenario> {
    let answer = |data: Value| Act::Send(event("conformance/answer", &data));
    let answered = |data: Value| output(json!({"name": "conformance/answer", "data": data}));
    let signal = |name: &'static str, data: Value| Act::Signal(name, data);
    vec![
        Scenario::played(
            "wait-match",
            vec![
                start("wait-match", &json!({"key": "a"})),
                answer(json!({"key": "b", "n": 1})),
                answer(json!({"key": "a", "n": 2})),
                Act::Finish,
            ],
            answered(json!({"key": "a", "n": 2})),
        ),
        Scenario::played(
            "wait-if",
            vec![
                start("wait-if", &json!({"above": 5})),
                answer(json!({"n": 5})),
                answer(json!({"n": 6})),
                Act::Finish,
            ],
            answered(json!({"n": 6})),
        ),
        Scenario::plain("wait-timeout", json!({"answer": null})),
        Scenario::played(
            "wait-lookback",
            vec![
                answer(json!({"key": "a", "n": 1})),
                Act::Pass(10 * MINUTE_MS),
                start("wait-lookback", &json!({"key": "a"})),
                Act::Finish,
            ],
            answered(json!({"key": "a", "n": 1})),
        ),
        Scenario::played(
            "signal",
            vec![
                start("signal", &json!({})),
                signal("conformance-approval", json!({"by": "ann"})),
                Act::Finish,
            ],
            output(json!({"by": "ann"})),
        ),
        Scenario::plain("signal-timeout", json!({"approval": null})),
        Scenario::played(
            "signal-conflict",
            vec![
                start("signal-conflict", &json!({})),
                Act::Pass(MINUTE_MS),
                signal("conformance-taken", json!("late")),
                Act::Finish,
            ],
            output(json!(["SignalConflict", "SignalConflict", "late"])),
        ),
    ]
}

fn outside() -> Vec<Scenario> {
    let failed = json!({"name": "InvokeError", "data": {"code": 7}});
    let late = json!({
        "name": "Timeout", "message": "step `call`: the invoked function `callee-sleeps` did not end within 60000 ms",
        "data": null
    });
    vec![
        Scenario::plain("send-signal", json!({"n": 7})),
        Scenario::plain("send-event", json!(1)),
        Scenario::plain("send-events", json!(3)),
        Scenario::started("invoke", &json!({"n": 10}), output(json!({"answer": 40})))
            .with(&["callee"]),
        Scenario::plain("invoke-failed", failed).with(&["callee-fails"]),
        Scenario::plain("invoke-timeout", late).with(&["callee-sleeps"]),
    ]
}

fn requests() -> Vec<Scenario> {
    let asking = |id, value| Scenario::started(id, &json!({"url": URL}), output(value));
    let posted = json!({"method": "POST", "path": "/echo", "key": "k", "body": r#"{"n":1}"#});
    vec![
        asking(
            "fetch",
            json!({"status": 200, "header": "conformance", "body": {"ok": true}, "posted": posted}),
        ),
        asking("fetch-retry", json!({"try": 3})),
        asking("fetch-missing", json!({"status": 404, "body": "not here"})),
        asking("fetch-failed", json!({"name": "NetworkError"})),
        asking("ai-infer", json!("hello")),
        asking(
            "body-http",
            json!({"status": 200, "body": r#"{"ok":true}"#}),
        )
        .reaching_out(),
    ]
}

fn errors() -> Vec<Scenario> {
    let started = |id, ends| Scenario::started(id, &json!({}), ends);
    let at = BEGINNING_MS + 10 * MINUTE_MS;
    let none_left = json!({"name": "OutOfStock", "message": "none left", "data": {"sku": "x"}});
    let bad_input = json!({"name": "BadInput", "message": "bad input", "data": null});
    let told = Scenario::started("on-failure", &json!({"n": 1}), Ends::Failure("Broken"));
    vec![
        Scenario::plain("plain-error", json!({"name": "Error", "message": "plain"})),
        Scenario::plain("retry", json!(2)),
        Scenario::plain("exhausted", none_left),
        started("uncaught", Ends::Failure("OutOfStock")),
        started("uncaught-plain", Ends::Failure("Error")),
        Scenario::plain("non-retriable", bad_input),
        Scenario::started("retry-after", &json!({"at": at}), output(json!(2))),
        Scenario::plain("step-options", json!(["Nope", "Nope"])),
        Scenario::plain("step-timeout", json!("fast")),
        Scenario::plain("outside-steps", json!({"attempt": 2, "last": 2})),
        started("outside-exhausted", Ends::Failure("Outside")),
        started("outside-final", Ends::Failure("Fatal")),
        Scenario::plain(
            "catch",
            json!({"undone": "cancelled F1", "because": "HotelFull"}),
        ),
        told.with(&["on-failure-failure"]),
    ]
}

fn branches() -> Vec<Scenario> {
    vec![
        Scenario::plain("parallel", json!(6)),
        Scenario::plain("parallel-branches", json!(["a1", "b1", "b2", "a2"])),
        Scenario::plain("repeat-parallel", json!([0, 1, 2])),
        Scenario::plain("settled", json!([1, "Bad", null])),
        Scenario::plain("race-cancelled", json!({"winner": "won"})),
        Scenario::plain("race-left", json!({"winner": "won"})),
        Scenario::plain("race-body", json!("won")),
        Scenario::plain("left-behind", json!("done")),
    ]
}

fn started() -> Vec<Scenario> {
    let n = |n: u32| start("batch", &json!({"n": n}));
    vec![
        Scenario::played(
            "batch",
            vec![n(0), n(1), n(2), Act::Finish],
            output(json!({"first": 0, "all": [0, 1, 2]})),
        ),
        Scenario::plain("logs", Value::Null),
        Scenario::plain("spans", Value::Null),
        Scenario::plain("print", Value::Null),
    ]
}

fn cheats() -> Vec<Scenario> {
    let hour = HOUR_MS + 50;
    let network = json!({"url": URL});
    vec![
        Scenario::plain("clock", json!({"spin": 0, "hour": hour})),
        Scenario::plain("body-clock", json!(true)),
        Scenario::plain(
            "randomness",
            json!({"kept": true, "moves": true, "body": true}),
        ),
        Scenario::plain("globals", json!([1, 1, 1, 1])),
        Scenario::plain("captured", json!({"returned": 1, "seen": [0, 0]})),
        Scenario::plain(
            "environment",
            json!({"body": "configured", "workflow": null}),
        ),
        Scenario::started("network", &network, output(json!({"refused": true}))),
        Scenario::plain("hash-order", json!({"count": 20, "kept": true})),
        Scenario::plain("addresses", json!(true)),
    ]
}

fn configuration() -> Vec<Scenario> {
    let shaped = |data: Value| event("conformance/shaped", &data);
    let version = NewEvent {
        v: Some("2".into()),
        ..shaped(json!({"n": "any"}))
    };
    let events = vec![
        Act::Send(shaped(json!({"n": 1}))),
        Act::SendRefused(shaped(json!({"n": "one"}))),
        Act::Send(version),
    ];
    vec![
        Scenario::described("options").with(&["options-failure"]),
        Scenario::described("options-batch"),
        Scenario::described("options-once"),
        Scenario::described("options-none"),
        Scenario::played("shapes", events, Ends::Never).of_the_app(),
    ]
}
