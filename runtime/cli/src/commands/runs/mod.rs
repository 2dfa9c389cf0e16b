//! `abide runs …`.

mod cancel;
mod list;
mod logs;
mod pause;
mod replay;
mod show;
mod watch;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Runs {
    List(list::List),
    Show(show::Show),
    Watch(watch::Watch),
    Logs(logs::Logs),
    Cancel(cancel::Cancel),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Replay(replay::Replay),
}

pub(crate) use list::lines as table_of_runs;

impl Runs {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Watch(command) => command.run().await,
            Self::Logs(command) => command.run().await,
            Self::Cancel(command) => command.run().await,
            Self::Pause(command) => command.run().await,
            Self::Resume(command) => command.run().await,
            Self::Replay(command) => command.run().await,
        }
    }
}
