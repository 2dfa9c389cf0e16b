//! `abide store …`: the store in a data directory that no node serves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use abide_store::{
    Census, Checked, Compacted, Problem, Progress, SledBackend, SledOptions, Store as Opened,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Output;
use crate::commands::apps::size;
use crate::logging::{self, LogFormat};
use crate::outcome::{Outcome, Usage};
use crate::render::table::{Cell, table};
use crate::terminal::{Look, one_line, print, print_json, print_line, style_bar};

const COMPACT_HELP: &str = "\
The store keeps the disk space of deleted rows for later ones. This copies what is left into a fresh log, compares the two, and puts the
new one in the place of the old one; interrupted at any time, it loses nothing. It needs room for the copy. Stop the node first. A node
that starts does the same by itself when an eighth or less of a log of 64 MB or more is rows, and no more than 1 GB.

Example:
  abide store compact --data /var/lib/abide";

const CHECK_HELP: &str = "\
It reads the whole log, every row, every payload file and every component of all environments, and looks whether the rows that belong
together agree. It changes nothing. Each problem is told with its place and what to do; the exit code is 1 if there is one. Stop the node first.

Example:
  abide store check --data /var/lib/abide";

const STATS_HELP: &str = "\
Example:
  abide store stats --data /var/lib/abide";

/// Problems that are told one by one: a damaged disk has many of the same kind.
const MOST_PROBLEMS: usize = 1_000;

/// The store of what operators set up.
const ADMIN: &str = "(admin)";

/// Opening changes nothing that need not be.
fn as_it_is() -> SledOptions {
    SledOptions {
        compact_from: u64::MAX,
        ..SledOptions::default()
    }
}

#[derive(Subcommand)]
pub(crate) enum Store {
    Check(Check),
    Compact(Compact),
    Stats(Stats),
}

