//! The records of the store, as data.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::failure::Failure;
use crate::function::FunctionConfig;
use crate::ids::{Digest, EventId, FunctionId, RunId};
use crate::journal::{Entry, OpNumber};
use crate::limits::Limits;
use crate::operation::{AiInfer, Fetch, Invoke};
use crate::retry::RetryPolicy;
use crate::state::Queue;

/// One deployed version of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// The SHA-256 of its component.
    pub digest: Digest,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The component's size.
    pub bytes: u64,
    /// Its functions.
    pub functions: Vec<FunctionConfig>,
    /// The shapes of events that it describes.
    pub schemas: Vec<EventSchema>,
}

/// The shape that an event's `data` must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSchema {
    /// The exact name of the event.
    pub event: String,
    /// It applies to events with this `v`; to those without one if absent.
    pub v: Option<String>,
    /// A JSON Schema.
    pub schema: Json,
}

/// An app: the code that new runs start with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// kebab-case.
    pub id: Arc<str>,
    /// What is served now.
    pub current: Deployed,
    /// Configured variables: the environment of step bodies.
    pub variables: BTreeMap<String, String>,
    /// `HOST` or `HOST:PORT` that step bodies may reach although they are not public.
    pub allow_net: Vec<String>,
    /// How many deployments there have been.
    pub deployments: u32,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RunStatus {
    /// It has not begun.
    Queued,
    /// Its code executes, or will as soon as there is room.
    Running,
    /// It waits for a time.
    Sleeping,
    /// It waits for an event, a signal, another run or a request.
    Waiting,
    /// It is stopped and can go on: the reason is in `end`.
    Paused,
    /// It returned.
    Completed,
    /// It failed for good.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It never began: a control of its function said no.
    Skipped,
}

impl RunStatus {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Sleeping,
        Self::Waiting,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Whether nothing will ever happen to the run again.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Sleeping => "Sleeping",
            Self::Waiting => "Waiting",
            Self::Paused => "Paused",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
        }
    }
}

/// What came of a run, or why it is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// Its output: JSON.
    Output(Json),
    /// Why it failed, was cancelled, or is paused.
    Failure(Failure),
    /// Why it was skipped, in one sentence.
    Skipped(String),
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What runs.
    pub function: FunctionId,
    /// The code that it is pinned to.
    pub digest: Digest,
    /// Retries of its steps and of its code, pinned with the code.
    pub policy: RetryPolicy,
    /// The event that functions see as `event`.
    pub event: EventId,
    /// How many events started it. More than one are found by [`Read::run_events`](super::Read::run_events).
    pub event_count: u32,
    /// Whether they are a batch.
    pub batch: bool,
    /// The run and the operation that invoked it.
    pub parent: Option<(RunId, OpNumber)>,
    /// The run that this one replays.
    pub original: Option<RunId>,
    /// The schedule whose tick started it.
    pub cron: Option<Arc<str>>,
    /// How it queues, if its function limits what goes on at once or how fast runs start, or is paused. Boxed: most runs have none.
    pub queue: Option<Box<Queue>>,
    /// Whether events or times are watched that cancel it: their registrations have [guard numbers](crate::journal::is_guard).
    pub guarded: bool,
    /// Whether its end publishes no internal event: it was itself started by one.
    pub quiet: bool,
    /// What replaces the input of one of its steps.
    pub input: Option<Box<StepInput>>,
    /// The value of the singleton's key, as the control's record has it, if it is the live run of one.
    pub singleton: Option<Arc<str>>,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was created, in milliseconds since the Unix epoch.
    pub queued_ms: u64,
    /// When its code first ran.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// What came of it.
    pub end: Option<RunEnd>,
    /// Entries in its journal.
    pub entries: u32,
    /// Chunks of log lines.
    pub log_chunks: u32,
    /// What is in them. Absent while there is nothing, and of runs whose last line is older than this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<Logged>,
}

