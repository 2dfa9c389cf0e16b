//! One life of a node in this process: on a simulated disk, in virtual time, with a runtime of its own that dies with it.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use abide_host::HostConfig;
use abide_server::http::{HttpConfig, router};
use abide_server::{Clock, Node, NodeConfig, Storage};
use abide_store::MemoryDisk;
use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::door::Door;

/// How long the tasks of a node that is gone may take to notice.
const END: Duration = Duration::from_secs(20);

/// How often the clock's driver looks whether the node waits for time.
const LOOK: Duration = Duration::from_micros(500);

/// What a simulated machine keeps on the real disk: both are written once and never changed.
pub struct Folders {
    components: TempDir,
    code_cache: PathBuf,
}

impl Folders {
    /// Where components and compiled code are.
    pub fn path(&self) -> &Path {
        self.components.path()
    }

    /// Folders of a machine of its own. Many may share the compiled code.
    pub fn sharing(code_cache: &Path) -> Result<Self> {
        let components = TempDir::new().context("no temporary folder")?;
        Ok(Self {
            components,
            code_cache: code_cache.to_owned(),
        })
    }
}

/// A running node.
pub struct Life {
    // Declared first, so that it is dropped before the runtime.
    node: Node,
    door: Door,
    disk: MemoryDisk,
    runtime: Runtime,
}

impl Life {
    /// Opens a node on this disk; the clock stands at `now_ms`.
    pub fn begin(disk: &MemoryDisk, folders: &Folders, now_ms: u64) -> Result<Self> {
        Self::begin_with(disk, folders, now_ms, |_| {})
    }

    /// Opens a node on this disk with further settings.
    pub fn begin_with(
        disk: &MemoryDisk,
        folders: &Folders,
        now_ms: u64,
        set: impl FnOnce(&mut NodeConfig),
    ) -> Result<Self> {
        hush_the_dying();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("no runtime")?;
        let mut config = NodeConfig::new(folders.components.path());
        config.storage = Storage::Simulated(disk.clone(), folders.components.path().to_owned());
        config.clock = Clock::virtual_at(now_ms);
        config.check_replay = true;
        // Many nodes live side by side here: a pool of address space for each would be too much.
        config.host = HostConfig {
            pool: None,
            code_cache: Some(folders.code_cache.clone()),
            ..config.host
        };
        set(&mut config);
        match runtime.block_on(Node::open(config)) {
            Ok(node) => {
                let door = Door::Inside(router(node.clone(), HttpConfig::default()));
                Ok(Self {
                    node,
                    door,
                    disk: disk.clone(),
                    runtime,
                })
            }
            Err(error) => {
                runtime.shutdown_timeout(END);
                Err(error).context("the node does not open")
            }
        }
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The way to it.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Runs a future on the node's runtime.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Cuts its power: nothing is finished. Returns when nothing of it is left.
    pub fn end(self) {
        let Self {
            node,
            door,
            disk,
            runtime,
        } = self;
        disk.crash();
        drop((node, door));
        runtime.shutdown_timeout(END);
    }
}

/// A runtime that ends takes the tasks of guests' requests with it, which panics in a crate below; a dead machine says nothing.
fn hush_the_dying() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let said = panic
                .payload()
                .downcast_ref::<String>()
                .map_or("", String::as_str);
            if !said.contains("JoinError::Cancelled") {
                before(panic);
            }
        }));
    });
}

/// Moves the clock of a node to the next timer whenever the node waits for nothing else, but never by more than `farthest_ms` at once.
/// Never returns.
pub async fn keep_time(node: &Node, farthest_ms: u64) {
    loop {
        let health = node.health();
        let now_ms = node.clock().now_ms();
        let idle = health.executing == 0 && health.queued == 0;
        if let Some(due_ms) = node
            .next_due_ms()
            .filter(|due_ms| idle && *due_ms <= now_ms.saturating_add(farthest_ms))
        {
            node.advance_clock_to(due_ms);
        }
        tokio::time::sleep(LOOK).await;
    }
}