impl Store {
    pub(crate) fn run(self) -> Result<Outcome> {
        logging::start(LogFormat::default(), "warn");
        match self {
            Self::Check(command) => command.run(),
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
    /// Each environment's store with its directory, and that of what operators set up.
    fn stores(&self) -> Result<Vec<(String, PathBuf)>> {
        let data = self.existing()?;
        let stores = abide_server::directories_in(data)?.into_iter();
        let named = stores.map(|directory| {
            let name = match directory.as_str() {
                "" => "default",
                "admin" => ADMIN,
                other => other.strip_prefix("environments/").unwrap_or(other),
            };
            (name.to_owned(), data.join(&directory))
        });
        Ok(named.collect())
    }

    /// The directory, which must hold a store: opening one would create it.
    fn existing(&self) -> Result<&PathBuf> {
        let dir = self.data.display();
        let is_there = self.data.join("commits").try_exists();
        if is_there.with_context(|| format!("cannot look into {dir}"))? {
            return Ok(&self.data);
        }
        Err(Usage(format!("there is no store in {dir}: name the directory that `serve --data` or `dev --data` was given (dev uses .abide)")).into())
    }
}

/// Reads everything that a store holds, and says what is damaged or missing.
#[derive(Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct Check {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    output: Output,
}

impl Check {
    fn run(self) -> Result<Outcome> {
        let bar = Bar::start("opening");
        let mut stores = Vec::new();
        let mut sound = true;
        for (environment, path) in self.directory.stores()? {
            let checked = check(&path, environment == ADMIN, &bar);
            sound &= matches!(&checked, Ok((checked, _)) if checked.problems == 0);
            stores.push((environment, checked));
        }
        bar.finish();
        if self.output.json {
            let stores: Vec<_> = stores.iter().map(checked_as_json).collect();
            print_json(&json!({ "sound": sound, "stores": stores }).to_string())?;
        } else {
            for (environment, checked) in &stores {
                print(&checked_in_words(environment, checked))?;
            }
        }
        Ok(if sound {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }
}

/// What was checked, and the first problems.
type CheckedStore = Result<(Checked, Vec<Problem>), abide_store::Error>;

fn check(path: &Path, admin: bool, bar: &Bar) -> CheckedStore {
    let whole = SledOptions {
        full_audit_up_to: u64::MAX,
        ..as_it_is()
    };
    let store = Opened::open(path, &whole)?;
    let components = path.join("components");
    let mut problems = Vec::new();
    let checked = store.check(
        (!admin).then_some(&components),
        |rows| {
            bar.show(Progress {
                doing: "checking",
                rows,
                of: None,
            });
        },
        |problem| {
            if problems.len() < MOST_PROBLEMS {
                problems.push(problem);
            }
        },
    )?;
    store.close()?;
    Ok((checked, problems))
}

fn checked_as_json((environment, checked): &(String, CheckedStore)) -> serde_json::Value {
    match checked {
        Ok((checked, problems)) => {
            let problems: Vec<_> = problems
                .iter()
                .map(|problem| json!({ "place": problem.place, "what": problem.what, "remedy": problem.remedy }))
                .collect();
            json!({
                "environment": environment,
                "rows": checked.rows,
                "payloads": checked.payloads,
                "components": checked.components,
                "problems": checked.problems,
                "first_problems": problems,
            })
        }
        Err(error) => json!({ "environment": environment, "error": error.to_string() }),
    }
}

fn checked_in_words(environment: &str, checked: &CheckedStore) -> String {
    let (checked, problems) = match checked {
        Ok(checked) => checked,
        Err(error) => return format!("{environment}: {error}\n"),
    };
    let mut words = String::new();
    for problem in problems {
        let (place, what) = (one_line(&problem.place), one_line(&problem.what));
        let _ = writeln!(
            words,
            "{environment}: {place}: {what}\n  {}",
            problem.remedy
        );
    }
    let found = match checked.problems {
        0 => "sound".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    words
        + &format!(
            "{environment}: {found}; {} rows, {} values in payload files, {} components\n",
            checked.rows, checked.payloads, checked.components
        )
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
        let mut stores = Vec::new();
        for (environment, path) in self.directory.stores()? {
            let compacted = SledBackend::compact(&path, &SledOptions::default(), |progress| {
                bar.show(progress);
            })?;
            stores.push((environment, compacted));
        }
        bar.finish();
        if self.output.json {
            let mut all = json!({});
            for (environment, done) in &stores {
                match &**environment {
                    "default" => all = compacted_as_json(done),
                    other => all["others"][other] = compacted_as_json(done),
                }
            }
            print_json(&all.to_string())?;
        } else if let [(_, done)] = &stores[..] {
            print_line(&in_words(done))?;
        } else {
            for (environment, done) in &stores {
                print_line(&format!("{environment}: {}", in_words(done)))?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn compacted_as_json(done: &Compacted) -> serde_json::Value {
    let took_ms = u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX);
    json!({
        "rows": done.rows,
        "alive_bytes": done.alive_bytes,
        "before_bytes": done.before_bytes,
        "after_bytes": done.after_bytes,
        "took_ms": took_ms,
    })
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
        let mut stores = Vec::new();
        for (environment, path) in self.directory.stores()? {
            let store = Opened::open(&path, &as_it_is())?;
            let census = store.census(|rows| {
                bar.show(Progress {
                    doing: "counting",
                    rows,
                    of: None,
                });
            })?;
            store.close()?;
            stores.push((environment, census));
        }
        bar.finish();
        if self.output.json {
            print_json(&all_as_json(&stores))?;
        } else {
            print(&all_as_table(&stores, Look::stdout()))?;
        }
        Ok(Outcome::Done)
    }
}

/// `default`, and in it the others: whoever knew one environment finds it where it was.
fn all_as_json(stores: &[(String, Census)]) -> String {
    let mut all = json!({});
    let mut others = serde_json::Map::new();
    for (environment, census) in stores {
        if environment == "default" {
            all = as_json(census);
        } else {
            others.insert(environment.clone(), as_json(census));
        }
    }
    if !others.is_empty() {
        all["others"] = others.into();
    }
    all.to_string()
}

fn all_as_table(stores: &[(String, Census)], look: Look) -> String {
    let tables = stores.iter().map(|(environment, census)| {
        if stores.len() == 1 {
            as_table(census, look)
        } else {
            format!("{}\n{}", look.bold(environment), as_table(census, look))
        }
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn as_json(census: &Census) -> serde_json::Value {
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
            style_bar(&self.0, "{pos}/{len} rows");
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
        assert!(
            as_json(&census)
                .to_string()
                .contains(r#""alive_bytes":12550000"#)
        );
    }
}
