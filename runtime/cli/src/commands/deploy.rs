//! `abide deploy`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::value::RawValue;

use crate::cli::{Output, Server};
use crate::client::model::App;
use crate::commands::backup::bytes_bar;
use crate::dev::banner::triggers;
use crate::manifest::{self, Manifest, check_id, kebab_case};
use crate::outcome::{Outcome, Usage};
use crate::terminal::{Look, print, print_json};

/// Deploys components: new runs start with the new version, runs in flight finish on theirs.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide deploy my-app.wasm\n  abide deploy my-app.wasm --var API_URL=https://api.example.com --allow-net 10.0.0.7:8080\n  abide deploy build/*.wasm --url http://abide.internal:8288"
)]
pub(crate) struct Deploy {
    /// The components.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The app's id. Default: `id` under `[app]` of an abide.toml beside the file, else the file's name.
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// A variable in the environment of step bodies, over those of an abide.toml beside the file. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    var: Vec<(String, String)>,
    /// A private address that step bodies may reach. Repeatable.
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_net: Vec<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Deploy {
    pub(crate) async fn run(self) -> Result<Outcome> {
        if self.app.is_some() && self.files.len() > 1 {
            return Err(Usage(
                "--app names one app, but there are several files: deploy them one by one"
                    .to_owned(),
            )
            .into());
        }
        // Everything is read and checked before anything is deployed.
        let components = self
            .files
            .iter()
            .map(|file| self.component(file))
            .collect::<Result<Vec<_>>>()?;
        let client = self.server.client()?;
        let mut answers = Vec::new();
        for Component {
            id,
            options,
            wasm,
            file,
        } in components
        {
            let options: Vec<_> = options
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let bar = bytes_bar("deploying", wasm.len() as u64);
            let shown = bar.clone();
            let answer = client
                .deploy(&id, &options, wasm, move |sent| shown.set_position(sent))
                .await;
            bar.finish_and_clear();
            let text = answer.with_context(|| format!("{} is not deployed", file.display()))?;
            if self.output.json {
                answers.push(RawValue::from_string(text)?);
            } else {
                print(&lines(Look::stdout(), &client.parse(&text)?))?;
            }
        }
        if self.output.json {
            print_json(&serde_json::to_string(&answers)?)?;
        }
        Ok(Outcome::Done)
    }

    fn component(&self, file: &Path) -> Result<Component> {
        if file.is_dir() {
            let shown = file.display();
            return Err(Usage(format!("{shown} is a folder: build it first (`abide build {shown} -o app.wasm`), then deploy the file")).into());
        }
        let wasm =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        if !wasm.starts_with(b"\0asm") {
            anyhow::bail!(
                "{} is not WebAssembly; `abide build` makes components",
                file.display()
            );
        }
        let beside = match file.parent() {
            Some(folder) if folder != Path::new("") => manifest::of_folder(folder)?,
            _ => manifest::of_folder(Path::new("."))?,
        };
        let id = self.id_of(file, &beside)?;
        let mut variables = beside.vars;
        variables.extend(self.var.iter().cloned());
        let variables = variables
            .into_iter()
            .map(|(name, value)| ("var", format!("{name}={value}")));
        let rules = beside
            .net
            .allow
            .into_iter()
            .chain(self.allow_net.iter().cloned())
            .map(|rule| ("allow_net", rule));
        Ok(Component {
            id,
            options: variables.chain(rules).collect(),
            wasm,
            file: file.to_path_buf(),
        })
    }

    fn id_of(&self, file: &Path, beside: &Manifest) -> Result<String> {
        // One abide.toml cannot name several files.
        let beside = beside.app.id.clone().filter(|_| self.files.len() == 1);
        let id = self.app.clone().or(beside);
        let stem = || {
            file.file_stem()
                .map(|stem| kebab_case(&stem.to_string_lossy()))
                .unwrap_or_default()
        };
        let id = id.unwrap_or_else(stem);
        check_id(&id).map_err(|error| Usage(format!("{error}; name it with --app")))?;
        Ok(id)
    }
}

struct Component {
    id: String,
    options: Vec<(&'static str, String)>,
    wasm: Vec<u8>,
    file: PathBuf,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn lines(look: Look, app: &App) -> String {
    let version: String = app.digest.chars().take(12).collect();
    let mut out = format!(
        "{} deployed {}  {}\n",
        look.good("✓"),
        look.bold(&app.id),
        look.dim(format!("version {version}"))
    );
    let width = app
        .functions
        .iter()
        .map(|function| function.id.len())
        .max()
        .unwrap_or_default();
    for function in &app.functions {
        let _ = writeln!(
            out,
            "    {:<width$}  {}",
            function.id,
            look.dim(triggers(function))
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        deploy: Deploy,
    }

    fn component(arguments: &[&str], file: &Path) -> Result<Component> {
        let arguments = [&["deploy"], arguments, &[file.to_str().unwrap()]].concat();
        Cli::try_parse_from(arguments)
            .unwrap()
            .deploy
            .component(file)
    }

    #[test]
    fn the_id_comes_from_the_argument_the_manifest_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("welcome_drip.wasm");
        std::fs::write(&file, b"\0asm....").unwrap();
        assert_eq!(component(&[], &file).unwrap().id, "welcome-drip");
        std::fs::write(
            folder.path().join("abide.toml"),
            "[app]\nid = 'drip'\n[vars]\nA = '1'\nB = '1'\n[net]\nallow = ['h:1']\n",
        )
        .unwrap();
        let found = component(&["--var", "B=2", "--allow-net", "h:2"], &file).unwrap();
        assert_eq!(found.id, "drip");
        let options: Vec<_> = found
            .options
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        assert_eq!(
            options,
            ["var:A=1", "var:B=2", "allow_net:h:1", "allow_net:h:2"]
        );
        assert_eq!(component(&["--app", "other"], &file).unwrap().id, "other");
        assert!(
            component(&["--app", "No Good"], &file)
                .err()
                .unwrap()
                .is::<Usage>()
        );
    }

    #[test]
    fn what_is_no_component_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"text").unwrap();
        assert!(
            component(&[], &file)
                .err()
                .unwrap()
                .to_string()
                .contains("not WebAssembly")
        );
        assert!(component(&[], folder.path()).err().unwrap().is::<Usage>());
    }
}
