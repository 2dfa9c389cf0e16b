//! `abide build`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::build;
use crate::commands::apps::size;
use crate::discovery;
use crate::language::{Engine, Language};
use crate::outcome::Outcome;
use crate::terminal::print_line;

/// Builds an app into a WebAssembly component.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide build my-app\n  abide build my-app -o my-app.wasm && abide deploy my-app.wasm\n  abide build my-app --engine quickjs\n\nThe component's path is printed on stdout. Build tools and components are kept in $ABIDE_CACHE, else in ~/.cache/abide;\nwhatever is removed there is made again."
)]
pub(crate) struct Build {
    /// The app's folder.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// The language, if not the one that [build] language in its abide.toml or its files tell.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Option<Language>,
    /// What runs JavaScript and TypeScript, if not what [build] engine in its abide.toml says.
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Where to put the component; without it, it stays where it was built: in cargo's target folder, or in the cache.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let path = self.path.display();
        let mut apps = discovery::apps_in(&self.path)?;
        if apps.len() > 1 {
            let folders: Vec<_> = apps
                .iter()
                .map(|app| app.folder.display().to_string())
                .collect();
            anyhow::bail!(
                "{path} holds several apps: name one of {}",
                folders.join(", ")
            );
        }
        let mut app = apps
            .pop()
            .with_context(|| format!("there is no app in {path}"))?;
        app.manifest.build.engine = self.engine.or(app.manifest.build.engine);
        let plan = build::plan(app, self.lang).await?;
        let mut built = build::build(&[&plan]).await?;
        if !built.log.is_empty() {
            eprintln!("{}", built.log);
        }
        let Some(component) = built.components.pop().flatten() else {
            eprintln!("{} does not compile", plan.app.id);
            return Ok(Outcome::Failed);
        };
        let component = match self.output {
            Some(output) => {
                if let Some(folder) = output.parent() {
                    std::fs::create_dir_all(folder)
                        .with_context(|| format!("cannot create {}", folder.display()))?;
                }
                std::fs::copy(&component, &output)
                    .with_context(|| format!("cannot write {}", output.display()))?;
                output
            }
            None => component,
        };
        let bytes = component
            .metadata()
            .map(|metadata| metadata.len())
            .unwrap_or_default();
        eprintln!("built {} ({})", plan.app.id, size(bytes));
        print_line(&component.display().to_string())?;
        Ok(Outcome::Done)
    }
}
