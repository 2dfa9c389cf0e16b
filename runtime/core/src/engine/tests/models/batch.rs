//! A batch as the list of its events.

use proptest::prelude::*;

use super::book::{Book, Came, Happened, Seen};
use super::driver::BATCH_BYTES;
use super::{compare, config, ops};
use crate::function::options::BatchEvents;
use crate::{DAY_MS, SECOND_MS};

const TIMEOUT: u64 = 10 * SECOND_MS;

struct Rules {
    size: usize,
    keyed: bool,
    picky: bool,
}

/// The events of one key that wait together.
struct Waiting {
    key: String,
    events: Vec<Came>,
}

impl Waiting {
    fn is_due(&self, now: u64) -> bool {
        self.events[0].at + TIMEOUT <= now
    }

    fn bytes(&self) -> u64 {
        self.events.iter().map(|event| event.bytes).sum()
    }

    fn start(self, now: u64, book: &mut Book) {
        let run = book.start(now, &self.events[0]);
        run.batch = true;
        run.events = self.events.iter().map(|event| event.n).collect();
    }
}

/// Takes what waits under the key, if it fits the condition.
fn take(
    waiting: &mut Vec<Waiting>,
    key: &str,
    condition: impl Fn(&Waiting) -> bool,
) -> Option<Waiting> {
    let place = waiting
        .iter()
        .position(|it| it.key == key && condition(it))?;
    Some(waiting.remove(place))
}

fn model(log: &[Happened], rules: &Rules) -> Vec<Seen> {
    let mut book = Book::default();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut started: Vec<(u8, u64)> = Vec::new();
    for happened in log {
        match happened {
            Happened::Sent(events) => {
                for event in events {
                    let now = event.at;
                    if let Some(id) = event.id {
                        if started
                            .iter()
                            .any(|(of, at)| *of == id && now < at + DAY_MS)
                        {
                            continue;
                        }
                        started.push((id, now));
                    }
                    if rules.picky && event.urgent {
                        book.start(now, event);
                        continue;
                    }
                    let key = if rules.keyed {
                        event.user.key()
                    } else {
                        String::new()
                    };
                    let too_much =
                        |it: &Waiting| it.is_due(now) || it.bytes() + event.bytes > BATCH_BYTES;
                    if let Some(it) = take(&mut waiting, &key, too_much) {
                        it.start(now, &mut book);
                    }
                    let it = take(&mut waiting, &key, |_| true);
                    let mut it = it.unwrap_or(Waiting {
                        key,
                        events: Vec::new(),
                    });
                    it.events.push(event.clone());
                    if it.events.len() == rules.size || it.bytes() >= BATCH_BYTES {
                        it.start(now, &mut book);
                    } else {
                        waiting.push(it);
                    }
                }
            }
            Happened::Ticked(now) => {
                while let Some(place) = waiting.iter().position(|it| it.is_due(*now)) {
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
    fn model_batch_events(
        ops in ops(TIMEOUT),
        size in 2..6_usize,
        keyed in any::<bool>(),
        picky in any::<bool>(),
    ) {
        let option = BatchEvents {
            max_size: u32::try_from(size).expect("small"),
            timeout_ms: TIMEOUT,
            key: keyed.then(|| "event.data.user".to_owned()),
            if_expr: picky.then(|| "!event.data.urgent".to_owned()),
        };
        let rules = Rules { size, keyed, picky };
        compare(|f| f.batch_events = Some(option), ops, |log| model(log, &rules))?;
    }
}
