//! Streams of server-sent events: a run, or all runs of an event, first as they stand and then whenever they changed.
//!
//! A stream holds a place among the watchers of the node's notices, and what it last sent; both go when the client does, because
//! both live in the body of the answer. It reads anew for each change, so it may miss notices without showing anything wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use abide_core::engine::Notice;
use abide_core::ids::{EventId, RunId};
use abide_core::state::{Read, ReadError};
use abide_store::View;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::time::Instant;

use super::api::Params;
use super::error::{ApiError, Problem};
use super::live::LAST_EVENT_ID;
use super::runs::{read_detail, read_pending, standing};
use super::serve::Stopping;
use super::{Api, event_id, no_such_event, no_such_run, run_id};
use crate::Node;
use crate::view::RunView;

/// Changes within this time are shown together: a busy run changes hundreds of times a second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// The pause grows with what has to be read and sent each time, by a millisecond for this many bytes.
const BYTES_PER_MS: usize = 16 << 10;

/// A comment now and then keeps proxies from closing a quiet connection, and finds out whether the client is still there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

type Stopped = Option<Extension<Stopping>>;

/// Follow a run.
///
/// Server-sent events: a message `run` with the run as it stands, and again whenever it changed; `end` when it ended.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/stream",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last message of an earlier stream: what it showed is not sent again"),
        ("steps" = Option<bool>, Query, description = "`false`: without steps"),
    ),
    responses(
        (status = 200, description = "Messages", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such run"),
    )
)]
pub(super) async fn run(
    State(api): State<Api>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    stopping: Stopped,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let id = run_id(&id)?;
    let form = Form::parse(query.as_deref())?;
    let mut watcher = Watcher::new(api, None, form, stopping);
    watcher.wanted.insert(id);
    watcher.refresh().await?;
    watcher.resume(&headers);
    if watcher.shown.is_empty() {
        return Err(no_such_run(id).into());
    }
    Ok(answer(watcher))
}

/// Follow the runs of an event.
///
/// Server-sent events: a message `run` for each run that the event started, and again whenever it changed; `end` when all have ended.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/stream",
    tag = "events",
    params(
        ("id" = String, Path, description = "The event's id, as the answer to sending it gave it"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last message of an earlier stream: what it showed is not sent again"),
        ("steps" = Option<bool>, Query, description = "`false`: without steps"),
    ),
    responses(
        (status = 200, description = "Messages", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such event"),
    )
)]
pub(super) async fn event(
    State(api): State<Api>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    stopping: Stopped,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let id = event_id(&id)?;
    let form = Form::parse(query.as_deref())?;
    let mut watcher = Watcher::new(api.clone(), Some(id), form, stopping);
    if !api.read(move |view| view.has_event(id)).await? {
        return Err(no_such_event(id).into());
    }
    watcher.refresh().await?;
    watcher.resume(&headers);
    Ok(answer(watcher))
}

fn answer(watcher: Watcher) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// What a message tells of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All that is known, each time.
    Full,
    /// The run without its steps: enough for whoever waits for its end, at a cost that does not grow with the run.
    Record,
}

impl Form {
    fn parse(query: Option<&str>) -> Result<Self, ApiError> {
        match Params::parse(query, &["steps"])?.get("steps") {
            None | Some("true") => Ok(Self::Full),
            Some("false") => Ok(Self::Record),
            Some(other) => Err(ApiError::invalid(
                "invalid_query",
                format!("steps: must be `true` or `false`, not `{other}`"),
            )),
        }
    }

    /// The message for a run as it stands now, and whether it has ended.
    fn read(
        self,
        node: &Node,
        view: &View,
        id: RunId,
    ) -> Result<Option<(String, bool)>, ReadError> {
        let (text, status) = match self {
            Self::Full => match read_detail(node, view, id)? {
                Some((detail, status)) => (serde_json::to_string(&detail), status),
                None => return Ok(None),
            },
            Self::Record => match view.get_run(id)? {
                Some(run) => {
                    let status = standing(node, &run);
                    (serde_json::to_string(&RunView::new(&run, status)), status)
                }
                None => return Ok(None),
            },
        };
        let text = text.map_err(|error| ReadError::new(error.to_string()))?;
        Ok(Some((text, status.is_final())))
    }
}

/// What a run looked like when it was last sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    hash: u64,
    ended: bool,
}

struct Watcher {
    api: Api,
    /// Whose runs are watched, unless it is a single run.
    event: Option<EventId>,
    form: Form,
    notices: broadcast::Receiver<Notice>,
    stopping: Option<Stopping>,
    /// Runs to read again.
    wanted: BTreeSet<RunId>,
    shown: BTreeMap<RunId, Shown>,
    /// Runs of the event that are not created yet: a debounce or a batch still collects for them.
    expected: BTreeSet<RunId>,
    pending: VecDeque<Event>,
    /// No sooner are runs read again.
    quiet_until: Instant,
    /// The last message is out, or on its way.
    over: bool,
}

