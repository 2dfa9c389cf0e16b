//! The first event of a value within 24 hours.

use proptest::prelude::*;

use super::book::{Book, Happened, Seen};
use super::{compare, config, ops, without_ids};
use crate::DAY_MS;
use crate::function::options::RateLimit;

fn model(log: &[Happened]) -> Vec<Seen> {
    let mut book = Book::default();
    let mut won: Vec<(String, u64)> = Vec::new();
    for happened in log {
        book.happened(happened);
        let Happened::Sent(events) = happened else {
            continue;
        };
        for event in events {
            let key = event.user.key();
            let lost = won
                .iter()
                .any(|(of, at)| *of == key && event.at < at + DAY_MS);
            if lost {
                book.skip(event.at, event);
            } else {
                won.push((key, event.at));
                book.start(event.at, event);
            }
        }
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_idempotency(ops in ops(DAY_MS), limited in any::<bool>()) {
        // It stands in place of a rate limit.
        let limit = limited.then_some(RateLimit { limit: 1, period_ms: DAY_MS, key: None });
        compare(
            |f| {
                f.idempotency = Some("event.data.user".into());
                f.rate_limit = limit;
            },
            without_ids(ops),
            model,
        )?;
    }
}
