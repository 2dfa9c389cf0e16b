//! Replays against a naive interpretation: the results that a run keeps are given, and everything else is done.
//!
//! The model does not look at journals. It walks through the program group by group; of a step it knows in which run it was done, because bodies
//! say so. What a replay from a step keeps is everything of the groups before the step's, and of its own group what was over the moment it was
//! asked for and stands before the step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::engine::tests::script::{Groups, Program};
use crate::engine::tests::world::{World, guest_error};
use crate::engine::tests::{program, wait};
use crate::engine::{Answer, FromStep, Input};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::ids::RunId;
use crate::journal::step_hash;
use crate::operation::{Invoke, Operation, RunOptions};
use crate::state::{RunEnd, RunStatus};
use crate::{DAY_MS, SECOND_MS};

/// What an operation of a case does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Run,
    Sleep(u64),
    Wait(u64),
    Send,
    Invoke,
}

#[allow(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
#[derive(Debug, Clone)]
struct Case {
    /// Ids (one of three, so that they repeat) and acts, in groups.
    groups: Vec<Vec<(u8, Act)>>,
    catches: bool,
    /// Attempts of the original's code that fail after all steps.
    fails: u32,
    /// For each run (the original, its replay, the replay of that): which operations' bodies fail for good.
    broken: [Vec<usize>; 3],
    /// Whether an event comes early in the original for whoever waits.
    event: bool,
    /// When the original is cancelled, in seconds.
    cancel: Option<u64>,
    /// From which operation each replay begins; from the start if absent.
    from: [Option<usize>; 2],
    /// After how many reports of each run the process dies.
    dies: [Option<usize>; 3],
    /// Whether executions report after every body.
    chatty: bool,
    /// Whether instances are dropped while they wait.
    evicted: bool,
    /// Whether the replays run on another version of the code, which does the same.
    deployed: bool,
}

/// How an operation of a run ended.
#[derive(Debug, Clone, PartialEq)]
enum Fate {
    /// A body's result: the run in which it executed.
    Ran(RunId),
    /// A body's failure.
    Broke,
    Slept,
    TimedOut,
    /// The event.
    Came,
    /// Sent in this run.
    Sent(RunId),
    /// A child of this run.
    Invoked,
}

/// What the model says of a run.
#[derive(Debug, Default)]
struct Story {
    /// What is over, by place in the program.
    fates: BTreeMap<usize, Fate>,
    /// How many groups were begun.
    begun: usize,
    failed: bool,
    cancelled: bool,
    duration_ms: u64,
}

impl Case {
    /// The operations in order, each with its group and its key.
    fn operations(&self) -> Vec<(usize, String, Act)> {
        let mut counts = BTreeMap::new();
        let mut operations = Vec::new();
        for (group, members) in self.groups.iter().enumerate() {
            for (id, act) in members {
                let count: &mut u32 = counts.entry(*id).or_default();
                let key = match *count {
                    0 => format!("s{id}"),
                    n => format!("s{id}:{n}"),
                };
                *count += 1;
                operations.push((group, key, *act));
            }
        }
        operations
    }

    fn program(&self, fails: u32) -> Program {
        let operation = |act| match act {
            Act::Run => Operation::Run(RunOptions::default()),
            Act::Sleep(ms) => Operation::Sleep(ms),
            Act::Wait(ms) => Operation::WaitForEvent(wait("go", ms)),
            Act::Send => Operation::SendEvents(vec![NewEvent {
                name: "sent".into(),
                ..NewEvent::default()
            }]),
            Act::Invoke => Operation::Invoke(Invoke {
                function: "child".into(),
                data: None,
                timeout_ms: None,
            }),
        };
        let groups: Groups = self
            .groups
            .iter()
            .map(|group| {
                let members = group.iter();
                members
                    .map(|(id, act)| (format!("s{id}"), operation(*act)))
                    .collect()
            })
            .collect();
        Program {
            groups,
            later: None,
            catches: self.catches,
            fails,
        }
    }

