//! From a program to its worlds: every statement turns one world into those that may follow.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::trace::{Rule, Trace};
use super::{End, SPARE_ATTEMPTS, TooOpen, World};
use crate::program::generate::LONG_MS;
use crate::program::{
    ASKED, Exit, Fails, Flow, Outside, PLATFORM, Program, REFUSED, STUMBLED, Scope, Statement,
    Step, Sub, THROWN, Thrown, seen_name,
};

/// The most worlds that are followed up.
const MOST: usize = 100;

/// A world on the way: what its code sees, and what is seen of it.
#[derive(Debug, Clone, Default)]
struct Way {
    scope: Scope,
    trace: Trace,
}

type Ways = Vec<(Flow, Way)>;

/// All worlds of a program, each once; `disturbed` says whether somebody may have cancelled what it invokes.
pub(super) fn worlds(program: &Program, disturbed: bool) -> Result<Vec<World>, TooOpen> {
    let eval = Eval {
        program,
        disturbed,
        told: constants(&program.body),
    };
    let mut worlds = Vec::new();
    for (flow, way) in eval.block(&program.body, Way::default())? {
        let end = match flow {
            Ok(value) | Err(Exit::Return(value)) => {
                End::Output(json!({"key": program.key, "value": value}))
            }
            Err(Exit::Error(thrown)) => End::failed(&thrown.name, &thrown.message),
        };
        let world = World {
            end,
            trace: way.trace,
        };
        if !worlds.contains(&world) {
            worlds.push(world);
        }
    }
    Ok(worlds)
}

/// What the statements of a program, not of those that it starts, tell about topics.
fn constants(body: &[Statement]) -> BTreeMap<String, Value> {
    let mut told = BTreeMap::new();
    for statement in body {
        match statement {
            Statement::Tell { topic, value, .. } | Statement::SendSignal { topic, value, .. } => {
                told.insert(topic.clone(), value.constant().unwrap_or_default());
            }
            other => {
                let inside = other.blocks().into_iter().flat_map(constants);
                told.extend(inside);
            }
        }
    }
    told
}

struct Eval<'a> {
    program: &'a Program,
    disturbed: bool,
    told: BTreeMap<String, Value>,
}

/// One way only.
#[allow(
    clippy::unnecessary_wraps,
    reason = "it stands where ways are returned"
)]
fn one(flow: Flow, way: Way) -> Result<Ways, TooOpen> {
    Ok(vec![(flow, way)])
}

fn thrown(name: &str, message: &str) -> Exit {
    Exit::Error(Thrown {
        message: message.to_owned(),
        ..Thrown::for_good(name)
    })
}

