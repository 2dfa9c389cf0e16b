//! What flow control costs in the store: for each event a control's row, a run's place in its lane; and how the one wait among many is found.
//!
//! `cargo run --release -p abide-store --example costs`. Prints processor time, of all threads, beside the time that passed.

mod process;
#[path = "../tests/common/records.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod records;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use abide_core::{
    ids::{EventId, FunctionId, IdGenerator, RunId},
    state::{Control, ControlKey, ControlKind, LaneKey, Place, Read as _, Registration, Write},
};
use abide_store::{SledOptions, Store, encode};

const EVENTS: u32 = 50_000;
const KEYS: u32 = 1_000;
const WAITS: u32 = 100_000;
/// Steps that are on their way to the disk at once.
const UNDER_WAY: u32 = 256;
const NOW: u64 = 1_700_000_000_000;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), &SledOptions::default()).expect("open");
    let mut ids = IdGenerator::new(1);
    let mut event = move |n: u32| {
        let id = EventId(ids.next(NOW + u64::from(n)));
        Write::PutEvent(Arc::new(records::event(id, "shop/order", NOW)))
    };
    let alone = measure(&store, "an event", None, |n| vec![event(n)]);
    measure(
        &store,
        "… and a control's row, read and replaced",
        Some(alone),
        |n| {
            let key = ControlKey {
                kind: ControlKind::RateLimit,
                function: FunctionId::new("shop", "order"),
                key: format!("\"customer-{}\"", n % KEYS),
            };
            let count = match store.view().control(&key).expect("read") {
                Some(Control::Window { count, .. }) => count + 1,
                _ => 1,
            };
            let control = Control::Window {
                from_ms: NOW,
                until_ms: NOW + 60_000,
                count,
            };
            vec![event(n), Write::PutControl { key, control }]
        },
    );
    measure(
        &store,
        "… and a place in a lane, put and taken",
        Some(alone),
        |n| {
            let lane = LaneKey {
                function: FunctionId::new("shop", "order"),
                lane: format!("fn step event.data.customer \"customer-{}\"", n % KEYS).into(),
            };
            let place = |n: u32| Place {
                order_ms: NOW + u64::from(n),
                run: RunId(u128::from(n)),
            };
            let mut writes = vec![
                event(n),
                Write::PutQueued {
                    lane: lane.clone(),
                    place: place(n),
                },
            ];
            // It waits until its lane comes round again.
            if let Some(before) = n.checked_sub(KEYS) {
                let place = place(before);
                writes.push(Write::DeleteQueued { lane, place });
            }
            writes
        },
    );
    waits(&store);
    store.close().expect("close");
}

/// Submits the steps and prints what each took; beyond `base`, if there is one.
fn measure(
    store: &Store,
    what: &str,
    base: Option<Duration>,
    mut step: impl FnMut(u32) -> Vec<Write>,
) -> Duration {
    let (started, cpu) = (Instant::now(), process::cpu_time());
    for n in 0..EVENTS {
        let ticket = store.submit(encode(&step(n)).expect("encode"));
        if n % UNDER_WAY == UNDER_WAY - 1 {
            ticket.wait().expect("durable");
        }
    }
    store.read_barrier().wait().expect("durable");
    let (took, cpu) = (
        started.elapsed() / EVENTS,
        process::cpu_time().saturating_sub(cpu) / EVENTS,
    );
    let beyond = base.map_or(String::new(), |base| {
        format!(", {:.1?} beyond the event alone", cpu.saturating_sub(base))
    });
    println!("{what}: {took:.1?}, {cpu:.1?} of processor time{beyond}");
    cpu
}

/// Many runs wait for an event of one name, each for another order.
fn waits(store: &Store) {
    let value = |n: u32| format!("\"order-{n}\"");
    for n in 0..WAITS {
        let registration = Arc::new(Registration::Event {
            name: "shop/paid".to_owned(),
            match_path: Some(("data.order".to_owned(), value(n))),
            if_expr: None,
            since_ms: None,
            due_ms: NOW + 86_400_000,
        });
        let write = Write::Register {
            run: RunId(u128::from(n)),
            op: 3,
            registration,
        };
        let ticket = store.submit(encode(&[write]).expect("encode"));
        if n % 1_000 == 999 {
            ticket.wait().expect("durable");
        }
    }
    let view = store.view();
    let mut times: Vec<Duration> = (0..10_000)
        .map(|n: u32| {
            let n = n.wrapping_mul(7_919) % WAITS;
            let started = Instant::now();
            let paths = view.wait_paths("shop/paid").expect("read");
            let found = view
                .waits("shop/paid", Some((&paths[0], &value(n))), None, 64)
                .expect("read");
            assert_eq!((paths.len(), found.len()), (1, 1));
            assert_eq!(found[0].run, RunId(u128::from(n)));
            started.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "the one of {WAITS} waits on one event name that asks for an event's value: {:.1?} in the middle, {:.1?} at the 99th of 100",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}
