//! `abide notify remove`, `pause` and `resume`.

use anyhow::Result;
use clap::Args;

use crate::commands::named::Named;
use crate::outcome::Outcome;

/// Removes a notification, its secret included. What waited to be told is told to nobody.
#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    notification: Named,
}

/// Lets a notification tell nothing. What happens meanwhile is told to nobody, nor is what waited to be told.
#[derive(Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    notification: Named,
}

/// Lets a notification tell of what happens from now on.
#[derive(Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    notification: Named,
}

impl Remove {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.notification.remove("notifications").await
    }
}

impl Pause {
    pub(super) async fn run(self) -> Result<Outcome> {
        let paused = self.notification.act("notifications", "disable", "paused");
        paused.await
    }
}

impl Resume {
    pub(super) async fn run(self) -> Result<Outcome> {
        let resumed = self.notification.act("notifications", "enable", "resumed");
        resumed.await
    }
}
