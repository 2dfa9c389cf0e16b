//! Apps that a build script compiles: TypeScript, JavaScript and Python.
//!
//! The script writes one JSON object a line to its standard output:
//! ```text
//! {"phase": "bundle"}                                                   what it does now
//! {"error": {"file", "line", "column", "message", "help"}}             any number; {"warning": …} too
//! {"done": {"bytes": 1234, "inputs": ["/app/src/index.ts", …]}}        the last one
//! ```
//! It exits with 0, or with 1 after errors. Anything else is a crash: then its standard error is shown.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::job::{Compiled, Job};
use super::message::{Message, Severity};
use super::progress::Bar;

/// How much of its last words is kept.
const MAX_STDERR_BYTES: usize = 16 * 1024;
/// Messages that are kept: nobody reads more.
const MAX_MESSAGES: usize = 100;

/// A line of the script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Phase(String),
    Error(Finding),
    Warning(Finding),
    Done(Done),
}

#[derive(Debug, Deserialize)]
struct Finding {
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    message: String,
    #[serde(default)]
    help: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Done {
    #[serde(default)]
    inputs: Vec<PathBuf>,
}

/// Runs the script that `program` understands.
pub(super) async fn build(job: &Job<'_>, program: &OsStr, script: &str) -> Result<Compiled> {
    let script = job.scripts.join(script);
    let mut command = Command::new(program);
    command
        .arg(&script)
        .arg("--app")
        .arg(job.folder)
        .arg("--sdk")
        .arg(job.sdk)
        .arg("--tools")
        .arg(job.tools)
        .arg("--out")
        .arg(job.out)
        .current_dir(job.folder)
        .env("PYTHONUTF8", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // What it says is coloured here.
        .env("NO_COLOR", "1")
        .env_remove("FORCE_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(entry) = job.entry {
        command.args(["--entry", entry]);
    }
    if let Some(engine) = job.engine {
        command.args(["--engine", engine.word()]);
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("the build script has no output");
    };
    let (compiled, last_words) =
        tokio::try_join!(read_lines(stdout, job.bar), read_last_words(stderr))?;
    let status = child
        .wait()
        .await
        .context("the build script does not end")?;
    let crashed = if status.success() {
        !compiled.done
    } else {
        compiled.errors() == 0
    };
    if crashed {
        bail!(
            "the build script {} broke ({status}); this is not your code's fault. It said:\n{}",
            script.display(),
            last_words.trim_end()
        );
    }
    Ok(Compiled {
        done: compiled.done && status.success(),
        ..compiled
    })
}

async fn read_lines(stdout: impl AsyncRead + Unpin, bar: &Bar) -> Result<Compiled> {
    let mut lines = BufReader::new(stdout).split(b'\n');
    let mut compiled = Compiled::default();
    while let Some(line) = lines.next_segment().await? {
        // Libraries that the script calls may talk too.
        let Ok(line) = serde_json::from_slice(&line) else {
            tracing::debug!(line = %String::from_utf8_lossy(&line), "the build script says");
            continue;
        };
        match line {
            Line::Phase(phase) => bar.phase(&phase),
            Line::Error(finding) => keep(&mut compiled, Severity::Error, finding),
            Line::Warning(finding) => keep(&mut compiled, Severity::Warning, finding),
            Line::Done(done) => {
                compiled.done = true;
                compiled.inputs.extend(done.inputs);
            }
        }
    }
    Ok(compiled)
}

fn keep(compiled: &mut Compiled, severity: Severity, finding: Finding) {
    let Finding {
        file,
        line,
        column,
        message,
        help,
    } = finding;
    // An error is kept in any case: without one, the build would look like a crash.
    if compiled.messages.len() < MAX_MESSAGES
        || (severity == Severity::Error && compiled.errors() == 0)
    {
        compiled.messages.push(Message {
            severity,
            file,
            line,
            column,
            text: message,
            help,
        });
    }
}

/// The end of what it writes.
async fn read_last_words(mut stream: impl AsyncRead + Unpin) -> Result<String> {
    let mut last = VecDeque::new();
    let mut bytes = vec![0; 8192];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            let (a, b) = last.as_slices();
            return Ok(String::from_utf8_lossy(&[a, b].concat()).into_owned());
        }
        last.extend(&bytes[..count]);
        let extra = last.len().saturating_sub(MAX_STDERR_BYTES);
        last.drain(..extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_understood_and_noise_is_passed_over() {
        let text = concat!(
            "{\"phase\":\"bundle\"}\n",
            "npm notice something\n",
            "{\"warning\":{\"message\":\"odd\"}}\n",
            "{\"error\":{\"file\":\"src/a.ts\",\"line\":3,\"column\":7,\"message\":\"no\",\"help\":\"do\"}}\n",
            "{\"done\":{\"bytes\":7,\"inputs\":[\"/app/src/a.ts\"]}}\n",
        );
        let bar = Bar::start("a test");
        let compiled = read_lines(text.as_bytes(), &bar).await.unwrap();
        assert!(compiled.done);
        assert_eq!(compiled.errors(), 1);
        assert_eq!(compiled.messages[1].line, Some(3));
        assert_eq!(compiled.messages[1].help.as_deref(), Some("do"));
        assert_eq!(compiled.inputs, [PathBuf::from("/app/src/a.ts")]);
    }

    #[tokio::test]
    async fn a_flood_of_warnings_does_not_hide_the_error() {
        let mut text = "{\"warning\":{\"message\":\"odd\"}}\n".repeat(500);
        text.push_str("{\"error\":{\"message\":\"no\"}}\n");
        let bar = Bar::start("a test");
        let compiled = read_lines(text.as_bytes(), &bar).await.unwrap();
        assert_eq!(compiled.errors(), 1);
        assert!(compiled.messages.len() <= MAX_MESSAGES + 1);
    }

    #[tokio::test]
    async fn the_end_of_its_last_words_is_kept() {
        let text = "x".repeat(3 * MAX_STDERR_BYTES) + "the end";
        let last = read_last_words(text.as_bytes()).await.unwrap();
        assert!(last.len() == MAX_STDERR_BYTES && last.ends_with("the end"));
    }
}
