//! Builds apps into components, whatever language they are written in.
//!
//! One file a language: each runs its compiler and hands on what that says. What they have in common is here: the language of
//! a folder, its SDK and tools, the cache of what was built before. Nothing here decides what happens with a component, nor
//! with a failure.

mod c;
mod cargo;
mod compile;
mod component;
mod components;
mod go;
mod job;
mod message;
mod progress;
mod rust;
mod script;
mod toolchain;
mod tools;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cache::Cache;
use crate::discovery::App;
use crate::language::Language;
use crate::manifest::FILE_NAME;
use crate::sdk;

pub(crate) use progress::{Bar, say};

/// What apps in Rust are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// An app, and how it is built.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The app.
    pub(crate) app: App,
    /// What it is written in.
    pub(crate) language: Language,
    /// Its folder, absolute.
    folder: PathBuf,
    /// What cargo knows of it, if it is in Rust.
    package: Option<rust::Package>,
    /// What the last build read outside of its folder.
    outside: Vec<PathBuf>,
}

/// What came of building some plans together.
#[derive(Debug, Default)]
pub(crate) struct Build {
    /// In the order of the plans; nothing for what does not build.
    pub(crate) components: Vec<Option<PathBuf>>,
    /// What the compiler said: errors, and warnings that matter.
    pub(crate) log: String,
    /// The files that were read, if the compiler tells.
    inputs: Vec<PathBuf>,
}

/// Installs what a language's apps are built with; the folder with it.
pub(crate) async fn install_tools(language: Language) -> Result<PathBuf> {
    if language == Language::Rust {
        return toolchain::ensure_target(Path::new(".")).await;
    }
    let cache = Cache::open()?;
    let sdk = sdk::installed(language, &cache).await?;
    Ok(tools::ensure(&sdk, language, &cache).await?.folder)
}

/// Finds out how an app is built; `language` overrules what its folder says.
pub(crate) async fn plan(app: App, language: Option<Language>) -> Result<Plan> {
    let language = language_of(&app, language)?;
    let engine = app.manifest.build.engine;
    if let Some(engine) = engine.filter(|_| !language.has_engines()) {
        bail!(
            "the engine {:?} runs JavaScript and TypeScript, but {} is in {language}: leave it out of [build] in its {FILE_NAME}, or --engine",
            engine.word(),
            app.folder.display()
        );
    }
    let package = match language {
        Language::Rust => Some(rust::package(&app).await?),
        _ => None,
    };
    Ok(Plan {
        folder: app.folder.canonicalize()?,
        language,
        package,
        outside: Vec::new(),
        app,
    })
}

fn language_of(app: &App, told: Option<Language>) -> Result<Language> {
    let told = told.or(app.manifest.build.language);
    if let Some(language) = told.or_else(|| Language::of_folder(&app.folder)) {
        return Ok(language);
    }
    bail!(
        "nothing in {} tells what the app is written in: there is no Cargo.toml, package.json, pyproject.toml, app.py, go.mod or *.c. Say it with [build] language in its {FILE_NAME}",
        app.folder.display()
    )
}

impl Plan {
    /// Folders to watch with everything in them.
    pub(crate) fn sources(&self) -> Vec<&Path> {
        match &self.package {
            Some(package) => package.sources.iter().map(PathBuf::as_path).collect(),
            None => vec![&self.folder],
        }
    }

    /// Folders to watch for the files right in them.
    pub(crate) fn roots(&self) -> Vec<&Path> {
        match &self.package {
            Some(package) => vec![&package.workspace],
            None => self.outside.iter().filter_map(|it| it.parent()).collect(),
        }
    }

    /// Whether a change of this path may change the component.
    pub(crate) fn is_concerned_by(&self, path: &Path) -> bool {
        let of_root = self.package.as_ref().is_some_and(|package| {
            path.file_name().is_some_and(|name| name == "Cargo.toml")
                && path.parent() == Some(package.workspace.as_path())
        });
        let within = |folder: &&Path| {
            folder
                .canonicalize()
                .is_ok_and(|folder| path.starts_with(folder))
        };
        of_root || self.outside.iter().any(|it| it == path) || self.sources().iter().any(within)
    }

    /// Takes in what a build has read.
    pub(crate) fn learn(&mut self, build: &Build) {
        let outside = build.inputs.iter();
        let outside = outside.filter(|path| !path.starts_with(&self.folder));
        self.outside = outside.cloned().collect();
    }

    /// Plans with the same answer are built together.
    fn together(&self) -> (Language, &Path) {
        match &self.package {
            Some(package) => (Language::Rust, &package.workspace),
            None => (self.language, &self.folder),
        }
    }
}

/// Which plans are built together, those in Rust first: they take cargo's lock and both cores, and then start at once.
pub(crate) fn units<'a>(plans: impl Iterator<Item = (usize, &'a Plan)>) -> Vec<Vec<usize>> {
    let mut units = std::collections::BTreeMap::<_, Vec<usize>>::new();
    for (index, plan) in plans {
        units.entry(plan.together()).or_default().push(index);
    }
    units.into_values().collect()
}

/// Builds the plans of one unit.
pub(crate) async fn build(plans: &[&Plan]) -> Result<Build> {
    if let [plan] = plans
        && plan.package.is_none()
    {
        return compile::build(plan).await;
    }
    let packages: Vec<_> = plans
        .iter()
        .filter_map(|plan| plan.package.as_ref())
        .collect();
    let names: Vec<_> = plans.iter().map(|plan| plan.app.id.as_str()).collect();
    rust::build(&packages, &names).await
}
