//! What is kept long enough goes, with everything that belongs to it, and nothing else, on every backend.

mod common;

use std::{collections::BTreeMap, sync::Arc};

use abide_core::{
    event::Event,
    function::{FunctionConfig, options::ConcurrencyUnit},
    ids::{Digest, EventId, FunctionId, RunId},
    journal::Outcome,
    state::{
        App, BufferedSignal, Control, ControlKey, ControlKind, Counter, Deployed, Job, JobAction,
        JobState, LogLevel, LogLine, Queue, Read as _, Run, RunFilter, RunStatus, Write,
    },
};
use abide_store::{Keep, Store, encode};
use common::{
    Disk, all_rows, on_both_backends,
    records::{event, put, queued_run, run_of_ten_steps},
};

on_both_backends!(
    a_run_goes_with_everything_that_belongs_to_it,
    runs_are_kept_as_long_as_their_function_says,
    no_run_that_may_go_on_is_ever_forgotten,
    an_event_outlives_the_runs_and_batches_that_it_belongs_to,
    events_go_by_when_they_were_received_whatever_their_ids_say,
    a_run_or_event_that_changed_since_it_was_found_stays,
    controls_and_external_ids_are_forgotten_when_their_time_has_passed,
    a_job_goes_as_long_after_its_end_as_a_run,
    pages_end_after_some_rows_and_go_on_from_there,
);

const DAY: u64 = 86_400_000;
const NOW: u64 = 1_700_000_000_000 + 365 * DAY;

fn keep(runs_days: u64, events_days: u64) -> Keep {
    Keep::new(runs_days * DAY, events_days * DAY, &[])
}

fn write(store: &Store, writes: &[Write]) {
    let _ticket = store.submit(encode(writes).unwrap());
}

/// Ids are made at the time of what they name.
fn id(at_ms: u64, n: u128) -> u128 {
    u128::from(at_ms) << 80 | n
}

/// Forgets everything that has expired, as housekeeping does.
fn forget_all(store: &Store, keep: &Keep, now_ms: u64) -> usize {
    let mut after = None;
    let mut forgotten = 0;
    loop {
        let page = store
            .view()
            .expired(keep, now_ms, after.as_ref(), 3)
            .unwrap();
        forgotten += page.keys.len();
        let batch = store.view().forget(&page.keys, keep, now_ms).unwrap();
        store.submit(batch).wait().unwrap();
        match page.next {
            Some(next) => after = Some(next),
            None => return forgotten,
        }
    }
}

/// A run that ended at this time.
fn ended(n: u128, function: &str, at_ms: u64) -> Run {
    let run = queued_run(RunId(id(at_ms, n)), function, EventId(id(at_ms, n)), at_ms);
    Run {
        status: RunStatus::Completed,
        ended_ms: Some(at_ms),
        ..run
    }
}

fn received(n: u128, at_ms: u64) -> Event {
    event(EventId(id(at_ms, n)), "shop/order", at_ms)
}

fn put_event(event: Event) -> Write {
    Write::PutEvent(Arc::new(event))
}

fn link(event: EventId, run: RunId) -> Write {
    Write::LinkEvent { event, run }
}

