//! A debounce as the list of its events: its time and its newest events are worked out from all of them whenever they are asked for.

use proptest::prelude::*;

use super::book::{Book, Came, Happened, Seen};
use super::{compare, config, ops, without_ids};
use crate::SECOND_MS;
use crate::function::options::Debounce;

const PERIOD: u64 = 10 * SECOND_MS;

/// The events of one key that wait together, in the order in which they came.
struct Waiting {
    key: String,
    events: Vec<Came>,
}

impl Waiting {
    fn due(&self, timeout: Option<u64>) -> u64 {
        let last = self.events.last().expect("one began it").at;
        let first = self.events.first().expect("one began it").at;
        let capped = timeout.map_or(u64::MAX, |timeout| first + timeout);
        (last + PERIOD).min(capped)
    }

    fn start(self, now: u64, book: &mut Book) {
        let mut events = self.events;
        events.sort_by_key(|event| event.ts);
        let events: Vec<_> = events.into_iter().rev().take(100).rev().collect();
        let newest = events.last().expect("one began it");
        book.start(now, newest).events = events.iter().map(|event| event.n).collect();
    }
}

fn model(log: &[Happened], keyed: bool, timeout: Option<u64>) -> Vec<Seen> {
    let mut book = Book::default();
    let mut waiting: Vec<Waiting> = Vec::new();
    for happened in log {
        match happened {
            Happened::Sent(events) => {
                for event in events {
                    let key = if keyed {
                        event.user.key()
                    } else {
                        String::new()
                    };
                    let due = |it: &Waiting| it.key == key && it.due(timeout) <= event.at;
                    if let Some(place) = waiting.iter().position(due) {
                        waiting.remove(place).start(event.at, &mut book);
                    }
                    match waiting.iter_mut().find(|it| it.key == key) {
                        Some(it) => it.events.push(event.clone()),
                        None => waiting.push(Waiting {
                            key,
                            events: vec![event.clone()],
                        }),
                    }
                }
            }
            Happened::Ticked(now) => {
                while let Some(place) = waiting.iter().position(|it| it.due(timeout) <= *now) {
                    waiting.remove(place).start(*now, &mut book);
                }
            }
            Happened::Ended(_) | Happened::Cancelled(_) => {}
        }
        book.happened(happened);
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_debounce(
        ops in ops(PERIOD),
        keyed in any::<bool>(),
        timeout in prop::option::of(PERIOD..3 * PERIOD),
    ) {
        let option = Debounce {
            period_ms: PERIOD,
            key: keyed.then(|| "event.data.user".to_owned()),
            timeout_ms: timeout,
        };
        compare(
            |f| f.debounce = Some(option),
            without_ids(ops),
            |log| model(log, keyed, timeout),
        )?;
    }
}
