//! The thread that sends spans and log records to the collector, by OTLP over HTTP with protobuf.
//!
//! They wait in a bounded queue until there is a batch of them, or for a moment. A collector that is slow or gone costs spans and records, which
//! are counted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use opentelemetry::logs::{Logger, LoggerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider,
};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use parking_lot::Mutex;

use super::Exported;
use super::settings::{Settings, TelemetryError};
use super::span::scope;

/// The most bytes of a collector's answer that are read.
const MOST_ANSWER: usize = 1 << 20;

/// The least time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Says that something is done.
#[derive(Debug)]
pub(super) struct Now;

enum Message {
    Spans(Vec<SpanData>),
    Lines(Vec<SdkLogRecord>),
    Flush(SyncSender<Now>),
}

/// The way to the thread. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Exporter {
    sender: Sender<Message>,
    spans: Arc<Counts>,
    lines: Arc<Counts>,
    most: usize,
    /// Makes records, if they are taken.
    logger: Option<SdkLogger>,
}

/// What became of one kind.
#[derive(Debug)]
struct Counts {
    what: &'static str,
    /// What to do if the collector takes none.
    hint: &'static str,
    waiting: AtomicUsize,
    exported: AtomicU64,
    dropped: AtomicU64,
    warned: Mutex<Option<Instant>>,
}

