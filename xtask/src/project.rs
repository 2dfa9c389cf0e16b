//! Where things lie: the root, the workspaces, the directories that builds write to.
//!
//! Guests are compiled for WebAssembly and therefore live in workspaces of their own; this module is the one place that
//! lists them. A workspace that does not exist (yet) is left out, so that the commands work on a partial tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The compilation target of every guest.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip2";

/// The checkout.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
}

/// What a workspace is for, which decides how it is built and tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The runtime, its tests, and this program: compiled for the machine it runs on.
    Root,
    /// A guest SDK: its tests run on this machine, its users compile it for WebAssembly.
    Sdk,
    /// Components only.
    Guests,
}

/// One Cargo workspace of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) kind: Kind,
    /// Relative to the root; empty for the root itself.
    pub(crate) folder: PathBuf,
    pub(crate) manifest: PathBuf,
}

impl Workspace {
    /// How the workspace is called in what we print.
    pub(crate) fn title(&self) -> String {
        if self.folder.as_os_str().is_empty() {
            "root".into()
        } else {
            self.folder.display().to_string()
        }
    }
}

impl Project {
    /// The checkout that this program was compiled from.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here
            .parent()
            .context("xtask lies in a folder of the repository")?;
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    /// All workspaces, the root first.
    pub(crate) fn workspaces(&self) -> Vec<Workspace> {
        let mut found = vec![self.workspace(Kind::Root, Path::new(""))];
        found.push(self.workspace(Kind::Sdk, Path::new("guest-sdk/rust")));
        found.push(self.workspace(Kind::Guests, Path::new("tests/guests")));
        let reference = Path::new("tests/conformance/guests/rust");
        found.push(self.workspace(Kind::Guests, reference));
        found.extend(self.examples());
        found.retain(|w| w.manifest.is_file());
        found
    }

    /// The examples: one workspace for all of them, or one each.
    fn examples(&self) -> Vec<Workspace> {
        let folder = Path::new("examples");
        let all = self.workspace(Kind::Guests, folder);
        if all.manifest.is_file() {
            return vec![all];
        }
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
            .iter()
            .map(|name| self.workspace(Kind::Guests, &folder.join(name)))
            .collect()
    }

    fn workspace(&self, kind: Kind, folder: &Path) -> Workspace {
        Workspace {
            kind,
            folder: folder.to_path_buf(),
            manifest: self.root.join(folder).join("Cargo.toml"),
        }
    }

    /// What Cargo knows about a workspace. It also proves that the lock file is present and current.
    pub(crate) fn metadata(
        &self,
        workspace: &Workspace,
        with_dependencies: bool,
    ) -> Result<Metadata> {
        let mut command = MetadataCommand::new();
        command
            .manifest_path(&workspace.manifest)
            .current_dir(&self.root);
        if with_dependencies {
            command.other_options(vec!["--locked".to_owned()]);
        } else {
            command.no_deps();
        }
        command.exec().with_context(|| {
            format!(
                "cargo metadata failed in the workspace {}",
                workspace.title()
            )
        })
    }

    /// The directory that holds a guest workspace's finished components.
    pub(crate) fn components(&self, workspace: &Workspace) -> Result<PathBuf> {
        let target = self.metadata(workspace, false)?.target_directory;
        Ok(target.into_std_path_buf().join(WASM_TARGET).join("release"))
    }
}
