//! What a language costs: the same function in every one of them, and in both engines of JavaScript.
//!
//! The components are files of the folder that `ABIDE_BENCH_LANGUAGES` names, one a language; Rust's is the benchmark's own guest.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use abide_core::ids::RunId;
use abide_core::state::RunStatus;
use abide_host::{Host, HostConfig};
use abide_server::{DeployOptions, Node, NodeConfig};
use anyhow::{Context, Result};
use bytes::Bytes;

use crate::Scale;
use crate::machine::{ms, quantile, resident_bytes};
use crate::report::Report;
use crate::rig::{APP, component, event, wait_for};

/// Names the folder with the components.
const FOLDER: &str = "ABIDE_BENCH_LANGUAGES";
/// Steps of a run: two entries each, so a history of 100.
const STEPS: usize = 50;
/// Runs that wait at once when their memory is taken. An engine of JavaScript takes megabytes for each.
const PARKED: usize = 64;

/// One language, or one of its engines.
struct Language {
    name: String,
    wasm: Bytes,
}

/// Measures all that are there.
pub(crate) async fn measure(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    for language in all()? {
        one(base, scale, &language, report)
            .await
            .with_context(|| language.name.clone())?;
    }
    Ok(())
}

fn all() -> Result<Vec<Language>> {
    let mut all = vec![Language {
        name: "rust".into(),
        wasm: component()?,
    }];
    let folder = std::env::var_os(FOLDER).map(PathBuf::from).with_context(|| {
        format!("{FOLDER} names no folder: `cargo xtask bench --only languages` builds the components and sets it")
    })?;
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "wasm"))
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        all.push(Language {
            name: name.into_owned(),
            wasm: std::fs::read(&file)?.into(),
        });
    }
    Ok(all)
}

async fn one(base: &Path, scale: Scale, language: &Language, report: &mut Report) -> Result<()> {
    let mut tell = |key: &str, value: f64, digits: usize, meaning: &str| {
        report.by(key, &language.name, value, digits, meaning);
    };
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let bytes = language.wasm.len() as f64;
    tell("lang_component_kb", bytes / 1e3, 0, "the component, in kB");

    let directory = tempfile::tempdir_in(base)?;
    let code = directory.path().join("code");
    let (compiled, meaning) = (load(language, &code).await?, "to machine code, and checked");
    tell("lang_compile_ms", ms(compiled), 0, meaning);
    let (cached, meaning) = (load(language, &code).await?, "a start with cached code");
    tell("lang_cold_start_ms", ms(cached), 1, meaning);

    // Nothing that waits stays in memory: every wake-up is an instance and a replay.
    let node = node(directory.path(), language, &code, Some(0)).await?;
    let fresh = resume(&node, 0, scale.samples).await?;
    let history = resume(&node, STEPS, scale.samples).await?;
    tell(
        "lang_instantiate_ms",
        ms(fresh),
        3,
        "a waiting run without a history goes on: an instance, and 2 entries",
    );
    tell(
        "lang_resume100_ms",
        ms(history),
        3,
        "the same with 100 entries before that",
    );
    node.shutdown().await;
    drop(node);

    let node = self::node(directory.path(), language, &code, None).await?;
    let short = steps(&node, 0, scale.samples).await?;
    let long = steps(&node, STEPS, scale.samples).await?;
    let step = long.saturating_sub(short) / u32::try_from(STEPS)?;
    tell(
        "lang_step_us",
        step.as_secs_f64() * 1e6,
        1,
        "one step more in a run of its own, without the outside",
    );
    let before = resident_bytes()?;
    for run in 0..PARKED {
        park(&node, 1, &format!("parked-{run}")).await?;
    }
    let grown = resident_bytes()?.saturating_sub(before);
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let each = grown as f64 / 1e3 / PARKED as f64;
    let meaning = "growth of the process, a waiting run that stays in memory";
    tell("lang_parked_kb", each, 0, meaning);
    node.shutdown().await;
    Ok(())
}

/// How long a host takes to have the component ready.
async fn load(language: &Language, code: &Path) -> Result<Duration> {
    let host = Host::new(HostConfig {
        code_cache: Some(code.to_path_buf()),
        ..HostConfig::default()
    })?;
    let began = Instant::now();
    host.load(&language.wasm).await?;
    Ok(began.elapsed())
}

/// A node that serves the language's app.
async fn node(
    directory: &Path,
    language: &Language,
    code: &Path,
    resident_bytes: Option<usize>,
) -> Result<Node> {
    let mut config = NodeConfig::new(directory.join("data"));
    config.host.code_cache = Some(code.to_path_buf());
    if let Some(bytes) = resident_bytes {
        config.host.resident_bytes = bytes;
    }
    let node = Node::open(config).await?;
    let options = DeployOptions {
        app: APP.into(),
        ..DeployOptions::default()
    };
    node.deploy(language.wasm.clone(), options).await?;
    Ok(node)
}

/// The median time from an event to the wait behind so many steps.
async fn steps(node: &Node, steps: usize, samples: usize) -> Result<Duration> {
    let mut times = Vec::with_capacity(samples);
    for sample in 0..samples {
        let began = Instant::now();
        park(node, steps, &format!("steps-{steps}-{sample}")).await?;
        times.push(began.elapsed());
    }
    Ok(quantile(&mut times, 0.5))
}

/// The median time in which a waiting run goes on and ends, without the commit of the event, which any event has.
async fn resume(node: &Node, steps: usize, samples: usize) -> Result<Duration> {
    let (mut plain, mut woken) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let key = format!("resume-{steps}-{sample}");
        let run = park(node, steps, &key).await?;
        while node.live_status(run).is_some() {
            tokio::task::yield_now().await;
        }
        let mut notices = node.subscribe();
        let began = Instant::now();
        wake(node, &format!("nobody-{key}")).await?;
        plain.push(began.elapsed());
        let began = Instant::now();
        wake(node, &key).await?;
        wait_for(&mut notices, Some(run), RunStatus::Completed).await?;
        woken.push(began.elapsed());
    }
    Ok(quantile(&mut woken, 0.5).saturating_sub(quantile(&mut plain, 0.5)))
}

async fn wake(node: &Node, key: &str) -> Result<()> {
    let data = format!(r#"{{"key":"{key}"}}"#);
    node.send_events(vec![event("bench/wake", data)], None)
        .await?;
    Ok(())
}

/// Starts a run and waits until it waits.
async fn park(node: &Node, steps: usize, key: &str) -> Result<RunId> {
    let mut notices = node.subscribe();
    let data = format!(r#"{{"n":{steps},"key":"{key}"}}"#);
    node.send_events(vec![event("bench/resume", data)], None)
        .await?;
    wait_for(&mut notices, None, RunStatus::Waiting).await
}
