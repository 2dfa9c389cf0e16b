//! The tests of `check`.

use std::sync::Arc;

use abide_core::{
    event::EventSource,
    ids::FunctionId,
    state::{JournalChunk, Write},
};

use super::*;
use crate::{Backend as _, Batch, SledBackend, SledOptions, encode};

const RUN: RunId = RunId(1 << 80);
const EVENT: EventId = EventId(2 << 80);

fn digest() -> ComponentDigest {
    let sha256: [u8; 32] = Sha256::digest(b"code").into();
    hex::encode(sha256).parse().unwrap()
}

/// An event with a payload file, a run that sleeps and waits, its journal, and its code.
fn sound(dir: &Path) -> Store {
    let components = dir.join("components");
    fs::create_dir(&components).unwrap();
    fs::write(components.join(format!("{}.wasm", digest())), "code").unwrap();
    let event = Event {
        id: EVENT,
        received_ms: 7,
        name: "order/placed".into(),
        data: format!("{{\"text\":\"{}\"}}", "x".repeat(9_000)).into(),
        user: None,
        ts: 7,
        v: None,
        external_id: None,
        source: EventSource::Api,
        trace: None,
    };
    let function = FunctionId {
        app: "shop".into(),
        function: "pay".into(),
    };
    let mut run = Run::queued(RUN, function, digest(), EVENT, 8);
    run.status = RunStatus::Waiting;
    run.entries = 1;
    let wait = |op, registration| Write::Register {
        run: RUN,
        op,
        registration: Arc::new(registration),
    };
    let writes = [
        Write::PutEvent(Arc::new(event)),
        Write::LinkEvent {
            event: EVENT,
            run: RUN,
        },
        Write::PutRun(Arc::new(run)),
        Write::AppendJournal {
            run: RUN,
            chunk: JournalChunk {
                first: 0,
                entries: vec![Entry::AttemptStarted {
                    attempt: 0,
                    at_ms: 9,
                }],
            },
        },
        wait(0, Registration::Sleep { due_ms: 99 }),
        wait(
            1,
            Registration::Event {
                name: "order/paid".into(),
                match_path: Some(("data.id".into(), "7".into())),
                if_expr: None,
                since_ms: None,
                due_ms: 99,
            },
        ),
    ];
    let store = Store::open(dir, &SledOptions::default()).unwrap();
    store.submit(encode(&writes).unwrap()).wait().unwrap();
    store
}

/// What is said of the store, and how much was checked.
fn checked(store: &Store, dir: &Path) -> (Vec<String>, Checked) {
    let mut said = Vec::new();
    let components = dir.join("components");
    let checked = store
        .check(
            Some(&components),
            |_| {},
            |problem| said.push(format!("{}: {}", problem.place, problem.what)),
        )
        .unwrap();
    assert_eq!(checked.problems, said.len() as u64);
    (said, checked)
}

/// What is said after a change; `says` is in exactly one of the problems.
#[track_caller]
fn says(change: impl FnOnce(&Store, &Path), says: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let store = sound(dir.path());
    change(&store, dir.path());
    let (said, _) = checked(&store, dir.path());
    for (n, wanted) in says.iter().enumerate() {
        assert!(
            said.iter().any(|said| said.contains(wanted)),
            "{wanted}: {said:#?}"
        );
        assert_eq!(said.len(), says.len(), "{n}: {said:#?}");
    }
}

fn commit(store: &Store, change: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    change(&mut batch);
    store.submit(batch).wait().unwrap();
}

#[test]
fn nothing_is_wrong_with_what_the_program_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let store = sound(dir.path());
    let (said, checked) = checked(&store, dir.path());
    assert_eq!(said, [""; 0]);
    assert_eq!(
        (checked.rows, checked.payloads, checked.components),
        (10, 1, 1)
    );
}

#[test]
fn a_row_that_another_one_needs_is_missed() {
    let remove = |key: Key<'static>| {
        move |store: &Store, _: &Path| {
            commit(store, |batch| {
                batch.delete(key.encode());
            });
        }
    };
    let due = |op| {
        Key::Timer(TimerKey {
            due_ms: 99,
            run: RUN,
            op,
        })
    };
    says(
        remove(due(0)),
        &["an index lacks it: it would wait for ever"],
    );
    says(
        remove(Key::Registration(WaitKey { run: RUN, op: 0 })),
        &["no registration implies it"],
    );
    says(
        remove(Key::EventByName {
            name: Text::new("order/placed"),
            received_ms: 7,
            event: EVENT,
        }),
        &["the index of events by name lacks it"],
    );
    says(
        remove(Key::Event(EVENT)),
        &["there is no such event", "runs by event", "run 0"],
    );
    says(
        remove(Key::Journal { run: RUN, first: 0 }),
        &["its journal has 0 entries instead of 1"],
    );
    says(remove(Key::Run(RUN)), &["journal of run", "op: 0", "op: 1"]);
}

#[test]
fn rows_of_runs_that_are_not_there_are_told() {
    let ready = Key::Ready(RunId(77)).encode();
    says(
        |store, _| {
            commit(store, |batch| {
                batch.put(ready, Bytes::new());
            });
        },
        &["there is no run"],
    );
}

#[test]
fn damaged_and_missing_files_are_told() {
    let payload = |dir: &Path| {
        let shards = fs::read_dir(dir.join("blobs")).unwrap();
        let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).next().unwrap()
    };
    says(
        |_, dir| fs::write(payload(dir), "short").unwrap(),
        &["event"],
    );
    says(
        |_, dir| fs::remove_file(payload(dir)).unwrap(),
        &["it is missing, and event"],
    );
    let component = |dir: &Path| dir.join(format!("components/{}.wasm", digest()));
    says(
        |_, dir| fs::write(component(dir), "kode").unwrap(),
        &["do not fit its digest"],
    );
    says(
        |_, dir| fs::remove_file(component(dir)).unwrap(),
        &["it is missing, and run"],
    );
}

#[test]
fn a_damaged_row_is_told_and_the_others_are_checked_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    sound(dir.path()).close().unwrap();
    let backend = SledBackend::open(dir.path(), &SledOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(Key::Ready(RunId(5)).encode(), &b"garbage"[..]);
    batch.put(
        &b"\x7funknown"[..],
        envelope::encode_inline(b"\x7funknown", b"x"),
    );
    backend.commit(&batch).unwrap();
    drop(backend);
    let store = Store::open(dir.path(), &SledOptions::default()).unwrap();
    let (said, checked) = checked(&store, dir.path());
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("checksum does not fit"), "{said:#?}");
    assert!(said[1].contains("no row has such a key"), "{said:#?}");
    assert_eq!(checked.rows, 12);
}