impl Exporter {
    /// Starts the thread; it ends with the last handle.
    pub(super) fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let failed = |error: ExporterBuildError| TelemetryError::Exporter(error.to_string());
        let client = Client::new(settings)?;
        let mut of_spans = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_endpoint(settings.endpoint.as_str())
            .with_timeout(settings.timeout)
            .build()
            .map_err(failed)?;
        of_spans.set_resource(&resource());
        let of_lines = match &settings.lines {
            None => None,
            Some(endpoint) => {
                let mut exporter = opentelemetry_otlp::LogExporter::builder()
                    .with_http()
                    .with_http_client(client)
                    .with_endpoint(endpoint.as_str())
                    .with_timeout(settings.timeout)
                    .build()
                    .map_err(failed)?;
                exporter.set_resource(&resource());
                Some(exporter)
            }
        };
        let logger = of_lines
            .as_ref()
            .map(|_| SdkLoggerProvider::builder().build().logger("abide"));
        let (sender, receiver) = channel();
        let spans = Arc::new(Counts::new("spans", "OTEL_TRACES_EXPORTER=none sends none"));
        let lines = Arc::new(Counts::new(
            "log records",
            "OTEL_LOGS_EXPORTER=none sends none",
        ));
        let worker = Worker {
            of_spans,
            of_lines,
            runtime: tokio::runtime::Handle::current(),
            spans: spans.clone(),
            lines: lines.clone(),
            batch: settings.batch,
            delay: settings.delay,
        };
        std::thread::Builder::new()
            .name("abide-otlp".into())
            .spawn(move || worker.work(&receiver))
            .map_err(TelemetryError::Thread)?;
        Ok(Self {
            sender,
            spans,
            lines,
            most: settings.queue,
            logger,
        })
    }

    /// Hands on spans; never blocks.
    pub(super) fn offer(&self, spans: Vec<SpanData>) {
        let count = spans.len();
        self.hand_on(&self.spans, count, Message::Spans(spans));
    }

    /// Hands on log records; never blocks.
    pub(super) fn offer_lines(&self, lines: Vec<SdkLogRecord>) {
        let count = lines.len();
        self.hand_on(&self.lines, count, Message::Lines(lines));
    }

    fn hand_on(&self, counts: &Counts, count: usize, message: Message) {
        if count == 0 {
            return;
        }
        let waiting = counts.waiting.fetch_add(count, Ordering::Relaxed);
        if waiting + count > self.most || self.sender.send(message).is_err() {
            counts.waiting.fetch_sub(count, Ordering::Relaxed);
            counts.lost(count, "too many wait for it");
        }
    }

    /// Whether log records go out.
    pub(super) fn takes_lines(&self) -> bool {
        self.logger.is_some()
    }

    /// A record to be filled, if records go out.
    pub(super) fn record(&self) -> Option<SdkLogRecord> {
        self.logger.as_ref().map(Logger::create_log_record)
    }

    /// What the collector has taken, and what was dropped.
    pub(super) fn counts(&self) -> Exported {
        let read = |counts: &Counts| {
            (
                counts.exported.load(Ordering::Relaxed),
                counts.dropped.load(Ordering::Relaxed),
            )
        };
        let ((exported, dropped), (lines_exported, lines_dropped)) =
            (read(&self.spans), read(&self.lines));
        Exported {
            exported,
            dropped,
            lines_exported,
            lines_dropped,
        }
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
    fn new(what: &'static str, hint: &'static str) -> Self {
        Self {
            what,
            hint,
            waiting: AtomicUsize::new(0),
            exported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            warned: Mutex::default(),
        }
    }

    /// A request is over that had so many.
    fn sent(&self, count: usize, result: OTelSdkResult) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        match result {
            Ok(()) => {
                self.exported.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(error) => self.lost(count, &error.to_string()),
        }
    }

    fn lost(&self, count: usize, why: &str) {
        let dropped = self.dropped.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        let mut warned = self.warned.lock();
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(
                dropped,
                "{} do not reach the collector and were dropped: {why}; runs are not affected; {}",
                self.what,
                self.hint
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
    of_spans: opentelemetry_otlp::SpanExporter,
    of_lines: Option<opentelemetry_otlp::LogExporter>,
    runtime: tokio::runtime::Handle,
    spans: Arc<Counts>,
    lines: Arc<Counts>,
    batch: usize,
    delay: Duration,
}

impl Worker {
    fn work(self, receiver: &Receiver<Message>) {
        let mut spans: Vec<SpanData> = Vec::new();
        let mut lines: Vec<SdkLogRecord> = Vec::new();
        let mut due: Option<Instant> = None;
        loop {
            let message = match due {
                Some(due) => receiver.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let (mut everything, mut ended, mut asked) = (true, false, None);
            match message {
                Ok(Message::Spans(more)) => {
                    spans.extend(more);
                    everything = false;
                }
                Ok(Message::Lines(more)) => {
                    lines.extend(more);
                    everything = false;
                }
                Ok(Message::Flush(done)) => asked = Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ended = true,
            }
            self.send_spans(&mut spans, everything);
            self.send_lines(&mut lines, everything);
            if let Some(done) = asked {
                // Whoever asked may have gone away.
                let _ = done.try_send(Now);
            }
            if ended {
                return;
            }
            if spans.is_empty() && lines.is_empty() {
                due = None;
            } else {
                due.get_or_insert_with(|| Instant::now() + self.delay);
            }
        }
    }

    /// Sends whole batches, or everything.
    fn send_spans(&self, spans: &mut Vec<SpanData>, everything: bool) {
        while let Some(batch) = self.batch_of(spans, everything) {
            let count = batch.len();
            let result = self.runtime.block_on(self.of_spans.export(batch));
            self.spans.sent(count, result);
        }
    }

    fn send_lines(&self, lines: &mut Vec<SdkLogRecord>, everything: bool) {
        let Some(exporter) = &self.of_lines else {
            return;
        };
        while let Some(batch) = self.batch_of(lines, everything) {
            let scope = scope();
            let records: Vec<_> = batch.iter().map(|record| (record, &scope)).collect();
            let sending = exporter.export(LogBatch::new(&records));
            let result = self.runtime.block_on(sending);
            self.lines.sent(batch.len(), result);
        }
    }

    fn batch_of<T>(&self, waiting: &mut Vec<T>, everything: bool) -> Option<Vec<T>> {
        if waiting.len() >= self.batch {
            let rest = waiting.split_off(self.batch);
            return Some(std::mem::replace(waiting, rest));
        }
        (everything && !waiting.is_empty()).then(|| std::mem::take(waiting))
    }
}

/// The HTTP client that the exporter uses: the one that the binary has anyway.
#[derive(Debug, Clone)]
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
