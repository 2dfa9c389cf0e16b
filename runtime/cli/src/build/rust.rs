//! Apps in Rust: packages of a workspace, which cargo builds all at once.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, PackageId};

use super::progress::Bar;
use super::{Build, cargo, toolchain};
use crate::discovery::App;

/// What cargo knows of an app.
#[derive(Clone, Debug)]
pub(super) struct Package {
    /// The root of its workspace.
    pub(super) workspace: PathBuf,
    /// Folders of its sources: its own, and those of the packages that it depends on by path.
    pub(super) sources: Vec<PathBuf>,
    id: PackageId,
    spec: String,
}

/// Asks cargo about an app.
pub(super) async fn package(app: &App) -> Result<Package> {
    let manifest = app.folder.join("Cargo.toml");
    if !manifest.is_file() {
        bail!("{} has no Cargo.toml", app.folder.display());
    }
    if app.manifest.build.entry.is_some() {
        bail!(
            "{}: [build] entry: the entry of a Rust app is what [lib] of its Cargo.toml says; remove the line",
            app.folder.join(crate::manifest::FILE_NAME).display()
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
    Ok(Package {
        sources: sources(&metadata, &package.id),
        workspace: metadata.workspace_root.canonicalize()?,
        id: package.id.clone(),
        spec: format!("{}@{}", package.name, package.version),
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

/// Builds these packages, which share a workspace; `names` are their apps'.
pub(super) async fn build(packages: &[&Package], names: &[&str]) -> Result<Build> {
    let Some(first) = packages.first() else {
        return Ok(Build::default());
    };
    toolchain::ensure_target(&first.workspace).await?;
    let bar = Bar::start(&names.join(", "));
    let specs: Vec<_> = packages
        .iter()
        .map(|package| package.spec.as_str())
        .collect();
    let made = cargo::build(&first.workspace, &specs, &bar).await?;
    let component_of = |package: &&Package| {
        let mut components = made.components.iter();
        let found = components.find(|(id, _)| *id == package.id);
        found.map(|(_, path)| path.clone())
    };
    Ok(Build {
        components: packages.iter().map(component_of).collect(),
        inputs: Vec::new(),
        log: made.log,
    })
}
