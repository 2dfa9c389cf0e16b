//! The thread that makes spans of what was written.
//!
//! It reads the store where a trail has to be taken up, so it must not be the shard's or the committer's. What comes faster than it
//! works waits in a bounded queue, and what does not fit there is dropped and counted: the spans of such runs have gaps.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use abide_core::Json;
use abide_core::event::Event;
use abide_core::ids::{EventId, RunId};
use abide_core::journal::{Entry, OpNumber, step_key};
use abide_core::state::{Read as _, ReadError, Run};
use abide_core::trace::Sampling;
use abide_store::View;
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

use super::Source;
use super::authored;
use super::export::{Exporter, Now};
use super::observe::Sight;
use super::settings::TelemetryError;
use super::trail::{Lookup, Trail};

/// Batches of writes that may wait: about a second of a busy node, and some ten megabytes without what functions say.
const WAITING: usize = 16_384;

/// The most bytes that may wait of what functions say: lines of their logs, and the spans that their authors open.
const WAITING_BYTES: usize = 64 << 20;

/// Runs whose trails are kept between two looks at them. More are taken up from their journals.
const TRAILS: usize = 20_000;

/// What was written in an environment.
pub(super) struct Seen {
    pub source: Arc<Source>,
    pub sights: Vec<Sight>,
}

impl Seen {
    /// The bytes that functions chose.
    fn bytes(&self) -> usize {
        let json = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.len());
        let bytes = |sight: &Sight| match sight {
            Sight::Lines(_, lines) => lines
                .iter()
                .map(|line| size_of_val(line) + line.message.len() + json(&line.fields))
                .sum(),
            Sight::Spans(_, spans) => spans
                .iter()
                .map(|span| {
                    let error = span.error.as_ref().map_or(0, String::len);
                    size_of_val(span) + span.name.len() + json(&span.attributes) + error
                })
                .sum(),
            Sight::Entries { .. } | Sight::Run(_) => 0,
        };
        self.sights.iter().map(bytes).sum()
    }

    /// The record of a run that belongs to the sight at this place, which follows it.
    fn run(&self, place: usize, id: RunId, store: &Store<'_>) -> Option<Arc<Run>> {
        let written = self.sights[place..].iter().find_map(|sight| match sight {
            Sight::Run(run) if run.id == id => Some(run.clone()),
            _ => None,
        });
        written.or_else(|| store.run(id).map(Arc::new))
    }

    /// How many entries the run's journal had before those that follow.
    fn first_entry(&self, place: usize, run: &Run) -> u32 {
        let first = self.sights[place..].iter().find_map(|sight| match sight {
            Sight::Entries { run: id, first, .. } if *id == run.id => Some(*first),
            _ => None,
        });
        first.unwrap_or(run.entries)
    }

    /// The step that an operation is which began here.
    fn step_key(&self, id: RunId, op: OpNumber) -> Option<String> {
        let entries = self.sights.iter().filter_map(|sight| match sight {
            Sight::Entries { run, entries, .. } if *run == id => Some(entries),
            _ => None,
        });
        entries.flatten().find_map(|(_, entry)| match entry {
            Entry::OperationStarted {
                op: started,
                id,
                occurrence,
                ..
            } if *started == op => Some(step_key(id, *occurrence)),
            _ => None,
        })
    }
}

/// What is to be sent.
#[derive(Default)]
struct Out {
    spans: Vec<SpanData>,
    lines: Vec<SdkLogRecord>,
}

