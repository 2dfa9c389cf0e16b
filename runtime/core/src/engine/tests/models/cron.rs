//! Schedules: ticks that start runs.
//!
//! The model looks at every minute there ever was, one by one, and asks of each whether it is a tick, when it is due, and whether it has been
//! done.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::world::START_MS;
use super::stage::Stage;
use crate::engine::Input;
use crate::function::FunctionConfig;
use crate::function::options::{Catchup, CronTrigger, Debounce, EventTrigger, Trigger};
use crate::machine::Position;
use crate::state::{ControlKind, RunEnd};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Whether a minute since 1970 is a tick.
type IsTick = fn(u64) -> bool;

/// Schedules, and what they say of a minute.
const SCHEDULES: [(&str, IsTick); 5] = [
    ("* * * * *", |_| true),
    ("*/5 * * * *", |minute| minute % 5 == 0),
    ("30 * * * *", |minute| minute % 60 == 30),
    ("0 3 * * *", |minute| minute % 1_440 == 180),
    // In November it is an hour ahead of UTC.
    ("TZ=Europe/Berlin 15 3 * * *", |minute| {
        minute % 1_440 == 135
    }),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Option {
    schedule: usize,
    jitter_ms: u64,
    catchup: Catchup,
}

fn function(options: &[Option]) -> FunctionConfig {
    let triggers = options.iter().map(|option| {
        Trigger::Cron(CronTrigger {
            schedule: SCHEDULES[option.schedule].0.into(),
            jitter_ms: (option.jitter_ms > 0).then_some(option.jitter_ms),
            catchup: option.catchup,
        })
    });
    FunctionConfig {
        id: "f".into(),
        triggers: triggers.collect(),
        ..FunctionConfig::default()
    }
}

#[derive(Debug, Clone)]
enum Op {
    Deploy(Vec<Option>),
    /// Time passes, and every timer has its turn when it is due.
    Pass(u64),
    /// Time passes at once, as when a machine sleeps.
    Jump(u64),
    /// Runs execute and end.
    Work,
    Sync,
    Crash(usize, u64),
}

#[derive(Debug, Clone)]
enum Happened {
    Deployed(u64, Vec<Option>),
    Ticked(u64),
    Restarted(u64),
}

/// A schedule in the model.
struct Known {
    option: Option,
    /// Ticks up to here are done.
    until: u64,
}

impl Known {
    /// The ticks after the last done one that are due, each with when it was due.
    fn due(&self, now_ms: u64) -> Vec<(u64, u64)> {
        let (text, is_tick) = SCHEDULES[self.option.schedule];
        let identity = format!("app/f\n{text}");
        let mut due = Vec::new();
        for minute in self.until / MINUTE_MS + 1..=now_ms / MINUTE_MS {
            if !is_tick(minute) {
                continue;
            }
            let tick = minute * MINUTE_MS;
            // It comes before the next tick, however large the jitter is.
            let next = (minute + 1..=minute + 1_440).find(|later| is_tick(*later));
            let gap = next.expect("it goes on") * MINUTE_MS - tick;
            let width = self.option.jitter_ms.min(gap - 1);
            let delay = match self.option.jitter_ms {
                0 => 0,
                _ => crate::cron::jitter_ms(identity.as_bytes(), tick, width),
            };
            assert!(delay <= width);
            if tick + delay > now_ms {
                break;
            }
            due.push((tick, tick + delay));
        }
        due
    }
}

/// When each run was due, by schedule and tick.
fn model<'a>(log: impl Iterator<Item = &'a Happened>, now_ms: u64) -> BTreeMap<(usize, u64), u64> {
    let mut known: BTreeMap<usize, Known> = BTreeMap::new();
    let mut runs = BTreeMap::new();
    for happened in log.cloned().chain([Happened::Ticked(now_ms)]) {
        match happened {
            Happened::Deployed(at, options) => {
                let mut kept = BTreeMap::new();
                for option in options {
                    let before = known.get(&option.schedule);
                    kept.entry(option.schedule).or_insert(Known {
                        option,
                        until: before.map_or(at, |before| before.until),
                    });
                }
                known = kept;
            }
            Happened::Restarted(at) => {
                for schedule in known.values_mut() {
                    if schedule.option.catchup == Catchup::None
                        && let Some((tick, _)) = schedule.due(at).last()
                    {
                        schedule.until = *tick;
                    }
                }
            }
            Happened::Ticked(at) => {
                for schedule in known.values_mut() {
                    let due = schedule.due(at);
                    let Some((last, _)) = due.last().copied() else {
                        continue;
                    };
                    schedule.until = last;
                    for (tick, due_ms) in due {
                        if tick == last || schedule.option.catchup == Catchup::All {
                            runs.insert((schedule.option.schedule, tick), due_ms);
                        }
                    }
                }
            }
        }
    }
    runs
}