fn a_run_goes_with_everything_that_belongs_to_it(disk: &impl Disk) {
    let store = disk.store();
    let at_ms = NOW - 40 * DAY;
    let (event, run) = (EventId(id(at_ms, 1)), RunId(id(at_ms, 2)));
    let [created, mut completed] = run_of_ten_steps(event, run);
    write(&store, &created);
    let second = received(7, at_ms);
    let counter = |name: &str, per| Counter {
        name: name.into(),
        limit: 1,
        per,
    };
    let queue = Queue {
        lane: "lane".into(),
        order_ms: 1,
        counters: vec![
            counter("runs", ConcurrencyUnit::Run),
            counter("steps", ConcurrencyUnit::Step),
        ],
        throttle: None,
    };
    for write in &mut completed {
        if let Write::PutRun(run) = write {
            *run = Arc::new(Run {
                event_count: 2,
                queue: Some(Box::new(queue.clone())),
                ..(**run).clone()
            });
        }
    }
    write(&store, &completed);
    let line = |message: String| LogLine {
        at_ms,
        op: None,
        attempt: 0,
        level: LogLevel::Info,
        message,
        fields: None,
        cut: 0,
    };
    write(
        &store,
        &[
            put_event(second.clone()),
            link(second.id, run),
            Write::PutRunEvents {
                run,
                first: 0,
                events: vec![event, second.id],
            },
            Write::PutHolder {
                counter: "runs".into(),
                run,
            },
            Write::AppendLog {
                run,
                chunk: 0,
                lines: vec![line("short".into()), line("long".repeat(3_000))],
            },
            Write::PutArrival {
                run,
                op: 3,
                arrival: (Outcome::Empty, 1, 1),
            },
        ],
    );
    let other = ended(9, "other", NOW - DAY);
    write(&store, &[put(&other), link(other.event, other.id)]);
    store.read_barrier().wait().unwrap();
    assert_eq!(forget_all(&store, &keep(30, 60), NOW), 1);
    assert_eq!(store.view().get_run(run).unwrap(), None);
    assert_eq!(store.view().event_runs(event).unwrap(), []);
    assert!(store.view().get_event(event).unwrap().is_some());
    // Nothing refers to the events any more, and they go when their own time has passed.
    assert_eq!(forget_all(&store, &keep(30, 30), NOW), 2);
    let left = all_rows(&store).unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(store.view().get_run(other.id).unwrap(), Some(other));
    // The long line lay in a payload file.
    assert!(store.maintain().unwrap().removed >= 1);
    assert_eq!(store.maintain().unwrap().found, 0);
}

fn runs_are_kept_as_long_as_their_function_says(disk: &impl Disk) {
    let store = disk.store();
    let function = |id: &str, retention_ms| FunctionConfig {
        id: id.to_owned(),
        retention_ms,
        ..FunctionConfig::default()
    };
    let app = App {
        id: "shop".into(),
        current: Deployed {
            digest: Digest([1; 32]),
            at_ms: 1,
            bytes: 1,
            functions: vec![
                function("short", Some(2 * DAY)),
                function("long", Some(300 * DAY)),
                function("default", None),
            ],
            schemas: vec![],
        },
        variables: BTreeMap::new(),
        allow_net: vec![],
        deployments: 1,
    };
    let keep = Keep::new(30 * DAY, 30 * DAY, &[app]);
    let mut expected = Vec::new();
    for (n, (function, kept_for)) in [("short", 2), ("long", 300), ("default", 30), ("gone", 30)]
        .into_iter()
        .enumerate()
    {
        for days in [1, kept_for, kept_for + 1] {
            let run = ended(n as u128, function, NOW - days * DAY);
            if days < kept_for {
                expected.push(run.id);
            }
            write(&store, &[put(&run)]);
        }
    }
    expected.sort_unstable();
    assert_eq!(forget_all(&store, &keep, NOW), 8);
    let left = store.view().runs_after(None, 99).unwrap();
    let left: Vec<_> = left.into_iter().map(|run| run.id).collect();
    assert_eq!(left, expected);
}

fn no_run_that_may_go_on_is_ever_forgotten(disk: &impl Disk) {
    let store = disk.store();
    for (n, status) in (0..).zip(RunStatus::ALL) {
        let at_ms = NOW - 300 * DAY;
        let run = Run {
            status,
            ended_ms: status.is_final().then_some(at_ms),
            ..ended(n, "a", at_ms)
        };
        write(&store, &[put(&run)]);
    }
    forget_all(&store, &keep(0, 0), NOW);
    let left = store.view().runs_after(None, 99).unwrap();
    let left: Vec<_> = left.into_iter().map(|run| run.status).collect();
    let live = RunStatus::ALL.iter().filter(|status| !status.is_final());
    assert_eq!(left, live.copied().collect::<Vec<_>>());
    assert_eq!(left.len(), 5);
}

