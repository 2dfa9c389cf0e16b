//! What is done to a thing of the server that has a name: a webhook, a notification. It must not know which it is.

use anyhow::Result;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::terminal::{Look, one_line, print_json, print_line};

/// Which one, on which server.
#[derive(Args)]
pub(super) struct Named {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Named {
    /// Asks for it; nothing is left to show where JSON was wanted.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        kind: &str,
    ) -> Result<Option<(Client, T)>> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", kind, &self.name], &[]).await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(None);
        }
        let found = client.parse(&text)?;
        Ok(Some((client, found)))
    }

    /// Removes it from those of this kind, which is a part of the API's path.
    pub(super) async fn remove(&self, kind: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.delete(&[kind, &self.name], &[]).await?;
        self.tell("removed", &text)
    }

    /// Asks the server for an action on it, and says what is done.
    pub(super) async fn act(&self, kind: &str, action: &str, done: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.act(&[kind, &self.name, action], &json!({})).await?;
        self.tell(done, &text)
    }

    fn tell(&self, done: &str, text: &str) -> Result<Outcome> {
        if self.output.json {
            print_json(text)?;
        } else {
            print_line(&format!("{done} {}", self.name))?;
        }
        Ok(Outcome::Done)
    }
}

/// Prints a name with a state that is not the usual one, and a line for each property, whose names take so many columns.
pub(super) fn print_sheet<'a>(
    name: &str,
    state: &str,
    columns: usize,
    lines: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<()> {
    let look = Look::stdout();
    let state = match state {
        "" => String::new(),
        state => format!("  {}", look.odd(state)),
    };
    print_line(&format!("{}{state}", look.bold(name)))?;
    for (name, value) in lines {
        let name = format!("{name:<columns$}");
        print_line(&format!("  {}{}", look.dim(name), one_line(&value)))?;
    }
    Ok(())
}
