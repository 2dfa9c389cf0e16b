//! What the functions of the simulated cluster do, as instances over the machine: groups of operations, one group after the other, the members of a group at once.
//!
//! | function | is started by     | does                                                                                                    |
//! |----------|-------------------|---------------------------------------------------------------------------------------------------------|
//! | `order`  | `cluster/order`   | a step, a sleep, two steps at once, a wait for `cluster/paid`, then it sends an event to another shard   |
//! | `there`  | `cluster/there`   | a step, a sleep                                                                                          |
//!
//! The output is the number of steps: it does not depend on whether the wait came in time.

use std::collections::BTreeSet;

use abide_core::Json;
use abide_core::event::NewEvent;
use abide_core::failure::Failure;
use abide_core::function::options::EventTrigger;
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::ids::IdGenerator;
use abide_core::journal::Outcome;
use abide_core::machine::{Execution, Machine, Next, Now, Stop, Ticket, TwinCursor, TwinNext};
use abide_core::operation::{Operation, RunOptions, WaitForEvent};
use abide_core::retry::{Backoff, BackoffKind};

/// The event by which a run sends something to another shard. Nobody listens to it in its own.
pub(super) const OUTBOX: &str = "cluster/outbox";

/// A group: step ids and operations.
type Group = Vec<(&'static str, Operation)>;

/// The functions.
pub(super) fn functions() -> Vec<FunctionConfig> {
    let function = |id: &str| FunctionConfig {
        id: id.into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: format!("cluster/{id}"),
            if_expr: None,
        })],
        // More than a simulation has bad luck.
        retries: Some(20),
        backoff: Some(Backoff {
            kind: BackoffKind::Constant,
            base_ms: 1_000,
            factor: None,
            max_ms: None,
            jitter_ms: None,
        }),
        ..FunctionConfig::default()
    };
    vec![function("order"), function("there")]
}

/// The event that tells another shard of a run's work.
pub(super) fn outbox_event(key: &str) -> NewEvent {
    NewEvent {
        name: OUTBOX.into(),
        data: Some(format!(r#"{{"key":"{key}"}}"#).into()),
        ..NewEvent::default()
    }
}

/// What a function does with the key of its event.
fn groups(function: &str, key: &str) -> Vec<Group> {
    let run = || Operation::Run(RunOptions::default());
    if function == "there" {
        return vec![
            vec![("arrive", run())],
            vec![("rest", Operation::Sleep(2_000))],
        ];
    }
    let paid = WaitForEvent {
        event: "cluster/paid".into(),
        timeout_ms: 30_000,
        if_expr: None,
        match_path: Some("data.key".into()),
        lookback_ms: 0,
    };
    vec![
        vec![("reserve", run())],
        vec![("think", Operation::Sleep(5_000))],
        vec![("pack", run()), ("label", run())],
        vec![("paid", Operation::WaitForEvent(paid))],
        vec![("tell", Operation::SendEvents(vec![outbox_event(key)]))],
    ]
}

/// What a run of this function returns.
pub(super) fn output(function: &str) -> Json {
    let steps = groups(function, "").into_iter().flatten();
    let steps = steps.filter(|(_, operation)| matches!(operation, Operation::Run(_)));
    steps.count().to_string().into()
}

/// One instance of a run's code: the workflow's, or a twin.
pub(super) struct Instance {
    groups: Vec<Group>,
    output: Json,
    at: usize,
    waiting: BTreeSet<Ticket>,
    begun: bool,
}

/// What an instance hears when it asks for news.
enum News {
    Over(Ticket, Outcome),
    Nothing,
}

impl Instance {
    pub(super) fn of(machine: &Machine) -> Self {
        let info = machine.info();
        let event: serde_json::Value = serde_json::from_str(&info.event).unwrap_or_default();
        let key = event["data"]["key"].as_str().unwrap_or_default();
        let function = &*info.function.function;
        Self {
            groups: groups(function, key),
            output: output(function),
            at: 0,
            waiting: BTreeSet::new(),
            begun: false,
        }
    }

    /// Lets the workflow's code go on as far as it can.
    pub(super) fn drive(&mut self, machine: &mut Machine, now_ms: u64, ids: &mut IdGenerator) {
        let ended = self.advance(
            machine,
            |machine, id, operation| machine.start(id, operation, Now { ms: now_ms, ids }),
            |machine| {
                Ok(match machine.next()? {
                    Next::News(ticket, outcome) => News::Over(ticket, outcome),
                    Next::Blocked => News::Nothing,
                })
            },
        );
        let returned = match ended {
            Ok(None) | Err(Stop::Diverged(_)) => return,
            Ok(Some(result)) => machine.returned(result, now_ms),
            Err(Stop::Failed(failure)) => machine.returned(Err(failure), now_ms),
        };
        drop(returned);
    }

    /// Lets a twin go on until it is to execute a body. `Err`: it has to be replaced.
    pub(super) fn next_body(
        &mut self,
        machine: &mut Machine,
        cursor: &mut TwinCursor,
        now_ms: u64,
    ) -> Result<Option<(Ticket, Execution)>, Stop> {
        let cursor = std::cell::RefCell::new(cursor);
        let mut body = None;
        self.advance(
            machine,
            |machine, id, operation| machine.twin_start(&mut cursor.borrow_mut(), id, &operation),
            |machine| {
                Ok(match machine.twin_next(&mut cursor.borrow_mut(), now_ms)? {
                    TwinNext::News(ticket, outcome) => News::Over(ticket, outcome),
                    TwinNext::Execute(ticket, execution) => {
                        body = Some((ticket, execution));
                        News::Nothing
                    }
                    TwinNext::Blocked => News::Nothing,
                })
            },
        )?;
        Ok(body)
    }

    fn advance(
        &mut self,
        machine: &mut Machine,
        mut start: impl FnMut(&mut Machine, &str, Operation) -> Result<Ticket, Stop>,
        mut news: impl FnMut(&mut Machine) -> Result<News, Stop>,
    ) -> Result<Option<Result<Json, Failure>>, Stop> {
        while let Some(group) = self.groups.get(self.at) {
            if !self.begun {
                self.begun = true;
                for (id, operation) in group {
                    self.waiting.insert(start(machine, id, operation.clone())?);
                }
            }
            while !self.waiting.is_empty() {
                match news(machine)? {
                    News::Nothing => return Ok(None),
                    News::Over(_, Outcome::Failed(failure)) => return Ok(Some(Err(failure))),
                    News::Over(ticket, Outcome::Done(_) | Outcome::Empty) => {
                        self.waiting.remove(&ticket);
                    }
                }
            }
            self.at += 1;
            self.begun = false;
        }
        Ok(Some(Ok(self.output.clone())))
    }
}
