//! `abide functions list`.

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::{Function, Page};
use crate::dev::banner::triggers;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, one_line, print, print_line};

/// Lists the functions that are deployed, and what starts them.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", "functions"], &[]).await?;
        if self.output.json {
            print_line(&text)?;
            return Ok(Outcome::Done);
        }
        let functions: Page<Function> = client.parse(&text)?;
        if functions.data.is_empty() {
            eprintln!("no functions: `abide dev` or `abide deploy` brings some");
            return Ok(Outcome::Done);
        }
        let row = |function: &Function| {
            let state = function.paused_at.map_or("", |_| "paused");
            [
                Cell::plain(&function.id),
                Cell::painted(state, |look, text| look.odd(text)),
                Cell::dim(one_line(&triggers(function))),
            ]
        };
        let rows: Vec<_> = functions.data.iter().map(row).collect();
        print(&table(
            Look::stdout(),
            ["FUNCTION", "STATE", "STARTED"],
            &rows,
        ))?;
        Ok(Outcome::Done)
    }
}
