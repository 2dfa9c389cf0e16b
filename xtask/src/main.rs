//! The project's automation, called as `cargo xtask COMMAND`.
//!
//! One file per command; `project` knows where things lie, `shell` runs programs and times phases, `report` adds up what
//! the test runners said, and `tidy` holds the design's rules as checks. Nothing here is shipped, and nothing that is
//! shipped depends on it.

mod bench;
mod ci;
mod cluster;
mod conformance;
mod crash;
mod faults;
mod golden;
mod languages;
mod openapi;
mod project;
mod report;
mod shell;
mod sim;
mod soak;
mod test;
mod tidy;
mod toolchain;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::project::Project;

/// The project's automation.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, build guests and the binary, run every test, print one summary line.
    Test(test::Options),
    /// Everything that must hold before a change is accepted: formatting, lints, tidy, documentation, tests.
    Ci,
    /// Play the scenarios of the conformance suite in one language or in all, or write the table of who has which.
    Conformance(conformance::Options),
    /// Write `docs/openapi.json` from the code; with `--check`, only compare it (a test does that, too).
    Openapi(openapi::Options),
    /// Make the pictures of the dashboard in `docs/screenshots` anew.
    Screenshots,
    /// Check the rules of the design that the compiler does not know.
    Tidy,
    /// Measure (a release build); all arguments go to the benchmark, try `--help`.
    #[command(disable_help_flag = true)]
    Bench {
        /// Handed to the benchmark as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Live through seeds of the simulation (a release build); all arguments go to it, try `--help`.
    #[command(disable_help_flag = true)]
    Sim {
        /// Handed to the simulation as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Hours of mixed load on a release build, with kills and deploys; all arguments go to the soak, try `--help`.
    #[command(disable_help_flag = true)]
    Soak {
        /// Handed to the soak as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill the real binary at random instants and check that nothing was lost or repeated.
    Crash(crash::Options),
    /// Simulate several nodes over one store; all arguments go to the simulation, try `--help`.
    #[command(disable_help_flag = true)]
    Cluster {
        /// Handed to the simulation as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Record the fixtures of an unreleased version, or take its format into the lock.
    Golden(golden::Options),
    /// Let disk, clock and limits fail, and cut the power of a real file system; all arguments go to the harness, try `--help`.
    #[command(disable_help_flag = true)]
    Faults {
        /// Handed to the harness as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = Project::find().and_then(|project| match cli.command {
        Command::Test(options) => Ok(test::run(&project, &options)),
        Command::Ci => Ok(ci::run(&project)),
        Command::Conformance(options) => conformance::run(&project, &options),
        Command::Openapi(options) => openapi::run(&project, &options),
        Command::Screenshots => languages::screenshots(&project).map(|()| true),
        Command::Tidy => tidy::run(&project),
        Command::Bench { args } => bench::run(&project, &args),
        Command::Sim { args } => sim::run(&project, &args),
        Command::Soak { args } => soak::run(&project, &args),
        Command::Crash(options) => crash::run(&project, &options),
        Command::Cluster { args } => cluster::run(&project, &args),
        Command::Golden(options) => golden::run(&project, &options),
        Command::Faults { args } => faults::run(&project, &args),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
