//! `abide completions`.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::outcome::Outcome;
use crate::terminal::print;

const HELP: &str = "\
Examples:
  abide completions bash > /etc/bash_completion.d/abide
  abide completions zsh > \"${fpath[1]}/_abide\"
  abide completions fish > ~/.config/fish/completions/abide.fish";

/// Prints what a shell needs to complete commands and options.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "abide", &mut script);
        print(&String::from_utf8(script)?)?;
        Ok(Outcome::Done)
    }
}
