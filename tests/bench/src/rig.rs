//! A node with the benchmark's guest, in a folder that goes away with it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use abide_core::engine::Notice;
use abide_core::event::NewEvent;
use abide_core::ids::RunId;
use abide_core::state::RunStatus;
use abide_server::{Clock, DeployOptions, Node, NodeConfig};
use anyhow::{Context, Result};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;

/// The app's id.
pub(crate) const APP: &str = "bench";

/// A node and its folder.
pub(crate) struct Rig {
    pub(crate) node: Node,
    pub(crate) directory: TempDir,
}

impl Rig {
    /// A node with the benchmark's functions.
    pub(crate) async fn new(base: &Path, clock: Clock) -> Result<Self> {
        let directory = tempfile::tempdir_in(base)?;
        let node = open(directory.path(), clock).await?;
        deploy(&node).await?;
        Ok(Self { node, directory })
    }
}

/// The page cache of every node from now on, in MiB.
static CACHE_MIB: OnceLock<u64> = OnceLock::new();

/// Chooses the page cache; once, before the first node.
pub(crate) fn set_cache(mib: Option<u64>) {
    if let Some(mib) = mib {
        CACHE_MIB.get_or_init(|| mib);
    }
}

/// The page cache that was chosen, if one was.
pub(crate) fn cache_mib() -> Option<u64> {
    CACHE_MIB.get().copied()
}

/// A node over this folder.
pub(crate) async fn open(directory: &Path, clock: Clock) -> Result<Node> {
    let mut config = NodeConfig::new(directory);
    config.clock = clock;
    if let Some(mib) = cache_mib() {
        config.cache_bytes = mib << 20;
    }
    // The benchmark sends as fast as it can and waits by itself.
    config.max_queued_inputs = usize::MAX;
    config.max_queued_bytes = usize::MAX;
    config.max_pending_rows = usize::MAX;
    Ok(Node::open(config).await?)
}

/// The benchmark's component.
pub(crate) fn component() -> Result<Bytes> {
    let folder = std::env::var_os("ABIDE_TEST_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/target/wasm32-wasip2/release"),
        PathBuf::from,
    );
    let path = folder.join("bench.wasm");
    let bytes = std::fs::read(&path).with_context(|| {
        format!(
            "no component at {}; `cargo xtask bench` builds it",
            path.display()
        )
    })?;
    Ok(bytes.into())
}

/// Deploys the benchmark's component.
pub(crate) async fn deploy(node: &Node) -> Result<()> {
    let options = DeployOptions {
        app: APP.into(),
        // The service that a profile's steps call.
        allow_net: vec!["127.0.0.1".into()],
        ..DeployOptions::default()
    };
    node.deploy(component()?, options).await?;
    Ok(())
}

/// An event without anything optional.
pub(crate) fn event(name: &str, data: impl Into<String>) -> NewEvent {
    NewEvent {
        name: name.into(),
        data: Some(data.into().into()),
        ..NewEvent::default()
    }
}

/// Waits for a run with this status. One that failed is an error: nothing that is measured fails.
pub(crate) async fn wait_for(
    notices: &mut Receiver<Notice>,
    wanted: Option<RunId>,
    status: RunStatus,
) -> Result<RunId> {
    loop {
        let notice = notices
            .recv()
            .await
            .context("the node stopped telling what happens")?;
        let Notice::Run {
            run, status: found, ..
        } = notice
        else {
            continue;
        };
        anyhow::ensure!(found != RunStatus::Failed, "run {run} failed");
        if found == status && wanted.is_none_or(|wanted| wanted == run) {
            return Ok(run);
        }
    }
}
