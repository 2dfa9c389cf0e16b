//! Apps in C: zig's clang compiles the author's files, the SDK's and the generated bindings into a reactor, which becomes a component.
//!
//! Object files stay in the job's folder, so that only what changed is compiled again. clang says itself which files it read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::component::{World, write_if_new};
use super::job::{Compiled, Job};
use super::message::{Message, Severity};

/// What the stack of an instance takes. Zig's default is 16 MiB, all of which every instance would reserve.
const STACK_BYTES: u32 = 256 * 1024;

/// How everything is compiled. Names of functions stay, for stack traces.
const FLAGS: [&str; 6] = [
    "--target=wasm32-wasi",
    "-std=gnu23",
    "-Os",
    "-g1",
    "-mexec-model=reactor",
    "-fno-sanitize=undefined",
];

/// What the author's files are compiled with besides: mistakes that compile are found.
const WARNINGS: [&str; 4] = [
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-Wno-unused-parameter",
];

/// A file to compile.
struct Unit {
    source: PathBuf,
    object: PathBuf,
    /// Whether the author wrote it.
    own: bool,
}

/// Compiles an app.
pub(super) async fn build(job: &Job<'_>) -> Result<Compiled> {
    let world = World::read(job.sdk)?;
    let generated = bindings(&world, job)?;
    let mut compiled = Compiled {
        inputs: source_folders(job),
        ..Compiled::default()
    };
    let own = sources(job)?;
    if own.is_empty() {
        compiled.messages.push(error(
            "there is no C file in this folder, nor in its src/",
            "put the functions of the app into src/app.c",
        ));
        return Ok(compiled);
    }
    let mut units: Vec<_> = own
        .into_iter()
        .map(|source| unit(job, source, true))
        .collect();
    for source in c_files(&job.sdk.join("src"))? {
        units.push(unit(job, source, false));
    }
    units.push(unit(job, generated.join("bindings.c"), false));
    for unit in &units {
        compile(job, &generated, unit, &mut compiled).await?;
    }
    if compiled.errors() > 0 {
        return Ok(compiled);
    }
    job.bar.phase("link");
    let Some(module) = link(job, &units, &mut compiled).await? else {
        return Ok(compiled);
    };
    job.bar.phase("component");
    let component = world.wrap(&module)?;
    std::fs::write(job.out, component)
        .with_context(|| format!("cannot write {}", job.out.display()))?;
    compiled.done = true;
    Ok(compiled)
}

/// Writes the bindings; the folder that they are in.
fn bindings(world: &World, job: &Job<'_>) -> Result<PathBuf> {
    let folder = job.scratch.join("bindings");
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        rename_world: Some("bindings".to_owned()),
        ..Default::default()
    };
    for (name, bytes) in world.bindings(options.build())? {
        write_if_new(&folder.join(name), &bytes)?;
    }
    Ok(folder)
}

/// The author's files: the entry, or all in the folder and in `src/`.
fn sources(job: &Job<'_>) -> Result<Vec<PathBuf>> {
    if let Some(entry) = job.entry {
        return Ok(vec![job.folder.join(entry)]);
    }
    let mut sources = c_files(job.folder)?;
    sources.extend(c_files(&job.folder.join("src"))?);
    Ok(sources)
}

/// Where a new file changes what is built.
fn source_folders(job: &Job<'_>) -> Vec<PathBuf> {
    let folders = [job.folder.to_path_buf(), job.folder.join("src")];
    folders.into_iter().filter(|path| path.is_dir()).collect()
}

/// The C files of a folder, in the order of their names; none if there is no such folder.
fn c_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension() == Some(OsStr::new("c")) && path.is_file());
    files.sort();
    Ok(files)
}

fn unit(job: &Job<'_>, source: PathBuf, own: bool) -> Unit {
    let shown = source
        .strip_prefix(job.folder)
        .unwrap_or(&source)
        .to_string_lossy();
    let name: String = shown
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let object = job.scratch.join("objects").join(format!("{name}.o"));
    Unit {
        source,
        object,
        own,
    }
}

