//! The WebAssembly engines: how guests are compiled and where their memory comes from.
//!
//! Two engines compile alike, so that compiled code serves both: one takes instances from a pool, which is quick but
//! bounded; the other makes them on demand, for when the pool is full or a component does not fit into it.
//!
//! Invariant: nothing here makes the outcome of a computation depend on the machine it runs on.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::config::{HostConfig, PoolConfig};
use crate::error::Error;

/// How long a guest runs before it lets others go on. Epochs advance this often.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The stack that WebAssembly may use; what is beyond it is for host functions.
const WASM_STACK_BYTES: usize = 1 << 20;
const ASYNC_STACK_BYTES: usize = 2 << 20;

/// Address space of one linear memory: with all 4 GiB reserved, compiled code needs no bounds checks.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
const MEMORY_GUARD_BYTES: u64 = 32 << 20;

/// Memory of a pooled slot that is wiped rather than given back: what a small guest dirties.
const KEEP_RESIDENT_BYTES: usize = 128 << 10;

/// Both engines and their clock.
pub(crate) struct Engines {
    pub(crate) on_demand: Engine,
    pub(crate) pooled: Option<Engine>,
    ticks: Arc<AtomicU64>,
    stop: Option<std::sync::mpsc::Sender<()>>,
}

impl Engines {
    pub(crate) fn new(config: &HostConfig) -> Result<Self, Error> {
        let engine =
            |config: &Config| Engine::new(config).map_err(|e| Error::Engine(format!("{e:#}")));
        let on_demand = engine(&compile_config())?;
        let pooled = match &config.pool {
            None => None,
            Some(pool) => match engine(compile_config().allocation_strategy(pooling(pool))) {
                Ok(engine) => Some(engine),
                Err(error) => {
                    tracing::warn!(%error, "no pool of instances: the address space does not allow it; going on without");
                    None
                }
            },
        };
        let ticks = Arc::new(AtomicU64::new(0));
        if !config.interrupts {
            return Ok(Self {
                on_demand,
                pooled,
                ticks,
                stop: None,
            });
        }
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let ticking = (on_demand.clone(), pooled.clone(), ticks.clone());
        std::thread::Builder::new()
            .name("abide-epoch".into())
            .spawn(move || {
                let (on_demand, pooled, ticks) = ticking;
                while stopped.recv_timeout(TICK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    ticks.fetch_add(1, Ordering::Relaxed);
                    on_demand.increment_epoch();
                    if let Some(pooled) = &pooled {
                        pooled.increment_epoch();
                    }
                }
            })
            .map_err(|e| Error::Engine(format!("no thread for the epochs: {e}")))?;
        Ok(Self {
            on_demand,
            pooled,
            ticks,
            stop: Some(stop),
        })
    }

    /// Counts the epochs.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Differs whenever code compiled by one engine cannot be loaded by another.
    pub(crate) fn compatibility_hash(&self) -> u64 {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        self.on_demand
            .precompile_compatibility_hash()
            .hash(&mut hasher);
        hasher.finish()
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // Closing the channel ends the thread.
        self.stop = None;
    }
}

fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

fn pooling(pool: &PoolConfig) -> InstanceAllocationStrategy {
    let mut config = PoolingAllocationConfig::new();
    config
        .total_component_instances(pool.components)
        .total_core_instances(pool.core_instances)
        .total_memories(pool.memories)
        .total_tables(pool.tables)
        .total_stacks(pool.components)
        .table_elements(pool.table_elements)
        .max_core_instances_per_component(200)
        .max_memories_per_component(16)
        .max_tables_per_component(64)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .max_unused_warm_slots(256)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(32 << 10)
        .async_stack_keep_resident(16 << 10)
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(config)
}

/// FNV-1a: stable over starts, unlike the standard library's hasher.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
