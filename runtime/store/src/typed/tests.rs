//! Every write, and every question that depends on it.

mod arrivals;
mod signals;

use std::{collections::BTreeMap, sync::Arc};

use abide_core::{
    event::{Event, EventSource},
    failure::{Failure, Origin},
    ids::{Digest, EventId, FunctionId, RunId},
    journal::{Entry, Outcome},
    operation::Invoke,
    retry::RetryPolicy,
    state::{
        App, Deployed, JournalChunk, LogLevel, LogLine, Read, Registration, Run, RunEnd, RunFilter,
        RunStatus, TimerKey, WaitKey, Write,
    },
};

use super::{Keep, encode};
use crate::{Commits, MemoryDisk, Store, View};

/// A store whose writes are visible, partly committed and partly pending.
struct Fixture {
    store: Store,
    committed: bool,
}

impl Fixture {
    fn new() -> Self {
        let store = Store::in_memory(&MemoryDisk::new(), Commits::ByHand).unwrap();
        Self {
            store,
            committed: false,
        }
    }

    /// Every second batch stays in the overlay, so that both sides answer.
    fn write(&mut self, writes: &[Write]) {
        let _ticket = self.store.submit(encode(writes).unwrap());
        self.committed = !self.committed;
        if self.committed {
            self.store.run_group();
        }
    }

    fn view(&self) -> View {
        self.store.view()
    }
}

fn event(id: u128, name: &str, received_ms: u64) -> Event {
    Event {
        id: EventId(id),
        received_ms,
        name: name.into(),
        data: "{}".into(),
        user: None,
        ts: received_ms,
        v: None,
        external_id: None,
        source: EventSource::Api,
        trace: None,
    }
}

