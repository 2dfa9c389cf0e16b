//! What came for runs, and what those of them share that one event satisfied.

use abide_core::{
    Json,
    ids::RunId,
    journal::Outcome,
    state::{Read, Write},
};
use bytes::Bytes;

use super::{Fixture, encode};
use crate::Op;

#[test]
fn runs_that_one_event_satisfies_share_its_bytes() {
    let (large, other): (Json, Json) = (format!("\"{}\"", "x".repeat(10_000)).into(), "1".into());
    let arrival = |run: u128, json: &Json, at_ms: u64| Write::PutArrival {
        run: RunId(run),
        op: 0,
        arrival: (Outcome::Done(json.clone()), 0, at_ms),
    };
    let writes = [
        arrival(1, &large, 5),
        Write::DeleteReady(RunId(1)),
        arrival(2, &large, 5),
        arrival(3, &large, 6),
        arrival(4, &other, 6),
    ];
    let batch = encode(&writes).unwrap();
    let bytes: Vec<_> = batch.ops().iter().filter_map(value).collect();
    assert_eq!(bytes[0].as_ptr(), bytes[1].as_ptr(), "the same event");
    assert_ne!(bytes[1].as_ptr(), bytes[2].as_ptr(), "at another time");

    let mut fixture = Fixture::new();
    fixture.write(&writes);
    for (run, json, at_ms) in [
        (1, &large, 5),
        (2, &large, 5),
        (3, &large, 6),
        (4, &other, 6),
    ] {
        let expected = [(0, Outcome::Done(json.clone()), 0, at_ms)];
        assert_eq!(fixture.view().arrivals(RunId(run)).unwrap(), expected);
    }
    assert_eq!(fixture.store.stats().payloads, 2);
}

fn value(op: &Op) -> Option<&Bytes> {
    match op {
        Op::Put(_, value) => Some(value),
        Op::Delete(_) => None,
    }
}
