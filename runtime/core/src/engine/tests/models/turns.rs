//! The model of the queue: it looks at every run every time, and counts what is held anew. Starts and steps of functions with limits,
//! priorities, throttles and pauses go on in rounds, through crashes and evictions.

use std::collections::{BTreeMap, BTreeSet};

use super::super::world::START_MS;
use super::floor::RETRY_MS;
use crate::function::FunctionConfig;
use crate::function::options::{ConcurrencyScope, ConcurrencyUnit};
use crate::ids::RunId;
use crate::journal::OpNumber;

/// A function: its options, and what its runs do, group after group.
#[derive(Clone)]
pub(super) struct Function {
    pub config: FunctionConfig,
    pub groups: Vec<Vec<String>>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = &self.config;
        let (limits, throttle) = (&config.concurrency, &config.throttle);
        write!(
            f,
            "{:?} {limits:?} {throttle:?} {:?}",
            self.groups, config.priority
        )
    }
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is due, and has asked for a slot if its code is in memory.
    Due {
        asked: bool,
    },
    /// It executes until then.
    Executes(u64),
    /// A sleep, or the time before another attempt.
    Waits(u64),
    Done,
}

/// A counter: its name, its limit, and whether it counts whole runs.
type Counter = (String, u32, bool);

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "naive on purpose")]
struct Run {
    id: RunId,
    function: usize,
    counters: Vec<Counter>,
    throttle: String,
    place: (u64, RunId),
    started: bool,
    over: bool,
    /// It has the slot of its start still.
    start_slot: bool,
    group: usize,
    steps: Vec<Step>,
    failed: BTreeSet<(usize, usize)>,
    /// Its code is not in memory, and whether there is news for it.
    asleep: bool,
    news: bool,
    /// It executed when the process died: nobody knows which slots it needs until its code has been loaded.
    awaited: bool,
}

/// What should happen.
#[derive(Debug, Clone)]
pub(super) struct Model {
    functions: Vec<Function>,
    runs: Vec<Run>,
    pub now_ms: u64,
    pub paused: BTreeSet<usize>,
    /// For each function and key: the time that the starts so far reach to, in parts of a millisecond.
    throttles: BTreeMap<(usize, String), u128>,
    /// Whatever rests leaves memory at once.
    pub evicting: bool,
}

impl Run {
    fn is_gated(&self) -> bool {
        self.counters.iter().any(|(_, _, of_runs)| !of_runs)
    }

    fn step_counters(&self) -> BTreeSet<&str> {
        let of_steps = self.counters.iter().filter(|(_, _, of_runs)| !of_runs);
        of_steps.map(|(name, ..)| name.as_str()).collect()
    }
}

impl Model {
    pub(super) fn new(functions: Vec<Function>, evicting: bool) -> Self {
        Self {
            functions,
            runs: Vec::new(),
            now_ms: START_MS,
            paused: BTreeSet::new(),
            throttles: BTreeMap::new(),
            evicting,
        }
    }

    /// A run was created for an event with this key and priority.
    pub(super) fn create(&mut self, id: RunId, function: usize, key: u32, priority: i64) {
        let config = &self.functions[function].config;
        let counters = config.concurrency.iter().map(|option| {
            let value = option.key.as_ref().map(|_| key);
            let of_runs = option.per == ConcurrencyUnit::Run;
            let whose = (option.scope == ConcurrencyScope::Fn).then_some(function);
            let scope = option.scope;
            let name = format!("{scope:?} {of_runs} {whose:?} {value:?}");
            (name, option.limit, of_runs)
        });
        let ahead = if config.priority.is_some() {
            priority * 1_000
        } else {
            0
        };
        let throttle = config
            .throttle
            .as_ref()
            .and_then(|option| option.key.as_ref());
        self.runs.push(Run {
            id,
            function,
            counters: counters.collect(),
            throttle: throttle.map_or_else(String::new, |_| key.to_string()),
            place: (self.now_ms.saturating_add_signed(-ahead), id),
            started: false,
            over: false,
            start_slot: false,
            group: 0,
            steps: Vec::new(),
            failed: BTreeSet::new(),
            asleep: false,
            news: false,
            awaited: false,
        });
    }