fn run(id: u128, function: &str, status: RunStatus) -> Run {
    Run {
        id: RunId(id),
        function: FunctionId::new("shop", function),
        digest: Digest([1; 32]),
        policy: policy(),
        event: EventId(1),
        event_count: 1,
        batch: false,
        parent: None,
        original: None,
        cron: None,
        queue: None,
        guarded: false,
        quiet: false,
        input: None,
        singleton: None,
        status,
        queued_ms: 1,
        started_ms: Some(2),
        ended_ms: None,
        end: Some(RunEnd::Failure(
            Failure::platform(Origin::Trap, "unreachable").with_stack("a\nb"),
        )),
        entries: 3,
        log_chunks: 0,
        logged: None,
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy {
        max_attempts: 5,
        backoff: None,
    }
}

fn completed(op: u32, bytes: usize) -> Entry {
    Entry::Completed {
        op,
        outcome: Outcome::Done(format!("\"{}\"", "x".repeat(bytes)).into()),
        attempts: 1,
        started_ms: 1,
        at_ms: 2,
    }
}

fn register(run: u128, op: u32, registration: &Registration) -> Write {
    Write::Register {
        run: RunId(run),
        op,
        registration: Arc::new(registration.clone()),
    }
}

fn unregister(run: u128, op: u32, registration: &Registration) -> Write {
    Write::Unregister {
        run: RunId(run),
        op,
        registration: Arc::new(registration.clone()),
    }
}

fn wait(run: u128, op: u32) -> WaitKey {
    WaitKey {
        run: RunId(run),
        op,
    }
}

fn sleep(due_ms: u64) -> Registration {
    Registration::Sleep { due_ms }
}

fn wait_for(name: &str, match_path: Option<(&str, &str)>) -> Registration {
    Registration::Event {
        name: name.to_owned(),
        match_path: match_path.map(|(path, value)| (path.to_owned(), value.to_owned())),
        if_expr: None,
        since_ms: None,
        due_ms: 900,
    }
}

#[test]
fn events_are_found_by_id_by_name_and_by_the_runs_they_started() {
    let mut f = Fixture::new();
    for (id, name, at) in [
        (5, "a", 10),
        (3, "a", 30),
        (9, "a", 20),
        (4, "ab", 15),
        (6, "a", 5),
    ] {
        f.write(&[Write::PutEvent(Arc::new(event(id, name, at)))]);
    }
    let view = f.view();
    assert_eq!(view.event(EventId(9)).unwrap(), Some(event(9, "a", 20)));
    assert_eq!(view.event(EventId(7)).unwrap(), None);
    assert!(view.has_event(EventId(4)).unwrap() && !view.has_event(EventId(7)).unwrap());
    let after = |from, after, limit| -> Vec<u128> {
        view.events_since("a", from, after, limit)
            .unwrap()
            .iter()
            .map(|event| event.id.0)
            .collect()
    };
    let since = |from, limit| after(from, None, limit);
    assert_eq!(since(10, 9), [5, 9, 3]);
    assert_eq!(after(10, Some(EventId(5)), 9), [9, 3]);
    assert_eq!(after(10, Some(EventId(4)), 1), [5]);
    assert_eq!(since(0, 2), [6, 5]);
    assert_eq!(since(31, 9), [0; 0]);
    let page = view.list_events(None, None, 3).unwrap();
    assert_eq!(
        page.items
            .iter()
            .map(|event| event.id.0)
            .collect::<Vec<_>>(),
        [9, 6, 5]
    );
    let page = view.list_events(page.next, Some("a"), 3).unwrap();
    assert_eq!(
        page.items
            .iter()
            .map(|event| event.id.0)
            .collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(page.next, None);

    let link = |event, run| Write::LinkEvent {
        event: EventId(event),
        run: RunId(run),
    };
    f.write(&[link(5, 2), link(5, 1), link(6, 3)]);
    assert_eq!(
        f.view().event_runs(EventId(5)).unwrap(),
        [RunId(1), RunId(2)]
    );
}

#[test]
fn deduplication_is_by_function_and_external_id_and_expires() {
    let mut f = Fixture::new();
    let long = "i".repeat(500);
    let dedupe = |function: &str, external_id: &str, run, until_ms| Write::PutDedupe {
        function: FunctionId::new("shop", function),
        external_id: external_id.to_owned(),
        run: RunId(run),
        until_ms,
    };
    f.write(&[dedupe("pay", "o-1", 1, 100), dedupe("pay", &long, 2, 300)]);
    f.write(&[dedupe("ship", "o-1", 3, 200)]);
    let of = |f: &Fixture, function: &str, id: &str| {
        f.view()
            .dedupe(&FunctionId::new("shop", function), id)
            .unwrap()
    };
    assert_eq!(of(&f, "pay", "o-1"), Some((RunId(1), 100)));
    assert_eq!(of(&f, "pay", &long), Some((RunId(2), 300)));
    assert_eq!(of(&f, "pay", "o-2"), None);
    let keep = Keep::new(0, 0, &[]);
    let expired = f.view().expired(&keep, 200, None, 10).unwrap().keys;
    assert_eq!(expired.len(), 2);
    // One of them is written anew before it is forgotten.
    f.write(&[dedupe("ship", "o-1", 4, 400)]);
    let forgotten = f.view().forget(&expired, &keep, 200).unwrap();
    let _ticket = f.store.submit(forgotten);
    assert_eq!(of(&f, "pay", "o-1"), None);
    assert_eq!(of(&f, "ship", "o-1"), Some((RunId(4), 400)));
    assert!(of(&f, "pay", &long).is_some());
}

#[test]
fn runs_are_listed_newest_first_with_filters_and_cursors() {
    let mut f = Fixture::new();
    for id in 1..=20 {
        let status = if id % 3 == 0 {
            RunStatus::Completed
        } else {
            RunStatus::Running
        };
        f.write(&[Write::PutRun(Arc::new(run(
            id,
            if id % 2 == 0 { "even" } else { "odd" },
            status,
        )))]);
    }
    let view = f.view();
    assert_eq!(
        view.run(RunId(4)).unwrap(),
        Some(run(4, "even", RunStatus::Running))
    );
    let mut before = None;
    let mut found = Vec::new();
    loop {
        let page = view.list_runs(before, &RunFilter::default(), 7).unwrap();
        found.extend(page.items.iter().map(|run| run.id.0));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, (1..=20).rev().collect::<Vec<_>>());
    let filter = RunFilter {
        statuses: vec![RunStatus::Completed],
        function: Some(FunctionId::new("shop", "even")),
        app: Some("shop".to_owned()),
        ..RunFilter::default()
    };
    let page = view.list_runs(None, &filter, 10).unwrap();
    assert_eq!(
        page.items.iter().map(|run| run.id.0).collect::<Vec<_>>(),
        [18, 12, 6]
    );
    let other = RunFilter {
        app: Some("other".to_owned()),
        ..RunFilter::default()
    };
    assert!(view.list_runs(None, &other, 10).unwrap().items.is_empty());
}

#[test]
fn ready_runs_come_oldest_first() {
    let mut f = Fixture::new();
    f.write(&[3, 1, 2].map(|id| Write::PutReady(RunId(id))));
    f.write(&[Write::DeleteReady(RunId(2)), Write::PutReady(RunId(4))]);
    assert_eq!(f.view().ready_after(None, 9).unwrap(), [1, 3, 4].map(RunId));
    assert_eq!(f.view().ready_after(Some(RunId(1)), 1).unwrap(), [RunId(3)]);
}

#[test]
fn a_journal_is_read_back_whole_whatever_its_chunks_were() {
    let mut f = Fixture::new();
    let sizes = [10, 3000, 3000, 5, 100_000, 7, 4000, 1, 1, 2000, 2000, 2000];
    let entries: Vec<Entry> = (0..)
        .zip(sizes)
        .map(|(op, bytes)| completed(op, bytes))
        .collect();
    for range in [0..1, 1..9, 9..12] {
        let chunk = JournalChunk {
            first: u32::try_from(range.start).unwrap(),
            entries: entries[range].to_vec(),
        };
        f.write(&[Write::AppendJournal {
            run: RunId(1),
            chunk,
        }]);
    }
    f.write(&[Write::AppendJournal {
        run: RunId(2),
        chunk: JournalChunk {
            first: 0,
            entries: vec![completed(0, 0)],
        },
    }]);
    assert_eq!(f.view().journal(RunId(1)).unwrap(), entries);
    assert_eq!(f.view().journal(RunId(2)).unwrap().len(), 1);
    assert_eq!(f.view().journal(RunId(3)).unwrap(), []);
    f.store.run_group();
    // Only the entry of 100 kB needs a payload file.
    assert_eq!(f.store.stats().payloads, 1);
    f.write(&[Write::AppendJournal {
        run: RunId(2),
        chunk: JournalChunk {
            first: 2,
            entries: vec![completed(2, 0)],
        },
    }]);
    assert!(
        f.view()
            .journal(RunId(2))
            .unwrap_err()
            .to_string()
            .contains("continue with number 2 after 1")
    );
}

#[test]
fn log_lines_keep_their_order_and_their_chunks() {
    let mut f = Fixture::new();
    let lines: Vec<LogLine> = (0..100)
        .map(|n| LogLine {
            at_ms: n,
            op: None,
            attempt: 0,
            level: LogLevel::Info,
            message: format!("{n} {}", "y".repeat(200)),
            fields: (n % 7 == 0).then(|| format!("{{\"n\":{n}}}").into()),
            cut: 0,
        })
        .collect();
    for (chunk, lines) in (0..).zip(lines.chunks(40)) {
        f.write(&[Write::AppendLog {
            run: RunId(1),
            chunk,
            lines: lines.to_vec(),
        }]);
    }
    let read: Vec<LogLine> = f
        .view()
        .run_logs(RunId(1), 0)
        .unwrap()
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    assert_eq!(read, lines);
    let tail = f.view().run_logs(RunId(1), 2).unwrap();
    assert_eq!((tail.len(), tail[0].0), (20, 2));
    f.store.run_group();
    assert_eq!(f.store.stats().payloads, 0);
}

#[test]
fn registrations_bring_and_take_their_index_rows() {
    let mut f = Fixture::new();
    let signal = Registration::Signal {
        name: "go".to_owned(),
        replace: false,
        due_ms: 500,
    };
    let invoke = Registration::Invoke {
        invoke: Box::new(Invoke {
            function: "pay".into(),
            data: None,
            timeout_ms: Some(7),
        }),
        due_ms: 700,
        child: Some(RunId(9)),
    };
    let all = [
        sleep(100),
        wait_for("a", None),
        wait_for("a", Some(("data.id", "1"))),
        signal,
        invoke,
    ];
    for (op, registration) in (0..).zip(&all) {
        f.write(&[register(1, op, registration)]);
    }
    let read = f.view().registrations(RunId(1)).unwrap();
    assert_eq!(read, (0..).zip(all.clone()).collect::<Vec<_>>());
    assert_eq!(
        f.view().registration(RunId(1), 0).unwrap(),
        Some(sleep(100))
    );
    assert_eq!(f.view().timers(None, u64::MAX, 99).unwrap().len(), 5);
    assert_eq!(f.view().waits("a", None, None, 9).unwrap(), [wait(1, 1)]);
    assert_eq!(
        f.view()
            .waits("a", Some(("data.id", "1")), None, 9)
            .unwrap(),
        [wait(1, 2)]
    );
    assert_eq!(f.view().signal_wait("go").unwrap(), Some(wait(1, 3)));
    for (op, registration) in (0..).zip(&all) {
        f.write(&[unregister(1, op, registration)]);
    }
    assert_eq!(f.view().registrations(RunId(1)).unwrap(), []);
    assert_eq!(f.view().timers(None, u64::MAX, 99).unwrap(), []);
    assert_eq!(f.view().waits("a", None, None, 9).unwrap(), []);
    assert_eq!(
        f.view()
            .waits("a", Some(("data.id", "1")), None, 9)
            .unwrap(),
        []
    );
    assert_eq!(f.view().signal_wait("go").unwrap(), None);
    assert_eq!(f.view().wait_paths("a").unwrap(), [""; 0]);
    f.store.run_group();
    assert_eq!(
        f.view()
            .rows(&crate::KeyRange::all(), crate::Direction::Forward, 9)
            .unwrap(),
        [],
        "nothing is left behind"
    );
}

#[test]
fn timers_come_in_the_order_in_which_they_are_due() {
    let mut f = Fixture::new();
    for (run, due) in [(1, 300), (2, 100), (3, 200), (4, 200)] {
        f.write(&[register(run, 0, &sleep(due))]);
    }
    let key = |due_ms, run| TimerKey {
        due_ms,
        run: RunId(run),
        op: 0,
    };
    assert_eq!(
        f.view().timers(None, 200, 9).unwrap(),
        [key(100, 2), key(200, 3), key(200, 4)]
    );
    assert_eq!(
        f.view().timers(Some(key(200, 3)), 300, 1).unwrap(),
        [key(200, 4)]
    );
    assert_eq!(f.view().timers(Some(key(200, 3)), 199, 1).unwrap(), []);
    assert_eq!(f.view().timers(None, u64::MAX, 0).unwrap(), []);
}

#[test]
fn waits_are_paged_and_their_paths_known_even_when_long() {
    let mut f = Fixture::new();
    let (long_path, long_value) = (
        format!("data.{}", "p".repeat(300)),
        format!("\"{}\"", "v".repeat(5000)),
    );
    for run in 0..40 {
        f.write(&[
            register(run, 0, &wait_for("a", None)),
            register(run, 1, &wait_for("a", Some(("data.id", "\"x\"")))),
            register(run, 2, &wait_for("a", Some((&long_path, &long_value)))),
            register(run, 3, &wait_for("b", Some(("data.other", "1")))),
        ]);
    }
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = f.view().waits("a", None, after, 7).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        found.extend(page);
    }
    assert_eq!(found, (0..40).map(|run| wait(run, 0)).collect::<Vec<_>>());
    assert_eq!(f.view().wait_paths("a").unwrap(), ["data.id", &long_path]);
    assert_eq!(f.view().wait_paths("b").unwrap(), ["data.other"]);
    assert_eq!(
        f.view()
            .waits("a", Some((&long_path, &long_value)), Some(wait(38, 2)), 9)
            .unwrap(),
        [wait(39, 2)]
    );
    assert_eq!(
        f.view()
            .waits("a", Some((&long_path, "1")), None, 9)
            .unwrap(),
        []
    );
}

#[test]
fn arrivals_are_kept_until_the_journal_has_them() {
    let mut f = Fixture::new();
    let arrival = |op| (Outcome::Done(format!("{op}").into()), op, u64::from(op));
    for (run, op) in [(1, 0), (1, 5), (2, 1), (7, 2)] {
        f.write(&[Write::PutArrival {
            run: RunId(run),
            op,
            arrival: arrival(op),
        }]);
    }
    let view = f.view();
    assert_eq!(
        view.runs_with_arrivals_after(None, 9).unwrap(),
        [1, 2, 7].map(RunId)
    );
    assert_eq!(
        view.runs_with_arrivals_after(Some(RunId(1)), 1).unwrap(),
        [RunId(2)]
    );
    let of_run = view.arrivals(RunId(1)).unwrap();
    assert_eq!(
        of_run,
        [0, 5].map(|op| (op, arrival(op).0, op, u64::from(op)))
    );
    assert_eq!(view.arrivals(RunId(7)).unwrap(), [(2, arrival(2).0, 2, 2)]);
    f.write(&[
        Write::DeleteArrival {
            run: RunId(1),
            op: 0,
        },
        Write::DeleteArrival {
            run: RunId(2),
            op: 1,
        },
    ]);
    assert_eq!(
        f.view().runs_with_arrivals_after(None, 9).unwrap(),
        [1, 7].map(RunId)
    );
    assert_eq!(
        f.view().arrivals(RunId(1)).unwrap(),
        [(5, arrival(5).0, 5, 5)]
    );
}

#[test]
fn apps_are_kept_with_their_configuration() {
    let mut f = Fixture::new();
    let app = |id: &str| App {
        id: id.into(),
        current: Deployed {
            digest: Digest([3; 32]),
            at_ms: 4,
            bytes: 5,
            functions: vec![],
            schemas: vec![],
        },
        variables: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        allow_net: vec!["localhost:1".to_owned()],
        deployments: 2,
    };
    f.write(&[Write::PutApp(Arc::new(app("b")))]);
    f.write(&[Write::PutApp(Arc::new(app("a")))]);
    assert_eq!(f.view().apps().unwrap(), [app("a"), app("b")]);
    assert_eq!(f.view().get_app("b").unwrap(), Some(app("b")));
    assert_eq!(f.view().get_app("c").unwrap(), None);
}