    /// The naive interpretation of run number `nth`, which keeps these results.
    fn tell(&self, nth: usize, run: RunId, kept: &BTreeMap<usize, Fate>) -> Story {
        let operations = self.operations();
        let mut story = Story::default();
        let cancel_ms = self.cancel.filter(|_| nth == 0);
        let cancel_ms = cancel_ms.map(|seconds| seconds * SECOND_MS + 250);
        for group in 0..self.groups.len() {
            if cancel_ms.is_some_and(|at| story.duration_ms > at) {
                break;
            }
            story.begun += 1;
            let mut over = BTreeMap::new();
            for (place, (of, _, act)) in operations.iter().enumerate() {
                if *of != group {
                    continue;
                }
                let now = story.duration_ms;
                let done = match (kept.get(&place), *act) {
                    (Some(fate), _) => (now, fate.clone()),
                    (None, Act::Run) if self.broken[nth].contains(&place) => (now, Fate::Broke),
                    (None, Act::Run) => (now, Fate::Ran(run)),
                    (None, Act::Sleep(ms)) => (now + ms, Fate::Slept),
                    (None, Act::Wait(_)) if nth == 0 && self.event && now < 500 => {
                        (500, Fate::Came)
                    }
                    (None, Act::Wait(ms)) => (now + ms, Fate::TimedOut),
                    (None, Act::Send) => (now, Fate::Sent(run)),
                    (None, Act::Invoke) => (now, Fate::Invoked),
                };
                over.insert(place, done);
            }
            let broke = over.values().any(|(_, fate)| *fate == Fate::Broke);
            let end = over.values().map(|(at, _)| *at).max();
            if broke && !self.catches {
                // Whatever else the group does, the code hears of the failure and ends.
                story.failed = true;
                return story;
            }
            let end = end.unwrap_or(story.duration_ms);
            if cancel_ms.is_some_and(|at| end > at) {
                break;
            }
            story.duration_ms = end;
            let over = over.into_iter().map(|(place, (_, fate))| (place, fate));
            story.fates.extend(over);
        }
        story.cancelled = story.fates.len() < operations.len();
        story.failed = !story.cancelled && nth == 0 && self.fails > 4;
        story
    }

    /// What a replay from this operation keeps of a run.
    fn kept(
        &self,
        story: &Story,
        earlier: &BTreeMap<usize, Fate>,
        run: RunId,
        from: usize,
    ) -> BTreeMap<usize, Fate> {
        let operations = self.operations();
        let group = operations[from].0;
        // What a run kept was there before anything that it did itself.
        let mut kept = BTreeMap::new();
        if !earlier.contains_key(&from) {
            kept.clone_from(earlier);
        }
        for (place, (of, _, act)) in operations.iter().enumerate() {
            if *of < group {
                kept.insert(place, story.fates[&place].clone());
            } else if *of == group && place < from {
                let at_once = match act {
                    Act::Send => Some(Fate::Sent(run)),
                    Act::Sleep(0) => Some(Fate::Slept),
                    Act::Run | Act::Sleep(_) | Act::Wait(_) | Act::Invoke => None,
                };
                if let Some(fate) = at_once {
                    let fate = earlier.get(&place).cloned().unwrap_or(fate);
                    kept.insert(place, fate);
                }
            }
        }
        kept
    }
}

/// The result of an operation as the program's output shows it; `None` where any will do.
fn shown(fate: &Fate) -> Option<String> {
    match fate {
        Fate::Ran(run) => Some(format!("\"{run}\"")),
        Fate::Broke => Some("\"Error\"".into()),
        Fate::Slept => Some("null".into()),
        Fate::TimedOut => Some("\"timed out\"".into()),
        Fate::Invoked => Some("[]".into()),
        Fate::Came | Fate::Sent(_) => None,
    }
}

/// Runs a case: the original, a replay of it, and a replay of that.
struct Play<'a> {
    case: &'a Case,
    world: World,
}

