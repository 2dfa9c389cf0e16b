//! Collects the sources that the binary carries: the Rust SDK and the template of an app.
//!
//! Only what is named here is taken, so that nothing that a build leaves in those folders ends up in the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Files and folders of the SDK.
const SDK: [&str; 6] = [
    "Cargo.toml",
    "src",
    "macros/Cargo.toml",
    "macros/src",
    "wit",
    "README.md",
];

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let sdk = manifest.join("../../guest-sdk/rust");
    let mut out = String::new();
    let mut files = Vec::new();
    for part in SDK {
        collect(&sdk.join(part), &mut files)?;
    }
    list(&mut out, "SDK", &sdk, &files)?;
    files.clear();
    let template = sdk.join("template");
    collect(&template, &mut files)?;
    list(&mut out, "TEMPLATE", &template, &files)?;
    let folder = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(folder.join("sources.rs"), out)
}

/// All files in `path`, in the order of their names. Cargo looks at folders as well, so a new file is noticed.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", path.display());
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for entry in entries
            .iter()
            .filter(|entry| !entry.ends_with("target") && !entry.ends_with(".abide"))
        {
            collect(entry, files)?;
        }
    }
    Ok(())
}

fn list(out: &mut String, name: &str, root: &Path, files: &[PathBuf]) -> io::Result<()> {
    let _ = writeln!(out, "static {name}: &[(&str, &[u8])] = &[");
    for file in files {
        let path = file
            .strip_prefix(root)
            .map_err(io::Error::other)?
            .to_string_lossy()
            .replace('\\', "/");
        let absolute = file.canonicalize()?;
        let _ = writeln!(
            out,
            "    ({path:?}, include_bytes!({:?})),",
            absolute.to_string_lossy()
        );
    }
    out.push_str("];\n");
    Ok(())
}
