//! `abide functions …`.

mod invoke;
mod list;
mod pause;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Functions {
    List(list::List),
    Show(show::Show),
    Invoke(invoke::Invoke),
    Pause(pause::Pause),
    Resume(pause::Resume),
}

impl Functions {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Invoke(command) => command.run().await,
            Self::Pause(command) => command.run().await,
            Self::Resume(command) => command.run().await,
        }
    }
}
