//! The views of journals that were written by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::function::options::EventTrigger;
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::ids::{Digest, EventId, FunctionId, RunId};
use abide_core::journal::{Entry, OpNumber, Outcome, WORKFLOW_OP};
use abide_core::operation::{Fetch, Invoke, Kind};
use abide_core::retry::RetryPolicy;
use abide_core::state::{App, Deployed, LogLevel, LogLine, Registration, Run, RunEnd, RunStatus};
use serde_json::{Value, json};

use super::{
    AppView, EntryView, InngestRun, LogView, Paused, RunDetail, RunView, StepNames, Surroundings,
};

/// 2026-01-01T00:00:00Z
const T0: u64 = 1_767_225_600_000;

fn run(status: RunStatus) -> Run {
    let function = FunctionId::new("shop", "pay");
    Run {
        status,
        started_ms: Some(T0 + 5),
        ended_ms: status.is_final().then_some(T0 + 9_000),
        ..Run::queued(RunId(1), function, Digest([7; 32]), EventId(9), T0)
    }
}

fn started(op: OpNumber, kind: Kind, id: &str, summary: &str) -> Entry {
    Entry::OperationStarted {
        op,
        after: 0,
        kind,
        id: id.into(),
        occurrence: 0,
        digest: 0xFFFF_FFFF_FFFF_FFFF,
        summary: summary.into(),
        at_ms: T0 + 10,
    }
}

fn busy() -> Failure {
    Failure {
        name: "Busy".into(),
        retry: RetryAdvice::After(2_000),
        ..Failure::platform(Origin::Guest, "503 from the gateway")
    }
}

fn body_failed(op: OpNumber, attempt: u32) -> Entry {
    Entry::BodyFailed {
        op,
        attempt,
        failure: busy(),
        started_ms: T0 + 20,
        at_ms: T0 + 120,
        retry_at_ms: T0 + 2_120,
    }
}

fn completed(op: OpNumber, outcome: Outcome, attempts: u32) -> Entry {
    Entry::Completed {
        op,
        outcome,
        attempts,
        started_ms: T0 + 20,
        at_ms: T0 + 60,
    }
}

fn detail(run: &Run, journal: &[Entry], registrations: &[(OpNumber, Registration)]) -> Value {
    let surroundings = Surroundings {
        journal: journal.to_vec(),
        registrations: registrations.to_vec(),
        ..Surroundings::default()
    };
    let detail = RunDetail::new(run, run.status, &surroundings, T0);
    // Through text, as a client gets it.
    serde_json::from_str(&serde_json::to_string(&detail).expect("it serialises"))
        .expect("it is JSON")
}

fn begun(rest: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let first = Entry::AttemptStarted {
        attempt: 0,
        at_ms: T0 + 5,
    };
    [first].into_iter().chain(rest).collect()
}

