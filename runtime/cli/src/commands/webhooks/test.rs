//! `abide webhooks test`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::model::Tried;
use crate::cli::{Output, Server};
use crate::commands::json_from;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{one_line, print_json, print_line};

/// Sends a webhook a sample that is signed with its own secret, and says what became of it.
#[derive(Args)]
pub(crate) struct Test {
    /// The webhook.
    #[arg(value_name = "NAME")]
    name: String,
    /// The sample's body: as text, from a file (@FILE) or from stdin (-); one such as the provider sends unless given.
    #[arg(long, value_name = "JSON|@FILE|-")]
    body: Option<String>,
    /// A header of the sample besides those of the signature.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Store nothing: only show the event.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Test {
    pub(super) async fn run(self) -> Result<Outcome> {
        let mut headers = Map::new();
        for header in &self.headers {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Usage(format!(
                    "--header {header:?} is no header; write it like 'x-github-event: push'"
                ))
            })?;
            headers.insert(name.trim().to_owned(), json!(value.trim()));
        }
        let mut request = json!({ "headers": Value::Object(headers), "dry_run": self.dry_run });
        if let Some(body) = &self.body {
            request["body"] = serde_json::from_str(json_from("--body", body)?.get())?;
        }
        let client = self.server.client()?;
        let path = ["webhooks", &self.name, "test"];
        let text = client.act(&path, &request).await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let tried: Tried = client.parse(&text)?;
        print_line(&match (tried.status.as_str(), &tried.id) {
            ("accepted", Some(id)) => format!("accepted as event {id}"),
            ("repeated", Some(id)) => format!("repeated: it was delivered before, as event {id}"),
            ("left_out", _) => "left out by the webhook's condition: nothing is stored".to_owned(),
            ("challenge", _) => format!(
                "answered with the text that the provider wants back: {}",
                one_line(tried.challenge.as_deref().unwrap_or_default())
            ),
            ("not_stored", _) => "it would be taken as this event:".to_owned(),
            (other, _) => other.to_owned(),
        })?;
        if let Some(event) = &tried.event {
            let data = event.data.as_ref().map(|data| data.get());
            print_line(&format!("  name  {}", one_line(&event.name)))?;
            print_line(&format!("  data  {}", one_line(data.unwrap_or("{}"))))?;
        }
        Ok(Outcome::Done)
    }
}