struct Case {
    stage: Stage<Happened>,
    /// A catching up took several steps: a crash may forget the last of them.
    long: bool,
    /// A crash may have cut a catching up.
    cut: bool,
}

impl Case {
    fn new() -> Self {
        Self {
            stage: Stage::new(8),
            long: false,
            cut: false,
        }
    }

    fn tick(&mut self) {
        let mut steps = 0;
        while self
            .stage
            .engine
            .next_due_ms()
            .is_some_and(|due| due <= self.stage.now_ms)
        {
            self.stage.step(Input::Tick);
            self.stage.note(Happened::Ticked(self.stage.now_ms));
            steps += 1;
        }
        self.long |= steps > 1;
    }

    /// Whether only the latest of this schedule's missed ticks runs.
    fn runs_the_latest(&self, schedule: usize) -> bool {
        self.stage.log().any(|happened| match happened {
            Happened::Deployed(_, options) => options
                .iter()
                .any(|option| option.schedule == schedule && option.catchup == Catchup::Last),
            Happened::Ticked(_) | Happened::Restarted(_) => false,
        })
    }

    fn apply(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Deploy(options) => {
                self.stage.deploy(vec![function(&options)]);
                self.stage
                    .note(Happened::Deployed(self.stage.now_ms, options));
                // A smaller jitter may make a tick due at once.
                self.tick();
            }
            Op::Pass(ms) => {
                self.tick();
                let before: Vec<_> = self.stage.state.runs.keys().copied().collect();
                let until = self.stage.now_ms + ms;
                while let Some(due) = self.stage.engine.next_due_ms().filter(|due| *due <= until) {
                    self.stage.now_ms = due;
                    self.tick();
                }
                self.stage.now_ms = until;
                // Whoever is not late is on time to the millisecond.
                let due = model(self.stage.log(), until);
                for run in self.stage.state.runs.values() {
                    if !before.contains(&run.id) {
                        let tick = self.tick_of(run);
                        prop_assert_eq!(Some(&run.queued_ms), due.get(&tick));
                    }
                }
            }
            Op::Jump(ms) => {
                self.stage.now_ms += ms;
                self.tick();
            }
            Op::Work => {
                self.stage.dispatch();
                for run in self.stage.executing.keys().copied().collect::<Vec<_>>() {
                    let end = Position::Ended(RunEnd::Output("1".into()));
                    self.stage.report(run, Vec::new(), Vec::new(), end);
                }
            }
            Op::Sync => self.stage.sync(),
            Op::Crash(steps, down_ms) => {
                self.cut |= self.long && steps > 0;
                self.stage.crash(steps, down_ms);
                self.stage.note(Happened::Restarted(self.stage.now_ms));
                self.tick();
            }
        }
        Ok(())
    }

    fn tick_of(&self, run: &crate::state::Run) -> (usize, u64) {
        let text = run.cron.as_deref().expect("a schedule started it");
        let schedule = SCHEDULES.iter().position(|(known, _)| *known == text);
        let event = &self.stage.state.events[&run.event];
        assert_eq!(&*event.name, "inngest/scheduled.timer");
        let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        assert_eq!(data["cron"], text);
        assert_eq!(data["function_id"], "app/f");
        (schedule.expect("a known one"), event.ts)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let mut expected = model(self.stage.log(), self.stage.now_ms);
        let runs = self.stage.state.runs.values();
        let mut ticks: Vec<_> = runs.clone().map(|run| self.tick_of(run)).collect();
        ticks.sort_unstable();
        if self.cut {
            // The model takes a catching up for done that has begun. What was the latest then is not the latest any more.
            expected.retain(|tick, _| {
                ticks.binary_search(tick).is_ok() || !self.runs_the_latest(tick.0)
            });
        }
        let due: Vec<_> = expected.keys().copied().collect();
        prop_assert_eq!(ticks, due, "at {}", self.stage.now_ms);
        for run in runs {
            let due_ms = expected[&self.tick_of(run)];
            prop_assert!(run.queued_ms >= due_ms, "a tick came early");
        }
        Ok(())
    }
}

fn option() -> impl Strategy<Value = Option> {
    let jitter = prop_oneof![
        2 => Just(0),
        1 => Just(30 * SECOND_MS),
        1 => Just(5 * MINUTE_MS),
        1 => SECOND_MS..5 * MINUTE_MS,
    ];
    let catchup = prop_oneof![Just(Catchup::None), Just(Catchup::Last), Just(Catchup::All)];
    (0..SCHEDULES.len(), jitter, catchup).prop_map(|(schedule, jitter_ms, catchup)| Option {
        schedule,
        jitter_ms,
        catchup,
    })
}