    /// How much of a counter is held, counted anew.
    fn held(&self, name: &str) -> u32 {
        let mut held = 0;
        for run in self.runs.iter().filter(|run| run.started && !run.over) {
            let Some((_, _, of_runs)) = run.counters.iter().find(|(of, ..)| of == name) else {
                continue;
            };
            let executing = run.steps.iter();
            let executing = executing
                .filter(|step| matches!(step, Step::Executes(_)))
                .count();
            held += if *of_runs {
                1
            } else {
                usize::from(run.start_slot) + executing
            };
        }
        u32::try_from(held).expect("a few")
    }

    fn is_free(&self, run: &Run, start: bool) -> bool {
        let counters = run.counters.iter();
        let mut needed = counters.filter(|(_, _, of_runs)| start || !of_runs);
        needed.all(|(name, limit, _)| self.held(name) < *limit)
    }

    /// The earliest time at which the throttle lets the run start.
    fn throttled_until(&self, run: &Run) -> u64 {
        let Some(throttle) = &self.functions[run.function].config.throttle else {
            return 0;
        };
        let limit = u128::from(throttle.limit);
        let tolerance = (limit + u128::from(throttle.burst) - 1) * u128::from(throttle.period_ms);
        let key = (run.function, run.throttle.clone());
        let reached = self.throttles.get(&key).copied().unwrap_or(0);
        u64::try_from(reached.saturating_sub(tolerance).div_ceil(limit)).expect("a time")
    }

    fn count_start(&mut self, index: usize) {
        let run = &self.runs[index];
        if let Some(throttle) = &self.functions[run.function].config.throttle {
            let now = u128::from(self.now_ms) * u128::from(throttle.limit);
            let key = (run.function, run.throttle.clone());
            let reached = self.throttles.entry(key).or_insert(0);
            *reached = (*reached).max(now) + u128::from(throttle.period_ms);
        }
    }

    fn id(&self, run: &Run, step: usize) -> &str {
        &self.functions[run.function].groups[run.group][step]
    }

    fn is_request(&self, run: &Run, step: usize) -> bool {
        self.id(run, step).starts_with('q')
    }

    fn execute(&mut self, index: usize, step: usize) {
        let ms: u64 = self.id(&self.runs[index], step)[1..]
            .parse()
            .expect("a time");
        self.runs[index].steps[step] = Step::Executes(self.now_ms + ms);
    }

    fn begin_group(&mut self, index: usize) {
        let run = &self.runs[index];
        let ids = self.functions[run.function].groups[run.group].clone();
        let gated = run.is_gated();
        let now_ms = self.now_ms;
        let steps = ids.iter().map(|id| match id.split_at(1) {
            ("s", ms) => Step::Waits(now_ms + ms.parse::<u64>().expect("a time")),
            _ => Step::Due { asked: true },
        });
        self.runs[index].steps = steps.collect();
        // The start's slot goes to the first request, which is asked for first, or else to the first body.
        let first = |letters: &[char]| ids.iter().position(|id| id.starts_with(letters));
        let heir = first(&['q']).or(first(&['b', 'f']));
        for step in 0..ids.len() {
            let due = matches!(self.runs[index].steps[step], Step::Due { .. });
            if due && (!gated || self.runs[index].start_slot && heir == Some(step)) {
                self.execute(index, step);
            }
        }
        self.runs[index].start_slot = false;
    }

    /// Code goes on as far as it can.
    fn react(&mut self, index: usize) {
        loop {
            let run = &self.runs[index];
            let waits = !run.steps.iter().all(|step| *step == Step::Done);
            if !run.started || run.over || run.asleep || waits {
                return;
            }
            let next = if run.steps.is_empty() {
                0
            } else {
                run.group + 1
            };
            if next == self.functions[run.function].groups.len() {
                self.end(index);
                return;
            }
            self.runs[index].group = next;
            self.begin_group(index);
        }
    }

