//! The same external id starts a function at most once in 24 hours.

use proptest::prelude::*;

use super::book::{Book, Happened, Seen};
use super::{compare, config, ops};
use crate::DAY_MS;

fn model(log: &[Happened]) -> Vec<Seen> {
    let mut book = Book::default();
    let mut started: Vec<(u8, u64)> = Vec::new();
    for happened in log {
        book.happened(happened);
        let Happened::Sent(events) = happened else {
            continue;
        };
        for event in events {
            if let Some(id) = event.id {
                let again = started
                    .iter()
                    .any(|(of, at)| *of == id && event.at < at + DAY_MS);
                if again {
                    continue;
                }
                started.push((id, event.at));
            }
            book.start(event.at, event);
        }
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_event_id_dedupe(ops in ops(DAY_MS)) {
        compare(|_| {}, ops, model)?;
    }
}
