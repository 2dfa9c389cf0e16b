//! What must come of a program, computed without the engine, the interpreter and the order in which things happen.
//!
//! Most programs have one outcome. Where the outside decides (who wins a race, whether an event comes in time, whether an attempt dies with its process)
//! there are several *worlds*: each is one way in which everything that was left open may have been decided, with the end that follows from it and
//! what the outside service must, and may, have seen. What was observed must fit one of them.
//!
//! - `eval` walks the program and collects the worlds
//! - `trace` is what a world says about steps and children
//! - `judge` compares a world with what was observed
//!
//! Invariant: it allows everything that SEMANTICS allows, so whatever it refuses is a fault of somebody.

mod eval;
mod judge;
mod trace;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ASKED, Program, REFUSED, STUMBLED, THROWN};

pub use judge::{Call, Seen};
pub use trace::{Children, Rule, Trace};

/// How many attempts at one step the world may spoil (by the death of its process, by an outside service that fails or hangs) without changing what
/// comes of it.
pub const SPARE_ATTEMPTS: u32 = 12;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With this output.
    Output(Value),
    /// With an error of the program.
    Failed {
        /// Its name.
        name: String,
        /// Its message.
        message: String,
    },
    /// With an error of the platform, whose words depend on what went wrong.
    Platform,
    /// Somebody cancelled it.
    Cancelled,
}

impl End {
    /// The end of a run that failed with this.
    pub fn failed(name: &str, message: &str) -> Self {
        match name {
            ASKED | REFUSED | STUMBLED | THROWN => Self::Failed {
                name: name.to_owned(),
                message: message.to_owned(),
            },
            _ => Self::Platform,
        }
    }
}

/// One way in which everything may have come.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// How the run ends.
    pub end: End,
    /// What is to be seen of it outside.
    pub trace: Trace,
}

/// Everything that may come of a program.
#[derive(Debug, Clone)]
pub struct Expectation {
    worlds: Vec<World>,
}

/// The program leaves more open than can be followed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOpen;

impl Expectation {
    /// What must come of this program.
    pub fn of(program: &Program) -> Result<Self, TooOpen> {
        let worlds = eval::worlds(program, false)?;
        Ok(Self { worlds })
    }

    /// What may come of it when somebody cancels runs that it invokes, or that those invoke.
    pub fn disturbed(program: &Program) -> Result<Self, TooOpen> {
        let worlds = eval::worlds(program, true)?;
        Ok(Self { worlds })
    }

    /// The worlds.
    pub fn worlds(&self) -> &[World] {
        &self.worlds
    }

    /// Whether the run may end like this, as far as the end tells. That somebody cancelled it is not for the program to say.
    pub fn allows(&self, end: &End) -> bool {
        *end == End::Cancelled || self.worlds.iter().any(|world| world.end == *end)
    }

    /// Whether the end, and what the world outside saw, fit together and the program; if not, why not.
    pub fn judge(&self, seen: &Seen<'_>) -> Result<(), String> {
        judge::judge(&self.worlds, seen)
    }

    /// The keys of invoked programs that this one may give up: they may end cancelled.
    pub fn withdrawable(&self) -> BTreeSet<String> {
        let traces = self.worlds.iter().map(|world| &world.trace);
        traces.flat_map(Trace::withdrawable).collect()
    }
}
