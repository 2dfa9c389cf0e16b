//! One life of a node: from its start on some disk until its power is cut, all of it in this thread and by hand.

use std::path::PathBuf;
use std::sync::Arc;

use abide_core::engine::{EngineConfig, Notice};
use abide_host::{App, GuestLimits, Host, HostConfig};
use abide_server::{Clock, Node, NodeConfig, Steps, Storage};
use abide_store::{MemoryDisk, View};
use anyhow::{Context, Result};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;

use crate::plan::Plan;
use crate::rng::Rng;
use crate::service::Service;
use crate::surroundings::Simulated;
use crate::tasks::Tasks;

/// What all simulated machines of this process share: compiled code.
pub struct Machine {
    host: Host,
    versions: Vec<(Bytes, Arc<App>)>,
    folder: TempDir,
}

/// A name for the custom section that tells the versions of a component apart.
const MARK: &[u8] = b"version";

impl Machine {
    /// Compiles `versions` versions of a component, which differ by nothing but their digests.
    pub fn new(component: &[u8], versions: u8) -> Result<Self> {
        let folder = TempDir::new().context("no temporary folder")?;
        let host = Host::new(HostConfig {
            interrupts: false,
            ..HostConfig::default()
        })?;
        let runtime = Builder::new_current_thread().build()?;
        let components = folder.path().join("components");
        std::fs::create_dir_all(&components)?;
        let mut made = Vec::new();
        for version in 0..versions {
            let mut wasm = component.to_vec();
            // A custom section: id 0, its size, the length of its name, its name, its content.
            wasm.extend([0, 9, 7]);
            wasm.extend(MARK);
            wasm.push(version);
            let wasm = Bytes::from(wasm);
            let app = runtime.block_on(host.load(&wasm))?;
            // Stored before any world begins: worlds in several threads share the folder, and none of them has to write.
            let stored = components.join(format!("{}.wasm", app.digest()));
            std::fs::write(stored, &wasm)?;
            made.push((wasm, app));
        }
        Ok(Self {
            host,
            versions: made,
            folder,
        })
    }

    /// The versions of the component.
    pub fn versions(&self) -> usize {
        self.versions.len()
    }

    /// The bytes of a version.
    pub fn component(&self, version: usize) -> Option<Bytes> {
        self.versions.get(version).map(|(wasm, _)| wasm.clone())
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// A running node.
pub struct Life {
    /// The node.
    pub node: Node,
    /// What moves it.
    pub steps: Steps,
    /// Its tasks.
    pub tasks: Tasks,
    /// The world outside, as long as this life lasts.
    pub service: Service,
    /// What the node tells those who watch.
    pub notices: broadcast::Receiver<Notice>,
    disk: MemoryDisk,
    /// For what a crate below begins by itself: the requests of bodies.
    tokio: Runtime,
}

impl Life {
    /// Opens a node on this disk; the clock stands at `now_ms`.
    pub fn begin(
        machine: &Machine,
        disk: &MemoryDisk,
        plan: &Plan,
        now_ms: u64,
        mut random: Rng,
    ) -> Result<Self> {
        let tokio = Builder::new_current_thread().build()?;
        let (tasks, service) = (Tasks::default(), Service::default());
        let seed = random.draw();
        let surroundings = Simulated::new(tasks.clone(), service.clone(), random);
        let mut config = NodeConfig::new(machine.folder());
        config.storage = Storage::Simulated(disk.clone(), machine.folder());
        config.clock = Clock::virtual_at(now_ms);
        config.check_replay = plan.check_replay;
        config.seed = Some(seed);
        config.engine = EngineConfig {
            max_executing: plan.max_executing,
            max_requests: plan.max_requests,
            timers_per_step: plan.timers_per_step,
            runs_per_portion: plan.runs_per_portion,
            ..EngineConfig::default()
        };
        config.host = HostConfig {
            resident_bytes: plan.resident_bytes,
            extra_twins: plan.extra_twins,
            limits: GuestLimits::default(),
            surroundings: Some(Arc::new(surroundings)),
            ..HostConfig::default()
        };
        let opened = {
            let _inside = tokio.enter();
            Node::open_stepped(config, &machine.host)
        };
        let (node, steps) = opened.context("the node does not open")?;
        Ok(Self {
            notices: node.subscribe(),
            node,
            steps,
            tasks,
            service,
            disk: disk.clone(),
            tokio,
        })
    }

    /// Polls the ready task at this place.
    pub fn poll(&self, place: usize) -> Option<u64> {
        let _inside = self.tokio.enter();
        self.tasks.poll(place)
    }

    /// Lets go on what a crate below has begun by itself.
    pub fn go_on_below(&self) {
        self.tokio.block_on(tokio::task::yield_now());
    }

    /// What the store shows.
    pub fn view(&self) -> View {
        self.steps.view()
    }

    /// Moves all clocks on.
    pub fn pass(&self, ms: u64) {
        let _inside = self.tokio.enter();
        let now_ms = self.node.clock().now_ms();
        self.node.advance_clock_to(now_ms + ms);
        self.tasks.pass(ms);
    }

    /// Cuts its power: nothing is finished.
    pub fn end(self) {
        let Self {
            node,
            steps,
            tasks,
            service,
            notices,
            disk,
            tokio,
        } = self;
        disk.crash();
        {
            let _inside = tokio.enter();
            tasks.end();
            drop((node, steps, service, notices));
            tasks.end();
        }
        drop(tokio);
    }
}
