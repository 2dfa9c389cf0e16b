//! A small SDK: any number of operations at once, bodies as closures.

use std::collections::HashMap;

use crate::bindings::abide::durable::operations::{cancel, finish, next, start};
use crate::bindings::abide::durable::types::{
    Execution, Failure, News, Operation, RetryAdvice, RunContext, RunOptions, Ticket,
};

pub type Outcome = Result<String, Failure>;
type Body = Box<dyn FnMut(&Execution) -> Outcome>;

pub fn failure(message: &str, retry: RetryAdvice) -> Failure {
    Failure {
        name: "Test".into(),
        message: message.into(),
        stack: None,
        data: None,
        retry,
    }
}

#[derive(Default)]
pub struct Workflow {
    bodies: HashMap<Ticket, Body>,
    news: HashMap<Ticket, News>,
}

impl Workflow {
    pub fn run(&mut self, id: &str, timeout: Option<u64>, body: impl FnMut(&Execution) -> Outcome + 'static) -> Ticket {
        let options = RunOptions {
            retries: None,
            timeout,
            backoff: None,
            input: None,
        };
        let ticket = start(id, &Operation::Run(options));
        self.bodies.insert(ticket, Box::new(body));
        ticket
    }

    pub fn ask(&mut self, id: &str, operation: &Operation) -> Ticket {
        start(id, operation)
    }

    /// The first of these that has news.
    pub fn first(&mut self, tickets: &[Ticket]) -> Ticket {
        loop {
            if let Some(ticket) = tickets.iter().find(|ticket| self.news.contains_key(ticket)) {
                return *ticket;
            }
            match next() {
                (ticket, News::Execute(execution)) => {
                    let outcome = self.bodies.get_mut(&ticket).expect("a body")(&execution);
                    finish(ticket, outcome.as_ref().map(String::as_str));
                }
                (ticket, news) => {
                    self.news.insert(ticket, news);
                }
            }
        }
    }

    pub fn wait(&mut self, ticket: Ticket) -> Outcome {
        self.first(&[ticket]);
        match self.news.remove(&ticket) {
            Some(News::Done(json)) => Ok(json),
            Some(News::Failed(failure)) => Err(failure),
            _ => Ok("null".into()),
        }
    }

    pub fn step(&mut self, id: &str, body: impl FnMut(&Execution) -> Outcome + 'static) -> Outcome {
        let ticket = self.run(id, None, body);
        self.wait(ticket)
    }

    pub fn sleep(&mut self, id: &str, ms: u64) {
        let ticket = self.ask(id, &Operation::Sleep(ms));
        let _ = self.wait(ticket);
    }

    pub fn cancel(&mut self, ticket: Ticket) {
        cancel(ticket);
    }
}

/// The number `name` of the event's data.
pub fn number(ctx: &RunContext, name: &str, default: u64) -> u64 {
    let key = format!("\"{name}\":");
    let Some((_, rest)) = ctx.event.data.split_once(&key) else {
        return default;
    };
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(default)
}

/// The text `name` of the event's data.
pub fn text(ctx: &RunContext, name: &str) -> String {
    let key = format!("\"{name}\":\"");
    let rest = ctx.event.data.split_once(&key).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().into()
}
