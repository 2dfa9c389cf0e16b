//! `abide functions show`.

use std::fmt::Write;

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::client::model::Function;
use crate::dev::banner::triggers;
use crate::outcome::{Outcome, Usage};
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_line};

/// Shows one function: what starts it, how often it is tried again, which code it is.
#[derive(Args)]
pub(crate) struct Show {
    /// The function, as app/function.
    #[arg(value_name = "FUNCTION")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let Some((app, function)) = self.id.split_once('/') else {
            let problem = format!(
                "`{}` is no function: write it as app/function; `abide functions list` shows them",
                self.id
            );
            return Err(Usage(problem).into());
        };
        let client = Client::new(&self.server.url)?;
        let text = client
            .get(&["api", "v1", "functions", app, function], &[])
            .await?;
        if self.output.json {
            print_line(&text)?;
        } else {
            print(&lines(Look::stdout(), &client.parse(&text)?))?;
        }
        Ok(Outcome::Done)
    }
}

fn lines(look: Look, function: &Function) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", look.bold(&function.id));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(
            out,
            "  {} {}",
            look.dim(format!("{name:<9}")),
            one_line(value)
        );
    };
    if let Some(name) = &function.name {
        line("name", name);
    }
    line("starts", &triggers(function));
    if let Some(retries) = function.retries {
        line("retries", &format!("{retries} a step"));
    }
    if let Some(version) = &function.version {
        line("version", &version.chars().take(12).collect::<String>());
    }
    if let Some(at) = function.deployed_at {
        line(
            "deployed",
            &format!(
                "{} ({})",
                time::moment(at),
                time::relative(at, chrono::Utc::now())
            ),
        );
    }
    out
}
