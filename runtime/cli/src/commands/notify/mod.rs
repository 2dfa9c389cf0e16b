//! `abide notify …`.

mod add;
mod change;
mod list;
mod model;
mod show;
mod switch;
mod test;
mod what;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Notify {
    /// Makes a notification: a webhook that is sent, or a command that is started.
    #[command(subcommand)]
    Add(add::Add),
    Change(Box<change::Change>),
    List(list::List),
    Show(show::Show),
    Remove(switch::Remove),
    Pause(switch::Pause),
    Resume(switch::Resume),
    Test(test::Test),
}

impl Notify {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Add(command) => command.run().await,
            Self::Change(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Remove(command) => command.run().await,
            Self::Pause(command) => command.run().await,
            Self::Resume(command) => command.run().await,
            Self::Test(command) => command.run().await,
        }
    }
}
