//! What the tests of the HTTP API share: a node on a simulated disk, behind a router that is called without a socket.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use abide_core::event::{Event, EventSource, NewEvent};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::{Digest, EventId, FunctionId, RunId};
use abide_core::journal::{Entry, Outcome};
use abide_core::operation::Kind;
use abide_core::state::{
    JournalChunk, LogLevel, LogLine, Registration, Run, RunEnd, RunStatus, Write,
};
use abide_server::http::{self, HttpConfig};
use abide_server::{Node, NodeConfig, Storage};
use abide_store::{Commits, MemoryDisk, Store, encode};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::Service;

/// 2026-01-01T00:00:00Z
pub(crate) const T0: u64 = 1_767_225_600_000;
/// Far ahead of any clock that runs these tests.
pub(crate) const FAR: u64 = 4_100_000_000_000;

/// A node and its API.
pub(crate) struct Served {
    pub(crate) node: Node,
    pub(crate) router: Router,
    _directory: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("it is text"))
    }
}

impl Served {
    /// A node without anything in it.
    pub(crate) async fn empty() -> Self {
        Self::with(&[], HttpConfig::default()).await
    }

    /// A node whose store holds this, and forgets nothing of it, however long ago it was.
    pub(crate) async fn with(writes: &[Write], config: HttpConfig) -> Self {
        Self::keeping(writes, config, Some(Duration::from_hours(24 * 365 * 100))).await
    }

