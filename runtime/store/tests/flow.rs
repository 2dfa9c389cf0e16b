//! What flow control, queues, jobs and schemas keep, on every backend: each question sees what was written, in order, page by page, and
//! also after the store was opened again.

mod common;

use std::sync::Arc;

use abide_core::{
    ids::{EventId, FunctionId, RunId},
    journal::FIRST_CANCEL_ON_OP,
    state::{
        Control, ControlKey, ControlKind, EventSchema, Job, JobAction, JobState, LaneKey, Place,
        Read as _, Registration, RunFilter, TimeoutKind, TimerKey, WaitKey, Write,
    },
};
use abide_store::{Store, encode};
use common::{
    Disk, on_both_backends,
    records::{put, queued_run},
};

on_both_backends!(
    controls_are_remembered_by_kind_function_and_key,
    lanes_are_found_one_row_each_and_lead_with_their_first_run,
    holders_are_counted_by_the_counter_s_name,
    events_of_a_run_keep_their_order_over_many_writes,
    a_gap_in_the_events_of_a_run_is_damage,
    an_event_that_cancels_is_found_like_one_that_is_waited_for,
    guards_and_pending_runs_come_due,
    an_event_can_lose_its_link_to_a_run,
    jobs_and_schemas_are_listed_whole,
    runs_are_read_page_by_page_oldest_first,
);

fn write(store: &Store, writes: &[Write]) {
    let _ticket = store.submit(encode(writes).unwrap());
}

/// The store on this disk with these writes: once while they may be pending, once after it was opened again.
fn before_and_after(disk: &impl Disk, writes: &[Write], check: impl Fn(&Store)) {
    let store = disk.store();
    for write_alone in writes {
        write(&store, std::slice::from_ref(write_alone));
    }
    check(&store);
    store.close().unwrap();
    drop(store);
    check(&disk.store());
}

fn function(name: &str) -> FunctionId {
    FunctionId::new("shop", name)
}

fn control(kind: ControlKind, name: &str, key: &str) -> ControlKey {
    ControlKey {
        kind,
        function: function(name),
        key: key.to_owned(),
    }
}

/// A text that does not fit into a row's key.
fn long(text: &str) -> String {
    text.repeat(300)
}

