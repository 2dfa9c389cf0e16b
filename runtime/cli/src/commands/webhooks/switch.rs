//! `abide webhooks remove`, `enable` and `disable`.

use anyhow::Result;
use clap::Args;

use crate::commands::named::Named;
use crate::outcome::Outcome;

/// Removes a webhook, its secret included. The events that it brought stay.
#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    webhook: Named,
}

/// Lets a webhook take requests again.
#[derive(Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    webhook: Named,
}

/// Lets a webhook take no requests: they are answered with 503, so that their sender tries again later.
#[derive(Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    webhook: Named,
}

impl Remove {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.webhook.remove("webhooks").await
    }
}

impl Enable {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.webhook.act("webhooks", "enable", "enabled").await
    }
}

impl Disable {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.webhook.act("webhooks", "disable", "disabled").await
    }
}