    /// A node that forgets what is older than this, or after its default times.
    pub(crate) async fn keeping(
        writes: &[Write],
        config: HttpConfig,
        keep: Option<Duration>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = MemoryDisk::new();
        let store = Store::in_memory(&disk, Commits::InThread).expect("an empty disk opens");
        store
            .submit(encode(writes).expect("it encodes"))
            .wait()
            .expect("it is durable");
        store.close().expect("it closes");
        let mut node = NodeConfig::new(directory.path());
        node.storage = Storage::Simulated(disk, directory.path().to_owned());
        if let Some(keep) = keep {
            (node.keep_runs, node.keep_events) = (keep, keep);
        }
        let node = Node::open(node).await.expect("the node opens");
        let router = http::router(node.clone(), config);
        Self {
            node,
            router,
            _directory: directory,
        }
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.router
            .clone()
            .call(request)
            .await
            .expect("the router never fails")
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.request(request).await.into_parts();
        let bytes = body.collect().await.expect("the body is whole").to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).expect("it is text"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(request(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call(request(Method::POST, path, body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(request(Method::DELETE, path, "")).await
    }
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path);
    builder.body(body.into()).expect("a right request")
}

pub(crate) const EVENT: EventId = EventId(T0_ID | 1);
pub(crate) const WAITING: RunId = RunId(T0_ID | 2);
pub(crate) const FAILED: RunId = RunId(T0_ID | 3);
pub(crate) const COMPLETED: RunId = RunId(T0_ID | 4);
const T0_ID: u128 = (T0 as u128) << 80;

fn run(id: RunId, function: &str, status: RunStatus, end: Option<RunEnd>, entries: usize) -> Write {
    Write::PutRun(Arc::new(Run {
        status,
        started_ms: Some(T0 + 1),
        ended_ms: status.is_final().then_some(T0 + 100),
        end,
        entries: u32::try_from(entries).expect("few"),
        log_chunks: 2,
        logged: None,
        ..Run::queued(
            id,
            FunctionId::new("shop", function),
            Digest([7; 32]),
            EVENT,
            T0,
        )
    }))
}

fn journal(run: RunId, entries: Vec<Entry>) -> Write {
    let chunk = JournalChunk { first: 0, entries };
    Write::AppendJournal { run, chunk }
}

fn begun() -> Entry {
    Entry::AttemptStarted {
        attempt: 0,
        at_ms: T0 + 1,
    }
}

fn started(op: u32, kind: Kind, id: &str) -> Entry {
    Entry::OperationStarted {
        op,
        after: 0,
        kind,
        id: id.into(),
        occurrence: 0,
        digest: 1,
        summary: String::new(),
        at_ms: T0 + 2,
    }
}

/// One event that started three runs: one waits, one failed, one completed.
pub(crate) fn three_runs() -> Vec<Write> {
    let event: Event = NewEvent {
        name: "order/placed".into(),
        data: Some("{ \"id\" : 42 }".into()),
        ts: Some(T0),
        ..NewEvent::default()
    }
    .accept(EVENT, T0, EventSource::Api);
    let mut writes = vec![Write::PutEvent(Arc::new(event))];
    for id in [WAITING, FAILED, COMPLETED] {
        writes.push(Write::LinkEvent {
            event: EVENT,
            run: id,
        });
    }
    let waits = vec![begun(), started(0, Kind::WaitForEvent, "approval")];
    writes.push(run(WAITING, "pay", RunStatus::Waiting, None, waits.len()));
    writes.push(journal(WAITING, waits));
    writes.push(Write::Register {
        run: WAITING,
        op: 0,
        registration: Arc::new(Registration::Event {
            name: "payment/approved".into(),
            match_path: Some(("data.id".into(), "42".into())),
            if_expr: None,
            since_ms: None,
            due_ms: FAR,
        }),
    });
    let failure = Failure::permanent(Origin::Guest, "declined");
    writes.push(run(
        FAILED,
        "mail",
        RunStatus::Failed,
        Some(RunEnd::Failure(failure)),
        0,
    ));
    let completes = vec![
        begun(),
        started(0, Kind::Run, "stock"),
        Entry::Completed {
            op: 0,
            outcome: Outcome::Done("{ \"left\" : 7 }".into()),
            attempts: 1,
            started_ms: T0 + 3,
            at_ms: T0 + 50,
        },
        Entry::WorkflowReturned {
            output: "\"done\"".into(),
            at_ms: T0 + 100,
        },
    ];
    let end = Some(RunEnd::Output("\"done\"".into()));
    writes.push(run(
        COMPLETED,
        "stock",
        RunStatus::Completed,
        end,
        completes.len(),
    ));
    writes.push(journal(COMPLETED, completes));
    for (chunk, op) in [(0, None), (1, Some(0))] {
        let line = LogLine {
            at_ms: T0 + 4,
            op,
            attempt: 0,
            level: LogLevel::Info,
            message: format!("line {chunk}"),
            fields: op.map(|op| format!("{{\"op\":{op},\"html\":\"<b>\"}}").into()),
            cut: 0,
        };
        writes.push(Write::AppendLog {
            run: COMPLETED,
            chunk,
            lines: vec![line],
        });
    }
    writes
}

/// Messages of a stream, as they come.
pub(crate) struct Messages {
    /// The id of the latest message that had one.
    pub(crate) id: String,
    body: Body,
    text: String,
}

impl Messages {
    pub(crate) fn new(response: Response<Body>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            id: String::new(),
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The name and the data of the next message; `None` when the stream is closed.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = message.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
                };
                let (name, data, id) = (field("event:"), field("data:"), field("id:"));
                if !id.is_empty() {
                    self.id = id;
                }
                let rest = rest.to_owned();
                self.text = rest;
                if name.is_empty() {
                    continue;
                }
                return Some((name, serde_json::from_str(&data).expect("data is JSON")));
            }
            let frame = self.body.frame().await?.expect("the stream does not break");
            if let Ok(data) = frame.into_data() {
                self.text += std::str::from_utf8(&data).expect("it is text");
            }
        }
    }
}

/// A component of `tests/guests`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let given = std::env::var_os("ABIDE_TEST_GUESTS").map(std::path::PathBuf::from);
    let folder = given.unwrap_or_else(|| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("../../tests/guests/target/wasm32-wasip2/release")
    });
    let path = folder.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `cargo xtask test` builds the guests",
            path.display()
        )
    })
}
