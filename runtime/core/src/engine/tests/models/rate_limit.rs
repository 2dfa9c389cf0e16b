//! A fixed window for every key, recomputed from the events that were let through.

use proptest::prelude::*;

use super::book::{Book, Happened, Seen};
use super::{User, compare, config, ops, without_ids};
use crate::SECOND_MS;
use crate::function::options::RateLimit;

const PERIOD: u64 = 10 * SECOND_MS;

fn model(log: &[Happened], limit: usize, keyed: bool) -> Vec<Seen> {
    let mut book = Book::default();
    let mut passed: Vec<(String, u64)> = Vec::new();
    for happened in log {
        book.happened(happened);
        let Happened::Sent(events) = happened else {
            continue;
        };
        for event in events {
            if keyed && event.user == User::False {
                book.start(event.at, event);
                continue;
            }
            let key = if keyed {
                event.user.key()
            } else {
                String::new()
            };
            // The windows so far, from the first event on.
            let mut window: Vec<u64> = Vec::new();
            for (_, at) in passed.iter().filter(|(of, _)| *of == key) {
                if window.first().is_some_and(|first| *at >= first + PERIOD) {
                    window.clear();
                }
                window.push(*at);
            }
            let over = window
                .first()
                .is_some_and(|first| event.at >= first + PERIOD);
            if !over && window.len() >= limit {
                book.skip(event.at, event);
            } else {
                passed.push((key, event.at));
                book.start(event.at, event);
            }
        }
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_rate_limit(ops in ops(PERIOD), limit in 1..4_u32, keyed in any::<bool>()) {
        let option = RateLimit {
            limit,
            period_ms: PERIOD,
            key: keyed.then(|| "event.data.user".to_owned()),
        };
        let ops = without_ids(ops);
        compare(|f| f.rate_limit = Some(option), ops, |log| model(log, limit as usize, keyed))?;
    }
}
