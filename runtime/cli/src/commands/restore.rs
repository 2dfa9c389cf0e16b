//! `abide restore`.

use std::path::PathBuf;

use abide_store::backup::{RestoredPart, restore};
use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::Output;
use crate::commands::apps::size;
use crate::commands::backup::{bytes_bar, show};
use crate::logging::{self, LogFormat};
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, print, print_line};

const HELP: &str = "\
The whole file is checked before anything is written, and what was written is read back before it counts. The directory must be empty, or
not exist yet; until everything is in it, no server opens it. Runs go on where the backup has them as soon as a server is started there: never
let two servers go on from the same backup.

Example:
  abide restore abide.backup --data /var/lib/abide
  abide serve --data /var/lib/abide";

/// Makes a data directory of a backup.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Restore {
    /// What `abide backup` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data directory to make: empty, or not there yet.
    #[arg(long, value_name = "DIR", env = "ABIDE_DATA", hide_env_values = true)]
    data: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Restore {
    pub(crate) fn run(self) -> Result<Outcome> {
        logging::start(LogFormat::default(), "warn");
        let bar = bytes_bar("checking the backup", 0);
        let restored = restore(&self.file, &self.data, |progress| show(&bar, progress));
        bar.finish_and_clear();
        let (about, parts) = restored?;
        if self.output.json {
            let parts: Vec<_> = parts.iter().map(as_json).collect();
            print_line(
                &json!({
                    "data": self.data,
                    "written_by": about.abide,
                    "began_ms": about.began_ms,
                    "directories": parts,
                })
                .to_string(),
            )?;
        } else {
            print(&as_table(&parts, Look::stdout()))?;
            let data = self.data.display();
            print_line(&format!("\n{data} is whole: every row was read back"))?;
        }
        Ok(Outcome::Done)
    }
}

/// What operators know a directory as.
fn name(part: &RestoredPart) -> &str {
    match part.directory.as_str() {
        "" => "default",
        "admin" => "(keys, webhooks, audit log)",
        other => other.strip_prefix("environments/").unwrap_or(other),
    }
}

fn rows_of(part: &RestoredPart, kind: &str) -> u64 {
    let found = part.census.kinds.iter().find(|found| found.name == kind);
    found.map_or(0, |kind| kind.rows)
}

fn as_json(part: &RestoredPart) -> serde_json::Value {
    let total = part.census.total();
    json!({
        "directory": part.directory,
        "rows": total.rows,
        "bytes": total.bytes,
        "apps": rows_of(part, "apps"),
        "events": rows_of(part, "events"),
        "runs": rows_of(part, "runs"),
        "payloads": part.payloads,
        "components": part.components,
    })
}

fn as_table(parts: &[RestoredPart], look: Look) -> String {
    let rows: Vec<_> = parts
        .iter()
        .map(|part| {
            let total = part.census.total();
            [
                Cell::plain(name(part)),
                Cell::plain(rows_of(part, "apps").to_string()),
                Cell::plain(rows_of(part, "events").to_string()),
                Cell::plain(rows_of(part, "runs").to_string()),
                Cell::plain(total.rows.to_string()),
                Cell::plain(size(total.bytes + total.payload_bytes)),
                Cell::plain(part.components.to_string()),
            ]
        })
        .collect();
    let heads = [
        "ENVIRONMENT",
        "APPS",
        "EVENTS",
        "RUNS",
        "ROWS",
        "SIZE",
        "COMPONENTS",
    ];
    table(look, heads, &rows)
}
