//! The place of a run in the queue: the time at which it may start, less its priority.

use proptest::prelude::*;

use super::book::{Book, Happened, Seen};
use super::{compare, config, ops, without_ids};
use crate::SECOND_MS;

fn model(log: &[Happened]) -> Vec<Seen> {
    let mut book = Book::default();
    for happened in log {
        book.happened(happened);
        let Happened::Sent(events) = happened else {
            continue;
        };
        for event in events {
            // What is no number counts as 0; beyond ten minutes is cut off.
            let seconds = event.ahead.unwrap_or(0).clamp(-600, 600);
            let begins = event.ts.max(event.at);
            let order = begins.cast_signed() - seconds * 1_000;
            book.start(event.at, event).order = Some(order);
        }
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_priority(ops in ops(10 * SECOND_MS)) {
        compare(|f| f.priority = Some("event.data.ahead".into()), without_ids(ops), model)?;
    }
}
