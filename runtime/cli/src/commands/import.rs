//! `abide import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Deserialize;

use crate::cli::{Output, Server};
use crate::commands::backup::bytes_bar;
use crate::commands::read_text;
use crate::outcome::Outcome;
use crate::terminal::{one_line, print_json, print_line};

const HELP: &str = "\
The run keeps its id and is shown like any other, but it has ended: nothing of it is executed, and one that had not ended is `Cancelled` here.
`abide runs replay` does it again, as a new run of what is deployed. The same document may be imported again; another run with the same id is
refused. An imported run is kept for as long as other runs, counted from its end.

Examples:
  abide import run.json
  abide import run.json --check
  abide export run RUN --url http://one:8288 | abide import - --url http://other:8288";

/// Brings a run here that `abide export run` wrote, to look at it and to replay it.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Import {
    /// The document; `-` is stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replay the journal against the run's component, and say whether they fit: exit code 1 if not.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
#[allow(
    clippy::struct_field_names,
    reason = "it says whether the run was imported"
)]
struct Imported {
    run_id: String,
    status: String,
    imported: bool,
    component: bool,
    replay: Option<Replayed>,
}

#[derive(Deserialize)]
struct Replayed {
    fits: bool,
    reason: Option<String>,
}

impl Import {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let document = read_text(&self.file)?;
        let client = self.server.client()?;
        let bar = bytes_bar("importing", document.len() as u64);
        let shown = bar.clone();
        let answer = client
            .import(document, self.check, move |sent| shown.set_position(sent))
            .await;
        bar.finish_and_clear();
        let text = answer?;
        let imported: Imported = client.parse(&text)?;
        let misfit = imported.replay.as_ref().is_some_and(|replay| !replay.fits);
        if self.output.json {
            print_json(&text)?;
        } else {
            self.tell(&imported)?;
        }
        Ok(if misfit {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }

    fn tell(&self, imported: &Imported) -> Result<()> {
        let run = &imported.run_id;
        print_line(&if imported.imported {
            format!("imported {run}: {}", imported.status)
        } else {
            format!("{run} is here already, exactly like this")
        })?;
        match &imported.replay {
            None => {}
            Some(Replayed { fits: true, .. }) => print_line("its journal fits its component")?,
            Some(Replayed { reason, .. }) => {
                let reason = one_line(reason.as_deref().unwrap_or("no reason was given"));
                eprintln!("its journal does not fit its component: {reason}");
                if !imported.component {
                    eprintln!("export it again with --with-component");
                }
            }
        }
        eprintln!(
            "look at it: {}",
            self.server.command(&format!("runs show {run}"))
        );
        Ok(())
    }
}
