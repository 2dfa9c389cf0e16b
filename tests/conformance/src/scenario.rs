//! What a scenario consists of: what starts it, what the outside does meanwhile, what must come of it.

use abide_core::event::NewEvent;
use serde_json::{Value, json};

/// A second, in milliseconds.
pub const SECOND_MS: u64 = 1_000;

/// A minute.
pub const MINUTE_MS: u64 = 60 * SECOND_MS;

/// An hour.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;

/// One scenario of `SCENARIOS.md`.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The function's id, and the scenario's.
    pub id: &'static str,
    /// Whatever happens, in order; a scenario without acts is only described.
    pub acts: Vec<Act>,
    /// How the function's run ends.
    pub ends: Ends,
    /// The functions that take part, whose configuration belongs to it.
    pub functions: Vec<&'static str>,
    /// After how many commits the power is cut next; more than one spares time where every place is like the next.
    pub cut_every: u64,
    /// Whether a body reaches outside: then a power cut in its middle is an attempt that failed.
    pub reaches_out: bool,
}

/// Something that the outside does. Between two of them the node comes to rest.
#[derive(Debug, Clone)]
pub enum Act {
    /// An event is sent.
    Send(NewEvent),
    /// An event is sent that must be refused.
    SendRefused(NewEvent),
    /// A signal is sent.
    Signal(&'static str, Value),
    /// Time passes: milliseconds.
    Pass(u64),
    /// Time passes until every run has ended.
    Finish,
    /// The operator replays the run from this step, with this input.
    Replay(&'static str, Value),
}

/// How a run ends.
#[derive(Debug, Clone)]
pub enum Ends {
    /// With this output.
    Output(Value),
    /// With an output that differs from run to run: the journal has it, masked.
    Masked,
    /// It fails with this name.
    Failure(&'static str),
    /// It is not run.
    Never,
}

/// An event as the outside sends it.
pub fn event(name: &str, data: &Value) -> NewEvent {
    NewEvent {
        name: name.to_owned(),
        data: Some(data.to_string().into()),
        ..NewEvent::default()
    }
}

impl Scenario {
    /// It is started by its event with these data, and left to itself.
    pub fn started(id: &'static str, data: &Value, ends: Ends) -> Self {
        let start = event(&format!("conformance/{id}"), data);
        Self::played(id, vec![Act::Send(start), Act::Finish], ends)
    }

    /// It is started with nothing, and returns this.
    pub fn plain(id: &'static str, output: Value) -> Self {
        Self::started(id, &json!({}), Ends::Output(output))
    }

    /// It is only described.
    pub fn described(id: &'static str) -> Self {
        Self::played(id, Vec::new(), Ends::Never)
    }

    /// The outside does more than to start it.
    pub fn played(id: &'static str, acts: Vec<Act>, ends: Ends) -> Self {
        Self {
            id,
            acts,
            ends,
            functions: vec![id],
            cut_every: 1,
            reaches_out: false,
        }
    }

    /// These functions take part.
    #[must_use]
    pub fn with(mut self, functions: &[&'static str]) -> Self {
        self.functions.extend(functions);
        self
    }

    /// It is about no function, but about the app.
    #[must_use]
    pub fn of_the_app(mut self) -> Self {
        self.functions.clear();
        self
    }

    /// The power is cut after every so many commits.
    #[must_use]
    pub fn cut_every(mut self, commits: u64) -> Self {
        self.cut_every = commits;
        self
    }

    /// A body reaches outside.
    #[must_use]
    pub fn reaching_out(mut self) -> Self {
        self.reaches_out = true;
        self
    }
}
