//! Distributed traces of runs and of the requests that send events, exported by OTLP.
//!
//! Spans are derived from what is *written*: the shard shows each batch of writes once it is durable ([`Tracer::seen`]), and a thread makes
//! spans of the journal entries in it. Replay writes nothing, so nothing of it is ever told twice; ids of spans follow from the run
//! ([`abide_core::trace`]), so that they are the same after a restart.
//!
//! - `settings` reads OpenTelemetry's variables; `observe` says what of a write matters; `trail` makes spans of a run; `ingestion` of a
//!   request; `span` has their shape; `authored` makes spans and log records of what authors open and log; `export` sends them.
//!
//! # Invariants
//! - Without an endpoint there is no [`Telemetry`], and nothing here costs anything.
//! - Nothing here makes the engine wait: what does not fit into a bounded queue is dropped and counted.
//! - No payload of an event, a step or a run is in a span. What an author logs, and attaches to spans of their own, is sent as it is.

mod attributes;
mod authored;
mod export;
mod ingestion;
mod observe;
mod settings;
mod span;
mod trail;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abide_core::ids::RunId;
use abide_core::span::AuthoredSpan;
use abide_core::state::Write;
use abide_core::trace::Sampling;
use abide_store::View;

use export::Exporter;
pub(crate) use ingestion::record as record_request;
use observe::Sight;
pub use settings::TelemetryError;
use watch::{Seen, Watcher};

/// How long a stopping server lets the last spans leave.
const FLUSH: Duration = Duration::from_secs(3);

/// What records traces in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sampling: Sampling,
    exporter: Exporter,
    watcher: Watcher,
    next_source: AtomicU64,
    endpoint: String,
}

impl Shared {
    fn exported(&self) -> Exported {
        let counts = self.exporter.counts();
        Exported {
            dropped: counts.dropped + self.watcher.dropped(),
            ..counts
        }
    }
}

/// How much was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Spans that the collector has taken.
    pub exported: u64,
    /// Spans, and things of which spans would have been made, that were dropped.
    pub dropped: u64,
    /// Log records that the collector has taken.
    pub lines_exported: u64,
    /// Log records that were dropped.
    pub lines_dropped: u64,
}

impl Telemetry {
    /// Traces as OpenTelemetry's variables say it, to `endpoint` if that is given; `None` if they name no collector, or switch traces off. Needs
    /// a tokio runtime.
    pub fn from_environment(endpoint: Option<&str>) -> Result<Option<Self>, TelemetryError> {
        let variable = |name: &str| std::env::var(name).ok();
        let Some(settings) = settings::Settings::read(endpoint, variable)? else {
            return Ok(None);
        };
        let exporter = Exporter::start(&settings)?;
        let watcher = Watcher::start(exporter.clone(), settings.sampling)?;
        let shared = Shared {
            sampling: settings.sampling,
            exporter,
            watcher,
            next_source: AtomicU64::new(1),
            endpoint: settings.shown_endpoint(),
        };
        Ok(Some(Self {
            shared: Arc::new(shared),
        }))
    }

    /// Where spans go to, without secrets.
    pub fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// How much was recorded so far.
    pub fn exported(&self) -> Exported {
        self.shared.exported()
    }

    /// Lets what was recorded so far leave, for at most 3 s.
    pub async fn flush(&self) {
        let shared = self.shared.clone();
        let flushing = tokio::task::spawn_blocking(move || {
            shared.watcher.flush(FLUSH / 2);
            shared.exporter.flush(FLUSH / 2);
        });
        // A panic there has been reported by the panic hook.
        let _ = flushing.await;
    }

    /// What records the traces of one environment.
    pub(crate) fn tracer(&self, environment: Arc<str>, view: View) -> Tracer {
        Tracer {
            shared: self.shared.clone(),
            source: Arc::new(Source {
                number: self.shared.next_source.fetch_add(1, Ordering::Relaxed),
                environment,
                view,
            }),
        }
    }
}

/// Where runs are from.
pub(crate) struct Source {
    number: u64,
    environment: Arc<str>,
    view: View,
}

/// Records the traces of one environment. Clones share it.
#[derive(Clone)]
pub(crate) struct Tracer {
    shared: Arc<Shared>,
    source: Arc<Source>,
}

impl Tracer {
    /// What matters of a batch of writes, and of the spans that authors opened; `None` for nothing.
    pub(crate) fn watch(
        &self,
        writes: &[Write],
        spans: Vec<(RunId, Vec<AuthoredSpan>)>,
    ) -> Option<Vec<Sight>> {
        let sights = observe::sights(writes, spans, self.shared.exporter.takes_lines());
        (!sights.is_empty()).then_some(sights)
    }

    /// These writes are durable. It never blocks.
    pub(crate) fn seen(&self, sights: Vec<Sight>) {
        self.shared.watcher.tell(Seen {
            source: self.source.clone(),
            sights,
        });
    }

    /// How much this process recorded so far, all environments together.
    pub(crate) fn exported(&self) -> Exported {
        self.shared.exported()
    }

    /// Which traces are recorded.
    pub(crate) fn sampling(&self) -> Sampling {
        self.shared.sampling
    }
}
