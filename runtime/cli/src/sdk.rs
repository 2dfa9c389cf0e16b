//! The sources that the binary carries for `abide new`: the Rust SDK and the template of an app.
//!
//! The SDK is on no registry yet, so an app gets a copy of its own and builds anywhere on the disk. The build script
//! collects the files; a change to one of them rebuilds this crate.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Where the SDK lies within an app.
pub(crate) const SDK_FOLDER: &str = "abide-sdk";
/// What stands in the template for the app's name.
const NAME: &str = "{{name}}";
/// What stands in the template for the path of the SDK.
const SDK_PATH: &str = "{{sdk_path}}";

/// Writes an app called `name` into `folder`; the paths that were written, the template's first.
pub(crate) fn write_app(folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (path, bytes) in TEMPLATE {
        let path = Path::new(&path.replace(NAME, name)).to_path_buf();
        let path = template_path(&path);
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => text
                .replace(NAME, name)
                .replace(SDK_PATH, SDK_FOLDER)
                .into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        write(&folder.join(&path), &bytes)?;
        written.push(path);
    }
    for (path, bytes) in SDK {
        let path = Path::new(SDK_FOLDER).join(path);
        write(&folder.join(&path), bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// Names that would mean something to the tools that look at the template's folder are disguised there.
fn template_path(path: &Path) -> PathBuf {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("gitignore") => path.with_file_name(".gitignore"),
        Some(name) if name.ends_with(".template") => {
            path.with_file_name(name.trim_end_matches(".template"))
        }
        _ => path.to_path_buf(),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