impl Play<'_> {
    fn begin(&mut self, nth: usize) {
        let broken: BTreeSet<_> = {
            let operations = self.case.operations();
            let keys = self.case.broken[nth].iter();
            let keys = keys.filter_map(|place| operations.get(*place));
            keys.map(|(_, key, _)| hash_of(key)).collect()
        };
        self.world.bodies(move |step, _| {
            let (run, hash) = step.split_once('/').expect("run/hash");
            if broken.contains(hash) {
                return Err(guest_error(RetryAdvice::NonRetriable));
            }
            Ok(format!("\"{run}\"").into())
        });
        self.world.chatty = self.case.chatty;
        self.world.dies_after = self.case.dies[nth];
    }

    /// Lets time pass until nothing is left to do.
    fn finish(&mut self) {
        self.world.settle();
        if self.case.evicted {
            self.world.evict();
        }
        self.world.advance(DAY_MS);
        self.world.dies_after = None;
    }

    fn original(&mut self) -> (RunId, Story) {
        self.begin(0);
        self.world.event("start/f", "{}");
        let run = self.world.runs()[0].id;
        if self.case.event {
            self.world.advance(500);
            self.world.event("go", "{}");
        }
        if let Some(seconds) = self.case.cancel {
            let past = if self.case.event { 500 } else { 0 };
            self.world.advance(seconds * SECOND_MS + 250 - past);
            self.world.input(Input::Cancel {
                run,
                reason: "by hand".into(),
                reply: 0,
            });
        }
        self.finish();
        (run, self.case.tell(0, run, &BTreeMap::new()))
    }

    fn replay(&mut self, run: RunId, from: Option<usize>) -> Answer {
        let operations = self.case.operations();
        let from_step = from.map(|place| FromStep {
            step: operations[place].1.clone(),
            input: None,
        });
        self.world.input(Input::Replay {
            run,
            from_step,
            reply: 0,
        });
        self.world.answers.last().cloned().expect("an answer")
    }

    /// Compares a run with what the model says of it.
    fn compare(&self, nth: usize, id: RunId, kept: &BTreeMap<usize, Fate>, story: &Story) {
        let operations = self.case.operations();
        let run = &self.world.state.runs[&id];
        let expected = match (story.failed, story.cancelled) {
            (true, _) => RunStatus::Failed,
            (false, true) => RunStatus::Cancelled,
            (false, false) => RunStatus::Completed,
        };
        assert_eq!(run.status, expected, "run {nth}");
        // Which bodies executed.
        let executed = self.world.executed.iter().filter(|(of, ..)| *of == id);
        let executed: BTreeSet<_> = executed
            .map(|(_, step, _)| step.split_once('/').expect("run/hash").1.to_owned())
            .collect();
        for (place, (group, key, act)) in operations.iter().enumerate() {
            let fresh = *act == Act::Run && *group < story.begun && !kept.contains_key(&place);
            let did = executed.contains(&hash_of(key));
            // Beside a step that failed the run, a body may or may not have had its turn.
            let certain = !story.failed || story.fates.contains_key(&place);
            if !fresh || certain {
                assert_eq!(did, fresh, "run {nth}: the body of {key}");
            }
        }
        let sent = self.world.state.events.values().filter(|event| {
            event.source == crate::event::EventSource::Run(id) && &*event.name == "sent"
        });
        let sends = operations
            .iter()
            .enumerate()
            .filter(|(place, (group, _, act))| {
                *act == Act::Send && *group < story.begun && !kept.contains_key(place)
            });
        assert_eq!(
            sent.count(),
            sends.count(),
            "run {nth}: events that it sent"
        );
        // A run that fails in the same breath in which it invokes starts no child.
        let invoked = |certain: bool| {
            let fresh = operations
                .iter()
                .enumerate()
                .filter(|(place, (group, _, act))| {
                    *act == Act::Invoke && *group < story.begun && !kept.contains_key(place)
                });
            fresh
                .filter(|(place, _)| !certain || !story.failed || story.fates.contains_key(place))
                .count()
        };
        let children = self.world.runs().into_iter();
        let children = children.filter(|run| run.parent.is_some_and(|(parent, _)| parent == id));
        let children = children.count();
        assert!(
            (invoked(true)..=invoked(false)).contains(&children),
            "run {nth}: {children} children"
        );
        if expected != RunStatus::Completed {
            return;
        }
        if self.case.fails == 0 || nth > 0 {
            let took = run.ended_ms.expect("it ended") - run.queued_ms;
            assert_eq!(took, story.duration_ms, "run {nth}: how long it took");
        }
        let Some(RunEnd::Output(output)) = &run.end else {
            panic!("a completed run has an output");
        };
        let output: Vec<serde_json::Value> = serde_json::from_str(output).expect("a list");
        let last = self.case.groups.len() - 1;
        let places = (0..operations.len()).filter(|place| operations[*place].0 == last);
        let fates: Vec<_> = places.map(|place| &story.fates[&place]).collect();
        assert_eq!(output.len(), fates.len());
        for (fate, value) in fates.into_iter().zip(output) {
            match (fate, shown(fate)) {
                (_, Some(text)) => assert_eq!(value.to_string(), text, "run {nth}"),
                (Fate::Came, None) => assert_eq!(value["name"], "go"),
                (Fate::Sent(by), None) => {
                    let id = value[0].as_str().expect("an id").parse().expect("an id");
                    let event = &self.world.state.events[&id];
                    assert_eq!(event.source, crate::event::EventSource::Run(*by));
                }
                (other, None) => panic!("{other:?} shows nothing"),
            }
        }
    }
}

