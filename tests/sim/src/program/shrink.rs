//! Simpler programs, for when one fails: each candidate lacks one thing that the program has.
//!
//! Whoever has a program that fails tries the candidates in order, goes on from the first that still fails, and ends with one of which
//! none does. Candidates are ordered from the greatest change to the smallest. Any of them is a program that [`Expectation`](super::Expectation)
//! understands.

use serde_json::Value;

use super::{Expr, Fails, Function, Program, Statement, Step, Sub};

/// Programs that are a little simpler than this one.
pub fn simplify(program: &Program) -> impl Iterator<Item = Program> + use<> {
    let with_body = |body| Program {
        body,
        ..program.clone()
    };
    let mut simpler: Vec<Program> = blocks(&program.body).into_iter().map(with_body).collect();
    for at in 0..program.outside.len() {
        let topic = &program.outside[at].topic;
        if !waits_for(&program.body, topic) {
            let mut fewer = program.clone();
            fewer.outside.remove(at);
            simpler.push(fewer);
        }
    }
    if program.function != Function::Plain {
        simpler.push(Program {
            function: Function::Plain,
            ..program.clone()
        });
    }
    simpler.into_iter()
}

/// The simplest program that can be reached from this one and of which `fails` is still true.
pub fn shrink(mut program: Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    while let Some(simpler) = simplify(&program).find(|simpler| fails(simpler)) {
        program = simpler;
    }
    program
}

fn waits_for(body: &[Statement], awaited: &str) -> bool {
    body.iter().any(|statement| match statement {
        Statement::Wait { topic, .. } | Statement::Signal { topic, .. } => topic == awaited,
        other => other
            .blocks()
            .into_iter()
            .any(|block| waits_for(block, awaited)),
    })
}

/// Simpler forms of a block: without a statement, with what is inside a statement in its place, or with a simpler statement.
fn blocks(block: &[Statement]) -> Vec<Vec<Statement>> {
    let replaced = |at: usize, by: Vec<Statement>| {
        let (before, after) = (&block[..at], &block[at + 1..]);
        [before, &by, after].concat()
    };
    let mut simpler = Vec::new();
    for at in 0..block.len() {
        simpler.push(replaced(at, Vec::new()));
    }
    for (at, statement) in block.iter().enumerate() {
        for inside in statement.blocks() {
            simpler.push(replaced(at, inside.to_vec()));
        }
    }
    for (at, statement) in block.iter().enumerate() {
        let statements = statements(statement).into_iter();
        simpler.extend(statements.map(|statement| replaced(at, vec![statement])));
    }
    simpler
}

/// Simpler forms of a statement.
fn statements(statement: &Statement) -> Vec<Statement> {
    match statement {
        Statement::Run(step) => steps(step).into_iter().map(Statement::Run).collect(),
        Statement::All { branches, hasty } => fewer(branches)
            .into_iter()
            .map(|branches| Statement::All {
                branches,
                hasty: *hasty,
            })
            .collect(),
        Statement::Race(branches) => fewer(branches).into_iter().map(Statement::Race).collect(),
        Statement::Try(first, second) => {
            let firsts = blocks(first).into_iter();
            let seconds = blocks(second).into_iter();
            firsts
                .map(|first| Statement::Try(first, second.clone()))
                .chain(seconds.map(|second| Statement::Try(first.clone(), second)))
                .collect()
        }
        Statement::If(first, second) => {
            let firsts = blocks(first).into_iter();
            let seconds = blocks(second).into_iter();
            firsts
                .map(|first| Statement::If(first, second.clone()))
                .chain(seconds.map(|second| Statement::If(first.clone(), second)))
                .collect()
        }
        Statement::Loop(times, body) => {
            let once = (*times > 1).then(|| Statement::Loop(times - 1, body.clone()));
            let bodies = blocks(body).into_iter();
            once.into_iter()
                .chain(bodies.map(|body| Statement::Loop(*times, body)))
                .collect()
        }
        Statement::Spawn {
            id,
            programs,
            twice,
        } => spawns(programs)
            .into_iter()
            .map(|programs| Statement::Spawn {
                id: id.clone(),
                programs,
                twice: *twice,
            })
            .collect(),
        Statement::Invoke { id, program, ms } => subs(program)
            .into_iter()
            .map(|program| Statement::Invoke {
                id: id.clone(),
                program,
                ms: *ms,
            })
            .collect(),
        Statement::Value(expr) | Statement::Return(expr) if !is_null(expr) => {
            vec![match statement {
                Statement::Value(_) => Statement::Value(null()),
                _ => Statement::Return(null()),
            }]
        }
        Statement::Value(_)
        | Statement::Return(_)
        | Statement::Sleep { .. }
        | Statement::SleepUntil { .. }
        | Statement::Wait { .. }
        | Statement::Signal { .. }
        | Statement::Tell { .. }
        | Statement::SendSignal { .. }
        | Statement::Fetch { .. }
        | Statement::Log(_)
        | Statement::Stumble(_)
        | Statement::Throw(_) => Vec::new(),
    }
}

/// Without a program, or with a simpler one. One always remains.
fn spawns(programs: &[Sub]) -> Vec<Vec<Sub>> {
    let mut simpler = Vec::new();
    for at in 0..programs.len() {
        if programs.len() > 1 {
            let mut fewer = programs.to_vec();
            fewer.remove(at);
            simpler.push(fewer);
        }
        for sub in subs(&programs[at]) {
            let mut changed = programs.to_vec();
            changed[at] = sub;
            simpler.push(changed);
        }
    }
    simpler
}

fn null() -> Expr {
    Expr::Literal(Value::Null)
}

fn is_null(expr: &Expr) -> bool {
    *expr == null()
}

fn subs(sub: &Sub) -> Vec<Sub> {
    let with_body = |body| Sub {
        function: sub.function,
        body,
    };
    blocks(&sub.body).into_iter().map(with_body).collect()
}

/// Without a branch, or with a simpler one. One always remains: there is no race without any.
fn fewer(branches: &[Vec<Statement>]) -> Vec<Vec<Vec<Statement>>> {
    let mut simpler = Vec::new();
    for at in 0..branches.len() {
        if branches.len() > 1 {
            let mut fewer = branches.to_vec();
            fewer.remove(at);
            simpler.push(fewer);
        }
    }
    for at in 0..branches.len() {
        for block in blocks(&branches[at]) {
            let mut changed = branches.to_vec();
            changed[at] = block;
            simpler.push(changed);
        }
    }
    simpler
}

fn steps(step: &Step) -> Vec<Step> {
    let mut simpler = Vec::new();
    if !is_null(&step.value) {
        simpler.push(Step {
            value: null(),
            ..step.clone()
        });
    }
    if step.fails != Fails::Never {
        simpler.push(Step {
            fails: Fails::Never,
            ..step.clone()
        });
    }
    if step.call {
        simpler.push(Step {
            call: false,
            ..step.clone()
        });
    }
    if step.timeout_ms.is_some() || (step.backoff.is_some() && step.fails == Fails::Never) {
        simpler.push(Step {
            timeout_ms: None,
            backoff: None,
            ..step.clone()
        });
    }
    simpler
}
