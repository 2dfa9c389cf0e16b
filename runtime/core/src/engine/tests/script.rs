//! Scripted workflows in place of guests: groups of operations, one group after the other, the members of a group at once.

use std::collections::BTreeSet;

use crate::ids::IdGenerator;
use crate::journal::Outcome;
use crate::machine::{Execution, Machine, Next, Now, Stop, Ticket, TwinCursor, TwinNext};
use crate::operation::Operation;
use crate::{Json, failure::Failure};

pub(super) type Groups = Vec<Vec<(String, Operation)>>;

/// What a function does. It returns the results of its last group as a JSON list, or the first failure of any group.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) groups: Groups,
    /// What attempts at the workflow code after the first do, if not the same.
    pub later: Option<Groups>,
    /// Whether a failed operation fails the function, or counts as a result.
    pub catches: bool,
    /// How many attempts at the workflow code fail before one does not.
    pub fails: u32,
}

/// What executes a body: the step's key and the attempt.
pub(super) type Bodies<'a> = &'a mut dyn FnMut(&str, u32) -> Result<Json, Failure>;

/// One instance that executes a program: the workflow's, or a twin.
#[derive(Default)]
pub(super) struct Instance {
    group: usize,
    begun: bool,
    waiting: BTreeSet<Ticket>,
    results: Vec<(Ticket, Outcome)>,
    over: bool,
}

enum Step {
    News(Ticket, Outcome),
    Blocked,
}

impl Instance {
    /// Runs the workflow instance as far as it can go.
    pub(super) fn drive(
        &mut self,
        program: &Program,
        machine: &mut Machine,
        now_ms: u64,
        ids: &mut IdGenerator,
    ) {
        let attempt = machine.attempt();
        let result = self.advance(program, attempt, |ask| match ask {
            Some((id, operation)) => machine
                .start(id, operation.clone(), Now { ms: now_ms, ids })
                .map(|ticket| Step::News(ticket, Outcome::Empty)),
            None => machine.next().map(|next| match next {
                Next::News(ticket, outcome) => Step::News(ticket, outcome),
                Next::Blocked => Step::Blocked,
            }),
        });
        match result {
            Ok(None) | Err(Stop::Diverged(_)) => {}
            Ok(Some(result)) => {
                let _ = machine.returned(result, now_ms);
            }
            Err(Stop::Failed(failure)) => {
                let _ = machine.returned(Err(failure), now_ms);
            }
        }
    }

    /// Runs a twin as far as it can go; `false` when it has to be replaced.
    pub(super) fn drive_twin(
        &mut self,
        program: &Program,
        machine: &mut Machine,
        cursor: &mut TwinCursor,
        now_ms: u64,
        bodies: Bodies<'_>,
    ) -> bool {
        loop {
            let (ticket, execution) = match self.drive_to_body(program, machine, cursor, now_ms) {
                Ok(Some(body)) => body,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let outcome = bodies(&execution.step_key, execution.attempt);
            let failed = outcome.is_err();
            let finished = machine.twin_finish(cursor, ticket, outcome, now_ms);
            // A twin is replaced after a failed body.
            if failed || finished.is_err() {
                return false;
            }
        }
    }

    /// Runs a twin until it is to execute a body, or as far as it can go; an error when it has to be replaced.
    pub(super) fn drive_to_body(
        &mut self,
        program: &Program,
        machine: &mut Machine,
        cursor: &mut TwinCursor,
        now_ms: u64,
    ) -> Result<Option<(Ticket, Execution)>, Stop> {
        let attempt = machine.attempt();
        let mut body = None;
        self.advance(program, attempt, |ask| {
            let Some((id, operation)) = ask else {
                return Ok(match machine.twin_next(cursor, now_ms)? {
                    TwinNext::News(ticket, outcome) => Step::News(ticket, outcome),
                    TwinNext::Blocked => Step::Blocked,
                    TwinNext::Execute(ticket, execution) => {
                        body = Some((ticket, execution));
                        Step::Blocked
                    }
                });
            };
            let ticket = machine.twin_start(cursor, id, operation)?;
            Ok(Step::News(ticket, Outcome::Empty))
        })?;
        Ok(body)
    }

    /// `ask(Some(operation))` starts it, `ask(None)` asks for news. Returns the function's result once it has one.
    fn advance(
        &mut self,
        program: &Program,
        attempt: u32,
        mut ask: impl FnMut(Option<&(String, Operation)>) -> Result<Step, Stop>,
    ) -> Result<Option<Result<Json, Failure>>, Stop> {
        while !self.over {
            let groups = match &program.later {
                Some(later) if attempt > 0 => later,
                Some(_) | None => &program.groups,
            };
            let Some(group) = groups.get(self.group) else {
                self.over = true;
                if attempt < program.fails {
                    let failure = Failure::platform(crate::failure::Origin::Guest, "not yet");
                    return Ok(Some(Err(failure)));
                }
                return Ok(Some(Ok(self.output())));
            };
            if !std::mem::replace(&mut self.begun, true) {
                self.results.clear();
                for operation in group {
                    if let Step::News(ticket, _) = ask(Some(operation))? {
                        self.waiting.insert(ticket);
                    }
                }
            }
            while !self.waiting.is_empty() {
                match ask(None)? {
                    Step::Blocked => return Ok(None),
                    Step::News(ticket, outcome) => {
                        assert!(
                            self.waiting.remove(&ticket),
                            "news of ticket {ticket} came twice"
                        );
                        if let (Outcome::Failed(failure), false) = (&outcome, program.catches) {
                            self.over = true;
                            return Ok(Some(Err(failure.clone())));
                        }
                        self.results.push((ticket, outcome));
                    }
                }
            }
            self.group += 1;
            self.begun = false;
        }
        Ok(None)
    }

    fn output(&mut self) -> Json {
        self.results.sort_by_key(|(ticket, _)| *ticket);
        let texts: Vec<_> = self
            .results
            .iter()
            .map(|(_, outcome)| match outcome {
                Outcome::Done(json) => json.to_string(),
                Outcome::Empty => "\"timed out\"".into(),
                Outcome::Failed(failure) => format!("\"{}\"", failure.name),
            })
            .collect();
        format!("[{}]", texts.join(",")).into()
    }
}
