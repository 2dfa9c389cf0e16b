//! `abide notify show`.

use anyhow::Result;
use clap::Args;

use super::model::{Notification, Target, time};
use crate::commands::named::{Named, print_sheet};
use crate::outcome::Outcome;

/// How many of the last messages are shown; `--json` has all that the server keeps.
const MESSAGES: usize = 5;

/// Shows a notification: of what it tells, and what became of its last messages. Its secret is never shown.
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    notification: Named,
}

impl Show {
    pub(super) async fn run(self) -> Result<Outcome> {
        let found = self.notification.fetch::<Notification>("notifications");
        if let Some((_, it)) = found.await? {
            print_sheet(&it.name, it.state(), 15, lines(&it))?;
        }
        Ok(Outcome::Done)
    }
}

fn lines(it: &Notification) -> Vec<(&'static str, String)> {
    let how = match &it.target {
        Target::Webhook { format, signed, .. } => {
            let signed = if *signed { ", signed" } else { "" };
            format!("webhook, {format}{signed}")
        }
        Target::Command { allowed: true, .. } => "command".to_owned(),
        Target::Command { allowed: false, .. } => {
            "command, which this server may not start: --notify-commands".to_owned()
        }
    };
    let mut lines = vec![
        ("tells", it.target.words()),
        ("by", how),
        ("of", it.rules_in_words()),
        ("functions", it.functions.join(", ")),
        ("at most every", time(it.min_interval_s)),
    ];
    if let Some(at) = it.delivered_at {
        lines.push(("last delivered", at.to_rfc3339()));
    }
    if let Some(error) = &it.error {
        let at = error.at.to_rfc3339();
        lines.push(("not delivered", format!("{at}: {}", error.reason)));
    }
    if let Some(at) = it.retry_at {
        lines.push(("next attempt", at.to_rfc3339()));
    }
    if it.waiting > 0 {
        lines.push(("waiting", format!("{} to be told", it.waiting)));
    }
    for firing in &it.firing {
        let since = firing.since.to_rfc3339();
        let text = format!("{} of {} since {since}", firing.rule, firing.function_id);
        lines.push(("firing", text));
    }
    for message in it.messages.iter().take(MESSAGES) {
        lines.push(("message", message.words()));
    }
    lines
}
