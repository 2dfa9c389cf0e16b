//! `abide environments …`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::terminal::{one_line, print_json, print_line};

#[derive(Subcommand)]
pub(crate) enum Environments {
    List(List),
    Create(Create),
    Remove(Remove),
}

impl Environments {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
            Self::Create(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

/// Lists the environments of a server. Each has its own apps, events, runs, schemas and keys, and sees nothing of the others.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Makes an environment.
#[derive(Args)]
#[command(after_help = "Example:\n  abide environments create staging")]
pub(crate) struct Create {
    /// Its name: kebab-case.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Removes an environment and its keys. `default` stays.
#[derive(Args)]
pub(crate) struct Remove {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Delete all that is in it: apps, events, runs, schemas.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Environment {
    name: String,
    created_at: Option<String>,
    apps: u64,
    executing: u64,
}

impl List {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let row = |it: &Environment| {
            [
                Cell::plain(one_line(&it.name)),
                Cell::dim(it.created_at.clone().unwrap_or_default()),
                Cell::plain(it.apps.to_string()),
                Cell::plain(it.executing.to_string()),
            ]
        };
        let head = ["ENVIRONMENT", "CREATED", "APPS", "EXECUTING"];
        let whole = Whole {
            kind: "environments",
            query: &[],
            none: "no environments",
        };
        whole.show(&client, &self.output, head, row).await
    }
}

impl Create {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let body = json!({ "name": self.name });
        let text = client.act(&["environments"], &body).await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            print_line(&format!("made the environment {}", one_line(&self.name)))?;
        }
        Ok(Outcome::Done)
    }
}

impl Remove {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let query: &[_] = if self.force {
            &[("force", "true")]
        } else {
            &[]
        };
        let text = client.delete(&["environments", &self.name], query).await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            print_line(&format!("removed the environment {}", one_line(&self.name)))?;
        }
        Ok(Outcome::Done)
    }
}