impl Run {
    /// A run that was just created for one event, with nothing special about it.
    pub fn queued(
        id: RunId,
        function: FunctionId,
        digest: Digest,
        event: EventId,
        queued_ms: u64,
    ) -> Self {
        Self {
            id,
            function,
            digest,
            policy: RetryPolicy::default(),
            event,
            event_count: 1,
            batch: false,
            parent: None,
            original: None,
            cron: None,
            queue: None,
            guarded: false,
            quiet: false,
            input: None,
            singleton: None,
            status: RunStatus::Queued,
            queued_ms,
            started_ms: None,
            ended_ms: None,
            end: None,
            entries: 0,
            log_chunks: 0,
            logged: None,
        }
    }
}

/// The input that an operator gave to a step when the run was replayed from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInput {
    /// The step's key: `id`, `id:1`…
    pub step: String,
    /// JSON.
    pub input: Json,
}

/// Consecutive entries of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalChunk {
    /// The index of the first entry.
    pub first: u32,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every detail.
    Trace,
    /// For the author.
    Debug,
    /// What happened.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line that a function logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The operation whose body logged it; none for workflow code.
    pub op: Option<OpNumber>,
    /// Which attempt of the body or of the workflow code, from 0.
    pub attempt: u32,
    /// How much it matters.
    pub level: LogLevel,
    /// The text, without a line end.
    pub message: String,
    /// What belongs to it: a JSON object.
    #[serde(default)]
    pub fields: Option<Json>,
    /// Bytes of message and fields that were cut away.
    #[serde(default)]
    pub cut: u32,
}

/// How much a run has logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Lines.
    pub lines: u32,
    /// Bytes of their messages and fields.
    pub bytes: u64,
}

impl Logged {
    /// Adds a line.
    pub fn count(&mut self, line: &LogLine) {
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(line.bytes() as u64);
    }

    /// Whether nothing more is recorded: one line more than the limit says so.
    pub fn is_full(self, limits: &Limits) -> bool {
        self.lines > limits.log_lines_per_run || self.bytes > limits.log_bytes_per_run
    }
}

/// Something pending outside the code of a run that the engine watches for it: what will make it go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Registration {
    /// A sleep that ends.
    Sleep {
        /// When, in milliseconds since the Unix epoch.
        due_ms: u64,
    },
    /// A step's next attempt, or that of the workflow code.
    Retry {
        /// When.
        due_ms: u64,
    },
    /// A run that is to begin later.
    Start {
        /// When.
        due_ms: u64,
    },
    /// A wait for an event.
    Event {
        /// The exact name.
        name: String,
        /// What must be equal: the canonical value that the arriving event must have at `match_path`.
        match_path: Option<(String, String)>,
        /// CEL over `event` and `async`.
        if_expr: Option<String>,
        /// Events received from this time on count too.
        since_ms: Option<u64>,
        /// When it times out.
        due_ms: u64,
    },
    /// A wait for a signal.
    Signal {
        /// Its name.
        name: String,
        /// Whether it takes the place of an earlier wait.
        replace: bool,
        /// When it times out.
        due_ms: u64,
    },
    /// Another run's result. Boxed: it is rare and large.
    Invoke {
        /// What to start.
        invoke: Box<Invoke>,
        /// When it times out.
        due_ms: u64,
        /// The run, once it is created.
        child: Option<RunId>,
    },
    /// An HTTP request that the host performs.
    Fetch {
        /// The request.
        fetch: Box<Fetch>,
        /// Its retries.
        policy: RetryPolicy,
        /// The attempt that is under way or due, from 0.
        attempt: u32,
        /// When that attempt is due, where it has to wait.
        due_ms: Option<u64>,
    },
    /// An event that cancels the run.
    CancelOn {
        /// Its exact name.
        name: String,
        /// What must be equal, as for a wait.
        match_path: Option<(String, String)>,
        /// CEL over `event` and `async`.
        if_expr: Option<String>,
        /// Until when it counts.
        until_ms: Option<u64>,
    },
    /// A time at which the run is cancelled.
    Timeout {
        /// When.
        due_ms: u64,
        /// Which of the function's timeouts.
        kind: TimeoutKind,
        /// The timeout's length, for people.
        after_ms: u64,
        /// What was left of it when the run was paused: it does not count down, and nothing is due, until the run goes on.
        left_ms: Option<u64>,
    },
    /// A debounce that collects events; the run is not created yet. Boxed: it is rare and large.
    Debounce(Box<PendingDebounce>),
    /// A batch that collects events; the run is not created yet.
    Batch(Box<PendingBatch>),
    /// A model request that the host performs.
    AiInfer {
        /// The request.
        infer: Box<AiInfer>,
        /// Its retries.
        policy: RetryPolicy,
        /// The attempt that is under way or due, from 0.
        attempt: u32,
        /// When that attempt is due, where it has to wait.
        due_ms: Option<u64>,
    },
}