impl Watcher {
    /// It watches before it reads for the first time, so that nothing falls between.
    fn new(api: Api, event: Option<EventId>, form: Form, stopping: Stopped) -> Self {
        let notices = api.node.subscribe();
        Self {
            api,
            event,
            form,
            notices,
            stopping: stopping.map(|Extension(stopping)| stopping),
            wanted: BTreeSet::new(),
            shown: BTreeMap::new(),
            expected: BTreeSet::new(),
            pending: VecDeque::new(),
            quiet_until: Instant::now(),
            over: false,
        }
    }

    /// The next message; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.expected.is_empty() && self.shown.values().all(|shown| shown.ended) {
                // So that a client tells an end from a broken connection.
                self.over = true;
                return Some(Event::default().event("end").data("{}"));
            }
            let mut stopping = self.stopping.clone();
            let stopped = async move {
                match &mut stopping {
                    Some(stopping) => stopping.stopped().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stopped => return None,
                going_on = self.changed() => if !going_on {
                    return None;
                },
            }
            if let Err(error) = self.refresh().await {
                self.over = true;
                return Some(Event::default().event("error").data(error.detail));
            }
        }
    }

    /// What all runs together look like: the id of a message that completes it.
    fn state(&self) -> String {
        let states = self.shown.iter().map(|(run, shown)| (run, shown.hash));
        format!("{:016x}", hash(states.collect::<Vec<_>>()))
    }

    /// Spares a client that comes back what it has seen: if nothing changed since, nothing is sent again.
    fn resume(&mut self, headers: &HeaderMap) {
        let last = headers.get(&LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        if last == Some(self.state().as_str()) {
            self.pending.clear();
        }
    }

    /// Waits until a watched run changed, and then until it may be read again: at once if it ended.
    async fn changed(&mut self) -> bool {
        let mut hurry = false;
        loop {
            let waiting_enough =
                !self.wanted.is_empty() && (hurry || Instant::now() >= self.quiet_until);
            if waiting_enough {
                return true;
            }
            let pause = async {
                if self.wanted.is_empty() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep_until(self.quiet_until).await;
            };
            tokio::select! {
                () = pause => return true,
                notice = self.notices.recv() => match notice {
                    Ok(notice) => hurry |= self.note(&notice),
                    Err(RecvError::Lagged(_)) => self.note_all(),
                    Err(RecvError::Closed) => return false,
                },
            }
        }
    }

    /// Notes what a notice means; answers whether a watched run ended.
    fn note(&mut self, notice: &Notice) -> bool {
        let (run, ended, ours) = match notice {
            Notice::Run { run, status, event } => (
                *run,
                status.is_final(),
                self.event == Some(*event) || self.expected.contains(run),
            ),
            Notice::Grew(run) => (*run, false, false),
            Notice::Event(_) | Notice::Undecided(_) | Notice::Poisonous { .. } => return false,
        };
        let watched = self.shown.get(&run).map_or(ours, |shown| !shown.ended);
        if watched {
            self.wanted.insert(run);
        }
        watched && ended
    }

    /// Some notices were missed: any run may have changed.
    fn note_all(&mut self) {
        let open = self.shown.iter().filter(|(_, shown)| !shown.ended);
        self.wanted.extend(open.map(|(run, _)| *run));
        self.wanted.extend(&self.expected);
    }

    /// Reads the wanted runs again, and queues a message for each that looks different.
    async fn refresh(&mut self) -> Result<(), ApiError> {
        // What these notices tell is in what is read now.
        loop {
            match self.notices.try_recv() {
                Ok(notice) => {
                    self.note(&notice);
                }
                Err(TryRecvError::Lagged(_)) => self.note_all(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let wanted = std::mem::take(&mut self.wanted);
        let (event, form) = (self.event, self.form);
        let shown = self.shown.clone();
        let node = self.api.node.clone();
        let read = move |view: &View| {
            let mut wanted = wanted;
            if let Some(event) = event {
                // The others are found by the event, if it is still one of theirs.
                wanted.retain(|run| shown.contains_key(run));
                wanted.extend(
                    view.event_runs(event)?
                        .into_iter()
                        .filter(|run| !shown.contains_key(run)),
                );
            }
            let mut read = Vec::new();
            let mut expected = BTreeSet::new();
            for id in wanted {
                if let Some((text, ended)) = form.read(&node, view, id)? {
                    read.push((id, text, ended));
                } else if event.is_some() && read_pending(view, id)?.is_some() {
                    expected.insert(id);
                }
            }
            Ok((read, expected))
        };
        let (read, expected) = self.api.read(read).await?;
        self.expected = expected;
        let mut bytes = 0;
        for (id, text, ended) in read {
            bytes += text.len();
            let now = Shown {
                hash: hash(text.as_str()),
                ended,
            };
            if self.shown.insert(id, now) != Some(now) {
                self.pending
                    .push_back(Event::default().event("run").data(text));
            }
        }
        // Only who has seen all of them has seen this state.
        let state = self.state();
        if let Some(last) = self.pending.pop_back() {
            self.pending.push_back(last.id(state));
        }
        let pause_ms = u64::try_from(bytes / BYTES_PER_MS).unwrap_or(u64::MAX);
        self.quiet_until = Instant::now() + SHORTEST_PAUSE + Duration::from_millis(pause_ms);
        Ok(())
    }
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
