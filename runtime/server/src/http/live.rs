//! `/api/v1/stream`: the runs and events of an environment, whenever one of them changes.
//!
//! Server-sent events. Each message carries the position after it as its id; a client that comes back with that id (`Last-Event-ID`)
//! goes on from there. Where the node does not remember so far back, a message `reset` says so, and the client reads its lists
//! again. A stream starts at the present. Runs are read when they are shown: a run that changed several times at once is shown once.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use abide_core::state::ReadError;
use abide_store::View;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use tokio::sync::watch;

use super::Api;
use super::api::Params;
use super::error::{ApiError, Problem};
use super::runs::standing;
use super::select::Selection;
use super::serve::Stopping;
use super::stream::KEEP_ALIVE;
use crate::Node;
use crate::changes::{Change, Forgotten};
use crate::view::{EventView, RunView};

/// The last message that a client has seen. Browsers send it by themselves.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Changes within this time are shown together.
const PAUSE: Duration = Duration::from_millis(50);

/// Changes that are read at once.
const AT_ONCE: usize = 100;

/// No more of them once their messages have so many bytes: they wait in memory until the client takes them.
const MOST_BYTES: usize = 1 << 20;

/// What a client wants to see.
#[derive(Debug, Clone)]
struct Wanted {
    /// None: no runs.
    runs: Option<Selection>,
    events: Events,
    /// The position that it names in the address. Browsers set no header when they open a stream, only when they open it again.
    after: Option<String>,
}

/// Which events a client wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Events {
    None,
    All,
    Named(String),
}

impl Events {
    fn admit(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(wanted) => wanted == name,
        }
    }
}

impl Wanted {
    fn parse(query: Option<&str>) -> Result<Self, ApiError> {
        let known = [
            "show",
            "function",
            "app",
            "status",
            "if",
            "name",
            "last_event_id",
        ];
        let params = Params::parse(query, &known)?;
        let (mut runs, mut events) = (false, false);
        for part in params.all("show").iter().flat_map(|text| text.split(',')) {
            match part.trim() {
                "runs" => runs = true,
                "events" => events = true,
                "" => {}
                other => {
                    return Err(ApiError::invalid(
                        "invalid_query",
                        format!("show: must be `runs`, `events` or both, not `{other}`"),
                    ));
                }
            }
        }
        if !runs && !events {
            (runs, events) = (true, true);
        }
        let selection = Selection::of_query(&params)?;
        Ok(Self {
            runs: runs.then_some(selection),
            events: match params.get("name") {
                _ if !events => Events::None,
                None => Events::All,
                Some(name) => Events::Named(name.to_owned()),
            },
            after: params.get("last_event_id").map(str::to_owned),
        })
    }
}

