//! `abide tools`.

use anyhow::Result;
use clap::Args;

use crate::build;
use crate::language::Language;
use crate::outcome::Outcome;
use crate::terminal::print_line;

/// Installs the build tools of languages, and says where they are.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide tools typescript python\n  PATH=$(abide tools go)/bin:$PATH\n\n`abide build` and `abide dev` install them by themselves when they are missing. This is for images that build without a network\nlater, and for those who call the tools themselves. One folder a language is printed on stdout, in the order of the arguments."
)]
pub(crate) struct Tools {
    /// The languages.
    #[arg(value_enum, value_name = "LANGUAGE", required = true)]
    languages: Vec<Language>,
}

impl Tools {
    pub(crate) async fn run(self) -> Result<Outcome> {
        for language in self.languages {
            let folder = build::install_tools(language).await?;
            print_line(&folder.display().to_string())?;
        }
        Ok(Outcome::Done)
    }
}