    fn end(&mut self, index: usize) {
        let run = &mut self.runs[index];
        run.over = true;
        run.start_slot = false;
        run.steps.clear();
    }

    /// What ends by now has ended.
    fn end_steps(&mut self, index: usize) {
        for step in 0..self.runs[index].steps.len() {
            let run = &self.runs[index];
            let id = self.id(run, step);
            let (kind, asleep, gated) = (id.as_bytes()[0], run.asleep, run.is_gated());
            let first_failure = kind == b'f' && !run.failed.contains(&(run.group, step));
            let next = match run.steps[step] {
                Step::Executes(until_ms) | Step::Waits(until_ms) if until_ms > self.now_ms => {
                    continue;
                }
                Step::Due { .. } | Step::Done => continue,
                Step::Executes(until_ms) if first_failure => {
                    let entry = (run.group, step);
                    self.runs[index].failed.insert(entry);
                    Step::Waits(until_ms + RETRY_MS)
                }
                Step::Waits(_) if kind != b's' => {
                    if !asleep && !gated {
                        self.execute(index, step);
                        continue;
                    }
                    Step::Due { asked: !asleep }
                }
                Step::Executes(_) | Step::Waits(_) => Step::Done,
            };
            self.runs[index].steps[step] = next;
            self.runs[index].news |= asleep;
        }
    }

    /// Hands out what is free, in order: one round.
    fn hand_out(&mut self) -> bool {
        let mut waiting: Vec<((u64, RunId), OpNumber, usize, usize)> = Vec::new();
        for (index, run) in self.runs.iter().enumerate().filter(|(_, run)| !run.over) {
            if !run.started && !self.paused.contains(&run.function) {
                waiting.push((run.place, OpNumber::MAX, index, 0));
            }
            for (step, state) in run.steps.iter().enumerate() {
                if *state == (Step::Due { asked: true }) {
                    let number = OpNumber::try_from(step).expect("a few");
                    waiting.push((run.place, number, index, step));
                }
            }
        }
        waiting.sort_unstable();
        let mut moved = false;
        for (_, op, index, step) in waiting {
            let run = &self.runs[index];
            let start = op == OpNumber::MAX;
            let throttled = start && self.throttled_until(run) > self.now_ms;
            if throttled || !self.is_free(run, start) || start && self.others_first(run) {
                continue;
            }
            moved = true;
            if start {
                self.count_start(index);
                let run = &mut self.runs[index];
                run.started = true;
                run.start_slot = run.is_gated();
            } else {
                if !self.is_request(run, step) {
                    self.load(index);
                }
                self.execute(index, step);
            }
        }
        moved
    }

    /// Whether a run that was in flight when the process died may ask for a slot that this one needs.
    fn others_first(&self, run: &Run) -> bool {
        let mine = run.step_counters();
        let mut others = self
            .runs
            .iter()
            .filter(|other| other.awaited && !other.over);
        others.any(|other| !other.step_counters().is_disjoint(&mine))
    }

    /// Code is loaded into memory, and asks for what is due.
    fn load(&mut self, index: usize) {
        let run = &mut self.runs[index];
        (run.asleep, run.news) = (false, false);
        for step in 0..run.steps.len() {
            if self.runs[index].steps[step] == (Step::Due { asked: false }) {
                if self.runs[index].is_gated() {
                    self.runs[index].steps[step] = Step::Due { asked: true };
                } else {
                    self.execute(index, step);
                }
            }
        }
    }

