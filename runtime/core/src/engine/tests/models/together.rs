//! All controls that go together, in their order: event ids, idempotency or a rate limit, a debounce, a singleton, priority.

use proptest::prelude::*;

use super::book::{Book, Came, Happened, Seen, State};
use super::{User, compare, config, ops};
use crate::function::FunctionConfig;
use crate::function::options::{Debounce, RateLimit, Singleton, SingletonMode};
use crate::{DAY_MS, SECOND_MS};

const PERIOD: u64 = 10 * SECOND_MS;

/// Which controls the function has. Their keys are `data.user`, except that of the singleton, which is for all together, so that debounces of
/// different keys meet there.
#[derive(Debug, Clone)]
struct Options {
    idempotency: bool,
    rate_limit: Option<usize>,
    debounce: bool,
    singleton: Option<SingletonMode>,
    priority: bool,
}

fn options() -> impl Strategy<Value = Options> {
    let mode = prop_oneof![Just(SingletonMode::Skip), Just(SingletonMode::Cancel)];
    (
        any::<bool>(),
        prop::option::of(1..4_usize),
        any::<bool>(),
        prop::option::of(mode),
        any::<bool>(),
    )
        .prop_map(
            |(idempotency, rate_limit, debounce, singleton, priority)| Options {
                idempotency,
                rate_limit,
                debounce,
                singleton,
                priority,
            },
        )
}

impl Options {
    fn set(&self, f: &mut FunctionConfig) {
        let key = Some("event.data.user".to_owned());
        f.idempotency = self.idempotency.then(|| "event.data.user".into());
        f.rate_limit = self.rate_limit.map(|limit| RateLimit {
            limit: u32::try_from(limit).expect("small"),
            period_ms: PERIOD,
            key: key.clone(),
        });
        f.debounce = self.debounce.then_some(Debounce {
            period_ms: PERIOD,
            key,
            timeout_ms: Some(2 * PERIOD),
        });
        f.singleton = self.singleton.map(|mode| Singleton { key: None, mode });
        f.priority = self.priority.then(|| "event.data.ahead".into());
    }
}

/// Everything that a model remembers of the events so far.
struct Model<'a> {
    options: &'a Options,
    book: Book,
    /// Ids and values of idempotency that count, with the number of the event that brought them.
    ids: Vec<(u8, u64, usize)>,
    values: Vec<(User, u64, usize)>,
    passed: Vec<(User, u64)>,
    waiting: Vec<(User, Vec<Came>)>,
}

impl Model<'_> {
    fn came(&mut self, event: &Came) {
        let now = event.at;
        let known = self
            .ids
            .iter()
            .any(|(id, at, _)| Some(*id) == event.id && now < at + DAY_MS);
        if known {
            return;
        }
        if self.options.idempotency {
            let lost = self
                .values
                .iter()
                .any(|(user, at, _)| *user == event.user && now < at + DAY_MS);
            if lost {
                self.book.skip(now, event);
                return;
            }
        } else if let Some(limit) = self.options.rate_limit
            && event.user != User::False
        {
            if self.in_window(event.user, now) >= limit {
                self.book.skip(now, event);
                return;
            }
            self.passed.push((event.user, now));
        }
        if let Some(id) = event.id {
            self.ids.push((id, now, event.n));
        }
        self.values.push((event.user, now, event.n));
        if !self.options.debounce {
            self.start(now, vec![event.clone()]);
            return;
        }
        let due = |(user, events): &(User, Vec<Came>)| *user == event.user && due(events) <= now;
        if let Some(place) = self.waiting.iter().position(due) {
            let (_, events) = self.waiting.remove(place);
            self.start(now, events);
        }
        match self
            .waiting
            .iter_mut()
            .find(|(user, _)| *user == event.user)
        {
            Some((_, events)) => events.push(event.clone()),
            None => self.waiting.push((event.user, vec![event.clone()])),
        }
    }

    /// Events of this user that were let through in the window that is open, if one is.
    fn in_window(&self, user: User, now: u64) -> usize {
        let mut window: Vec<u64> = Vec::new();
        for (_, at) in self.passed.iter().filter(|(of, _)| *of == user) {
            if window.first().is_some_and(|first| *at >= first + PERIOD) {
                window.clear();
            }
            window.push(*at);
        }
        match window.first() {
            Some(first) if now < first + PERIOD => window.len(),
            Some(_) | None => 0,
        }
    }

    /// The rest of the way, for an event alone or those of a debounce.
    fn start(&mut self, now: u64, mut events: Vec<Came>) {
        events.sort_by_key(|event| event.ts);
        let numbers: Vec<_> = events.iter().map(|event| event.n).collect();
        let event = events.last().expect("there is one");
        let live = self
            .book
            .runs
            .iter()
            .find(|run| matches!(run.state, State::Live | State::AsleepUntil(_)));
        let live = live.map(|run| run.event);
        match (self.options.singleton, live) {
            (Some(SingletonMode::Skip), Some(_)) => {
                self.book.skip(now, event).events.clone_from(&numbers);
                // What did not start anything may try again.
                self.ids.retain(|(_, _, n)| !numbers.contains(n));
                self.values.retain(|(_, _, n)| !numbers.contains(n));
                return;
            }
            (Some(SingletonMode::Cancel), Some(live)) => self.book.set(live, State::Cancelled),
            (Some(_), None) | (None, _) => {}
        }
        let seconds = event.ahead.unwrap_or(0).clamp(-600, 600);
        let order = event.ts.max(now).cast_signed() - seconds * 1_000;
        let run = self.book.start(now, event);
        run.events = numbers;
        run.order = self.options.priority.then_some(order);
    }

    /// Debounces that are due, the earliest first; of equal ones that which began first.
    fn tick(&mut self, now: u64) {
        loop {
            let due = self
                .waiting
                .iter()
                .enumerate()
                .filter(|(_, (_, events))| due(events) <= now);
            let first = due.min_by_key(|(_, (_, events))| due_and_begin(events));
            let Some(place) = first.map(|(place, _)| place) else {
                return;
            };
            let (_, events) = self.waiting.remove(place);
            self.start(now, events);
        }
    }
}

fn due(events: &[Came]) -> u64 {
    let (first, last) = (events[0].at, events[events.len() - 1].at);
    (last + PERIOD).min(first + 2 * PERIOD)
}

fn due_and_begin(events: &[Came]) -> (u64, usize) {
    (due(events), events[0].n)
}

fn model(log: &[Happened], options: &Options) -> Vec<Seen> {
    let mut model = Model {
        options,
        book: Book::default(),
        ids: Vec::new(),
        values: Vec::new(),
        passed: Vec::new(),
        waiting: Vec::new(),
    };
    for happened in log {
        match happened {
            Happened::Sent(events) => events.iter().for_each(|event| model.came(event)),
            Happened::Ticked(now) => model.tick(*now),
            Happened::Ended(_) | Happened::Cancelled(_) => {}
        }
        model.book.happened(happened);
    }
    model.book.runs
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn model_all_controls_together(ops in ops(PERIOD), options in options()) {
        compare(|f| options.set(f), ops, |log| model(log, &options))?;
    }
}
