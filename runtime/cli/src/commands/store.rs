//! `abide store …`: the store in a data directory that no node serves.

use std::path::PathBuf;
use std::time::Duration;

use abide_store::{Census, Compacted, Progress, SledBackend, SledOptions, Store as Opened};
use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::Output;
use crate::commands::apps::size;
use crate::logging::{self, LogFormat};
use crate::outcome::{Outcome, Usage};
use crate::render::table::{Cell, table};
use crate::terminal::{Look, print, print_line};

const COMPACT_HELP: &str = "\
The store keeps the disk space of deleted rows for later ones. This copies what is left into a fresh log, compares the two, and puts the
new one in the place of the old one; interrupted at any time, it loses nothing. It needs room for the copy. Stop the node first. A node
that starts does the same by itself when an eighth or less of a log of 64 MB or more is rows, and no more than 1 GB.

Example:
  abide store compact --data /var/lib/abide";

const STATS_HELP: &str = "\
Example:
  abide store stats --data /var/lib/abide";

#[derive(Subcommand)]
pub(crate) enum Store {
    Compact(Compact),
    Stats(Stats),
}

impl Store {
    pub(crate) fn run(self) -> Result<Outcome> {
        logging::start(LogFormat::default(), "warn");
        match self {
            Self::Compact(command) => command.run(),
            Self::Stats(command) => command.run(),
        }
    }
}

/// Whose store.
#[derive(Args)]
struct Directory {
    /// The data directory. No node may be using it.
    #[arg(long, value_name = "DIR", env = "ABIDE_DATA", hide_env_values = true)]
    data: PathBuf,
}

impl Directory {
    /// The directory, which must hold a store: opening one would create it.
    fn existing(&self) -> Result<&PathBuf> {
        if self.data.join("commits").exists() {
            return Ok(&self.data);
        }
        let dir = self.data.display();
        Err(Usage(format!("there is no store in {dir}: name the directory that `serve --data` or `dev --data` was given (dev uses .abide)")).into())
    }
}

/// Gives the disk space of deleted runs and events back.
#[derive(Args)]
#[command(after_help = COMPACT_HELP)]
pub(crate) struct Compact {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    output: Output,
}

impl Compact {
    fn run(self) -> Result<Outcome> {
        let bar = Bar::start("opening");
        let done = SledBackend::compact(
            self.directory.existing()?,
            &SledOptions::default(),
            |progress| bar.show(progress),
        );
        bar.finish();
        let done = done?;
        if self.output.json {
            let took_ms = u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX);
            print_line(
                &json!({
                    "rows": done.rows,
                    "alive_bytes": done.alive_bytes,
                    "before_bytes": done.before_bytes,
                    "after_bytes": done.after_bytes,
                    "took_ms": took_ms,
                })
                .to_string(),
            )?;
        } else {
            print_line(&in_words(&done))?;
        }
        Ok(Outcome::Done)
    }
}

fn in_words(done: &Compacted) -> String {
    if done.after_bytes == done.before_bytes {
        return format!(
            "nothing to gain: {} rows take {}, and a copy of them would not take less",
            done.rows,
            size(done.before_bytes)
        );
    }
    format!(
        "{} are {} now: {} rows, in {:.1} s",
        size(done.before_bytes),
        size(done.after_bytes),
        done.rows,
        done.took.as_secs_f64()
    )
}

/// Shows what a store holds, and how much of its log is in use.
#[derive(Args)]
#[command(after_help = STATS_HELP)]
pub(crate) struct Stats {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    output: Output,
}

impl Stats {
    fn run(self) -> Result<Outcome> {
        let bar = Bar::start("opening");
        let as_it_is = SledOptions {
            compact_from: u64::MAX,
            ..SledOptions::default()
        };
        let store = Opened::open(self.directory.existing()?, &as_it_is)?;
        let census = store.census(|rows| {
            bar.show(Progress {
                doing: "counting",
                rows,
                of: None,
            });
        });
        bar.finish();
        let census = census?;
        store.close()?;
        if self.output.json {
            print_line(&as_json(&census))?;
        } else {
            print(&as_table(&census, Look::stdout()))?;
        }
        Ok(Outcome::Done)
    }
}

fn as_json(census: &Census) -> String {
    let kinds: Vec<_> = census
        .kinds
        .iter()
        .map(|kind| {
            json!({
                "kind": kind.name,
                "rows": kind.rows,
                "bytes": kind.bytes,
                "payloads": kind.payloads,
                "payload_bytes": kind.payload_bytes,
            })
        })
        .collect();
    json!({
        "log_bytes": census.log_bytes,
        "alive_bytes": census.total().bytes,
        "kinds": kinds,
    })
    .to_string()
}

fn as_table(census: &Census, look: Look) -> String {
    let total = census.total();
    let row = |kind: &abide_store::Kind| {
        let payloads = match kind.payloads {
            0 => String::new(),
            count => format!("{count} ({})", size(kind.payload_bytes)),
        };
        [
            Cell::plain(kind.name),
            Cell::plain(kind.rows.to_string()),
            Cell::plain(size(kind.bytes)),
            Cell::dim(payloads),
        ]
    };
    let rows: Vec<_> = census.kinds.iter().chain([&total]).map(row).collect();
    let kinds = table(look, ["KIND", "ROWS", "SIZE", "IN PAYLOAD FILES"], &rows);
    let log = size(census.log_bytes);
    format!("{kinds}\nthe log takes {log} on the disk\n")
}

/// A progress bar on stderr, if somebody watches.
struct Bar(ProgressBar);

impl Bar {
    fn start(doing: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(doing);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    fn show(&self, progress: Progress) {
        self.0.set_message(progress.doing);
        if let Some(of) = progress.of
            && self.0.length() != Some(of)
        {
            self.0.set_length(of);
            let style = "{spinner:.cyan} {msg} [{bar:30.cyan/dim}] {pos}/{len} rows {elapsed:.dim}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                self.0.set_style(style.progress_chars("━━─"));
            }
        }
        self.0.set_position(progress.rows);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use abide_store::Kind;

    use super::*;

    #[test]
    fn a_census_is_shown_by_kind_and_in_total() {
        let kind = |name, rows, bytes, payloads, payload_bytes| Kind {
            name,
            rows,
            bytes,
            payloads,
            payload_bytes,
        };
        let census = Census {
            kinds: vec![
                kind("events", 1_000, 250_000, 0, 0),
                kind("runs", 7, 12_300_000, 2, 9_000),
            ],
            log_bytes: 64_000_000,
        };
        assert_eq!(
            as_table(&census, Look::plain(100)),
            "
KIND    ROWS  SIZE     IN PAYLOAD FILES
events  1000  250 KB
runs    7     12.3 MB  2 (9 KB)
total   1007  12.5 MB  2 (9 KB)

the log takes 64.0 MB on the disk
"
            .trim_start()
        );
        assert!(as_json(&census).contains(r#""alive_bytes":12550000"#));
    }
}
