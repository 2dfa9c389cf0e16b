//! One instance and what the host keeps for it.
//!
//! A guest is a workflow instance, a twin, or an instance that only describes its functions. Host functions find here who
//! asks; what the answer is, the run's machine decides.

mod limiter;
mod lines;
mod meter;
mod signal;
mod trap;

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::sockets::WasiSocketsCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::config::GuestLimits;
use crate::execute::Run;
use crate::wasi::{Outgoing, Seeded};

pub(crate) use lines::{LogSink, Stream};
pub(crate) use meter::{on_epoch, thread_cpu};
pub(crate) use signal::Signal;
pub(crate) use trap::{Halt, failure_of};

/// Streams, requests, timers and the like that one guest may hold at once: they are the host's memory.
const MAX_RESOURCES: usize = 1_000;

/// What an instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It describes the app's functions.
    Describe,
    /// It runs the workflow code, and never a body.
    Workflow,
    /// It repeats the workflow code and executes bodies; the number finds its cursor in the run.
    Twin(usize),
}

/// The data of a guest's store.
pub(crate) struct Guest {
    pub(crate) role: Role,
    /// Absent only when describing.
    pub(crate) run: Option<Arc<Run>>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) limits: Arc<GuestLimits>,
    pub(crate) sink: Arc<LogSink>,
    pub(crate) table: ResourceTable,
    pub(crate) seeded: Seeded,
    pub(crate) outgoing: Outgoing,
    pub(crate) http: WasiHttpCtx,
    pub(crate) filesystem: Option<Box<WasiFilesystemCtx>>,
    pub(crate) sockets: Option<Box<WasiSocketsCtx>>,
    meter: meter::Meter,
    limiter: limiter::Limiter,
}

impl Guest {
    pub(crate) fn new(
        role: Role,
        run: Option<Arc<Run>>,
        signal: Arc<Signal>,
        limits: Arc<GuestLimits>,
    ) -> Self {
        let seeded = match &run {
            Some(run) => run.seeded(),
            None => Seeded::new(0, 0),
        };
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            role,
            sink: Arc::new(LogSink::new(role, run.clone())),
            table,
            seeded,
            outgoing: Outgoing::new(role, run.clone(), signal.clone()),
            http: WasiHttpCtx::new(),
            filesystem: None,
            sockets: None,
            meter: meter::Meter::default(),
            limiter: limiter::Limiter::new(limits.clone(), signal.clone()),
            run,
            signal,
            limits,
        }
    }

    /// Whether the guest executes a body at this moment: then, and only then, clock, randomness and network are real.
    pub(crate) fn in_body(&self) -> bool {
        self.signal.in_body()
    }

    /// The run, for operations: there is none while describing.
    pub(crate) fn run(&self) -> wasmtime::Result<&Arc<Run>> {
        self.run.as_ref().ok_or_else(|| {
            Halt::permanent("`describe` may only describe: it cannot start operations or log")
                .into()
        })
    }

    /// What workflow code sees as the time.
    pub(crate) fn workflow_clock_ms(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.clock_ms(self.role))
    }

    pub(crate) fn limiter(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.limiter
    }

    /// A slice of workflow code, or a body, begins or ends here.
    pub(crate) fn begin_slice(&mut self) {
        self.meter = meter::Meter::default();
        self.signal.set_cold();
    }
}
