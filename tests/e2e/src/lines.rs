//! Lines that a process writes, collected by a thread so that the process never blocks.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What has been written so far. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Collects until the other end closes.
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let into = lines.clone();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            while source
                .read_until(b'\n', &mut bytes)
                .is_ok_and(|read| read > 0)
            {
                into.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
                bytes.clear();
            }
            into.end();
        });
        lines
    }

    fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.shared.changed.notify_all();
    }

    fn end(&self) {
        self.lock().ended = true;
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line for which `find` gives something; `None` when the stream ends or the time is over before.
    pub(crate) fn first<T>(&self, within: Duration, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        let mut seen = 0;
        loop {
            for line in &state.lines[seen..] {
                if let Some(found) = find(line) {
                    return Some(found);
                }
            }
            seen = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            (state, _) = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Everything so far, as one text.
    pub(crate) fn text(&self) -> String {
        self.lock().lines.join("\n")
    }
}