    /// Lets everything happen that happens now.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "the instant has no end");
            for index in 0..self.runs.len() {
                self.end_steps(index);
                self.react(index);
            }
            let mut moved = self.hand_out();
            for index in 0..self.runs.len() {
                self.runs[index].awaited = false;
                if self.runs[index].news && !self.runs[index].over {
                    self.load(index);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        if self.evicting {
            for index in 0..self.runs.len() {
                let run = &self.runs[index];
                let mut steps = run.steps.iter().enumerate();
                let busy = steps.any(|(step, state)| {
                    matches!(state, Step::Executes(_)) && !self.is_request(run, step)
                });
                self.runs[index].asleep = run.started && !run.over && !busy;
            }
        }
    }

    /// The process dies and is started again: what executed is due again.
    pub(super) fn crash(&mut self) {
        for index in 0..self.runs.len() {
            if !self.runs[index].started || self.runs[index].over {
                continue;
            }
            let mut busy = false;
            for step in 0..self.runs[index].steps.len() {
                let run = &self.runs[index];
                let request = self.is_request(run, step);
                match run.steps[step] {
                    Step::Executes(_) if request && !run.is_gated() => self.execute(index, step),
                    Step::Executes(_) | Step::Due { .. } => {
                        self.runs[index].steps[step] = Step::Due { asked: request };
                        busy |= !request;
                    }
                    Step::Waits(_) | Step::Done => {}
                }
            }
            let run = &mut self.runs[index];
            (run.asleep, run.news, run.awaited) = (true, busy, busy && run.is_gated());
        }
    }

    /// Cancels a run that has not ended: the `nth` of them.
    pub(super) fn cancel(&mut self, nth: usize) -> Option<RunId> {
        let alive: Vec<_> = (0..self.runs.len())
            .filter(|run| !self.runs[*run].over)
            .collect();
        let index = *alive.get(nth % alive.len().max(1))?;
        self.end(index);
        Some(self.runs[index].id)
    }

    /// The next instant at which something happens by itself.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let runs = self.runs.iter().filter(|run| !run.over);
        let steps = runs.clone().flat_map(|run| &run.steps);
        let ends = steps.filter_map(|step| match step {
            Step::Executes(until_ms) | Step::Waits(until_ms) => Some(*until_ms),
            Step::Due { .. } | Step::Done => None,
        });
        let queued = runs
            .filter(|run| !run.started)
            .map(|run| self.throttled_until(run));
        ends.chain(queued)
            .filter(|at_ms| *at_ms > self.now_ms)
            .min()
    }

    /// The steps that execute, by their numbers in the whole run.
    pub(super) fn executing(&self) -> BTreeSet<(RunId, OpNumber)> {
        let mut executing = BTreeSet::new();
        for run in &self.runs {
            let before: usize = self.functions[run.function].groups[..run.group]
                .iter()
                .map(Vec::len)
                .sum();
            for (step, state) in run.steps.iter().enumerate() {
                if matches!(state, Step::Executes(_)) {
                    let number = OpNumber::try_from(before + step).expect("a few");
                    executing.insert((run.id, number));
                }
            }
        }
        executing
    }

    /// Runs that have not started.
    pub(super) fn queued(&self) -> BTreeSet<RunId> {
        let queued = self.runs.iter().filter(|run| !run.started && !run.over);
        queued.map(|run| run.id).collect()
    }

    /// Runs that ended.
    pub(super) fn over(&self) -> BTreeSet<RunId> {
        let over = self.runs.iter().filter(|run| run.over);
        over.map(|run| run.id).collect()
    }

    /// No limit is exceeded, and nothing waits that could go on.
    pub(super) fn check(&self) {
        let mut limits: BTreeMap<&str, u32> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.started && !run.over) {
            for (name, limit, _) in &run.counters {
                let most = limits.entry(name).or_default();
                *most = (*most).max(*limit);
            }
        }
        for (name, limit) in limits {
            assert!(self.held(name) <= limit, "{name} has more than {limit}");
        }
        for run in self.runs.iter().filter(|run| !run.over) {
            let could = !run.started
                && !self.paused.contains(&run.function)
                && self.throttled_until(run) <= self.now_ms
                && self.is_free(run, true);
            assert!(!could, "{} could start", run.id);
        }
    }
}
