//! Builds one app whose language has a driver and an SDK in this binary: all but Rust.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, bail};

use super::components::{Components, Found};
use super::job::{Compiled, Job};
use super::progress::Bar;
use super::{Build, Plan, c, go, message, script, tools};
use crate::cache::Cache;
use crate::language::{Engine, Language};
use crate::sdk::{self, Installed, SDK_FOLDER};
use crate::terminal::Look;

/// Builds it, unless it was built before from the same files.
pub(super) async fn build(plan: &Plan) -> Result<Build> {
    let cache = Cache::open()?;
    let scripts = sdk::installed(plan.language, &cache).await?;
    let own = plan.folder.join(SDK_FOLDER);
    let sdk = if own.is_dir() {
        Installed {
            digest: sdk::digest_of(&own)?,
            folder: own,
        }
    } else {
        scripts.clone()
    };
    let pins = tools::pins(&scripts, plan.language)?;
    let settings = &plan.app.manifest.build;
    let parts = [
        plan.language.word(),
        settings.entry.as_deref().unwrap_or_default(),
        settings.engine.map_or("", Engine::word),
        &scripts.digest,
        &sdk.digest,
        &pins,
    ];
    let components = Components::of(&cache, &plan.app, &plan.folder, &parts);
    if let Some(found) = components.find() {
        return Ok(found.into());
    }
    // Whoever builds the same app builds it once: the second one finds what the first made.
    let work = format!(
        "work/{}",
        sdk::digest_of_text(&plan.folder.to_string_lossy())
    );
    let _held = cache.lock(&work).await?;
    if let Some(found) = components.find() {
        return Ok(found.into());
    }
    let tools = tools::ensure(&scripts, plan.language, &cache).await?;
    let scratch = cache.folder(&work)?;
    let out = scratch.join("component.wasm");
    let began = SystemTime::now();
    let job = Job {
        folder: &plan.folder,
        entry: settings.entry.as_deref(),
        engine: settings.engine,
        sdk: &sdk.folder,
        scripts: &scripts.folder,
        tools: &tools.folder,
        scratch: &scratch,
        out: &out,
        bar: &Bar::start(&format!("{} ({})", plan.app.id, plan.language)),
    };
    let compiled = match plan.language {
        Language::TypeScript | Language::JavaScript => {
            script::build(&job, &tools.program, "build/main.mjs").await?
        }
        Language::Python => script::build(&job, &tools.program, "build/main.py").await?,
        Language::C => c::build(&job).await?,
        Language::Go => go::build(&job).await?,
        Language::Rust => bail!("Rust is built by cargo"),
    };
    let component = if compiled.done {
        Some(components.keep(&out, &compiled.inputs, began)?)
    } else {
        None
    };
    Ok(Build {
        components: vec![component],
        log: message::render(Look::stderr(), &plan.folder, &compiled.messages),
        inputs: outside_of_cache(&cache, compiled),
    })
}

fn outside_of_cache(cache: &Cache, compiled: Compiled) -> Vec<PathBuf> {
    let root = cache.path("");
    let mut inputs = compiled.inputs;
    inputs.retain(|path: &PathBuf| !path.starts_with(&root) && is_source(path));
    inputs
}

/// Packages that a package manager installed change only with its lock file.
fn is_source(path: &Path) -> bool {
    let mut parts = path.components();
    !parts.any(|part| part.as_os_str() == "node_modules")
}

impl From<Found> for Build {
    fn from(found: Found) -> Self {
        let mut inputs = found.inputs;
        inputs.retain(|path| is_source(path));
        Self {
            components: vec![Some(found.component)],
            log: String::new(),
            inputs,
        }
    }
}