fn hash_of(key: &str) -> String {
    match key.split_once(':') {
        Some((id, number)) => step_hash(id, number.parse().expect("a number")),
        None => step_hash(key, 0),
    }
}

fn check(case: &Case) {
    let child = program(vec![]);
    let functions = [("f", case.program(case.fails)), ("child", child.clone())];
    let mut play = Play {
        case,
        world: World::new(&functions),
    };
    let (mut run, mut story) = play.original();
    let mut kept = BTreeMap::new();
    play.compare(0, run, &kept, &story);
    play.world.check_replays(run);
    let version = if case.deployed { 2 } else { 1 };
    play.world
        .deploy(&[("f", case.program(0)), ("child", child)], version);
    let operations = case.operations();
    for nth in 1..3 {
        let from = case.from[nth - 1].map(|from| from % operations.len());
        play.begin(nth);
        let runs = play.world.runs().len();
        let answer = play.replay(run, from);
        if from.is_some_and(|from| operations[from].0 >= story.begun) {
            let Answer::Refused(reason) = answer else {
                panic!("the run never came to the step: {answer:?}");
            };
            assert!(reason.contains("never came to"), "{reason}");
            assert_eq!(play.world.runs().len(), runs);
            break;
        }
        let Answer::Replayed(new) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(play.world.state.runs[&new].original, Some(run));
        play.finish();
        kept = match from {
            Some(from) => case.kept(&story, &kept, run, from),
            None => BTreeMap::new(),
        };
        run = new;
        story = case.tell(nth, run, &kept);
        play.compare(nth, run, &kept, &story);
        play.world.check_replays(run);
    }
    play.world.check_quiet();
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Run),
        1 => Just(Act::Sleep(0)),
        2 => (1..4_u64).prop_map(|seconds| Act::Sleep(seconds * SECOND_MS)),
        2 => (1..4_u64).prop_map(|seconds| Act::Wait(seconds * SECOND_MS)),
        1 => Just(Act::Send),
        1 => Just(Act::Invoke),
    ]
}

prop_compose! {
    fn cases()(
        groups in prop::collection::vec(prop::collection::vec((0..3_u8, act()), 1..4), 1..5),
        catches: bool,
        fails in prop_oneof![3 => Just(0_u32), 1 => 1..3_u32, 1 => Just(99)],
        broken in prop::array::uniform3(prop::collection::vec(0..12_usize, 0..3)),
        event: bool,
        cancel in prop::option::weighted(0.3, 0..6_u64),
        from in prop::array::uniform2(prop::option::weighted(0.8, 0..12_usize)),
        dies in prop::array::uniform3(prop::option::weighted(0.3, 1..10_usize)),
        chatty: bool,
        evicted: bool,
        deployed: bool,
    ) -> Case {
        // When code that is tried again comes to a group depends on the jitter.
        let fails = if cancel.is_some() { 0 } else { fails };
        // A cancellation before the event came would be another story.
        let event = event && cancel != Some(0);
        Case { groups, catches, fails, broken, event, cancel, from, dies, chatty, evicted, deployed }
    }
}

proptest! {
    #[test]
    fn model_of_replays(case in cases()) {
        check(&case);
    }
}
