//! The `abide` command: serves functions, builds and deploys them, sends events and shows what became of them.
//!
//! This crate talks: it parses what was asked, calls the node (`dev`, `serve`) or its HTTP API (everything else), and says
//! what happened. It decides nothing about runs, and knows neither the store nor the host.
//!
//! # Invariants
//! - Results go to stdout, everything else to stderr.
//! - Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reachable.

mod address;
mod allocator;
mod build;
mod cache;
mod cli;
mod client;
mod commands;
mod config;
mod dev;
mod discovery;
mod follow;
mod language;
mod logging;
mod manifest;
mod outcome;
mod render;
mod sdk;
mod stand_in;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::keep_few_arenas();
    let cli = match cli::Cli::of_process() {
        Ok(cli) => cli,
        Err(error) => return outcome::report(&error),
    };
    let runtime = match abide_host::runtime().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return outcome::report(
                &anyhow::Error::new(error).context("cannot start the threads that do the work"),
            );
        }
    };
    let result = runtime.block_on(cli.command.run());
    // Whatever still blocks has nothing to add: the command has its result.
    runtime.shutdown_background();
    match result {
        Ok(outcome) => outcome.code(),
        Err(error) => outcome::report(&error),
    }
}
