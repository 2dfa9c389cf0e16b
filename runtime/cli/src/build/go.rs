//! Apps in Go: the standard toolchain compiles the author's package, the SDK and the generated bindings into a reactor, which becomes a
//! component.
//!
//! The bindings are laid over the SDK's folder without being written into it. Go's own caches make it incremental.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::process::Command;

use super::component::{World, write_if_new};
use super::job::{Compiled, Job};
use super::message::{Message, Severity};

/// What authors import.
const MODULE: &str = "abide/sdk";
/// Where the bindings lie in the SDK.
const BINDINGS: &str = "internal/bindings";
/// The module that the generator expects, and the SDK's own in its place.
const SUPPORT: (&str, &str) = (
    "go.bytecodealliance.org/pkg/wit/",
    "abide/sdk/internal/wit/",
);

/// Compiles an app.
pub(super) async fn build(job: &Job<'_>) -> Result<Compiled> {
    let world = World::read(job.sdk)?;
    let mut compiled = Compiled::default();
    let manifest = job.folder.join("go.mod");
    if !manifest.is_file() {
        compiled.messages.push(Message {
            severity: Severity::Error,
            file: None,
            line: None,
            column: None,
            text: "there is no go.mod in this folder".to_owned(),
            help: Some("an app in Go is a module: `go mod init my-app` begins one".to_owned()),
        });
        return Ok(compiled);
    }
    compiled.inputs.push(manifest.clone());
    let modfile = modfile(job, &manifest)?;
    job.bar.phase("resolve");
    let Some(sources) = sources(job, &modfile, &mut compiled).await? else {
        return Ok(compiled);
    };
    let overlay = overlay(job, &world, &sources.sdk)?;
    job.bar.phase("compile");
    let module = job.scratch.join("module.wasm");
    let mut command = go(job, "build", &modfile);
    command
        .arg("-buildmode=c-shared")
        .arg("-trimpath")
        // Stack traces come from Go's own tables. The SDK takes memory before Go has started, for which it calls the Go runtime.
        .arg("-ldflags=-s -w -checklinkname=0")
        .arg("-overlay")
        .arg(&overlay)
        .arg("-o")
        .arg(&module)
        .arg(job.entry.unwrap_or("."));
    let output = command.output().await.context("cannot start go")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        compiled.messages.extend(findings(&text));
        if compiled.errors() == 0 {
            bail!("go build said:\n{}", text.trim_end());
        }
        return Ok(compiled);
    }
    job.bar.phase("component");
    let module =
        std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    std::fs::write(job.out, world.wrap(&module)?)
        .with_context(|| format!("cannot write {}", job.out.display()))?;
    compiled.done = true;
    Ok(compiled)
}

/// The go.mod to build with: the author's, if it says where the SDK is; else a copy that says so.
fn modfile(job: &Job<'_>, manifest: &Path) -> Result<PathBuf> {
    let text = std::fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let says = |directive: &str| {
        text.lines().any(|line| {
            let line = line.trim();
            let line = line.strip_prefix(directive).unwrap_or(line).trim_start();
            line.split_whitespace().next() == Some(MODULE)
                && line.contains("=>") == (directive == "replace")
        })
    };
    let (required, replaced) = (says("require"), says("replace"));
    if replaced {
        return Ok(manifest.to_path_buf());
    }
    let mut text = text;
    if !required {
        let _ = writeln!(text, "\nrequire {MODULE} v0.0.0");
    }
    let sdk = job.sdk.to_string_lossy();
    let _ = writeln!(
        text,
        "
replace {MODULE} => {sdk:?}"
    );
    let copy = job.scratch.join("go.mod");
    write_if_new(&copy, text.as_bytes())?;
    let sums = job.folder.join("go.sum");
    if let Ok(bytes) = std::fs::read(sums) {
        write_if_new(&job.scratch.join("go.sum"), &bytes)?;
    }
    Ok(copy)
}

