//! `abide notify remove`, `pause` and `resume`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::print_line;

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

#[derive(Args)]
struct Named {
    /// The notification.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Remove {
    pub(super) async fn run(self) -> Result<Outcome> {
        let Named { name, server, .. } = &self.notification;
        let client = server.client()?;
        let text = client.delete(&["notifications", name], &[]).await?;
        self.notification.tell("removed", &text)
    }
}

impl Pause {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.notification.act("disable", "paused").await
    }
}

impl Resume {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.notification.act("enable", "resumed").await
    }
}

impl Named {
    async fn act(&self, action: &str, done: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let path = ["notifications", &self.name, action];
        let text = client.act(&path, &json!({})).await?;
        self.tell(done, &text)
    }

    fn tell(&self, done: &str, text: &str) -> Result<Outcome> {
        if self.output.json {
            print_line(text)?;
        } else {
            print_line(&format!("{done} {}", self.name))?;
        }
        Ok(Outcome::Done)
    }
}
