//! At most one live run of a key: whether one lives is read from the book of runs.

use proptest::prelude::*;

use super::book::{Book, Happened, Seen, State};
use super::{compare, config, ops, without_ids};
use crate::SECOND_MS;
use crate::function::options::{Singleton, SingletonMode};

fn model(log: &[Happened], mode: SingletonMode, keyed: bool) -> Vec<Seen> {
    let mut book = Book::default();
    let mut keys: Vec<(String, usize)> = Vec::new();
    for happened in log {
        book.happened(happened);
        let Happened::Sent(events) = happened else {
            continue;
        };
        for event in events {
            let key = if keyed {
                event.user.key()
            } else {
                String::new()
            };
            let live = keys
                .iter()
                .find(|(of, n)| *of == key && book.is_alive(*n))
                .map(|(_, n)| *n);
            match (live, mode) {
                (Some(_), SingletonMode::Skip) => {
                    book.skip(event.at, event);
                    continue;
                }
                (Some(live), SingletonMode::Cancel) => book.set(live, State::Cancelled),
                (None, _) => {}
            }
            book.start(event.at, event);
            keys.push((key, event.n));
        }
    }
    book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_singleton(ops in ops(10 * SECOND_MS), cancels in any::<bool>(), keyed in any::<bool>()) {
        let mode = if cancels { SingletonMode::Cancel } else { SingletonMode::Skip };
        let option = Singleton {
            key: keyed.then(|| "event.data.user".to_owned()),
            mode,
        };
        compare(
            |f| f.singleton = Some(option),
            without_ids(ops),
            |log| model(log, mode, keyed),
        )?;
    }
}