#[test]
fn a_completed_step_shows_its_result_duration_and_attempt() {
    let mut run = run(RunStatus::Completed);
    run.end = Some(RunEnd::Output("{\"ok\": true}".into()));
    let journal = begun([
        started(0, Kind::Run, "charge", ""),
        completed(0, Outcome::Done("{\"id\": 5}".into()), 1),
        Entry::WorkflowReturned {
            output: "{\"ok\": true}".into(),
            at_ms: T0 + 9_000,
        },
    ]);
    let shown = detail(&run, &journal, &[]);
    assert_eq!(shown["status"], "Completed");
    assert_eq!(shown["function_id"], "shop/pay");
    assert_eq!(shown["queued_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(shown["ended_at"], "2026-01-01T00:00:09.000Z");
    assert_eq!(shown["output"], json!({ "ok": true }));
    assert_eq!(shown["error"], Value::Null);
    assert_eq!(shown["waiting_for"], Value::Null);
    assert_eq!(shown["attempts"][0]["duration_ms"], 8_995);
    let step = &shown["steps"][0];
    assert_eq!(step["id"], "charge");
    assert_eq!(step["status"], "completed");
    assert_eq!(step["result"], json!({ "id": 5 }));
    assert_eq!(step["duration_ms"], 50);
    assert_eq!(step["attempts"][0]["attempt"], 0);
    assert_eq!(step["attempts"][0]["duration_ms"], 40);
}

#[test]
fn a_step_between_attempts_shows_them_and_the_sentence_names_the_next_one() {
    let run = run(RunStatus::Sleeping);
    let journal = begun([
        started(0, Kind::Run, "charge", "retries=7"),
        body_failed(0, 0),
        body_failed(0, 1),
    ]);
    let pending = [(0, Registration::Retry { due_ms: T0 + 2_120 })];
    let shown = detail(&run, &journal, &pending);
    assert_eq!(shown["steps"][0]["status"], "retrying");
    assert_eq!(
        shown["steps"][0]["attempts"][1]["error"]["message"],
        "503 from the gateway"
    );
    assert_eq!(
        shown["steps"][0]["attempts"][1]["retry_at"],
        "2026-01-01T00:00:02.120Z"
    );
    assert_eq!(
        shown["waiting_for"],
        "next attempt 3 of 8 of `charge` at 2026-01-01T00:00:02.120Z: Busy: 503 from the gateway"
    );
}

#[test]
fn an_open_attempt_executes_only_while_its_run_does() {
    let journal = begun([
        started(0, Kind::Run, "charge", ""),
        Entry::BodyStarted {
            op: 0,
            attempt: 0,
            at_ms: T0 + 11,
        },
    ]);
    let status = |status| detail(&run(status), &journal, &[])["steps"][0]["status"].clone();
    assert_eq!(status(RunStatus::Running), "executing");
    assert_eq!(status(RunStatus::Paused), "queued");
    assert_eq!(status(RunStatus::Cancelled), "cancelled");
}

#[test]
fn an_interrupted_attempt_says_what_is_not_known_of_it() {
    let journal = begun([
        started(0, Kind::Run, "charge", ""),
        Entry::BodyReachedOut {
            op: 0,
            attempt: 0,
            at_ms: T0 + 11,
        },
        Entry::BodyInterrupted {
            op: 0,
            attempt: 0,
            started_ms: T0 + 11,
            at_ms: T0 + 900,
        },
        Entry::BodyReachedOut {
            op: 0,
            attempt: 1,
            at_ms: T0 + 901,
        },
    ]);
    let step = &detail(&run(RunStatus::Running), &journal, &[])["steps"][0];
    assert_eq!(step["status"], "executing");
    let attempts = step["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0]["error"]["origin"], "interrupted");
    let message = attempts[0]["error"]["message"].as_str().expect("a text");
    assert!(message.contains("attempt 1") && message.contains("is not known"));
}

/// A request whose third attempt is under way, or due then.
fn fetch(due_ms: Option<u64>) -> Registration {
    Registration::Fetch {
        fetch: Box::new(Fetch {
            method: "GET".into(),
            url: "https://rates.example/v1?key=secret".into(),
            headers: vec![],
            body: None,
            timeout_ms: None,
            retries: None,
            backoff: None,
        }),
        policy: RetryPolicy::default(),
        attempt: 2,
        due_ms,
    }
}

#[test]
fn the_sentence_says_what_is_waited_for_and_until_when() {
    let journal = begun([
        started(0, Kind::WaitForEvent, "approval", "event=payment/approved"),
        started(1, Kind::Sleep, "three-days", "259200000 ms"),
        started(2, Kind::Invoke, "invoice", "function=invoice"),
        started(3, Kind::Fetch, "rates", "GET https://rates.example/v1"),
    ]);
    let event = |match_path: Option<(&str, &str)>, if_expr: Option<&str>| Registration::Event {
        name: "payment/approved".into(),
        match_path: match_path.map(|(path, value)| (path.into(), value.into())),
        if_expr: if_expr.map(Into::into),
        since_ms: None,
        due_ms: T0,
    };
    let invoke = Registration::Invoke {
        invoke: Box::new(Invoke {
            function: "invoice".into(),
            data: None,
            timeout_ms: None,
        }),
        due_ms: T0,
        child: Some(RunId(2)),
    };
    let signal = Registration::Signal {
        name: "go".into(),
        replace: false,
        due_ms: T0,
    };
    let sentence = |op, registration| {
        let shown = detail(&run(RunStatus::Waiting), &journal, &[(op, registration)]);
        shown["waiting_for"]
            .as_str()
            .unwrap_or_default()
            .replace("2026-01-01T00:00:00.000Z", "T")
    };
    assert_eq!(
        sentence(0, event(Some(("data.id", "42")), None)),
        "waits for `payment/approved` where data.id equals 42, until T"
    );
    assert_eq!(
        sentence(0, event(None, Some("async.data.ok"))),
        "waits for `payment/approved` where async.data.ok, until T"
    );
    assert_eq!(
        sentence(0, event(None, None)),
        "waits for `payment/approved`, until T"
    );
    assert_eq!(
        sentence(1, Registration::Sleep { due_ms: T0 }),
        "sleeps until T"
    );
    assert_eq!(sentence(1, signal), "waits for the signal `go`, until T");
    assert_eq!(
        sentence(2, invoke),
        "waits for the function `invoice` (run 00000000000000000000000002), until T"
    );
    assert_eq!(
        sentence(3, fetch(None)),
        "waits for the answer to `rates` (GET https://rates.example/v1), attempt 3 of 5"
    );
    assert_eq!(
        sentence(3, fetch(Some(T0))),
        "next attempt 3 of 5 of `rates` (GET https://rates.example/v1) at T"
    );
    let start = Registration::Start { due_ms: T0 };
    assert_eq!(
        sentence(WORKFLOW_OP, start),
        "starts at T, the time of its event"
    );
}

#[test]
fn several_pending_operations_make_one_sentence() {
    let journal = begun([]);
    let pending: Vec<_> = (0..5)
        .map(|op| (op, Registration::Sleep { due_ms: T0 }))
        .collect();
    let shown = detail(&run(RunStatus::Sleeping), &journal, &pending);
    let sentence = shown["waiting_for"].as_str().unwrap_or_default();
    assert_eq!(sentence.matches("sleeps until").count(), 3);
    assert!(sentence.ends_with("; and 2 more"), "{sentence}");
}

#[test]
fn a_later_attempt_at_the_workflow_code_takes_steps_over() {
    let journal = begun([
        started(0, Kind::Run, "a", ""),
        completed(0, Outcome::Done("1".into()), 1),
        Entry::WorkflowFailed {
            failure: busy(),
            at_ms: T0 + 100,
            retry_at_ms: Some(T0 + 200),
        },
        Entry::AttemptStarted {
            attempt: 1,
            at_ms: T0 + 200,
        },
        started(0, Kind::Run, "a", ""),
        Entry::Recalled {
            op: 0,
            at_ms: T0 + 201,
        },
        started(1, Kind::WaitForEvent, "b", ""),
        completed(1, Outcome::Empty, 0),
        started(2, Kind::Sleep, "c", ""),
        Entry::Cancelled {
            op: 2,
            at_ms: T0 + 300,
        },
    ]);
    let shown = detail(&run(RunStatus::Running), &journal, &[]);
    let stands: Vec<_> = shown["steps"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|step| step["status"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(stands, ["completed", "timed_out", "cancelled"]);
    assert_eq!(shown["attempts"][0]["error"]["name"], "Busy");
    assert_eq!(shown["attempts"][0]["retry_at"], "2026-01-01T00:00:00.200Z");
    assert_eq!(shown["attempts"][1]["ended_at"], Value::Null);
}

#[test]
fn the_next_attempt_at_the_workflow_code_is_named() {
    let journal = begun([Entry::WorkflowFailed {
        failure: busy(),
        at_ms: T0 + 100,
        retry_at_ms: Some(T0),
    }]);
    let pending = [(WORKFLOW_OP, Registration::Retry { due_ms: T0 })];
    let shown = detail(&run(RunStatus::Sleeping), &journal, &pending);
    let sentence = shown["waiting_for"].as_str().unwrap_or_default();
    assert!(
        sentence.starts_with("next attempt 2 of 5 of the workflow code at "),
        "{sentence}"
    );
}

#[test]
fn an_entry_about_an_unknown_step_is_passed_over() {
    let shown = detail(&run(RunStatus::Running), &begun([body_failed(7, 0)]), &[]);
    assert_eq!(shown["steps"], json!([]));
}

#[test]
fn a_paused_run_says_why() {
    let mut run = run(RunStatus::Paused);
    run.end = Some(RunEnd::Failure(Failure::permanent(
        Origin::Limit,
        "step 3 differs\nand so on",
    )));
    let shown = detail(&run, &[], &[]);
    assert_eq!(
        shown["waiting_for"],
        "is paused: LimitExceeded: step 3 differs"
    );
    assert_eq!(shown["error"]["origin"], "limit");
}

#[test]
fn inngest_knows_four_words_and_the_error_is_the_output() {
    let shown = |run: &Run| serde_json::to_value(InngestRun::from(run)).expect("it serialises");
    for status in RunStatus::ALL {
        let expected = match status {
            RunStatus::Skipped => "Cancelled",
            ended if ended.is_final() => ended.as_str(),
            _ => "Running",
        };
        assert_eq!(shown(&run(status))["status"], expected);
    }
    let mut failed = run(RunStatus::Failed);
    failed.end = Some(RunEnd::Failure(busy()));
    assert_eq!(shown(&failed)["output"]["name"], "Busy");
    failed.status = RunStatus::Paused;
    assert_eq!(shown(&failed)["output"], Value::Null);
    let mut skipped = run(RunStatus::Skipped);
    skipped.end = Some(RunEnd::Skipped("a run is alive".into()));
    assert_eq!(shown(&skipped)["output"]["message"], "a run is alive");
}

#[test]
fn what_executes_now_is_running_although_its_record_says_queued() {
    let view = RunView::new(&run(RunStatus::Queued), RunStatus::Running);
    assert_eq!(
        serde_json::to_value(view).expect("it serialises")["status"],
        "Running"
    );
}

#[test]
fn every_entry_has_a_type_and_its_index() {
    let journal = begun([
        started(0, Kind::Run, "a", ""),
        body_failed(0, 0),
        completed(0, Outcome::Failed(busy()), 2),
    ]);
    let shown: Vec<Value> = journal
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let text = serde_json::to_string(&EntryView::new(index, entry)).expect("it serialises");
            serde_json::from_str(&text).expect("it is JSON")
        })
        .collect();
    let types: Vec<_> = shown
        .iter()
        .map(|entry| entry["type"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        types,
        [
            "attempt_started",
            "operation_started",
            "body_failed",
            "completed"
        ]
    );
    assert_eq!(shown[1]["digest"], "ffffffffffffffff");
    assert_eq!(shown[3]["index"], 3);
    assert_eq!(shown[3]["error"]["name"], "Busy");
}

#[test]
fn a_log_line_names_its_step() {
    let line = |op| LogLine {
        at_ms: T0,
        op,
        attempt: 0,
        level: LogLevel::Warn,
        message: "hm".into(),
        fields: Some(r#"{"b":1.50,"a":"<"}"#.into()),
        cut: 9,
    };
    let names = StepNames::of(&begun([started(0, Kind::Run, "a", "")]));
    let shown = |op| serde_json::to_value(LogView::new(&line(op), &names)).expect("it serialises");
    assert_eq!(shown(Some(0))["step"], "a");
    assert_eq!(shown(Some(4))["step"], "step 4");
    assert_eq!(shown(None)["step"], Value::Null);
    assert_eq!(shown(None)["level"], "warn");
    assert_eq!(shown(None)["cut_bytes"], 9);
    let text = serde_json::to_string(&LogView::new(&line(None), &names)).expect("it serialises");
    assert!(text.contains(r#""fields":{"b":1.50,"a":"<"}"#), "{text}");
}

#[test]
fn an_app_keeps_the_values_of_its_variables_to_itself() {
    let app = App {
        id: Arc::from("shop"),
        current: Deployed {
            digest: Digest([1; 32]),
            at_ms: T0,
            bytes: 46_000,
            functions: vec![FunctionConfig {
                id: "pay".into(),
                triggers: vec![Trigger::Event(EventTrigger {
                    event: "order/placed".into(),
                    if_expr: Some("event.data.total > 5".into()),
                })],
                ..FunctionConfig::default()
            }],
            schemas: vec![],
        },
        variables: BTreeMap::from([("TOKEN".to_owned(), "hush".to_owned())]),
        allow_net: vec![],
        deployments: 2,
    };
    let text =
        serde_json::to_string(&AppView::new(&app, &Paused::default())).expect("it serialises");
    assert!(text.contains("TOKEN") && !text.contains("hush"), "{text}");
    let shown: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(shown["functions"][0]["id"], "shop/pay");
    assert_eq!(shown["functions"][0]["retries"], 4);
    assert_eq!(
        shown["functions"][0]["triggers"][0]["if"],
        "event.data.total > 5"
    );
}

#[test]
fn times_beyond_the_calendar_are_shown_all_the_same() {
    assert_eq!(
        super::value::Time(u64::MAX).to_string(),
        "9999-12-31T23:59:59.999Z"
    );
    assert_eq!(
        super::value::Time(0).to_string(),
        "1970-01-01T00:00:00.000Z"
    );
}
