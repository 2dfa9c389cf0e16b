//! The language of the simulation's random programs.
//!
//! A program is the data of an event: a tree of statements that use everything that durable functions can do. One [`interpret`]er runs it, over
//! a [`Workflow`] that is either the Rust SDK in a component (`tests/guests/program`) or native code in the simulation, so that both ask for
//! the same operations with the same ids in the same order. What a program must come to is computed elsewhere, without this interpreter.
//!
//! It must not know the engine, the SDK or the simulation. Invariant: what a program does depends on nothing but the program, the number of
//! the attempt at the workflow code, and what its operations return.

mod body;
mod interpret;
mod program;
mod value;

pub use body::{Report, Reported, perform};
pub use interpret::{Boxed, EventWait, Exit, Flow, Sent, Shared, Thrown, Workflow, interpret};
pub use program::{
    Fails, Form, Function, Growth, Outside, Program, Retrying, Statement, Step, Sub,
};
pub use value::{Expr, Scope};

/// The name of an error of a body that was asked to fail.
pub const ASKED: &str = "Asked";

/// The name of an error of a body that says that trying again cannot help.
pub const REFUSED: &str = "Refused";

/// The name of an error of workflow code that goes on after some attempts.
pub const STUMBLED: &str = "Stumbled";

/// The name of an error of workflow code that is there to stay.
pub const THROWN: &str = "Thrown";

/// How every error is called in values that the platform raised: who it was depends on what went wrong outside.
pub const PLATFORM: &str = "Platform";

/// The prefix of the names of events that start programs; [`Function::event`] has the rest.
pub const STARTS: &str = "sim/run.";

/// The id of the step that this version of the app executes before anything else; the first version, 0, has none.
pub fn version_step(version: u8) -> Option<String> {
    (version > 0).then(|| format!("version-{version}"))
}

/// The name under which an error appears in values.
pub fn seen_name(name: &str) -> &str {
    match name {
        ASKED | REFUSED | STUMBLED | THROWN => name,
        _ => PLATFORM,
    }
}
