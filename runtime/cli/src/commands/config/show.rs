//! `abide config show`.

use std::path::Path;

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use crate::cli::Output;
use crate::config::{self, ConfigFile, Kind, Origin, Setting, Settings};
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, print, print_json};

const HELP: &str = "\
It takes the flags of `abide serve`, reads the same variables and the same file, and shows what `serve` would do with them.

Examples:
  abide config show --config /etc/abide/abide-server.toml
  abide config show --default > abide-server.toml";

/// What is asked for, beside the settings themselves.
#[derive(Args)]
struct Options {
    #[command(flatten)]
    config: config::Config,
    /// Print a file with every setting, its default and what it is for.
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    output: Output,
}

/// Shows the settings in force, and where each comes from.
pub(crate) struct Show {
    options: Options,
    matches: ArgMatches,
}

impl Args for Show {
    fn augment_args(command: Command) -> Command {
        // The data directory is required for serving only.
        Options::augment_args(Settings::augment_args(command))
            .mut_arg("data", |arg| arg.required(false))
            .about("Shows the settings in force, and where each comes from")
            .after_help(HELP)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Show {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            options: Options::from_arg_matches(matches)?,
            matches: matches.clone(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Show {
    pub(crate) fn run(self) -> Result<Outcome> {
        if self.options.default {
            print(&config::default_file())?;
            return Ok(Outcome::Done);
        }
        let path = self.options.config.config;
        let file = match &path {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        let settings = config::effective(&self.matches, &file);
        if self.options.output.json {
            print_json(&as_json(path.as_deref(), &settings).to_string())?;
        } else {
            print(&as_table(&settings))?;
        }
        Ok(Outcome::Done)
    }
}

type InForce = (Setting, Vec<String>, Origin);

fn as_table(settings: &[InForce]) -> String {
    let row = |(setting, values, origin): &InForce| {
        let origin = match origin {
            Origin::Default => Cell::dim(origin.word()),
            Origin::Environment => Cell::plain(setting.variable()),
            Origin::Flag | Origin::File => Cell::plain(origin.word()),
        };
        [
            Cell::plain(setting.name()),
            origin,
            Cell::plain(values.join(", ")),
        ]
    };
    let rows: Vec<_> = settings.iter().map(row).collect();
    table(Look::stdout(), ["SETTING", "FROM", "VALUE"], &rows)
}

fn as_json(file: Option<&Path>, settings: &[InForce]) -> Value {
    let one = |(setting, values, origin): &InForce| {
        json!({
            "name": setting.name(),
            "value": value(setting.kind(), values),
            "origin": origin.word(),
            "variable": setting.variable(),
        })
    };
    json!({
        "file": file,
        "settings": settings.iter().map(one).collect::<Vec<_>>(),
    })
}

/// As JSON knows it. Variables and flags write `true` in several ways.
fn value(kind: Kind, values: &[String]) -> Value {
    let first = values.first();
    match (kind, first) {
        (Kind::List, _) => json!(values),
        (_, None) => Value::Null,
        (Kind::Switch, Some(text)) => {
            let yes = ["true", "yes", "on", "1", "y", "t"];
            json!(yes.contains(&text.to_lowercase().as_str()))
        }
        (Kind::Number, Some(text)) => text.parse::<u64>().map_or(json!(text), |n| json!(n)),
        (Kind::Text, Some(text)) => json!(text),
    }
}
