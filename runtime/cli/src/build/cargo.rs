//! Runs cargo, and reads what it writes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand, PackageId, Target, TargetKind};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::TARGET;
use super::progress::Bar;

/// What cargo made of some packages.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) components: Vec<(PackageId, PathBuf)>,
    /// What the compiler said, if anything went wrong: with its own colours.
    pub(super) log: String,
}

/// How much of the compiler's words is kept: the end of it.
const MAX_LOG_BYTES: usize = 256 * 1024;

/// The cargo that started this process, if one did; else the one on the PATH.
pub(super) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Whether this target becomes a component.
pub(super) fn is_cdylib(target: &Target) -> bool {
    target.kind.contains(&TargetKind::CDyLib)
}

/// What cargo knows of a workspace.
pub(super) async fn metadata(manifest: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command
        .cargo_path(program())
        .manifest_path(manifest)
        .no_deps();
    let shown = manifest.display().to_string();
    tokio::task::spawn_blocking(move || command.exec())
        .await?
        .map_err(|error| match error {
            cargo_metadata::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing()
            }
            cargo_metadata::Error::CargoMetadata { stderr } => {
                anyhow::anyhow!("{shown}: cargo says:\n{}", stderr.trim_end())
            }
            other => anyhow::Error::new(other).context(format!("cargo cannot read {shown}")),
        })
}

fn missing() -> anyhow::Error {
    anyhow::anyhow!(
        "cargo is not to be found: Rust apps are compiled with it; install it from https://rustup.rs and try again"
    )
}

/// `cargo build` of these packages of a workspace.
pub(super) async fn build(workspace: &Path, packages: &[&str], bar: &Bar) -> Result<Made> {
    let mut command = Command::new(program());
    command
        .current_dir(workspace)
        .args([
            "build",
            "--release",
            "--lib",
            "--keep-going",
            "--target",
            TARGET,
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .args([
            "--color",
            if console::colors_enabled_stderr() {
                "always"
            } else {
                "never"
            },
        ])
        // Its own progress bar tells how much there is to do; this one shows it.
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "80")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for package in packages {
        command.args(["--package", package]);
    }
    let mut cargo = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(),
        _ => anyhow::Error::new(error).context("cannot start cargo"),
    })?;
    let (Some(stdout), Some(stderr)) = (cargo.stdout.take(), cargo.stderr.take()) else {
        bail!("cargo has no output");
    };
    let (components, log) = tokio::try_join!(read_messages(stdout), read_log(stderr, bar))?;
    let status = cargo.wait().await.context("cargo does not end")?;
    Ok(Made {
        components,
        log: if status.success() { String::new() } else { log },
    })
}

/// The components that cargo says it made, whether now or earlier.
async fn read_messages(stdout: impl AsyncRead + Unpin) -> Result<Vec<(PackageId, PathBuf)>> {
    let mut lines = BufReader::new(stdout).lines();
    let mut components = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(&line) else {
            continue;
        };
        if is_cdylib(&artifact.target) {
            let wasm = artifact
                .filenames
                .into_iter()
                .filter(|file| file.extension() == Some("wasm"));
            components
                .extend(wasm.map(|file| (artifact.package_id.clone(), file.into_std_path_buf())));
        }
    }
    Ok(components)
}

/// What the compiler says; cargo's progress goes to the bar. Lines end in a line feed, the bar's in a carriage return.
async fn read_log(mut stderr: impl AsyncRead + Unpin, bar: &Bar) -> Result<String> {
    let mut log = Log::default();
    let mut bytes = vec![0; 8192];
    loop {
        let count = stderr.read(&mut bytes).await?;
        if count == 0 {
            return Ok(log.finish());
        }
        for line in log.push(&bytes[..count]) {
            bar.show(&line);
        }
    }
}

/// The compiler's words, without cargo's progress.
#[derive(Debug, Default)]
struct Log {
    text: String,
    /// The line that is not complete.
    line: Vec<u8>,
}

impl Log {
    /// Takes bytes; gives back the lines that tell of progress.
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut progress = Vec::new();
        for byte in bytes {
            if !matches!(byte, b'\n' | b'\r') {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            let bare = console::strip_ansi_codes(&line).trim().to_owned();
            if is_progress(&bare) {
                progress.push(bare);
            } else if *byte == b'\n' {
                self.text.push_str(&line);
                self.text.push('\n');
            }
        }
        self.cut();
        progress
    }

    fn cut(&mut self) {
        if self.text.len() > 2 * MAX_LOG_BYTES {
            let mut from = self.text.len() - MAX_LOG_BYTES;
            while !self.text.is_char_boundary(from) {
                from += 1;
            }
            self.text.drain(..from);
        }
    }

    fn finish(mut self) -> String {
        self.text.push_str(&String::from_utf8_lossy(&self.line));
        self.text.trim_end().to_owned()
    }
}

fn is_progress(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    matches!(
        first,
        "Building"
            | "Compiling"
            | "Fresh"
            | "Finished"
            | "Updating"
            | "Locking"
            | "Downloading"
            | "Downloaded"
            | "Adding"
            | "Blocking"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_the_compilers_words_are_told_apart() {
        let mut log = Log::default();
        let text = "\u{1b}[1m   Compiling\u{1b}[0m serde v1.0\n    Building [==>  ] 3/17: serde\rerror: expected `;`\n --> src/lib.rs:1\n";
        let mut progress = log.push(&text.as_bytes()[..20]);
        progress.extend(log.push(&text.as_bytes()[20..]));
        assert_eq!(
            progress,
            ["Compiling serde v1.0", "Building [==>  ] 3/17: serde"]
        );
        assert_eq!(log.finish(), "error: expected `;`\n --> src/lib.rs:1");
    }

    #[test]
    fn a_flood_of_words_is_cut_at_its_beginning() {
        let mut log = Log::default();
        for _ in 0..20 {
            log.push("é".repeat(50_000).as_bytes());
            log.push(b"\n");
        }
        log.push(b"the end\n");
        let text = log.finish();
        assert!(text.len() <= 2 * MAX_LOG_BYTES + 200_000 && text.ends_with("the end"));
    }

    #[tokio::test]
    async fn components_are_read_from_cargos_messages() {
        let artifact = r#"{"reason":"compiler-artifact","package_id":"path+file:///x#a@0.1.0","manifest_path":"/x/Cargo.toml","target":{"kind":["cdylib"],"crate_types":["cdylib"],"name":"a","src_path":"/x/src/lib.rs","edition":"2024","doc":true,"doctest":false,"test":true},"profile":{"opt_level":"s","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false},"features":[],"filenames":["/x/target/a.wasm"],"executable":null,"fresh":true}"#;
        let text =
            format!("{artifact}\n{{\"reason\":\"build-finished\",\"success\":true}}\nnoise\n");
        let components = read_messages(text.as_bytes()).await.unwrap();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0].1, Path::new("/x/target/a.wasm"));
    }
}