/// zig as a C compiler, with its caches in the job's folder.
fn zig(job: &Job<'_>) -> Command {
    let mut command = Command::new(job.tools.join("bin/python"));
    command
        .args(["-m", "ziglang", "cc"])
        .current_dir(job.folder)
        .env("ZIG_GLOBAL_CACHE_DIR", job.tools.join("cache"))
        .env("ZIG_LOCAL_CACHE_DIR", job.scratch.join("zig"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Compiles one file, unless its object is newer than all that it was made from.
async fn compile(
    job: &Job<'_>,
    generated: &Path,
    unit: &Unit,
    compiled: &mut Compiled,
) -> Result<()> {
    let depend = unit.object.with_extension("d");
    // What is found in a file that did not change is said again.
    let said = unit.object.with_extension("txt");
    if !fresh(unit, &depend, &said) {
        let shown = unit.source.file_name().unwrap_or_default();
        job.bar
            .phase(&format!("compile {}", shown.to_string_lossy()));
        if let Some(folder) = unit.object.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let _ = std::fs::remove_file(&unit.object);
        let mut command = zig(job);
        command.args(FLAGS).arg("-I").arg(job.sdk.join("include"));
        if unit.own {
            command.args(WARNINGS);
        } else {
            command.arg("-w").arg("-I").arg(generated);
        }
        // Paths that are relative to the app are what its stack traces show.
        let source = unit.source.strip_prefix(job.folder).unwrap_or(&unit.source);
        command
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(&unit.object)
            .args(["-MMD", "-MF"])
            .arg(&depend);
        let output = command.output().await.context("cannot start zig")?;
        std::fs::write(&said, &output.stderr)
            .with_context(|| format!("cannot write {}", said.display()))?;
        if !output.status.success() {
            let _ = std::fs::remove_file(&unit.object);
            let text = String::from_utf8_lossy(&output.stderr);
            if findings(&text)
                .iter()
                .all(|finding| finding.severity != Severity::Error)
            {
                bail!(
                    "zig broke while it compiled {}: it said:\n{}",
                    unit.source.display(),
                    text.trim_end()
                );
            }
        }
    }
    compiled.messages.extend(findings(
        &std::fs::read_to_string(&said).unwrap_or_default(),
    ));
    compiled.inputs.push(unit.source.clone());
    compiled.inputs.extend(
        dependencies(&depend)
            .into_iter()
            .map(|path| job.folder.join(path)),
    );
    Ok(())
}

/// Whether an object is newer than its sources.
fn fresh(unit: &Unit, depend: &Path, said: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    let Some(made) = time(&unit.object) else {
        return false;
    };
    let older = |path: &Path| time(path).is_some_and(|changed: SystemTime| changed < made);
    let read = dependencies(depend);
    said.is_file()
        && older(&unit.source)
        && !read.is_empty()
        && read.iter().all(|path| path.is_relative() || older(path))
}

/// The files that a rule of make names: `app.o: src/app.c include/x.h \`.
fn dependencies(rule: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(rule).unwrap_or_default();
    let Some((_, files)) = text.split_once(": ") else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    let mut path = String::new();
    let mut chars = files.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A space in a name is escaped; a line that goes on ends in a backslash.
            '\\' if chars.peek() == Some(&' ') => {
                path.push(' ');
                chars.next();
            }
            '\\' if matches!(chars.peek(), Some('\n' | '\r')) => {}
            c if c.is_whitespace() => {
                if !path.is_empty() {
                    paths.push(PathBuf::from(std::mem::take(&mut path)));
                }
            }
            c => path.push(c),
        }
    }
    if !path.is_empty() {
        paths.push(PathBuf::from(path));
    }
    paths
}

/// Links the module; nothing if the app lacks something.
async fn link(job: &Job<'_>, units: &[Unit], compiled: &mut Compiled) -> Result<Option<Vec<u8>>> {
    let module = job.scratch.join("module.wasm");
    let mut command = zig(job);
    command
        .args(["--target=wasm32-wasi", "-mexec-model=reactor", "-Os", "-g1"])
        .args(units.iter().map(|unit| &unit.object))
        .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
        .arg("-o")
        .arg(&module);
    let output = command.output().await.context("cannot start zig")?;
    if output.status.success() {
        return Ok(Some(
            std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?,
        ));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    compiled.messages.extend(link_findings(&text));
    if compiled.errors() == 0 {
        bail!("the linker said:\n{}", text.trim_end());
    }
    Ok(None)
}

fn error(text: impl Into<String>, help: &str) -> Message {
    Message {
        severity: Severity::Error,
        file: None,
        line: None,
        column: None,
        text: text.into(),
        help: Some(help.to_owned()),
    }
}

/// What the linker misses, in the author's terms.
fn link_findings(text: &str) -> Vec<Message> {
    let mut findings: Vec<Message> = Vec::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("undefined symbol: ") else {
            if let Some((_, name)) = line.split_once("duplicate symbol: ") {
                findings.push(error(
                    format!("`{}` is defined twice", name.trim()),
                    "two files define it: make one of them static, or rename it",
                ));
            }
            continue;
        };
        let name = rest.trim();
        let finding = if name.starts_with("abide_app_function") {
            error(
                "the app does not say its functions",
                "list them once: ABIDE_APP({.id = \"hello\", .on = \"greeting/asked\", .handler = hello})",
            )
        } else {
            error(
                format!("`{name}` is used but nowhere defined"),
                "define it, or add the file that does to the app's folder or its src/",
            )
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// What clang found: `src/app.c:3:9: error: expected ';'`, with notes behind it.
fn findings(text: &str) -> Vec<Message> {
    let mut findings: Vec<Message> = Vec::new();
    for line in text.lines() {
        let Some((place, kind, said)) = split_finding(line) else {
            continue;
        };
        if kind == "note" {
            let note = match place {
                Some((file, line, _)) => format!("{said} ({}:{line})", file.display()),
                None => said.to_owned(),
            };
            if let Some(last) = findings.last_mut() {
                let help = last
                    .help
                    .take()
                    .map_or(note.clone(), |help| format!("{help}\n{note}"));
                last.help = Some(help);
            }
            continue;
        }
        let (file, line, column) = match place {
            Some((file, line, column)) => (Some(file), Some(line), Some(column)),
            None => (None, None, None),
        };
        findings.push(Message {
            severity: if kind == "warning" {
                Severity::Warning
            } else {
                Severity::Error
            },
            file,
            line,
            column,
            text: said.to_owned(),
            help: None,
        });
    }
    findings
}

type Place = (PathBuf, u32, u32);

/// Place, kind and words of one line of clang's.
fn split_finding(line: &str) -> Option<(Option<Place>, &str, &str)> {
    for kind in ["fatal error", "error", "warning", "note"] {
        let mark = format!(": {kind}: ");
        if let Some((before, said)) = line.split_once(&mark) {
            let mut parts = before.rsplitn(3, ':');
            let column = parts.next()?.parse().ok();
            let number = parts.next().and_then(|it| it.parse().ok());
            let place = match (column, number, parts.next()) {
                (Some(column), Some(number), Some(file)) => {
                    Some((PathBuf::from(file), number, column))
                }
                _ => None,
            };
            return Some((place, kind, said));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clangs_findings_keep_their_place_and_their_notes() {
        let text = "src/app.c:3:9: error: use of undeclared identifier 'amout'\n    3 |   return amout;\n      |          ^\nsrc/app.c:1:5: note: 'amount' declared here\nsrc/app.c:9:1: warning: unused variable 'x' [-Wunused-variable]\n1 error generated.\n";
        let found = findings(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].file.as_deref(), Some(Path::new("src/app.c")));
        assert_eq!((found[0].line, found[0].column), (Some(3), Some(9)));
        assert_eq!(found[0].text, "use of undeclared identifier 'amout'");
        assert_eq!(
            found[0].help.as_deref(),
            Some("'amount' declared here (src/app.c:1)")
        );
        assert_eq!(found[1].severity, Severity::Warning);
    }

    #[test]
    fn an_app_without_a_list_of_functions_is_told_what_to_write() {
        let text = "error: wasm-ld: component.o: undefined symbol: abide_app_functions\nerror: wasm-ld: component.o: undefined symbol: abide_app_function_count\nerror: wasm-ld: app.o: undefined symbol: charge\n";
        let found = link_findings(text);
        assert_eq!(found.len(), 2);
        assert!(
            found[0]
                .help
                .as_deref()
                .is_some_and(|help| help.contains("ABIDE_APP"))
        );
        assert_eq!(found[1].text, "`charge` is used but nowhere defined");
    }

    #[test]
    fn a_rule_of_make_names_the_files_that_were_read() {
        let folder = tempfile::tempdir().unwrap();
        let rule = folder.path().join("a.d");
        std::fs::write(
            &rule,
            "a.o: src/a.c \\\n  /sdk/my\\ sdk/abide.h \\\n  src/b.h\n",
        )
        .unwrap();
        let expected = ["src/a.c", "/sdk/my sdk/abide.h", "src/b.h"].map(PathBuf::from);
        assert_eq!(dependencies(&rule), expected);
    }
}