impl Eval<'_> {
    fn block(&self, body: &[Statement], way: Way) -> Result<Ways, TooOpen> {
        // Ways that go on, with the values so far, and those that have left the block.
        let mut going = vec![(Vec::new(), way)];
        let mut left: Ways = Vec::new();
        for statement in body {
            let mut next = Vec::new();
            for (values, way) in going {
                for (flow, mut way) in self.statement(statement, way)? {
                    match flow {
                        Ok(value) => {
                            way.scope.take(&value);
                            let mut values: Vec<Value> = Vec::clone(&values);
                            values.push(value);
                            next.push((values, way));
                        }
                        Err(exit) => left.push((Err(exit), way)),
                    }
                }
            }
            if next.len() + left.len() > MOST {
                return Err(TooOpen);
            }
            going = next;
        }
        let ended = going.into_iter();
        left.extend(ended.map(|(values, way)| (Ok(Value::Array(values)), way)));
        Ok(left)
    }

    fn statement(&self, statement: &Statement, way: Way) -> Result<Ways, TooOpen> {
        match statement {
            Statement::Run(step) => self.step(step, &way),
            Statement::Sleep { .. } | Statement::SleepUntil { .. } | Statement::Log(_) => {
                one(Ok(Value::Null), way)
            }
            Statement::Wait {
                topic, ms, back, ..
            } => self.wait(topic, *ms, *back, way),
            Statement::Signal { topic, ms, .. } => self.signal(topic, *ms, way),
            Statement::Tell { topic, .. } => {
                let mut way = way;
                way.trace
                    .told
                    .insert(format!("e:{}", way.scope.topic(topic)));
                one(Ok(1.into()), way)
            }
            Statement::SendSignal { topic, .. } => {
                let mut way = way;
                way.trace
                    .told
                    .insert(format!("g:{}", way.scope.topic(topic)));
                one(Ok(Value::Null), way)
            }
            Statement::Spawn {
                id,
                programs,
                twice,
            } => {
                let mut way = way;
                for (n, sub) in programs.iter().enumerate() {
                    let path = format!("{}/{n}", way.scope.path);
                    way.trace.child(sub.program(self.program, id, &path).key);
                }
                let times = if *twice { 2 } else { 1 };
                one(Ok((programs.len() * times).into()), way)
            }
            Statement::Invoke { id, program, ms } => self.invoke(id, program, *ms, way),
            Statement::Fetch {
                id, status, value, ..
            } => {
                let flow = match status {
                    500.. | 429 => Err(thrown(PLATFORM, &format!("step `{id}`"))),
                    _ => Ok(json!([status, way.scope.value(value)])),
                };
                one(flow, way)
            }
            Statement::Value(expr) => one(Ok(way.scope.value(expr)), way),
            Statement::Return(expr) => one(Err(Exit::Return(way.scope.value(expr))), way),
            Statement::Stumble(below) if *below > self.program.function.retries() => {
                one(Err(thrown(STUMBLED, "the workflow code stumbles")), way)
            }
            // Later attempts find everything as the first one left it.
            Statement::Stumble(_) => one(Ok(Value::Null), way),
            Statement::Throw(_) => one(Err(thrown(THROWN, "the workflow code fails")), way),
            Statement::All { branches, hasty } => self.all(branches, *hasty, &way),
            Statement::Race(branches) => self.race(branches, &way),
            Statement::Try(first, otherwise) => self.attempt(first, otherwise, way),
            Statement::Loop(times, body) => self.repeat(*times, body, way),
            Statement::If(first, second) => {
                let block = if way.scope.takes_first() {
                    first
                } else {
                    second
                };
                self.block(block, way)
            }
        }
    }

    fn step(&self, step: &Step, way: &Way) -> Result<Ways, TooOpen> {
        let retries = step.retries.unwrap_or(self.program.function.retries());
        let value = way.scope.value(&step.value);
        // The attempt that decides if nothing from outside spoils one, and what comes of it.
        let (attempt, flow) = decides(step, retries, value);
        if !step.call {
            return one(flow, way.clone());
        }
        let rule = |must, reach| Rule {
            must,
            may: 1,
            reach,
            last: retries,
            given_up: false,
        };
        let mut ways = Vec::new();
        let mut own = way.clone();
        own.trace.call(&step.id, rule(1, attempt));
        ways.push((flow, own));
        if retries - attempt < SPARE_ATTEMPTS {
            let mut spoilt = way.clone();
            spoilt.trace.call(&step.id, rule(0, 0));
            ways.push((Err(thrown(PLATFORM, &step.id)), spoilt));
        }
        Ok(ways)
    }

    fn outside(&self, topic: &str, signal: bool) -> Option<&Outside> {
        let mut outside = self.program.outside.iter();
        outside.find(|it| it.topic == topic && it.signal == signal)
    }

    fn wait(&self, topic: &str, ms: u64, back: bool, way: Way) -> Result<Ways, TooOpen> {
        let told = format!("e:{}", way.scope.topic(topic));
        if back && way.trace.told.contains(&told) {
            return one(Ok(self.told[topic].clone()), way);
        }
        self.either(
            topic,
            self.outside(topic, false),
            back && ms == LONG_MS,
            way,
        )
    }

    fn signal(&self, topic: &str, ms: u64, way: Way) -> Result<Ways, TooOpen> {
        let told = format!("g:{}", way.scope.topic(topic));
        if way.trace.told.contains(&told) {
            return one(Ok(self.told[topic].clone()), way);
        }
        self.either(topic, self.outside(topic, true), ms == LONG_MS, way)
    }

    /// A wait for what is not told yet: `sure` says whether it waits long enough for the world.
    fn either(
        &self,
        topic: &str,
        outside: Option<&Outside>,
        sure: bool,
        way: Way,
    ) -> Result<Ways, TooOpen> {
        match (outside, self.told.get(topic)) {
            (Some(outside), _) if sure => one(Ok(outside.value.clone()), way),
            (Some(Outside { value, .. }), _) | (None, Some(value)) => Ok(vec![
                (Ok(value.clone()), way.clone()),
                (Ok(Value::Null), way),
            ]),
            (None, None) => one(Ok(Value::Null), way),
        }
    }

    fn invoke(&self, id: &str, sub: &Sub, ms: u64, mut way: Way) -> Result<Ways, TooOpen> {
        let program = sub.program(self.program, id, &way.scope.path);
        way.trace.child(program.key.clone());
        let mut flows: Vec<Flow> = Vec::new();
        let failed = || Err(thrown(PLATFORM, &format!("step `{id}`")));
        for world in worlds(&program, self.disturbed)? {
            let flow = match world.end {
                End::Output(value) => Ok(value),
                End::Failed { .. } | End::Platform | End::Cancelled => failed(),
            };
            if !flows.contains(&flow) {
                flows.push(flow);
            }
        }
        if (ms != LONG_MS || self.disturbed) && !flows.contains(&failed()) {
            flows.push(failed());
        }
        Ok(flows.into_iter().map(|flow| (flow, way.clone())).collect())
    }

    /// The ways of each branch, each from `way` but without what came before it.
    fn branches(&self, branches: &[Vec<Statement>], way: &Way) -> Result<Vec<Ways>, TooOpen> {
        let begin = || Way {
            scope: way.scope.clone(),
            trace: way.trace.branch(),
        };
        let each = branches.iter().map(|branch| self.block(branch, begin()));
        each.collect()
    }

    fn all(&self, branches: &[Vec<Statement>], hasty: bool, way: &Way) -> Result<Ways, TooOpen> {
        let branches = self.branches(branches, way)?;
        let mut ways = Vec::new();
        for chosen in combinations(&branches)? {
            let exits = chosen.iter().filter(|(flow, _)| flow.is_err());
            if !hasty || exits.clone().count() == 0 {
                let mut joined = way.clone();
                joined
                    .trace
                    .join(chosen.iter().map(|(_, way)| way.trace.clone()));
                let flows = chosen.iter().map(|(flow, _)| flow.clone());
                let flow: Flow = flows.collect::<Result<_, _>>().map(Value::Array);
                ways.push((flow, joined));
                continue;
            }
            // Any of those that leave may be the first to do so.
            for (number, (flow, own)) in chosen.iter().enumerate() {
                if flow.is_ok() {
                    continue;
                }
                let mut first = way.clone();
                first.trace.join([own.trace.clone()]);
                give_up_others(&mut first.trace, &branches, number);
                ways.push((flow.clone(), first));
            }
        }
        dedup(ways)
    }

    fn race(&self, branches: &[Vec<Statement>], way: &Way) -> Result<Ways, TooOpen> {
        let branches = self.branches(branches, way)?;
        let mut ways = Vec::new();
        for (number, worlds) in branches.iter().enumerate() {
            for (flow, own) in worlds {
                let mut won = way.clone();
                won.trace.join([own.trace.clone()]);
                give_up_others(&mut won.trace, &branches, number);
                let flow = flow.clone().map(|value| json!([number, value]));
                ways.push((flow, won));
            }
        }
        dedup(ways)
    }

    fn attempt(
        &self,
        first: &[Statement],
        otherwise: &[Statement],
        way: Way,
    ) -> Result<Ways, TooOpen> {
        let before = way.scope.clone();
        let mut ways = Vec::new();
        for (flow, mut way) in self.block(first, way)? {
            let Err(Exit::Error(error)) = flow else {
                ways.push((flow, way));
                continue;
            };
            let name = json!(seen_name(&error.name));
            way.scope = before.clone();
            way.scope.take(&name);
            let after = self.block(otherwise, way)?.into_iter();
            ways.extend(after.map(|(flow, way)| (flow.map(|value| json!([name, value])), way)));
        }
        Ok(ways)
    }

    fn repeat(&self, times: u32, body: &[Statement], way: Way) -> Result<Ways, TooOpen> {
        let outer = way.scope.path.clone();
        let mut going = vec![(Vec::new(), way)];
        let mut left = Vec::new();
        for number in 0..times {
            let mut next = Vec::new();
            for (values, mut way) in going {
                way.scope = way.scope.repeat(number);
                for (flow, mut way) in self.block(body, way)? {
                    way.scope.path.clone_from(&outer);
                    match flow {
                        Ok(value) => {
                            let mut values: Vec<Value> = Vec::clone(&values);
                            values.push(value);
                            next.push((values, way));
                        }
                        Err(exit) => left.push((Err(exit), way)),
                    }
                }
            }
            if next.len() + left.len() > MOST {
                return Err(TooOpen);
            }
            going = next;
        }
        let ended = going.into_iter();
        left.extend(ended.map(|(values, way)| (Ok(Value::Array(values)), way)));
        Ok(left)
    }
}