/// Follow all runs and events.
///
/// Server-sent events: first `open`, or `reset` when the stream can't go on after `Last-Event-ID`; then `run` with a run as lists show it,
/// whenever it was created or stands elsewhere, and `event` with an event when it was accepted.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "runs",
    params(
        ("show" = Option<String>, Query, description = "`runs`, `events`, or both separated by a comma; both unless given"),
        ("function" = Option<String>, Query, description = "Only runs of this function: `app/function`"),
        ("app" = Option<String>, Query, description = "Only runs of this app"),
        ("status" = Option<Vec<String>>, Query, description = "Only runs when they come to stand there; also separated by commas"),
        ("if" = Option<String>, Query, description = "Only runs for which this condition in CEL holds, over `event`, `output` and `error`"),
        ("name" = Option<String>, Query, description = "Only events of this name"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last message of an earlier stream: go on after it"),
        ("last_event_id" = Option<String>, Query, description = "The same, for clients that can't set a header when they open a stream; the header goes before it"),
    ),
    responses((status = 200, description = "Messages", body = String, content_type = "text/event-stream"))
)]
pub(super) async fn follow(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let wanted = Wanted::parse(query.as_deref())?;
    let changes = &api.node.inner.changes;
    let mut count = changes.watch();
    let now = *count.borrow_and_update();
    let in_header = headers.get(&LAST_EVENT_ID).map(|id| id.to_str().ok());
    let last = in_header.or(wanted.after.as_deref().map(Some));
    let last = last.map(|id| id.and_then(|id| changes.position(id).ok()));
    let (position, first) = match last {
        None => (now, "open"),
        Some(Some(position)) => (position, "open"),
        Some(None) => (now, "reset"),
    };
    let follower = Follower {
        first: Some(first),
        api,
        wanted,
        count,
        position,
        pending: Vec::new(),
        stopping: stopping.map(|Extension(stopping)| stopping),
        over: false,
    };
    let messages = stream::unfold(follower, async |mut follower| {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Follower {
    api: Api,
    wanted: Wanted,
    count: watch::Receiver<u64>,
    /// Behind what was sent, or is pending.
    position: u64,
    /// Opens the stream.
    first: Option<&'static str>,
    /// The next message last.
    pending: Vec<Event>,
    stopping: Option<Stopping>,
    over: bool,
}

impl Follower {
    /// The next message; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(self.positioned(first));
        }
        loop {
            if let Some(message) = self.pending.pop() {
                return Some(message);
            }
            if self.over || !self.changed().await {
                return None;
            }
            match self.read().await {
                Ok(Ok(messages)) => self.pending = messages,
                Ok(Err(Forgotten)) => {
                    self.position = *self.count.borrow();
                    return Some(self.positioned("reset"));
                }
                Err(error) => {
                    self.over = true;
                    return Some(Event::default().event("error").data(error.detail));
                }
            }
        }
    }

    /// A message that says where the stream stands, and nothing else.
    fn positioned(&self, name: &str) -> Event {
        let id = self.api.node.inner.changes.name(self.position);
        Event::default().event(name).id(id).data("{}")
    }

    /// Waits until there is a change behind the position; `false` when the node stops.
    async fn changed(&mut self) -> bool {
        let position = self.position;
        let mut stopping = self.stopping.clone();
        let stopped = async move {
            match &mut stopping {
                Some(stopping) => stopping.stopped().await,
                None => std::future::pending().await,
            }
        };
        let more = self.count.wait_for(|count| *count > position);
        tokio::select! {
            () = stopped => return false,
            more = more => if more.is_err() {
                return false;
            },
        }
        tokio::time::sleep(PAUSE).await;
        true
    }

    /// Messages for the next changes, the first of them last.
    async fn read(&mut self) -> Result<Result<Vec<Event>, Forgotten>, ApiError> {
        let node = self.api.node.clone();
        let (changes, behind) = match node.inner.changes.after(self.position, AT_ONCE) {
            Ok(found) => found,
            Err(Forgotten) => return Ok(Err(Forgotten)),
        };
        let first = self.position;
        let wanted = self.wanted.clone();
        let read = move |view: &View| {
            let (mut messages, mut bytes, mut behind) = (Vec::new(), 0, behind);
            for (at, change) in last_ones(changes) {
                let Some((name, text)) = show(&node, view, &wanted, change)? else {
                    continue;
                };
                let position = first + at as u64 + 1;
                let id = node.inner.changes.name(position);
                bytes += text.len();
                messages.push(Event::default().event(name).data(text).id(id));
                if bytes > MOST_BYTES {
                    behind = position;
                    break;
                }
            }
            messages.reverse();
            Ok((messages, behind))
        };
        let (messages, behind) = self.api.read(read).await?;
        self.position = behind;
        Ok(Ok(messages))
    }
}

/// Of several changes of a run, or of an event, only the last; each with its place among all.
fn last_ones(changes: Vec<Change>) -> Vec<(usize, Change)> {
    let mut seen = BTreeSet::new();
    let from_the_end = changes.into_iter().enumerate().rev();
    let mut last: Vec<_> = from_the_end
        .filter(|(_, change)| seen.insert(*change))
        .collect();
    last.reverse();
    last
}

/// The name and the text of the message for a change, if it is wanted. What was forgotten meanwhile has none.
fn show(
    node: &Node,
    view: &View,
    wanted: &Wanted,
    change: Change,
) -> Result<Option<(&'static str, String)>, ReadError> {
    let failed = |error: serde_json::Error| ReadError::new(error.to_string());
    let (name, text) = match (change, &wanted.runs) {
        (Change::Run(id), Some(selection)) => match view.get_run(id)? {
            Some(run) if selection.passes(view, &run)? => {
                let shown = RunView::new(&run, standing(node, &run));
                ("run", serde_json::to_string(&shown).map_err(failed)?)
            }
            Some(_) | None => return Ok(None),
        },
        (Change::Event(id), _) if wanted.events != Events::None => match view.get_event(id)? {
            Some(event) if wanted.events.admit(&event.name) => {
                let shown = EventView::from(&event);
                ("event", serde_json::to_string(&shown).map_err(failed)?)
            }
            Some(_) | None => return Ok(None),
        },
        (Change::Run(_) | Change::Event(_), _) => return Ok(None),
    };
    Ok(Some((name, text)))
}
