//! `abide man`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::outcome::Outcome;
use crate::terminal::print;

const HELP: &str = "\
Examples:
  abide man | man -l -
  abide man /usr/local/share/man/man1";

/// Writes the manual pages, one for each command.
#[derive(Args)]
#[command(name = "man", after_help = HELP)]
pub(crate) struct Pages {
    /// The folder; it is made if it is not there. Without it, the page of `abide` goes to stdout.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

impl Pages {
    pub(crate) fn run(self) -> Result<Outcome> {
        let mut command = Cli::command();
        command.build();
        match self.folder {
            None => print(&String::from_utf8(page(command)?)?)?,
            Some(folder) => {
                std::fs::create_dir_all(&folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))?;
                write_all(&folder, &command)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// The page of a command and those of the commands below it: `abide-runs-list.1`.
fn write_all(folder: &Path, command: &Command) -> Result<()> {
    // The topmost has no other name than its own.
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let name = name.replace(' ', "-");
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command.clone().name(name))?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    command
        .get_subcommands()
        .try_for_each(|below| write_all(folder, below))
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command.version(env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    Ok(text)
}
