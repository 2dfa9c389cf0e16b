//! `abide apps …`.

use anyhow::Result;
use chrono::Utc;
use clap::{Args, Subcommand};

use crate::cli::{Output, Server};
use crate::client::model::{App, Page};
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::time;
use crate::terminal::{Look, print, print_line};

#[derive(Subcommand)]
pub(crate) enum Apps {
    List(List),
}

impl Apps {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::List(command) => command.run().await,
        }
    }
}

/// Lists the apps that are deployed.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl List {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", "apps"], &[]).await?;
        if self.output.json {
            print_line(&text)?;
            return Ok(Outcome::Done);
        }
        let apps: Page<App> = client.parse(&text)?;
        if apps.data.is_empty() {
            eprintln!("no apps: `abide dev` or `abide deploy` brings some");
            return Ok(Outcome::Done);
        }
        let now = Utc::now();
        let row = |app: &App| {
            [
                Cell::plain(&app.id),
                Cell::plain(app.functions.len().to_string()),
                Cell::plain(app.digest.chars().take(12).collect::<String>()),
                Cell::plain(app.bytes.map(size).unwrap_or_default()),
                Cell::plain(
                    app.deployments
                        .map(|count| count.to_string())
                        .unwrap_or_default(),
                ),
                Cell::plain(
                    app.deployed_at
                        .map(|at| time::relative(at, now))
                        .unwrap_or_default(),
                ),
            ]
        };
        let rows: Vec<_> = apps.data.iter().map(row).collect();
        print(&table(
            Look::stdout(),
            [
                "APP",
                "FUNCTIONS",
                "VERSION",
                "SIZE",
                "DEPLOYMENTS",
                "DEPLOYED",
            ],
            &rows,
        ))?;
        Ok(Outcome::Done)
    }
}

/// `83 KB`, `12.1 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
