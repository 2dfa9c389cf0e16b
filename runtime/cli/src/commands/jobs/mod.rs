//! `abide jobs …`: what was started with `abide replay` or `abide runs cancel`, and goes on by itself.

pub(crate) mod follow;
mod list;
mod one;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Jobs {
    List(list::List),
    Show(one::Show),
    Watch(one::Watch),
    Stop(one::Stop),
}

impl Jobs {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Watch(command) => command.run().await,
            Self::Stop(command) => command.run().await,
        }
    }
}
