//! `abide apps …`.

use anyhow::Result;
use chrono::Utc;
use clap::{Args, Subcommand};

use crate::cli::{Output, Server};
use crate::client::model::App;
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::render::time;

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
        let head = [
            "APP",
            "FUNCTIONS",
            "VERSION",
            "SIZE",
            "DEPLOYMENTS",
            "DEPLOYED",
        ];
        let whole = Whole {
            kind: "apps",
            query: &[],
            none: "no apps: `abide dev` or `abide deploy` brings some",
        };
        whole.show(&client, &self.output, head, row).await
    }
}

/// `83 KB`, `12.1 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
