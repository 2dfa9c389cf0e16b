//! Pages over hostile data: whatever guests and senders wrote is text.

use std::sync::Arc;

use abide_core::event::{EventSource, NewEvent};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::{Digest, EventId, FunctionId, RunId};
use abide_core::journal::{Entry, Outcome};
use abide_core::operation::Kind;
use abide_core::state::{
    JournalChunk, LogLevel, LogLine, Registration, Run, RunEnd, RunStatus, Write,
};
use abide_server::http::HttpConfig;
use axum::http::StatusCode;

use super::http_support::{FAR, Served, T0, WAITING, three_runs};

const HOSTILE: &str = "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}\u{0}\u{1b}[31m";
const EVENT: EventId = EventId((T0 as u128) << 80 | 0x11);
const FAILED: RunId = RunId((T0 as u128) << 80 | 0x12);
const LONG: RunId = RunId((T0 as u128) << 80 | 0x13);

fn run(id: RunId, status: RunStatus, end: Option<RunEnd>, entries: usize) -> Write {
    Write::PutRun(Arc::new(Run {
        status,
        started_ms: Some(T0 + 1),
        ended_ms: status.is_final().then_some(T0 + 100),
        end,
        entries: u32::try_from(entries).expect("few"),
        log_chunks: 1,
        ..Run::queued(
            id,
            FunctionId::new("shop", "pay"),
            Digest([7; 32]),
            EVENT,
            T0,
        )
    }))
}

fn started(op: u32, id: &str) -> Entry {
    Entry::OperationStarted {
        op,
        after: 0,
        kind: Kind::Run,
        id: id.into(),
        occurrence: 0,
        digest: 1,
        summary: HOSTILE.into(),
        at_ms: T0 + 2,
    }
}

fn hostile() -> Vec<Write> {
    let data = serde_json::json!({ "x": HOSTILE }).to_string();
    let event = NewEvent {
        name: HOSTILE.into(),
        data: Some(data.as_str().into()),
        ts: Some(T0),
        ..NewEvent::default()
    };
    let failure = || Failure {
        name: HOSTILE.into(),
        stack: Some(HOSTILE.into()),
        data: Some(data.as_str().into()),
        ..Failure::permanent(Origin::Guest, HOSTILE)
    };
    let entries = vec![
        Entry::AttemptStarted {
            attempt: 0,
            at_ms: T0 + 1,
        },
        started(0, HOSTILE),
        Entry::Input {
            op: 0,
            input: data.as_str().into(),
            replaced: false,
        },
        Entry::Completed {
            op: 0,
            outcome: Outcome::Failed(failure()),
            attempts: 1,
            started_ms: T0 + 3,
            at_ms: T0 + 50,
        },
    ];
    let line = LogLine {
        at_ms: T0 + 4,
        op: Some(0),
        attempt: 0,
        level: LogLevel::Error,
        message: HOSTILE.into(),
        fields: Some(data.as_str().into()),
        cut: 0,
    };
    vec![
        Write::PutEvent(Arc::new(event.accept(EVENT, T0, EventSource::Api))),
        Write::LinkEvent {
            event: EVENT,
            run: FAILED,
        },
        run(
            FAILED,
            RunStatus::Failed,
            Some(RunEnd::Failure(failure())),
            entries.len(),
        ),
        Write::AppendJournal {
            run: FAILED,
            chunk: JournalChunk { first: 0, entries },
        },
        Write::AppendLog {
            run: FAILED,
            chunk: 0,
            lines: vec![line],
        },
        Write::Register {
            run: WAITING,
            op: 0,
            registration: Arc::new(Registration::Event {
                name: HOSTILE.into(),
                match_path: Some(("data.id".into(), format!("{HOSTILE:?}"))),
                if_expr: Some(HOSTILE.into()),
                since_ms: None,
                due_ms: FAR,
            }),
        },
    ]
}

/// No tag, no attribute and no control character of hostile text is any.
fn is_text_alone(page: &str) {
    assert!(
        page.contains("&lt;script&gt;alert(1)"),
        "it is shown: {page}"
    );
    for markup in [
        "<script>alert",
        "<img src=x",
        "</pre></script>",
        "\u{202e}",
        "\u{0}",
        "\u{1b}",
    ] {
        assert!(!page.contains(markup), "{markup:?} in {page}");
    }
    assert!(
        page.contains("⟨U+202E⟩") && page.contains("␛[31m"),
        "{page}"
    );
    assert_eq!(page.matches("<script").count(), 1, "our own alone");
    assert!(!page.contains(" style=") && !page.contains("javascript:"));
}

