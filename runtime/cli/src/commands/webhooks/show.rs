//! `abide webhooks show`.

use anyhow::Result;
use clap::Args;

use super::model::Webhook;
use crate::commands::named::{Named, print_sheet};
use crate::outcome::Outcome;

/// Shows a webhook. Its secret is never shown.
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    webhook: Named,
}

impl Show {
    pub(super) async fn run(self) -> Result<Outcome> {
        let found = self.webhook.fetch::<Webhook>("webhooks").await?;
        let Some((client, webhook)) = found else {
            return Ok(Outcome::Done);
        };
        let (name, state) = (webhook.name.clone(), webhook.state());
        let until = webhook.previous_secret_until;
        let until = until.map(|time| format!("good until {}", time.to_rfc3339()));
        let lines = [
            ("url", Some(format!("{}{}", client.base(), webhook.path))),
            ("provider", Some(webhook.provider)),
            ("scheme", webhook.scheme.map(|scheme| scheme.to_string())),
            ("event name", webhook.event_name),
            (
                "data",
                webhook.data.or_else(|| Some("the whole body".into())),
            ),
            ("id", webhook.id),
            ("if", webhook.condition),
            ("challenge", webhook.challenge),
            ("secret before", until),
        ];
        let lines = lines
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        print_sheet(&name, state, 14, lines)?;
        Ok(Outcome::Done)
    }
}