impl Registration {
    /// When time itself makes something of it happen.
    pub fn due_ms(&self) -> Option<u64> {
        match self {
            Self::Sleep { due_ms }
            | Self::Retry { due_ms }
            | Self::Start { due_ms }
            | Self::Event { due_ms, .. }
            | Self::Signal { due_ms, .. }
            | Self::Invoke { due_ms, .. } => Some(*due_ms),
            Self::Timeout {
                due_ms, left_ms, ..
            } => left_ms.is_none().then_some(*due_ms),
            Self::Debounce(pending) => Some(pending.due_ms),
            Self::Batch(pending) => Some(pending.due_ms),
            Self::CancelOn { .. } => None,
            Self::Fetch { due_ms, .. } | Self::AiInfer { due_ms, .. } => *due_ms,
        }
    }

    /// Whether the run is said to sleep (and not to wait) for it.
    pub fn is_sleep(&self) -> bool {
        matches!(
            self,
            Self::Sleep { .. } | Self::Retry { .. } | Self::Start { .. }
        )
    }

    /// The name of the event that it looks out for, and the path and canonical value that the event must have, if any.
    pub fn awaited(&self) -> Option<(&str, Option<(&str, &str)>)> {
        match self {
            Self::Event {
                name, match_path, ..
            }
            | Self::CancelOn {
                name, match_path, ..
            } => {
                let matched = match_path.as_ref();
                let matched = matched.map(|(path, value)| (path.as_str(), value.as_str()));
                Some((name, matched))
            }
            Self::Sleep { .. }
            | Self::Retry { .. }
            | Self::Start { .. }
            | Self::Signal { .. }
            | Self::Invoke { .. }
            | Self::Fetch { .. }
            | Self::AiInfer { .. }
            | Self::Timeout { .. }
            | Self::Debounce(_)
            | Self::Batch(_) => None,
        }
    }

    /// Whether a request is to be performed for it.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::AiInfer { .. })
    }
}

/// Which of a function's timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeoutKind {
    /// The run did not start in time.
    Start,
    /// The run did not end in time.
    Finish,
}

/// What a debounce has collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDebounce {
    /// Whose.
    pub function: FunctionId,
    /// For which value of its key, in canonical text.
    pub key: String,
    /// When the first event was received.
    pub first_ms: u64,
    /// When the run is created, unless another event comes before.
    pub due_ms: u64,
    /// The newest events, at most 100, by `ts` and then by arrival, oldest first.
    pub events: Vec<(u64, EventId)>,
}

/// What a batch has collected. Its events are found by [`Read::run_events`](super::Read::run_events).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingBatch {
    /// Whose.
    pub function: FunctionId,
    /// For which value of its key, in canonical text.
    pub key: String,
    /// The first event.
    pub first: EventId,
    /// When the run is created, unless the batch is full before.
    pub due_ms: u64,
    /// Events.
    pub count: u32,
    /// Their bytes together.
    pub bytes: u64,
}

/// The place of a timer in the order in which timers come due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerKey {
    /// When, in milliseconds since the Unix epoch.
    pub due_ms: u64,
    /// Whose.
    pub run: RunId,
    /// Which operation's.
    pub op: OpNumber,
}

/// Names one wait for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WaitKey {
    /// Whose.
    pub run: RunId,
    /// Which operation's.
    pub op: OpNumber,
}

/// A signal that nobody waits for yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferedSignal {
    /// What the waiting run will receive: JSON.
    pub data: Json,
    /// Until when it is kept, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}
