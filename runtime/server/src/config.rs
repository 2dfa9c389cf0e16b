//! The node's settings, each with its reason.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use abide_core::engine::EngineConfig;
use abide_host::{EgressPolicy, HostConfig};
use abide_store::MemoryDisk;

use crate::clock::Clock;
use crate::environments::DEFAULT_ENVIRONMENT;
use crate::telemetry::Telemetry;

/// Where a node keeps what must survive.
#[derive(Debug, Clone)]
pub enum Storage {
    /// In a directory, on sled.
    Directory(PathBuf),
    /// On a simulated disk: for tests that cut its power. Components and compiled code are in the directory.
    Simulated(MemoryDisk, PathBuf),
}

impl Storage {
    /// The directory for components and compiled code.
    pub(crate) fn directory(&self) -> &PathBuf {
        match self {
            Self::Directory(path) | Self::Simulated(_, path) => path,
        }
    }
}

/// How long finished runs and events are kept unless somebody says otherwise: long enough to look into last month's failures.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

/// How often a node keeps house. Nothing depends on it but how long the disk holds what has expired.
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(3_600);

/// Settings of a [`Node`](crate::Node).
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Where its data is.
    pub storage: Storage,
    /// sled's page cache in bytes; 64 MiB holds the pages of some ten thousand live runs.
    pub cache_bytes: u64,
    /// Replays every run from its journal when it suspends or ends, and names the first divergence. Costs a replay each time.
    pub check_replay: bool,
    /// The engine's settings.
    pub engine: EngineConfig,
    /// The host's settings.
    pub host: HostConfig,
    /// What time it is.
    pub clock: Clock,
    /// What the ids of new runs follow from, beside the time; random unless given. Two starts on one store need two seeds.
    pub seed: Option<u64>,
    /// How long finished runs are kept whose functions don't say.
    pub keep_runs: Duration,
    /// How long events are kept after they were received, and at least as long as the runs that they started.
    pub keep_events: Duration,
    /// How often it forgets what was kept long enough; the first time at most a minute after its start.
    pub keep_house_every: Duration,
    /// Inputs that may wait for the shard before events are refused as overload: some seconds of work.
    pub max_queued_inputs: usize,
    /// Bytes that senders sent and that have no answer yet, before more are refused as overload: a bound on memory.
    pub max_queued_bytes: usize,
    /// Rows that may wait for the disk before events are refused as overload: a bound on memory.
    pub max_pending_rows: usize,
    /// The environment that the node is, as traces name it.
    pub environment: Arc<str>,
    /// What records traces, if anything does.
    pub telemetry: Option<Telemetry>,
}

impl NodeConfig {
    /// The default settings over this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self {
            storage: Storage::Directory(directory.clone()),
            cache_bytes: 64 << 20,
            check_replay: false,
            engine: EngineConfig::default(),
            host: HostConfig {
                code_cache: Some(directory.join("code-cache")),
                ..HostConfig::default()
            },
            clock: Clock::wall(),
            seed: None,
            keep_runs: KEEP,
            keep_events: KEEP,
            keep_house_every: KEEP_HOUSE_EVERY,
            max_queued_inputs: 50_000,
            max_queued_bytes: 256 << 20,
            max_pending_rows: 400_000,
            environment: DEFAULT_ENVIRONMENT.into(),
            telemetry: None,
        }
    }

    /// What bodies and requests of every app may reach besides public addresses.
    #[must_use]
    pub fn with_egress(mut self, egress: EgressPolicy) -> Self {
        self.host.egress = egress;
        self
    }
}
