//! The commands: one file each, with its arguments, its help and its work.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod build;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod cron;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod functions;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod jobs;
pub(crate) mod keep;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod man;
mod named;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod notify;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod runs;
pub(crate) mod schemas;
pub(crate) mod selection;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod tools;
pub(crate) mod top;
pub(crate) mod webhooks;

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::value::RawValue;

use crate::outcome::Usage;

/// JSON that an argument gives: as text, from a file (`@FILE`) or from stdin (`-`).
pub(crate) fn json_from(option: &str, argument: &str) -> Result<Box<RawValue>> {
    let text = match argument.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None if argument == "-" => read_text(Path::new("-"))?,
        None => argument.to_owned(),
    };
    let json = serde_json::from_str(text.trim()).map_err(|error| {
        Usage(format!(
            "{option} is not JSON: {error}; write it like '{{\"key\":\"value\"}}', in quotes that keep the shell away"
        ))
    })?;
    Ok(json)
}

/// The text of a file, or of stdin if it is `-`.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read stdin")?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("cannot read {}: {error}", path.display())).into())
}
