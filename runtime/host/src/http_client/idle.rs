//! Connections that wait for the next request: a handshake for every request would cost more than the request.
//!
//! Invariants: the connections of one app serve that app alone, because a request of one tenant that confuses a server about where
//! messages begin must never reach another tenant's answer. A connection waits for a short time only, shorter than servers usually
//! keep one, so that a request seldom meets one that is just being closed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;

use super::connect::{AbortOnDrop, Target};
use crate::surroundings::Surroundings;

/// The longest that a connection waits. Node.js closes after 5 s, most others later.
const LONGEST: Duration = Duration::from_secs(3);

/// The most that wait for one server, and for all servers of an app.
const MOST_EACH: usize = 64;
const MOST: usize = 256;

/// What is sent.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A connection that speaks HTTP/1.1. Dropping it closes it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Outgoing>,
    pub(super) _driver: AbortOnDrop,
}

/// One app's connections. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Idle(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// The newest of each server is the last.
    by_target: HashMap<Target, Vec<Entry>>,
    count: usize,
    /// Whether a task looks for those that have waited long enough.
    watched: bool,
}

struct Entry {
    connection: Connection,
    since: Duration,
}

impl Idle {
    /// A connection to this server that is ready for a request, the newest first.
    pub(super) async fn take(&self, target: &Target) -> Option<Connection> {
        loop {
            let mut connection = self.0.lock().take(target)?;
            // Not ready: the server has closed it.
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose last response was read to its end.
    pub(super) fn put(
        &self,
        surroundings: &Arc<dyn Surroundings>,
        target: Target,
        connection: Connection,
    ) {
        if connection.sender.is_closed() {
            return;
        }
        let mut waiting = self.0.lock();
        if waiting.count >= MOST {
            return;
        }
        let entries = waiting.by_target.entry(target).or_default();
        if entries.len() >= MOST_EACH {
            return;
        }
        entries.push(Entry {
            connection,
            since: surroundings.elapsed(),
        });
        waiting.count += 1;
        if !std::mem::replace(&mut waiting.watched, true) {
            let watch = watch(Arc::downgrade(&self.0), surroundings.clone());
            surroundings.spawn(Box::pin(watch));
        }
    }
}

impl Waiting {
    fn take(&mut self, target: &Target) -> Option<Connection> {
        let entries = self.by_target.get_mut(target)?;
        let entry = entries.pop()?;
        self.count -= 1;
        if entries.is_empty() {
            self.by_target.remove(target);
        }
        Some(entry.connection)
    }

    /// Closes what has waited for long enough.
    fn close_old(&mut self, now: Duration) {
        for entries in self.by_target.values_mut() {
            entries.retain(|entry| {
                now.saturating_sub(entry.since) < LONGEST && !entry.connection.sender.is_closed()
            });
        }
        self.by_target.retain(|_, entries| !entries.is_empty());
        self.count = self.by_target.values().map(Vec::len).sum();
    }
}

/// Closes connections that nobody wants, until there are none or the app's way outside is gone.
async fn watch(waiting: Weak<Mutex<Waiting>>, surroundings: Arc<dyn Surroundings>) {
    loop {
        surroundings.sleep(LONGEST / 2).await;
        let Some(waiting) = waiting.upgrade() else {
            return;
        };
        let mut waiting = waiting.lock();
        waiting.close_old(surroundings.elapsed());
        if waiting.count == 0 {
            waiting.watched = false;
            return;
        }
    }
}