/// Not two of one schedule: deploying refuses that, or takes the first.
fn options() -> impl Strategy<Value = Vec<Option>> {
    prop::collection::vec(option(), 0..4).prop_map(|mut options| {
        options.sort_by_key(|option| option.schedule);
        options.dedup_by_key(|option| option.schedule);
        options
    })
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 1..10 * MINUTE_MS,
        1 => Just(MINUTE_MS),
        1 => Just(40 * SECOND_MS),
        2 => 1..3 * HOUR_MS,
        1 => 1..2 * DAY_MS,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => options().prop_map(Op::Deploy),
        4 => (1..30 * MINUTE_MS).prop_map(Op::Pass),
        1 => Just(Op::Pass(MINUTE_MS)),
        2 => time().prop_map(Op::Jump),
        1 => Just(Op::Work),
        1 => Just(Op::Sync),
        3 => (0..5_usize, time()).prop_map(|(steps, down_ms)| Op::Crash(steps, down_ms)),
    ]
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_cron(first in options(), ops in prop::collection::vec(op(), 1..12)) {
        let mut case = Case::new();
        case.apply(Op::Deploy(first))?;
        for op in ops {
            case.apply(op)?;
            case.check()?;
        }
        // What is deployed no more leaves nothing behind.
        case.apply(Op::Deploy(Vec::new()))?;
        let left = case.stage.state.controls.keys();
        prop_assert_eq!(left.filter(|key| key.kind == ControlKind::Cron).count(), 0);
    }
}

#[test]
fn a_catching_up_that_was_cut_goes_on_with_what_is_the_latest_then() {
    let option = |schedule, catchup| Option {
        schedule,
        jitter_ms: 0,
        catchup,
    };
    let mut case = Case::new();
    let story = [
        Op::Deploy(vec![option(0, Catchup::All), option(3, Catchup::Last)]),
        Op::Sync,
        Op::Crash(0, 30_700_000),
        Op::Crash(2, 72_900_000),
    ];
    for op in story {
        case.apply(op).expect("it is on time");
        case.check().expect("every tick is there, once");
    }
    assert!(case.cut, "several steps, and a crash between them");
}

#[test]
fn a_month_of_a_schedule_and_of_a_debounce_passes_in_seconds() {
    let mut stage: Stage<()> = Stage::new(8);
    stage.remembers = false;
    let merged = FunctionConfig {
        id: "g".into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: "typed".into(),
            if_expr: None,
        })],
        debounce: Some(Debounce {
            period_ms: 10 * MINUTE_MS,
            key: None,
            timeout_ms: None,
        }),
        ..FunctionConfig::default()
    };
    let every = Option {
        schedule: 1,
        jitter_ms: 0,
        catchup: Catchup::Last,
    };
    stage.deploy(vec![function(&[every]), merged]);
    for _hour in 0..30 * 24 {
        // Five events, two minutes apart, are one run.
        for _event in 0..5 {
            stage.send(vec![crate::event::NewEvent {
                name: "typed".into(),
                ..crate::event::NewEvent::default()
            }]);
            stage.advance(2 * MINUTE_MS);
        }
        stage.advance(50 * MINUTE_MS);
        stage.dispatch();
        while let Some(run) = stage.executing.keys().next().copied() {
            let end = Position::Ended(RunEnd::Output("1".into()));
            stage.report(run, Vec::new(), Vec::new(), end);
            stage.dispatch();
        }
    }
    let of = |name: &str| {
        let runs = stage.state.runs.values();
        runs.filter(|run| &*run.function.function == name).count()
    };
    assert_eq!(stage.now_ms, START_MS + 30 * DAY_MS);
    assert_eq!(of("f"), 30 * 24 * 12);
    assert_eq!(of("g"), 30 * 24);
    assert!(stage.state.runs.values().all(|run| run.status.is_final()));
}

#[test]
fn a_jitter_that_is_wider_than_the_time_between_ticks_leaves_none_of_them_out() {
    let every_minute = Option {
        schedule: 0,
        jitter_ms: 5 * MINUTE_MS,
        catchup: Catchup::Last,
    };
    let mut case = Case::new();
    case.apply(Op::Deploy(vec![every_minute]))
        .expect("it is allowed");
    case.apply(Op::Pass(HOUR_MS)).expect("on time");
    // The last of them may still be to come.
    assert!((59..=60).contains(&case.stage.state.runs.len()));
}
