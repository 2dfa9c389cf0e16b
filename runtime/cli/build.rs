//! Collects the sources that the binary carries: the SDK of every language, what builds apps in it, and templates of apps.
//!
//! Only what is named here is taken, so that nothing that a build leaves in those folders ends up in the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is taken of `guest-sdk/FOLDER`.
struct Sdk {
    folder: &'static str,
    /// Files and folders of the SDK itself: an app may have a copy of them.
    files: &'static [&'static str],
    /// Folders with templates of apps.
    templates: &'static [&'static str],
}

const SDKS: [Sdk; 5] = [
    Sdk {
        folder: "rust",
        files: &[
            "Cargo.toml",
            "src",
            "macros/Cargo.toml",
            "macros/src",
            "wit",
            "README.md",
        ],
        templates: &["template"],
    },
    Sdk {
        folder: "js",
        files: &[
            "package.json",
            "tsconfig.json",
            "src",
            "runtime",
            "wit",
            "README.md",
        ],
        templates: &["template-typescript", "template-javascript"],
    },
    Sdk {
        folder: "python",
        files: &["pyproject.toml", "abide", "wit", "README.md"],
        templates: &["template"],
    },
    Sdk {
        folder: "c",
        files: &["include", "src", "wit", "README.md"],
        templates: &["template"],
    },
    Sdk {
        folder: "go",
        files: &["go.mod", "go.sum", ".", "wit", "README.md"],
        templates: &["template"],
    },
];

/// What compiles apps, beside the SDK.
const BUILD: &str = "build";

/// Folders that tools leave behind, and what is only for those who work on the SDK.
const LEFT_OUT: [&str; 10] = [
    "test",
    "tests",
    "target",
    ".abide",
    "node_modules",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".venv",
    "testdata",
];

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut out = String::from("static SDKS: &[Sources] = &[\n");
    for sdk in &SDKS {
        let root = manifest.join("../../guest-sdk").join(sdk.folder);
        let _ = writeln!(out, "Sources {{ folder: {:?}, files: &[", sdk.folder);
        list(&mut out, &root, &files(&root, sdk)?)?;
        out.push_str("], build: &[\n");
        let mut build = Vec::new();
        collect(&root.join(BUILD), &mut build)?;
        list(&mut out, &root, &build)?;
        out.push_str("], templates: &[\n");
        for template in sdk.templates {
            let _ = writeln!(out, "({template:?}, &[");
            let mut files = Vec::new();
            collect(&root.join(template), &mut files)?;
            list(&mut out, &root.join(template), &files)?;
            out.push_str("]),\n");
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    let folder = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(folder.join("sources.rs"), out)
}

/// The files of the SDK itself. `.` stands for the files right in its folder, as packages of Go have them.
fn files(root: &Path, sdk: &Sdk) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for part in sdk.files {
        if *part != "." {
            collect(&root.join(part), &mut files)?;
            continue;
        }
        if root.is_dir() {
            println!("cargo:rerun-if-changed={}", root.display());
        }
        let own = [BUILD, "wit"];
        for entry in sorted(root)? {
            let is_own = own
                .iter()
                .chain(sdk.templates)
                .any(|it| entry.ends_with(it));
            if entry.is_dir() && !is_own {
                collect(&entry, &mut files)?;
            } else if entry.extension().is_some_and(|kind| kind == "go") {
                files.push(entry);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// All files in `path`, in the order of their names. Cargo looks at folders as well, so a new file is noticed.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let left_out = LEFT_OUT.iter().any(|name| path.ends_with(name));
    // Cargo would run this again and again for a path that is not there.
    if left_out || !path.exists() {
        return Ok(());
    }
    println!("cargo:rerun-if-changed={}", path.display());
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        for entry in sorted(path)? {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries)
}

fn list(out: &mut String, root: &Path, files: &[PathBuf]) -> io::Result<()> {
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
    Ok(())
}
