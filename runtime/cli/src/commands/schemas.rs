//! `abide schemas …`.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::{Output, Server};
use crate::client::model::{Page, Schema};
use crate::commands::json_from;
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::terminal::{Look, one_line, print_json, print_line};

#[derive(Subcommand)]
pub(crate) enum Schemas {
    List(List),
    Show(Show),
    Set(Set),
    Delete(Delete),
}

impl Schemas {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Set(command) => command.run().await,
            Self::Delete(command) => command.run().await,
        }
    }
}

/// Lists the schemas by which events are checked: those of apps, and those that operators set, which go before them.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Shows the schemas of one event.
#[derive(Args)]
pub(crate) struct Show {
    /// The event's name.
    #[arg(value_name = "EVENT")]
    event: String,
    /// Only for events with this `v`.
    #[arg(long, value_name = "VERSION")]
    v: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Sets the schema of an event: a JSON Schema for its data. Events that break it are refused.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide schemas set order/placed @order.schema.json\n  abide schemas set order/placed --v 2 '{\"required\":[\"id\"]}'"
)]
pub(crate) struct Set {
    /// The event's exact name.
    #[arg(value_name = "EVENT")]
    event: String,
    /// The schema: as text, from a file (@FILE) or from stdin (-).
    #[arg(value_name = "JSON|@FILE|-")]
    schema: String,
    /// For events with this `v`; for those without one unless given.
    #[arg(long, value_name = "VERSION")]
    v: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Removes a schema that was set. Those of apps go with their apps.
#[derive(Args)]
pub(crate) struct Delete {
    /// The event's exact name.
    #[arg(value_name = "EVENT")]
    event: String,
    /// The one for events with this `v`.
    #[arg(long, value_name = "VERSION")]
    v: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl List {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let row = |schema: &Schema| {
            [
                Cell::plain(one_line(&schema.event)),
                Cell::plain(schema.v.as_deref().map(one_line).unwrap_or_default()),
                Cell::plain(set_by(schema)),
                Cell::dim(text_of(schema)),
            ]
        };
        let head = ["EVENT", "V", "SET BY", "SCHEMA"];
        let whole = Whole {
            kind: "schemas",
            query: &[],
            none: "no schemas: events are taken as they come; `abide schemas set` sets one",
        };
        whole.show(&client, &self.output, head, row).await
    }
}

impl Show {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let query: Vec<_> = self.v.iter().map(|v| ("v", v.as_str())).collect();
        let text = client
            .get(&["api", "v1", "schemas", &self.event], &query)
            .await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let look = Look::stdout();
        let schemas: Page<Schema> = client.parse(&text)?;
        for schema in &schemas.data {
            let v = schema
                .v
                .as_ref()
                .map(|v| format!(" v {v}"))
                .unwrap_or_default();
            let title = one_line(&format!("{}{v}", schema.event));
            print_line(&format!(
                "{}  {}",
                look.bold(title),
                look.dim(set_by(schema))
            ))?;
            print_json(&indented(schema)?)?;
        }
        Ok(Outcome::Done)
    }
}

impl Set {
    async fn run(self) -> Result<Outcome> {
        let schema = json_from("the schema", &self.schema)?;
        let client = self.server.client()?;
        let query: Vec<_> = self.v.iter().map(|v| ("v", v.as_str())).collect();
        let json = schema.get().to_owned();
        let text = client.put(&["schemas", &self.event], &query, json).await?;
        tell("set", &self.event, &text, self.output)
    }
}

impl Delete {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let query: Vec<_> = self.v.iter().map(|v| ("v", v.as_str())).collect();
        let text = client.delete(&["schemas", &self.event], &query).await?;
        tell("removed", &self.event, &text, self.output)
    }
}

fn tell(done: &str, event: &str, text: &str, output: Output) -> Result<Outcome> {
    if output.json {
        print_json(text)?;
    } else {
        print_line(&format!("{done} the schema of {event}"))?;
    }
    Ok(Outcome::Done)
}

fn set_by(schema: &Schema) -> String {
    let who = match &schema.app {
        Some(app) => format!("app {app}"),
        None => schema.source.clone(),
    };
    if schema.in_force {
        who
    } else {
        format!("{who} (overridden)")
    }
}

fn text_of(schema: &Schema) -> String {
    let json = schema.schema.as_ref();
    json.map(|json| one_line(json.get())).unwrap_or_default()
}

fn indented(schema: &Schema) -> Result<String> {
    let value: serde_json::Value = match &schema.schema {
        Some(json) => serde_json::from_str(json.get())?,
        None => serde_json::Value::Null,
    };
    Ok(serde_json::to_string_pretty(&value)?)
}
