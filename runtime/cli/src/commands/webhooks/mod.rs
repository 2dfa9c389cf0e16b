//! `abide webhooks …`.

mod add;
mod list;
mod model;
mod secret;
mod show;
mod switch;
mod test;

use anyhow::Result;
use clap::Subcommand;

use crate::outcome::Outcome;

#[derive(Subcommand)]
pub(crate) enum Webhooks {
    Add(Box<add::Add>),
    List(list::List),
    Show(show::Show),
    Remove(switch::Remove),
    RotateSecret(secret::RotateSecret),
    Enable(switch::Enable),
    Disable(switch::Disable),
    Test(test::Test),
}

impl Webhooks {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Remove(command) => command.run().await,
            Self::RotateSecret(command) => command.run().await,
            Self::Enable(command) => command.run().await,
            Self::Disable(command) => command.run().await,
            Self::Test(command) => command.run().await,
        }
    }
}
