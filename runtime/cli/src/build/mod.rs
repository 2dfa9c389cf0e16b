//! Builds apps: Rust packages into components, all those of a workspace at once.
//!
//! It runs cargo and hands on what cargo says. It must not decide what happens with a component, nor with a failure.

mod cargo;
mod progress;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, PackageId};

use crate::discovery::App;

pub(crate) use toolchain::ensure_target;

/// What apps are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// An app with what cargo knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The app.
    pub(crate) app: App,
    /// The root of its workspace.
    pub(crate) workspace: PathBuf,
    /// Folders of its sources: its own, and those of the packages that it depends on by path.
    pub(crate) sources: Vec<PathBuf>,
    package: PackageId,
    spec: String,
}

/// What came of building one workspace.
#[derive(Debug)]
pub(crate) struct Build {
    components: Vec<(PackageId, PathBuf)>,
    /// What the compiler said, if anything went wrong: with its own colours.
    pub(crate) log: String,
}

impl Build {
    /// The component of an app; nothing if it does not build.
    pub(crate) fn component(&self, plan: &Plan) -> Option<&Path> {
        self.components
            .iter()
            .find(|(package, _)| *package == plan.package)
            .map(|(_, path)| path.as_path())
    }
}

/// Asks cargo about an app.
pub(crate) async fn plan(app: App) -> Result<Plan> {
    let manifest = app.folder.join("Cargo.toml");
    if !manifest.is_file() {
        bail!(
            "{} has no Cargo.toml: so far, Abide builds apps in Rust only; components in other languages are deployed with `abide deploy FILE.wasm`",
            app.folder.display()
        );
    }
    let metadata = cargo::metadata(&manifest).await?;
    let wanted = Utf8PathBuf::from_path_buf(manifest.canonicalize()?).map_err(|path| {
        anyhow::anyhow!(
            "{} is no path that cargo can use: it is not UTF-8",
            path.display()
        )
    })?;
    let package = metadata
        .packages
        .iter()
        .find(|package| {
            package
                .manifest_path
                .canonicalize_utf8()
                .is_ok_and(|path| path == wanted)
        })
        .with_context(|| format!("{} holds no package", manifest.display()))?;
    if !package.targets.iter().any(cargo::is_cdylib) {
        bail!(
            "{} is no app: its [lib] needs crate-type = [\"cdylib\"]",
            manifest.display()
        );
    }
    Ok(Plan {
        sources: sources(&metadata, &package.id),
        workspace: metadata.workspace_root.canonicalize()?,
        package: package.id.clone(),
        spec: format!("{}@{}", package.name, package.version),
        app,
    })
}

/// The folders of a package and of those that it depends on by path, as far as this workspace tells.
fn sources(metadata: &Metadata, package: &PackageId) -> Vec<PathBuf> {
    let Some(package) = metadata.packages.iter().find(|known| known.id == *package) else {
        return Vec::new();
    };
    let own = package
        .manifest_path
        .parent()
        .map(|folder| folder.as_std_path().to_path_buf());
    let others = package
        .dependencies
        .iter()
        .filter_map(|dependency| dependency.path.as_ref());
    own.into_iter()
        .chain(others.map(|path| path.as_std_path().to_path_buf()))
        .collect()
}

/// Builds these apps, which share a workspace.
pub(crate) async fn build(plans: &[&Plan]) -> Result<Build> {
    let Some(first) = plans.first() else {
        return Ok(Build {
            components: Vec::new(),
            log: String::new(),
        });
    };
    let names: Vec<_> = plans.iter().map(|plan| plan.app.id.as_str()).collect();
    let bar = progress::Bar::start(&names.join(", "));
    let specs: Vec<_> = plans.iter().map(|plan| plan.spec.as_str()).collect();
    let build = cargo::build(&first.workspace, &specs, &bar).await;
    bar.finish();
    build
}
