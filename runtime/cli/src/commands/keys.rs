//! `abide keys …`.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::terminal::{one_line, print_json, print_line};

#[derive(Subcommand)]
pub(crate) enum Keys {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

impl Keys {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Create(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Revoke(command) => command.run().await,
        }
    }
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Send events, and nothing else: an event key.
    Send,
    /// Look at everything but keys and the audit log.
    Read,
    /// Act on runs, functions and jobs, send events and signals; includes read.
    Operate,
    /// Deploy apps, set schemas; includes read.
    Deploy,
    /// Everything, keys included.
    Admin,
}

/// Makes a key and prints it, once: the server keeps a hash of it only.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide keys create website --role send\n  abide keys create pipeline --role deploy --expires 90d --environment staging"
)]
pub(crate) struct Create {
    /// A name, for people.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may be used for.
    #[arg(long, value_enum)]
    role: Role,
    /// How long it is good for: a number of days, or a time like `90d` or `12h`; without it, until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires: Option<Duration>,
    /// Make it for all environments.
    #[arg(long, conflicts_with = "environment")]
    all_environments: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Lists keys, revoked and expired ones included. Their texts are not kept.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Revokes a key: from then on it lets nobody in.
#[derive(Args)]
pub(crate) struct Revoke {
    /// Its id, as `abide keys list` shows it.
    #[arg(value_name = "KEY-ID")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    name: String,
    role: String,
    environment: Option<String>,
    status: String,
    ending: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
    key: String,
    inngest_signing_key: Option<String>,
    expires_at: Option<String>,
}

impl Create {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let role = self.role.to_possible_value();
        let body = json!({
            "name": self.name,
            "role": role.as_ref().map(clap::builder::PossibleValue::get_name),
            "expires_in_s": self.expires.map(|it| it.as_secs()),
            "all_environments": self.all_environments,
        });
        let text = client.act(&["keys"], &body).await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let made: Made = client.parse(&text)?;
        print_line(&made.key)?;
        let until = match &made.expires_at {
            Some(at) => format!("good until {at}"),
            None => "good until it is revoked".to_owned(),
        };
        eprintln!(
            "{}: {until}; this is the only time that it is shown",
            made.id
        );
        if let Some(key) = &made.inngest_signing_key {
            eprintln!("for Inngest's clients: INNGEST_SIGNING_KEY={key}");
        }
        Ok(Outcome::Done)
    }
}

impl List {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let only = self.server.environment.as_deref();
        let query: Vec<_> = only.iter().map(|name| ("environment", *name)).collect();
        let row = |key: &Key| {
            [
                Cell::plain(one_line(&key.id)),
                Cell::plain(one_line(&key.name)),
                Cell::plain(one_line(&key.role)),
                Cell::plain(
                    key.environment
                        .as_deref()
                        .map_or_else(|| "all".to_owned(), one_line),
                ),
                Cell::plain(one_line(&key.status)),
                Cell::dim(format!("…{}", one_line(&key.ending))),
                Cell::dim(one_line(&key.created_at)),
                Cell::dim(key.expires_at.clone().unwrap_or_default()),
                Cell::dim(key.last_used_at.clone().unwrap_or_default()),
            ]
        };
        let head = [
            "KEY-ID",
            "NAME",
            "ROLE",
            "ENVIRONMENT",
            "STATUS",
            "ENDS IN",
            "CREATED",
            "EXPIRES",
            "LAST USED",
        ];
        let whole = Whole {
            kind: "keys",
            query: &query,
            none: "no keys; `abide keys create` makes one",
        };
        whole.show(&client, &self.output, head, row).await
    }
}

impl Revoke {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client
            .act(&["keys", &self.id, "revoke"], &json!({}))
            .await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            print_line(&format!("revoked {}", one_line(&self.id)))?;
        }
        Ok(Outcome::Done)
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let days = text
        .parse()
        .ok()
        .map(|days: u32| Duration::from_secs(86_400).saturating_mul(days));
    days.or_else(|| humantime::parse_duration(text).ok())
        .filter(|life| life.as_secs() > 0)
        .ok_or_else(|| {
            "write a number of days, or a time with its unit, like 90d or 12h".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_days_or_a_time_with_its_unit() {
        assert_eq!(life("90"), life("90d"));
        assert_eq!(life("12h"), Ok(Duration::from_secs(43_200)));
        for wrong in ["", "0", "0s", "10ms", "soon", "-1"] {
            assert!(
                life(wrong).is_err_and(|says| says.contains("90d")),
                "{wrong}"
            );
        }
    }
}