/// The attempt that decides about a step, and what comes of it, if no attempt is spoilt from outside.
fn decides(step: &Step, retries: u32, value: Value) -> (u32, Flow) {
    let fails =
        |name: &str, message: &str| Err(thrown(name, &format!("step `{}`: {message}", step.id)));
    let asked = |attempt| fails(ASKED, &format!("attempt {attempt} fails as asked"));
    match step.fails {
        Fails::Never => (0, Ok(value)),
        Fails::First(below, _) if below <= retries => (below, Ok(value)),
        Fails::Refuses(below) if below <= retries => (below, fails(REFUSED, "it refuses")),
        Fails::First(..) | Fails::Refuses(_) => (retries, asked(retries)),
        Fails::Always => (retries, fails(ASKED, "it fails as asked")),
    }
}

fn give_up_others(trace: &mut Trace, branches: &[Ways], winner: usize) {
    let others = branches.iter().enumerate().filter(|(n, _)| *n != winner);
    for (_, worlds) in others {
        trace.give_up(worlds.iter().map(|(_, way)| &way.trace));
    }
}

/// One way of every branch, in all combinations.
fn combinations(branches: &[Ways]) -> Result<Vec<Vec<(Flow, Way)>>, TooOpen> {
    let mut all = vec![Vec::new()];
    for ways in branches {
        if all.len() * ways.len() > MOST {
            return Err(TooOpen);
        }
        let longer = all.iter().flat_map(|chosen| {
            ways.iter().map(|way| {
                let mut chosen: Vec<(Flow, Way)> = Vec::clone(chosen);
                chosen.push(way.clone());
                chosen
            })
        });
        all = longer.collect();
    }
    Ok(all)
}

/// Each way once.
fn dedup(ways: Ways) -> Result<Ways, TooOpen> {
    let mut kept: Ways = Vec::new();
    for (flow, way) in ways {
        let known = kept
            .iter()
            .any(|(f, w)| *f == flow && w.scope == way.scope && w.trace == way.trace);
        if !known {
            kept.push((flow, way));
        }
        if kept.len() > MOST {
            return Err(TooOpen);
        }
    }
    Ok(kept)
}
