//! The engine and the machine together, told as stories of scripted runs.

mod admission;
mod between;
mod deaths;
mod deliveries;
mod ending;
mod faults;
mod jobs;
mod merging;
mod models;
mod once;
mod replaying;
mod review;
mod schemas;
mod script;
mod state;
mod stories;
mod world;

use crate::operation::{Operation, RunOptions, WaitForEvent};
use script::Program;

/// A program of these groups.
fn program(groups: Vec<Vec<(&str, Operation)>>) -> Program {
    Program {
        groups: groups
            .into_iter()
            .map(|group| {
                group
                    .into_iter()
                    .map(|(id, op)| (id.to_owned(), op))
                    .collect()
            })
            .collect(),
        ..Program::default()
    }
}

fn run() -> Operation {
    Operation::Run(RunOptions::default())
}

fn wait(event: &str, timeout_ms: u64) -> WaitForEvent {
    WaitForEvent {
        event: event.into(),
        timeout_ms,
        if_expr: None,
        match_path: None,
        lookback_ms: 0,
    }
}