/// The go command, for WASI, never with another toolchain than the pinned one.
fn go(job: &Job<'_>, verb: &str, modfile: &Path) -> Command {
    let mut command = Command::new(job.tools.join("bin/go"));
    command
        .arg(verb)
        .current_dir(job.folder)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOCACHE", job.tools.join("cache"))
        .env_remove("GOROOT")
        .env_remove("GOEXPERIMENT")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if modfile.parent() != Some(job.folder) {
        command.arg("-modfile").arg(modfile);
    }
    command
}

/// What is compiled, besides the standard library.
struct Sources {
    /// The SDK that go.mod leads to.
    sdk: PathBuf,
}

/// Asks go which packages the app consists of. Their files are the build's inputs.
async fn sources(
    job: &Job<'_>,
    modfile: &Path,
    compiled: &mut Compiled,
) -> Result<Option<Sources>> {
    let mut command = go(job, "list", modfile);
    command.args([
        "-e",
        "-deps",
        "-f",
        "{{if not .Standard}}{{.ImportPath}}\t{{.Dir}}\t{{with .Error}}{{.}}{{end}}{{end}}",
    ]);
    command.arg(job.entry.unwrap_or("."));
    let output = command.output().await.context("cannot start go")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        compiled.messages.extend(findings(&text));
        if compiled.errors() == 0 {
            bail!("go list said:\n{}", text.trim_end());
        }
        return Ok(None);
    }
    let mut sdk = None;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut parts = line.split('\t');
        let (Some(package), Some(folder)) = (parts.next(), parts.next()) else {
            continue;
        };
        if folder.is_empty() {
            continue;
        }
        let folder = PathBuf::from(folder);
        if package == MODULE {
            sdk = Some(folder.clone());
        }
        compiled.inputs.extend(go_files(&folder)?);
        compiled.inputs.push(folder);
    }
    let Some(sdk) = sdk else {
        compiled.messages.push(Message {
            severity: Severity::Error,
            file: None,
            line: None,
            column: None,
            text: "the app does not use the SDK: it has no functions".to_owned(),
            help: Some(format!(
                "import abide {MODULE:?} and register them: func init() {{ abide.Function(abide.Config{{ID: \"hello\", On: \"greeting/asked\"}}, hello) }}"
            )),
        });
        return Ok(None);
    };
    Ok(Some(Sources { sdk }))
}

fn go_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|it| it == "go") && path.is_file());
    files.sort();
    Ok(files)
}

/// Writes the bindings, and the list that lays them over the SDK.
fn overlay(job: &Job<'_>, world: &World, sdk: &Path) -> Result<PathBuf> {
    let options = wit_bindgen_go::Opts {
        format: wit_bindgen_go::Format::False,
        pkg_name: Some(format!("{MODULE}/{BINDINGS}")),
        quiet: true,
        ..Default::default()
    };
    let mut replace = BTreeMap::new();
    for (name, bytes) in world.bindings(options.build())? {
        // Assembly is for native builds of the bindings, and must not lie in folders that are not there.
        if Path::new(&name).extension().is_none_or(|it| it != "go") {
            continue;
        }
        let file = job.scratch.join("bindings").join(&name);
        let text = String::from_utf8_lossy(&bytes).replace(SUPPORT.0, SUPPORT.1);
        write_if_new(&file, text.as_bytes())?;
        replace.insert(sdk.join(BINDINGS).join(&name), file);
    }
    let (original, text) = patched_runtime(job)?;
    let file = job.scratch.join("os_wasip1.go");
    write_if_new(&file, text.as_bytes())?;
    replace.insert(original, file);
    let overlay = job.scratch.join("overlay.json");
    write_if_new(
        &overlay,
        json!({ "Replace": replace }).to_string().as_bytes(),
    )?;
    Ok(overlay)
}

