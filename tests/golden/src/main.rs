//! `abide-golden record FOLDER --component FILE`: makes a version's fixture anew. `cargo xtask golden` builds what it needs, and asks whether
//! that version may still change.

use std::path::PathBuf;

use abide_golden::fixture::Fixture;
use abide_golden::scenario;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Records golden journals")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the scenario and write what it leaves behind.
    Record {
        /// The version's folder in tests/golden, such as v0.1.
        folder: String,
        /// The component that everything runs.
        #[arg(long)]
        component: PathBuf,
    },
}

fn main() -> Result<()> {
    let Command::Record { folder, component } = Cli::parse().command;
    let bytes = std::fs::read(&component).with_context(|| component.display().to_string())?;
    let fixture = scenario::record(bytes.into())?;
    fixture.write(&Fixture::folder(&folder))?;
    println!(
        "{} rows, {} payloads, {} runs",
        fixture.rows.len(),
        fixture.payloads.len(),
        fixture.outcomes.len()
    );
    Ok(())
}
