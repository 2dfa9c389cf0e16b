//! The thread that sends spans to the collector, by OTLP over HTTP with protobuf.
//!
//! Spans wait in a bounded queue until there is a batch of them, or for a moment. A collector that is slow or gone costs spans, which are
//! counted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use parking_lot::Mutex;

use super::settings::{Settings, TelemetryError};

/// The most bytes of a collector's answer that are read.
const MOST_ANSWER: usize = 1 << 20;

/// The least time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Says that something is done.
#[derive(Debug)]
pub(super) struct Now;

enum Message {
    Spans(Vec<SpanData>),
    Flush(SyncSender<Now>),
}

/// The way to the thread. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Exporter {
    sender: Sender<Message>,
    counts: Arc<Counts>,
    most: usize,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    exported: AtomicU64,
    dropped: AtomicU64,
    warned: Mutex<Option<Instant>>,
}

impl Exporter {
    /// Starts the thread; it ends with the last handle.
    pub(super) fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(settings)?)
            .with_endpoint(settings.endpoint.as_str())
            .with_timeout(settings.timeout)
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        exporter.set_resource(&resource());
        let (sender, receiver) = channel();
        let counts = Arc::new(Counts::default());
        let worker = Worker {
            exporter,
            runtime: tokio::runtime::Handle::current(),
            counts: counts.clone(),
            batch: settings.batch,
            delay: settings.delay,
        };
        std::thread::Builder::new()
            .name("abide-otlp".into())
            .spawn(move || worker.work(&receiver))
            .map_err(TelemetryError::Thread)?;
        Ok(Self {
            sender,
            counts,
            most: settings.queue,
        })
    }

    /// Hands on spans; never blocks.
    pub(super) fn offer(&self, spans: Vec<SpanData>) {
        if spans.is_empty() {
            return;
        }
        let count = spans.len();
        let waiting = self.counts.waiting.fetch_add(count, Ordering::Relaxed);
        if waiting + count > self.most || self.sender.send(Message::Spans(spans)).is_err() {
            self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
            self.counts.lost(count, "the queue of spans is full");
        }
    }

    /// How many spans the collector has taken, and how many were dropped.
    pub(super) fn counts(&self) -> (u64, u64) {
        let counts = &self.counts;
        (
            counts.exported.load(Ordering::Relaxed),
            counts.dropped.load(Ordering::Relaxed),
        )
    }

    /// Waits until everything that came before was sent, or tried.
    pub(super) fn flush(&self, within: Duration) {
        let (done, wait) = sync_channel(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            // Late: then the last spans are lost.
            let _ = wait.recv_timeout(within);
        }
    }
}

impl Counts {
    fn lost(&self, spans: usize, why: &str) {
        let dropped = self.dropped.fetch_add(spans as u64, Ordering::Relaxed) + spans as u64;
        let mut warned = self.warned.lock();
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(
                dropped,
                "spans do not reach the collector and were dropped: {why}; runs are not affected"
            );
        }
    }
}

/// Who the spans are from: `service.name` and more, as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have it.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let is_named = named
        .get(&opentelemetry::Key::from_static_str("service.name"))
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attribute(version);
    if is_named {
        builder.build()
    } else {
        builder.with_service_name("abide").build()
    }
}

struct Worker {
    exporter: opentelemetry_otlp::SpanExporter,
    runtime: tokio::runtime::Handle,
    counts: Arc<Counts>,
    batch: usize,
    delay: Duration,
}

impl Worker {
    fn work(self, receiver: &Receiver<Message>) {
        let mut spans: Vec<SpanData> = Vec::new();
        let mut due: Option<Instant> = None;
        loop {
            let message = match due {
                Some(due) => receiver.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Spans(more)) => {
                    spans.extend(more);
                    due.get_or_insert_with(|| Instant::now() + self.delay);
                    while spans.len() >= self.batch {
                        let rest = spans.split_off(self.batch);
                        self.export(std::mem::replace(&mut spans, rest));
                    }
                }
                Ok(Message::Flush(done)) => {
                    self.export(std::mem::take(&mut spans));
                    // Whoever asked has gone away.
                    let _ = done.try_send(Now);
                }
                Err(RecvTimeoutError::Timeout) => self.export(std::mem::take(&mut spans)),
                Err(RecvTimeoutError::Disconnected) => {
                    self.export(spans);
                    return;
                }
            }
            if spans.is_empty() {
                due = None;
            }
        }
    }

    fn export(&self, spans: Vec<SpanData>) {
        if spans.is_empty() {
            return;
        }
        let count = spans.len();
        let result = self.runtime.block_on(self.exporter.export(spans));
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        match result {
            Ok(()) => {
                let count = count as u64;
                self.counts.exported.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => self.counts.lost(count, &error.to_string()),
        }
    }
}

/// The HTTP client that the exporter uses: the one that the binary has anyway.
#[derive(Debug)]
struct Client(reqwest::Client);

impl Client {
    fn new(settings: &Settings) -> Result<Self, TelemetryError> {
        let mut builder = reqwest::Client::builder()
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(file) = &settings.certificate {
            let refused = |reason: String| TelemetryError::Certificate {
                file: file.clone(),
                reason,
            };
            let pem = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| refused(error.to_string()))?;
            for root in roots {
                builder = builder.add_root_certificate(root);
            }
        }
        let client = builder
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        Ok(Self(client))
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let mut answer = self.0.execute(request).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_ANSWER {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body.into())?)
    }
}