fn an_event_outlives_the_runs_and_batches_that_it_belongs_to(disk: &impl Disk) {
    let store = disk.store();
    let old = NOW - 50 * DAY;
    let events: Vec<_> = (1..=4).map(|n| received(n, old)).collect();
    let young = received(5, NOW - DAY);
    let finished = ended(1, "a", old);
    let live = Run {
        status: RunStatus::Sleeping,
        ended_ms: None,
        event: events[1].id,
        ..ended(2, "a", old)
    };
    let mut writes: Vec<_> = events.iter().cloned().map(put_event).collect();
    writes.extend([
        put_event(young.clone()),
        put(&Run {
            event: events[0].id,
            ..finished.clone()
        }),
        link(events[0].id, finished.id),
        put(&live),
        link(events[1].id, live.id),
        // The run of a batch that is still collected does not exist yet.
        link(events[2].id, RunId(id(old, 77))),
    ]);
    write(&store, &writes);
    let kept = |store: &Store| {
        let page = store.view().list_events(None, None, 99).unwrap();
        page.items
            .into_iter()
            .map(|event| event.id)
            .rev()
            .collect::<Vec<_>>()
    };
    // The run is gone in the same round, and so its event may go.
    assert_eq!(forget_all(&store, &keep(30, 30), NOW), 3);
    assert_eq!(kept(&store), [events[1].id, events[2].id, young.id]);
    let found = store
        .view()
        .events_since("shop/order", 0, None, 99)
        .unwrap();
    assert_eq!(found.len(), 3, "the index by name keeps step");
    write(
        &store,
        &[Write::UnlinkEvent {
            event: events[2].id,
            run: RunId(id(old, 77)),
        }],
    );
    assert_eq!(forget_all(&store, &keep(30, 30), NOW), 1);
    assert_eq!(kept(&store), [events[1].id, young.id]);
}

fn events_go_by_when_they_were_received_whatever_their_ids_say(disk: &impl Disk) {
    let store = disk.store();
    let seeded = |n, made_ms, received_ms, name| event(EventId(id(made_ms, n)), name, received_ms);
    let (old, new) = (NOW - 50 * DAY, NOW - DAY);
    let gone = [seeded(1, NOW + 900 * DAY, old, "a"), seeded(2, 5, old, "b")];
    let kept = [
        seeded(3, 5, new, "a"),
        seeded(4, old, new, "a"),
        seeded(5, old, new, "c"),
    ];
    let all = gone.iter().chain(&kept).cloned().map(put_event);
    write(&store, &all.collect::<Vec<_>>());
    assert_eq!(forget_all(&store, &keep(30, 30), NOW), 2);
    for event in gone {
        assert_eq!(store.view().get_event(event.id).unwrap(), None);
    }
    for event in kept {
        assert_eq!(store.view().get_event(event.id).unwrap(), Some(event));
    }
}

fn a_run_or_event_that_changed_since_it_was_found_stays(disk: &impl Disk) {
    let store = disk.store();
    let old = NOW - 50 * DAY;
    let (run, event) = (ended(1, "a", old), received(2, old));
    write(&store, &[put(&run), put_event(event.clone())]);
    let keep = keep(30, 30);
    let mut found = store.view().expired(&keep, NOW, None, 9).unwrap();
    let rest = store
        .view()
        .expired(&keep, NOW, found.next.as_ref(), 9)
        .unwrap();
    found.keys.extend(rest.keys);
    assert_eq!(found.keys.len(), 2);
    // A replay links the event to a new run; and whatever made a run live again, it is not final now.
    let live = Run {
        status: RunStatus::Running,
        ended_ms: None,
        ..run
    };
    write(&store, &[put(&live), link(event.id, RunId(id(NOW, 1)))]);
    let batch = store.view().forget(&found.keys, &keep, NOW).unwrap();
    assert!(batch.is_empty(), "{batch:?}");
    // What another round has forgotten already is no error.
    let unknown = ended(3, "a", old);
    let key = abide_store::keys::Key::Run(unknown.id).encode();
    assert!(store.view().forget(&[key], &keep, NOW).unwrap().is_empty());
}

