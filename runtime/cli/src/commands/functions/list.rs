//! `abide functions list`.

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Function;
use crate::commands::list::Whole;
use crate::dev::banner::triggers;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::terminal::one_line;

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
        let row = |function: &Function| {
            let state = function.paused_at.map_or("", |_| "paused");
            [
                Cell::plain(&function.id),
                Cell::painted(state, |look, text| look.odd(text)),
                Cell::dim(one_line(&triggers(function))),
            ]
        };
        let head = ["FUNCTION", "STATE", "STARTED"];
        let whole = Whole {
            kind: "functions",
            query: &[],
            none: "no functions: `abide dev` or `abide deploy` brings some",
        };
        whole.show(&client, &self.output, head, row).await
    }
}