/// The page without what its text fields hold.
fn without_fields(page: &str) -> String {
    let mut parts = page.split("<input ");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (field, after) = part.split_once('>').unwrap_or_default();
        assert!(!field.contains('<'), "{field}");
        rest += after;
    }
    rest
}

#[tokio::test]
async fn whatever_guests_and_senders_wrote_is_text() {
    let mut writes = three_runs();
    writes.extend(hostile());
    let served = Served::with(&writes, HttpConfig::default()).await;
    for path in [
        "/runs".to_owned(),
        format!("/runs/{FAILED}"),
        format!("/runs/{WAITING}"),
    ] {
        let page = served.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        // What somebody may change in a field stays as it is there.
        is_text_alone(&without_fields(&page.text));
    }
    let page = served
        .get("/runs?if=%3C%2Fpre%3E%3Cscript%3Ealert(1)%22%3E")
        .await;
    assert_eq!(page.status, StatusCode::OK, "the page says what is wrong");
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let page = served
        .get("/runs/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
}

#[tokio::test]
async fn a_run_says_why_it_waits_and_offers_what_ends_the_waiting() {
    let served = Served::with(&three_runs(), HttpConfig::default()).await;
    let page = served.get(&format!("/runs/{WAITING}")).await.text;
    assert!(
        page.contains("Waits for <code>payment/approved</code> where data.id equals 42"),
        "{page}"
    );
    assert!(
        page.contains("&quot;id&quot;: 42"),
        "the form's data matches: {page}"
    );
    for name in [
        "button-cancel",
        "button-pause",
        "button-send",
        "link-export",
    ] {
        assert!(page.contains(name), "{name}");
    }
    assert!(!page.contains("button-replay"), "it has not ended");
    let counted = served.get("/runs/bulk?action=cancel").await.text;
    assert!(counted.contains("Cancel 1 run"), "{counted}");
    let back = served
        .post(&format!("/runs/{WAITING}/cancel"), "reason=enough")
        .await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    let page = served.get(&format!("/runs/{WAITING}")).await.text;
    assert!(
        page.contains("data-status=\"cancelled\"") && page.contains("enough"),
        "{page}"
    );
}

#[tokio::test]
async fn a_long_run_is_shown_in_parts() {
    let mut entries = vec![Entry::AttemptStarted {
        attempt: 0,
        at_ms: T0 + 1,
    }];
    let result = format!("\"{}\"", "x".repeat(20_000));
    for op in 0..1_000 {
        entries.push(started(op, &format!("step-{op}")));
        entries.push(Entry::Completed {
            op,
            outcome: Outcome::Done(result.as_str().into()),
            attempts: 1,
            started_ms: T0 + 3,
            at_ms: T0 + 50,
        });
    }
    let end = Some(RunEnd::Output("null".into()));
    let mut writes = three_runs();
    writes.push(run(LONG, RunStatus::Completed, end, entries.len()));
    let chunk = JournalChunk { first: 0, entries };
    writes.push(Write::AppendJournal { run: LONG, chunk });
    let served = Served::with(&writes, HttpConfig::default()).await;
    let page = served.get(&format!("/runs/{LONG}")).await.text;
    assert_eq!(page.matches("data-testid=\"step-row\"").count(), 200);
    assert!(page.contains("Steps 1 to 200 of 1000"), "it says so");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(
        page.contains("Show this step"),
        "long results have pages of their own"
    );
    let page = served.get(&format!("/runs/{LONG}?step=950")).await.text;
    assert!(
        page.contains("Steps 801 to 1000 of 1000") && page.contains("id=\"op-950\" open"),
        "it leads there"
    );
}

#[tokio::test]
async fn files_of_the_dashboard_are_kept_for_ever_and_change_their_names() {
    let served = Served::empty().await;
    let page = served.get("/runs").await.text;
    assert!(
        page.contains("No runs yet") && page.contains("abide send"),
        "{page}"
    );
    for (before, kind) in [
        (
            "<link rel=\"stylesheet\" href=\"",
            "text/css; charset=utf-8",
        ),
        ("<script src=\"", "text/javascript; charset=utf-8"),
        ("type=\"image/svg+xml\" href=\"", "image/svg+xml"),
    ] {
        let path = page
            .split(before)
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let file = served.get(path.expect("its address")).await;
        assert_eq!(file.header("content-type"), kind);
        assert!(file.header("cache-control").contains("immutable"));
    }
    let gone = served.get("/assets/style-0000000000000000.css").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
