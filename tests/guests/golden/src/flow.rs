//! What the functions here need of an SDK: operations side by side, bodies as plain functions of their attempt.

use std::collections::BTreeMap;

use crate::bindings::abide::durable::operations::{cancel, finish, next, start};
use crate::bindings::abide::durable::types::{
    Execution, Failure, News, Operation, RetryAdvice, RunContext, RunOptions, Ticket,
};

/// JSON, or a failure.
pub(crate) type Outcome = Result<String, Failure>;

/// What a step does in a twin. It sees the run, and which attempt it is.
pub(crate) type Body = fn(&RunContext, &Execution) -> Outcome;

/// The operations of one instance.
pub(crate) struct Flow {
    pub(crate) ctx: RunContext,
    bodies: BTreeMap<Ticket, Body>,
    told: BTreeMap<Ticket, Outcome>,
}

impl Flow {
    pub(crate) fn new(ctx: RunContext) -> Self {
        let (bodies, told) = Default::default();
        Self { ctx, bodies, told }
    }

    /// Starts a step.
    pub(crate) fn begin_step(&mut self, id: &str, input: Option<&str>, body: Body) -> Ticket {
        let options = RunOptions {
            retries: None,
            timeout: None,
            backoff: None,
            input: input.map(str::to_owned),
        };
        let ticket = start(id, &Operation::Run(options));
        self.bodies.insert(ticket, body);
        ticket
    }

    /// Which of these is told first.
    pub(crate) fn first(&mut self, tickets: &[Ticket]) -> Ticket {
        loop {
            let told = tickets.iter().find(|ticket| self.told.contains_key(ticket));
            if let Some(ticket) = told {
                return *ticket;
            }
            let (ticket, news) = next();
            let outcome = match news {
                News::Execute(execution) => {
                    let outcome = self.bodies[&ticket](&self.ctx, &execution);
                    finish(ticket, outcome.as_ref().map(String::as_str));
                    continue;
                }
                News::Done(json) => Ok(json),
                News::Failed(failure) => Err(failure),
                News::Empty => Ok("\"nothing came\"".to_owned()),
            };
            self.told.insert(ticket, outcome);
        }
    }

    /// An operation's outcome.
    pub(crate) fn outcome(&mut self, ticket: Ticket) -> Outcome {
        let ticket = self.first(&[ticket]);
        self.told
            .remove(&ticket)
            .unwrap_or_else(|| Ok("null".to_owned()))
    }

    /// An operation without a body, waited for.
    pub(crate) fn perform(&mut self, id: &str, operation: &Operation) -> Outcome {
        let ticket = begin(id, operation);
        self.outcome(ticket)
    }

    /// A step, waited for.
    pub(crate) fn step(&mut self, id: &str, body: Body) -> Outcome {
        let ticket = self.begin_step(id, None, body);
        self.outcome(ticket)
    }

    /// Gives up on an operation.
    pub(crate) fn give_up(&mut self, ticket: Ticket) {
        self.bodies.remove(&ticket);
        cancel(ticket);
    }

    /// A number of the event's data.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        number_in(&self.ctx, name).unwrap_or(default)
    }

    /// A text of the event's data; there are no escapes in it.
    pub(crate) fn text(&self, name: &str) -> String {
        text_in(&self.ctx, name)
    }
}

/// Starts an operation without a body.
pub(crate) fn begin(id: &str, operation: &Operation) -> Ticket {
    start(id, operation)
}

/// What follows a name in the event's data. The scenario writes it without spaces.
fn after<'a>(ctx: &'a RunContext, name: &str) -> Option<&'a str> {
    let rest = ctx.event.data.split_once(&format!("\"{name}\":"));
    rest.map(|(_, rest)| rest)
}

pub(crate) fn number_in(ctx: &RunContext, name: &str) -> Option<u64> {
    let rest = after(ctx, name)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

pub(crate) fn text_in(ctx: &RunContext, name: &str) -> String {
    let text = after(ctx, name).and_then(|rest| rest.split('"').nth(1));
    text.unwrap_or_default().to_owned()
}

/// An error of the author.
pub(crate) fn failure(name: &str, message: &str, retry: RetryAdvice) -> Failure {
    Failure {
        name: name.to_owned(),
        message: message.to_owned(),
        stack: Some("at golden.rs:1".to_owned()),
        data: Some(r#"{"code":7}"#.to_owned()),
        retry,
    }
}
