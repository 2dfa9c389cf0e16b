//! How long a deploy takes: compiled for the first time, and taken from the cache.

use std::path::Path;
use std::time::Instant;

use abide_host::{Host, HostConfig};
use anyhow::Result;

use crate::machine::ms;
use crate::report::Report;
use crate::rig::component;

/// Loads the benchmark's component twice, in two hosts over one cache.
pub(crate) async fn times(base: &Path, report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir_in(base)?;
    let wasm = component()?;
    for (key, meaning) in [
        (
            "deploy_cold_ms",
            "compile, check and describe a Rust component",
        ),
        ("deploy_cached_ms", "the same with its code in the cache"),
    ] {
        let host = Host::new(HostConfig {
            code_cache: Some(directory.path().to_path_buf()),
            ..HostConfig::default()
        })?;
        let began = Instant::now();
        host.load(&wasm).await?;
        report.figure(key, ms(began.elapsed()), 2, meaning);
    }
    Ok(())
}
