//! `abide notify test`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::model::Tested;
use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::{one_line, print_json, print_line};

/// Sends a test message once, and says what became of it. Also where the notification is paused.
#[derive(Args)]
pub(crate) struct Test {
    /// The notification.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Test {
    pub(super) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let path = ["notifications", &self.name, "test"];
        let text = client.act(&path, &json!({})).await?;
        let tested: Tested = client.parse(&text)?;
        if self.output.json {
            print_json(&text)?;
        } else if tested.delivered {
            print_line(&format!("delivered as {}", one_line(&tested.id)))?;
        } else {
            let error = tested.error.as_deref().unwrap_or("nobody says why");
            print_line(&format!("not delivered: {}", one_line(error)))?;
        }
        Ok(if tested.delivered {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }
}