fn controls_and_external_ids_are_forgotten_when_their_time_has_passed(disk: &impl Disk) {
    let store = disk.store();
    let key = |kind, key: &str| ControlKey {
        kind,
        function: FunctionId::new("shop", "a"),
        key: key.to_owned(),
    };
    let window = |until_ms| Control::Window {
        from_ms: 1,
        until_ms,
        count: 1,
    };
    let kept = [
        (key(ControlKind::RateLimit, "later"), window(NOW + 1)),
        (key(ControlKind::Debounce, ""), Control::Pending(RunId(1))),
        (key(ControlKind::Singleton, ""), Control::Live(RunId(1))),
        (
            key(ControlKind::Cron, "* * * * *"),
            Control::Ticked { until_ms: 1 },
        ),
        (key(ControlKind::Pause, ""), Control::Paused { since_ms: 1 }),
    ];
    let gone = [
        (key(ControlKind::RateLimit, "now"), window(NOW)),
        (
            key(ControlKind::Idempotency, &"long".repeat(100)),
            Control::Started {
                run: RunId(1),
                until_ms: NOW - 1,
            },
        ),
        (
            key(ControlKind::Throttle, ""),
            Control::Throttle {
                whole_ms: NOW - 1,
                part: 1,
                limit: 3,
            },
        ),
    ];
    let controls = kept.iter().chain(&gone).cloned();
    let mut writes: Vec<_> = controls
        .map(|(key, control)| Write::PutControl { key, control })
        .collect();
    let dedupe = |external_id: &str, until_ms| Write::PutDedupe {
        function: FunctionId::new("shop", "a"),
        external_id: external_id.to_owned(),
        run: RunId(1),
        until_ms,
    };
    let signal = |name: &str, until_ms| Write::PutSignal {
        name: name.to_owned(),
        number: 1,
        signal: BufferedSignal {
            data: "1".into(),
            until_ms,
        },
    };
    writes.extend([
        dedupe("old", NOW),
        dedupe("new", NOW + 1),
        signal("old", NOW),
        signal("new", NOW + 1),
    ]);
    write(&store, &writes);
    assert_eq!(forget_all(&store, &keep(30, 30), NOW), 5);
    let view = store.view();
    for (key, control) in kept {
        assert_eq!(view.control(&key).unwrap(), Some(control));
    }
    for (key, _) in gone {
        assert_eq!(view.control(&key).unwrap(), None);
    }
    assert_eq!(view.signals("new", None, 9).unwrap().len(), 1);
    assert_eq!(view.signals("old", None, 9).unwrap(), []);
    let function = FunctionId::new("shop", "a");
    assert!(view.dedupe(&function, "new").unwrap().is_some());
    assert_eq!(view.dedupe(&function, "old").unwrap(), None);
}

fn a_job_goes_as_long_after_its_end_as_a_run(disk: &impl Disk) {
    let store = disk.store();
    for (id, ended_ms) in [(1, Some(NOW - 30 * DAY)), (2, Some(NOW - DAY)), (3, None)] {
        let job = Job {
            id: RunId(id),
            action: JobAction::Replay,
            filter: RunFilter::default(),
            interval_us: None,
            created_ms: 1,
            state: ended_ms.map_or(JobState::Running, |_| JobState::Finished),
            cursor: None,
            examined: 0,
            done: 0,
            next_us: 0,
            ended_ms,
        };
        write(&store, &[Write::PutJob(Box::new(job))]);
    }
    assert_eq!(forget_all(&store, &keep(30, 1), NOW), 1);
    let left = store.view().jobs().unwrap();
    let left: Vec<_> = left.into_iter().map(|job| job.id).collect();
    assert_eq!(left, [RunId(2), RunId(3)]);
}

fn pages_end_after_some_rows_and_go_on_from_there(disk: &impl Disk) {
    let store = disk.store();
    // More live runs than one page looks at, then one that goes.
    let old = NOW - 50 * DAY;
    let live = (0..6_000).map(|n| {
        put(&Run {
            status: RunStatus::Waiting,
            ended_ms: None,
            ..ended(n, "a", old)
        })
    });
    write(&store, &live.collect::<Vec<_>>());
    let run = ended(9_000, "a", old);
    write(&store, &[put(&run), put_event(received(1, old))]);
    let keep = keep(30, 30);
    let first = store.view().expired(&keep, NOW, None, 9).unwrap();
    assert_eq!(first.keys.len(), 0);
    let second = store
        .view()
        .expired(&keep, NOW, first.next.as_ref(), 9)
        .unwrap();
    assert_eq!(second.keys.len(), 1);
    let third = store
        .view()
        .expired(&keep, NOW, second.next.as_ref(), 9)
        .unwrap();
    assert_eq!(third.keys.len(), 1);
}
