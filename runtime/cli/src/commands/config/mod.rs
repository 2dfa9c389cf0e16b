//! `abide config`.

mod check;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Config {
    Show(show::Show),
    Check(check::Check),
}

impl Config {
    pub(crate) fn run(self) -> Result<Outcome> {
        match self {
            Self::Show(command) => command.run(),
            Self::Check(command) => command.run(),
        }
    }
}