/// What Go's runtime must do differently where the host controls time, and the file that it is in. The toolchain is pinned, so the text is known.
const RUNTIME_FILE: &str = "src/runtime/os_wasip1.go";
const RUNTIME_PATCHES: [(&str, &str); 2] = [
    // A clock that stands at zero, as it does while functions are described, is taken for a broken one.
    ("return int64(time)\n", "return int64(time) + 1\n"),
    // Before it says why it dies, the runtime sleeps for a moment. Workflow code cannot, and the reason would be lost.
    (
        "func usleep(usec uint32) {\n",
        "func usleep(usec uint32) {\n\tif usec != 0 {\n\t\treturn\n\t}\n",
    ),
];

/// The file of Go's runtime that is laid over the original: where that is, and its text.
fn patched_runtime(job: &Job<'_>) -> Result<(PathBuf, String)> {
    let packages = job.tools.join("lib");
    let entries = std::fs::read_dir(&packages)
        .with_context(|| format!("cannot read {}", packages.display()))?;
    let original = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages/go").join(RUNTIME_FILE))
        .find(|path| path.is_file())
        .with_context(|| format!("there is no Go in {}", job.tools.display()))?;
    let mut text = std::fs::read_to_string(&original)
        .with_context(|| format!("cannot read {}", original.display()))?;
    for (before, after) in RUNTIME_PATCHES {
        if text.matches(before).count() != 1 {
            bail!(
                "{} is not the one of the pinned toolchain: remove {} and build again",
                original.display(),
                job.tools.display()
            );
        }
        text = text.replace(before, after);
    }
    Ok((original, text))
}

/// What the compiler found: `./app.go:12:3: undefined: x`, and lines that go on.
fn findings(text: &str) -> Vec<Message> {
    let mut findings: Vec<Message> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') || line.trim().is_empty() || line.ends_with("too many errors") {
            continue;
        }
        if let (true, Some(last)) = (line.starts_with(['\t', ' ']), findings.last_mut()) {
            last.text.push('\n');
            last.text.push_str(line.trim());
            continue;
        }
        let line = line.strip_prefix("go: ").unwrap_or(line);
        findings.push(match place(line) {
            Some((file, number, column, said)) => Message {
                severity: Severity::Error,
                help: help(said),
                file: Some(file),
                line: Some(number),
                column,
                text: said.to_owned(),
            },
            None => Message {
                severity: Severity::Error,
                file: None,
                line: None,
                column: None,
                text: line.to_owned(),
                help: help(line),
            },
        });
    }
    findings
}

/// What an author may not guess.
fn help(said: &str) -> Option<String> {
    if said.contains(&format!("package {MODULE} is not in std")) {
        return Some(format!(
            "the SDK is on no module proxy: write `import abide {MODULE:?}`, and leave go.mod to `abide build`, or point to a copy with `replace {MODULE} => ./abide-sdk`"
        ));
    }
    said.contains("function main is undeclared").then(|| {
        "an app is a main package: add `func main() {}`, which never runs; functions are registered in init".to_owned()
    })
}

fn place(line: &str) -> Option<(PathBuf, u32, Option<u32>, &str)> {
    let (file, rest) = line.split_once(".go:")?;
    let (number, rest) = rest.split_once(':')?;
    let number = number.parse().ok()?;
    let (column, said) = match rest.split_once(':') {
        Some((column, said)) if column.parse::<u32>().is_ok() => (column.parse().ok(), said),
        _ => (None, rest),
    };
    let file = file.strip_prefix("./").unwrap_or(file);
    Some((
        PathBuf::from(format!("{file}.go")),
        number,
        column,
        said.trim(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_finds_keeps_its_place() {
        let text = "# my-app\n./app.go:12:3: undefined: charge\nsrc/x.go:4:1: not enough arguments\n\thave (number)\n\twant (string)\ngo: cannot find main module\n";
        let found = findings(text);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].file.as_deref(), Some(Path::new("app.go")));
        assert_eq!((found[0].line, found[0].column), (Some(12), Some(3)));
        assert_eq!(found[0].text, "undefined: charge");
        assert_eq!(
            found[1].text,
            "not enough arguments\nhave (number)\nwant (string)"
        );
        assert_eq!(found[2].file, None);
    }
}
