//! The host's settings, each with its reason.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::egress::EgressPolicy;
use crate::surroundings::Surroundings;

/// Settings of a [`Host`](crate::Host).
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled code is kept between starts; nowhere if absent.
    pub code_cache: Option<PathBuf>,
    /// What one guest may use.
    pub limits: GuestLimits,
    /// The pool of instances. `None`: every instance is made on demand.
    pub pool: Option<PoolConfig>,
    /// Bytes of memory that parked runs may keep together, before the least recently used of them are evicted.
    pub resident_bytes: usize,
    /// Twins beyond the first of a run, over all runs together.
    pub extra_twins: usize,
    /// Bytes that these extra twins may hold together.
    pub extra_twin_bytes: usize,
    /// Where bodies and fetches may connect to.
    pub egress: EgressPolicy,
    /// Whether guests are interrupted, so that others go on, and their CPU time is measured. Without it an endless loop stays one: only
    /// for a simulation of guests that are known, whose order must not depend on the machine's speed.
    pub interrupts: bool,
    /// Entries of a run that are held back before they are handed on, unless something outside depends on them: each part is a commit. 1 makes
    /// every entry durable by itself: for tests that cut the power between any two.
    pub flush_entries: usize,
    /// What the host takes from the process around it; the process itself if absent.
    pub surroundings: Option<Arc<dyn Surroundings>>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            code_cache: None,
            limits: GuestLimits::default(),
            pool: Some(PoolConfig::default()),
            resident_bytes: 256 << 20,
            extra_twins: 64,
            extra_twin_bytes: 1 << 30,
            egress: EgressPolicy::default(),
            interrupts: true,
            flush_entries: 256,
            surroundings: None,
        }
    }
}

/// What one guest may use.
#[derive(Debug, Clone)]
pub struct GuestLimits {
    /// Linear memory of one instance, all its memories together, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables of one instance.
    pub table_elements: usize,
    /// CPU time of workflow code between two calls of `next`.
    pub slice_cpu: Duration,
    /// CPU time of one attempt at a body.
    pub body_cpu: Duration,
    /// Wall time of one attempt at a body whose step sets no timeout.
    pub body_timeout: Duration,
    /// CPU time of `describe`.
    pub describe_cpu: Duration,
    /// Response body of one `fetch`, in bytes.
    pub fetch_response_bytes: usize,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 200_000,
            slice_cpu: Duration::from_secs(10),
            body_cpu: Duration::from_secs(30),
            body_timeout: Duration::from_mins(15),
            describe_cpu: Duration::from_secs(10),
            fetch_response_bytes: 4 << 20,
        }
    }
}

/// The size of the pool. All of it is address space only, until it is used.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Instances of components at once.
    pub components: u32,
    /// Core instances at once: a Rust component has 3 or 4, one of Python more than 20.
    pub core_instances: u32,
    /// Linear memories at once: a Rust component has 1, one of QuickJS 3.
    pub memories: u32,
    /// Tables at once.
    pub tables: u32,
    /// Elements of one table: Python needs 40,000.
    pub table_elements: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            components: 2_000,
            core_instances: 8_000,
            memories: 2_500,
            tables: 4_000,
            table_elements: 40_000,
        }
    }
}