enum Message {
    /// And the bytes that count against [`WAITING_BYTES`].
    Seen(Seen, usize),
    Flush(SyncSender<Now>),
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Watcher {
    sender: SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl Watcher {
    /// Starts the thread; it ends with the last handle.
    pub(super) fn start(exporter: Exporter, sampling: Sampling) -> Result<Self, TelemetryError> {
        let (sender, receiver) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let trails = Trails {
            sampling,
            exporter,
            waiting_bytes: waiting_bytes.clone(),
            dropped: dropped.clone(),
            told: 0,
            by_run: HashMap::new(),
        };
        std::thread::Builder::new()
            .name("abide-traces".into())
            .spawn(move || trails.work(&receiver))
            .map_err(TelemetryError::Thread)?;
        Ok(Self {
            sender,
            waiting_bytes,
            dropped,
        })
    }

    /// Hands on what was written; never blocks.
    pub(super) fn tell(&self, seen: Seen) {
        let bytes = seen.bytes();
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        // What is alone may be as large as it is.
        let fits = waiting == 0 || bytes == 0 || waiting.saturating_add(bytes) <= WAITING_BYTES;
        if !fits || self.sender.try_send(Message::Seen(seen, bytes)).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many batches of writes were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until spans were made of everything that came before.
    pub(super) fn flush(&self, within: Duration) {
        let (done, wait) = sync_channel(1);
        let mut message = Message::Flush(done);
        let began = std::time::Instant::now();
        while let Err(TrySendError::Full(again)) = self.sender.try_send(message) {
            if began.elapsed() >= within {
                return;
            }
            message = again;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Late: then the last spans are lost, which is said in the count.
        let _ = wait.recv_timeout(within.saturating_sub(began.elapsed()));
    }
}

/// What the thread knows.
struct Trails {
    sampling: Sampling,
    exporter: Exporter,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
    /// How many of those the log has told.
    told: u64,
    by_run: HashMap<(u64, RunId), Trail>,
}

impl Trails {
    fn work(mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv_timeout(Duration::from_secs(60)) {
                Ok(Message::Seen(seen, bytes)) => {
                    let out = self.follow(&seen);
                    self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                    self.exporter.offer(out.spans);
                    self.exporter.offer_lines(out.lines);
                }
                Ok(Message::Flush(done)) => drop(done.try_send(Now)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.warn();
        }
    }

    fn warn(&mut self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        // The first, and then each time that it has doubled.
        if dropped > 0 && dropped >= self.told.saturating_mul(2).max(1) {
            self.told = dropped;
            tracing::warn!(
                dropped,
                "traces have gaps: more happens than spans can be made of; record fewer traces (OTEL_TRACES_SAMPLER=parentbased_traceidratio, OTEL_TRACES_SAMPLER_ARG=0.1)"
            );
        }
    }

    fn follow(&mut self, seen: &Seen) -> Out {
        let source = &*seen.source;
        let store = Store(&source.view);
        let mut out = Out::default();
        for (place, sight) in seen.sights.iter().enumerate() {
            match sight {
                Sight::Spans(id, spans) => {
                    let Some(run) = seen.run(place, *id, &store) else {
                        continue;
                    };
                    let first = seen.first_entry(place, &run);
                    if let Some(trace) = self.trail(source, &run, first, &store).trace() {
                        let spans = spans.iter().map(|span| authored::span(*id, trace, span));
                        out.spans.extend(spans);
                    }
                }
                Sight::Lines(id, lines) => {
                    let Some(run) = seen.run(place, *id, &store) else {
                        continue;
                    };
                    let first = seen.first_entry(place, &run);
                    let exporter = self.exporter.clone();
                    let trail = self.trail(source, &run, first, &store);
                    for line in lines {
                        if let Some(mut record) = exporter.record() {
                            let known = |op| trail.step_key(op).or_else(|| seen.step_key(*id, op));
                            let step = line.op.and_then(known);
                            authored::record(&mut record, &run, trail.place(), line, step);
                            out.lines.push(record);
                        }
                    }
                }
                Sight::Entries {
                    run: id,
                    first,
                    entries,
                } => {
                    let Some(run) = seen.run(place, *id, &store) else {
                        continue;
                    };
                    let trail = self.trail(source, &run, *first, &store);
                    for (index, entry) in entries {
                        trail.entry(*index, entry, &run, &mut out.spans);
                    }
                }
                Sight::Run(run) => {
                    let key = (source.number, run.id);
                    if !run.status.is_final() && !self.by_run.contains_key(&key) {
                        continue;
                    }
                    let trail = self.trail(source, run, run.entries, &store);
                    if trail.stands(run, &store, &mut out.spans) {
                        self.by_run.remove(&key);
                    }
                }
            }
        }
        out
    }

    fn trail(&mut self, source: &Source, run: &Run, first: u32, store: &Store<'_>) -> &mut Trail {
        let key = (source.number, run.id);
        if self.by_run.len() >= TRAILS && !self.by_run.contains_key(&key) {
            // Runs that are not recorded first: they cost only one look at an event.
            self.by_run.retain(|_, trail| !trail.is_silent());
            if self.by_run.len() >= TRAILS {
                self.by_run.clear();
            }
        }
        self.by_run.entry(key).or_insert_with(|| {
            Trail::take_up(run, first, &source.environment, self.sampling, store)
        })
    }
}

/// The store, for a trail. What cannot be read is as good as absent: the node itself says that its store fails.
struct Store<'a>(&'a View);

impl Lookup for Store<'_> {
    fn event(&self, id: EventId) -> Option<Event> {
        found(self.0.event(id))
    }

    fn journal(&self, run: RunId) -> Vec<Entry> {
        self.0.journal(run).unwrap_or_default()
    }

    fn events(&self, run: RunId) -> Vec<EventId> {
        self.0.run_events(run).unwrap_or_default()
    }

    fn run(&self, id: RunId) -> Option<Run> {
        found(self.0.run(id))
    }
}

fn found<T>(read: Result<Option<T>, ReadError>) -> Option<T> {
    read.ok().flatten()
}