fn controls_are_remembered_by_kind_function_and_key(disk: &impl Disk) {
    let window = |count| Control::Window {
        from_ms: 1,
        until_ms: 2,
        count,
    };
    let rates = [
        (control(ControlKind::RateLimit, "a", ""), window(1)),
        (control(ControlKind::RateLimit, "a", "x\0"), window(2)),
        (control(ControlKind::RateLimit, "b", "a"), window(3)),
        (control(ControlKind::RateLimit, "b", &long("a")), window(4)),
    ];
    let pause = control(ControlKind::Pause, "a", "");
    let mut writes: Vec<_> = rates
        .iter()
        .map(|(key, control)| Write::PutControl {
            key: key.clone(),
            control: control.clone(),
        })
        .collect();
    writes.push(Write::PutControl {
        key: pause.clone(),
        control: Control::Paused { since_ms: 7 },
    });
    writes.push(Write::PutControl {
        key: rates[1].0.clone(),
        control: window(20),
    });
    writes.push(Write::DeleteControl(rates[0].0.clone()));
    before_and_after(disk, &writes, |store| {
        let view = store.view();
        assert_eq!(view.control(&rates[0].0).unwrap(), None);
        assert_eq!(view.control(&rates[1].0).unwrap(), Some(window(20)));
        assert_eq!(view.control(&rates[3].0).unwrap(), Some(window(4)));
        assert_eq!(
            view.control(&pause).unwrap(),
            Some(Control::Paused { since_ms: 7 })
        );
        let mut found = Vec::new();
        loop {
            let after = found.last().map(|(key, _)| key);
            let page = view.controls(ControlKind::RateLimit, after, 1).unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let expected = [
            (rates[1].0.clone(), window(20)),
            rates[2].clone(),
            rates[3].clone(),
        ];
        assert_eq!(found, expected);
        assert_eq!(view.controls(ControlKind::Cron, None, 9).unwrap(), []);
    });
}

fn lane(name: &str, text: &str) -> LaneKey {
    LaneKey {
        function: function(name),
        lane: text.into(),
    }
}

fn place(order_ms: u64, run: u128) -> Place {
    Place {
        order_ms,
        run: RunId(run),
    }
}

fn lanes_are_found_one_row_each_and_lead_with_their_first_run(disk: &impl Disk) {
    let lanes = [
        lane("a", ""),
        lane("a", "x"),
        lane("ab", ""),
        lane("b", &long("x")),
    ];
    let mut writes = Vec::new();
    for lane in &lanes {
        for (order_ms, run) in [(50, 1), (40, 9), (40, 8), (u64::MAX, 2)] {
            writes.push(Write::PutQueued {
                lane: lane.clone(),
                place: place(order_ms, run),
            });
        }
    }
    writes.push(Write::DeleteQueued {
        lane: lanes[1].clone(),
        place: place(40, 8),
    });
    before_and_after(disk, &writes, |store| {
        let view = store.view();
        let head = |n: usize, run| (lanes[n].clone(), place(40, run));
        let all = [head(0, 8), head(1, 9), head(2, 8), head(3, 8)];
        assert_eq!(view.lanes_after(None, false, 9).unwrap(), all);
        assert_eq!(view.lanes_after(None, false, 2).unwrap(), all[..2]);
        for n in 0..lanes.len() {
            let later = view.lanes_after(Some(&lanes[n]), false, 9).unwrap();
            assert_eq!(later, all[n + 1..]);
        }
        // Past the function, whatever the lane.
        let later = view.lanes_after(Some(&lane("a", "")), true, 9).unwrap();
        assert_eq!(later, all[2..]);

        let queue = |after, limit| view.queued(&lanes[1], after, limit).unwrap();
        let places = [place(40, 9), place(50, 1), place(u64::MAX, 2)];
        assert_eq!(queue(None, 9), places);
        assert_eq!(queue(Some(places[0]), 1), places[1..2]);
        assert_eq!(
            view.queued(&lanes[3], Some(place(40, 8)), 1).unwrap(),
            [place(40, 9)]
        );
        assert_eq!(view.queued(&lane("a", "y"), None, 9).unwrap(), []);
    });
}

fn holders_are_counted_by_the_counter_s_name(disk: &impl Disk) {
    let put = |counter: &str, run| Write::PutHolder {
        counter: counter.into(),
        run: RunId(run),
    };
    let writes = [
        put("one", 2),
        put("one", 1),
        put("on", 3),
        put(&long("one"), 4),
        put("one", 5),
        Write::DeleteHolder {
            counter: "one".into(),
            run: RunId(5),
        },
    ];
    before_and_after(disk, &writes, |store| {
        let holders = |counter: &str, limit| store.view().holders(counter, limit).unwrap();
        assert_eq!(holders("one", 9), [RunId(1), RunId(2)]);
        assert_eq!(holders("one", 1), [RunId(1)]);
        assert_eq!(holders(&long("one"), 9), [RunId(4)]);
        assert_eq!(holders("two", 9), []);
    });
}

fn numbered(first: u32, count: u32) -> Write {
    Write::PutRunEvents {
        run: RunId(1),
        first,
        events: (first..first + count).map(|n| EventId(n.into())).collect(),
    }
}

fn events_of_a_run_keep_their_order_over_many_writes(disk: &impl Disk) {
    let mut writes = vec![numbered(0, 2_000), numbered(2_000, 1), numbered(2_001, 3)];
    writes.push(Write::PutRunEvents {
        run: RunId(2),
        first: 0,
        events: vec![EventId(9)],
    });
    before_and_after(disk, &writes, |store| {
        let events = store.view().run_events(RunId(1)).unwrap();
        assert_eq!(events, (0..2_004).map(EventId).collect::<Vec<_>>());
        assert_eq!(store.view().run_events(RunId(2)).unwrap(), [EventId(9)]);
        assert_eq!(store.view().run_events(RunId(3)).unwrap(), []);
    });
}

fn a_gap_in_the_events_of_a_run_is_damage(disk: &impl Disk) {
    let store = disk.store();
    write(&store, &[numbered(0, 2), numbered(3, 1)]);
    let error = store.view().run_events(RunId(1)).unwrap_err();
    assert!(error.to_string().contains("number 3 after 2"), "{error}");
}

fn cancel_on(name: &str, match_path: Option<(&str, &str)>) -> Registration {
    Registration::CancelOn {
        name: name.to_owned(),
        match_path: match_path.map(|(path, value)| (path.to_owned(), value.to_owned())),
        if_expr: None,
        until_ms: Some(5),
    }
}

fn an_event_that_cancels_is_found_like_one_that_is_waited_for(disk: &impl Disk) {
    let (any, equal) = (
        cancel_on("order/stop", None),
        cancel_on("order/stop", Some(("data.id", "7"))),
    );
    let key = |n| WaitKey {
        run: RunId(1),
        op: FIRST_CANCEL_ON_OP + n,
    };
    let change = |n, registration: &Registration, add| {
        let (run, op) = (key(n).run, key(n).op);
        let registration = Arc::new(registration.clone());
        if add {
            Write::Register {
                run,
                op,
                registration,
            }
        } else {
            Write::Unregister {
                run,
                op,
                registration,
            }
        }
    };
    let store = disk.store();
    let has = |name| store.view().has_waits(name).unwrap();
    assert!(!has("order/stop"));
    write(&store, &[change(0, &any, true)]);
    assert!(has("order/stop") && !has("order/sto") && !has("order/stopp"));
    write(&store, &[change(1, &equal, true), change(0, &any, false)]);
    assert!(has("order/stop"));
    let waits = |on| store.view().waits("order/stop", on, None, 9).unwrap();
    assert_eq!(waits(Some(("data.id", "7"))), [key(1)]);
    assert_eq!(waits(Some(("data.id", "8"))), []);
    assert_eq!(waits(None), []);
    assert_eq!(store.view().wait_paths("order/stop").unwrap(), ["data.id"]);
    let found = store.view().registration(key(1).run, key(1).op).unwrap();
    assert_eq!(found, Some(equal.clone()));
    // It ends nothing by itself, so no timer comes for it.
    assert_eq!(store.view().timers(None, u64::MAX, 9).unwrap(), []);
    write(&store, &[change(1, &equal, false)]);
    assert!(!has("order/stop"));
    store.read_barrier().wait().unwrap();
    assert_eq!(common::all_rows(&store).unwrap(), []);
}

fn guards_and_pending_runs_come_due(disk: &impl Disk) {
    let timeout = Registration::Timeout {
        due_ms: 30,
        kind: TimeoutKind::Finish,
        after_ms: 20,
        left_ms: None,
    };
    let debounce = Registration::Debounce(Box::new(abide_core::state::PendingDebounce {
        function: function("a"),
        key: "\"k\"".to_owned(),
        first_ms: 1,
        due_ms: 10,
        events: vec![(1, EventId(1)), (2, EventId(2))],
    }));
    let batch = Registration::Batch(Box::new(abide_core::state::PendingBatch {
        function: function("a"),
        key: String::new(),
        first: EventId(1),
        due_ms: 20,
        count: 3,
        bytes: 4,
    }));
    let all = [timeout, debounce, batch];
    let writes: Vec<_> = (1..)
        .zip(&all)
        .map(|(run, registration)| Write::Register {
            run: RunId(run),
            op: 4,
            registration: Arc::new(registration.clone()),
        })
        .collect();
    before_and_after(disk, &writes, |store| {
        let timer = |due_ms, run| TimerKey {
            due_ms,
            run: RunId(run),
            op: 4,
        };
        let due = store.view().timers(None, 30, 9).unwrap();
        assert_eq!(due, [timer(10, 2), timer(20, 3), timer(30, 1)]);
        for (run, registration) in (1..).zip(&all) {
            let found = store.view().registration(RunId(run), 4).unwrap();
            assert_eq!(found.as_ref(), Some(registration));
        }
    });
}

fn an_event_can_lose_its_link_to_a_run(disk: &impl Disk) {
    let (event, run) = (EventId(1), RunId(2));
    let other = RunId(3);
    let writes = [
        Write::LinkEvent { event, run },
        Write::LinkEvent { event, run: other },
        Write::UnlinkEvent { event, run },
    ];
    before_and_after(disk, &writes, |store| {
        assert_eq!(store.view().event_runs(event).unwrap(), [other]);
    });
}

fn jobs_and_schemas_are_listed_whole(disk: &impl Disk) {
    let job = |id, done| Job {
        id: RunId(id),
        action: JobAction::Cancel {
            reason: "because".to_owned(),
        },
        filter: RunFilter {
            if_expr: Some("event.data.x == 1".to_owned()),
            ..RunFilter::default()
        },
        interval_us: Some(500),
        created_ms: 1,
        state: JobState::Running,
        cursor: Some(RunId(7)),
        examined: 10,
        done,
        next_us: 3,
        ended_ms: None,
    };
    let schema = |v: Option<&str>, schema: &str| EventSchema {
        event: "order/placed".to_owned(),
        v: v.map(str::to_owned),
        schema: schema.into(),
    };
    let writes = [
        Write::PutJob(Box::new(job(2, 0))),
        Write::PutJob(Box::new(job(1, 0))),
        Write::PutJob(Box::new(job(2, 5))),
        Write::PutSchema(schema(Some(""), "true")),
        Write::PutSchema(schema(None, "false")),
        Write::PutSchema(schema(Some("2"), "true")),
        Write::PutSchema(schema(Some("2"), "{}")),
        Write::PutSchema(schema(Some("3"), "{}")),
        Write::DeleteSchema {
            event: "order/placed".to_owned(),
            v: Some("3".to_owned()),
        },
    ];
    before_and_after(disk, &writes, |store| {
        assert_eq!(store.view().jobs().unwrap(), [job(1, 0), job(2, 5)]);
        let schemas = store.view().schemas().unwrap();
        let expected = [
            schema(None, "false"),
            schema(Some(""), "true"),
            schema(Some("2"), "{}"),
        ];
        assert_eq!(schemas, expected);
    });
}

fn runs_are_read_page_by_page_oldest_first(disk: &impl Disk) {
    let run = |id| queued_run(RunId(id), "a", EventId(1), 5);
    let writes: Vec<_> = [3, 1, 2].map(|id| put(&run(id))).into();
    before_and_after(disk, &writes, |store| {
        let runs = |after, limit| store.view().runs_after(after, limit).unwrap();
        assert_eq!(runs(None, 2), [run(1), run(2)]);
        assert_eq!(runs(Some(RunId(2)), 2), [run(3)]);
        assert_eq!(runs(Some(RunId(3)), 2), []);
    });
}
