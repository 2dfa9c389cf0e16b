//! Spans that authors open: which are open, and what is told of those that ended.
//!
//! Lines about spans are counted like the log's, so that a replay tells none twice. In a body the times are the host's, in workflow code those of
//! its own clock, which stands at the last completion.

use std::collections::BTreeMap;

use super::Machine;
use crate::journal::OpNumber;
use crate::log::Written;
use crate::span::{AuthoredSpan, Mark, What};
use crate::state::LogLevel;

/// Spans that may be open at once: more are not recorded.
const MOST_OPEN: usize = 256;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Whether anybody records the run's trace.
    recorded: bool,
    open: BTreeMap<(Option<OpNumber>, u64), Open>,
    ended: Vec<AuthoredSpan>,
    /// How many were told by this machine.
    told: u32,
    /// Workflow code said something of a span since the last progress.
    marked: bool,
}

#[derive(Debug)]
struct Open {
    parent: Option<u64>,
    attempt: u32,
    name: String,
    fields: Vec<(String, String)>,
    started_ms: u64,
}

impl Open {
    /// With a name and fields of so many bytes each: what is open is held until it ends.
    fn within(mut self, bytes: usize) -> Self {
        super::twin::truncate(&mut self.name, bytes);
        self.name.shrink_to_fit();
        let mut held = 0;
        let fits = |(name, json): &&(String, String)| {
            held += name.len() + json.len();
            held <= bytes
        };
        let count = self.fields.iter().take_while(fits).count();
        self.fields.truncate(count);
        self.fields.shrink_to_fit();
        self
    }
}

impl Spans {
    /// What the journal has to say of lines has changed.
    pub(super) fn marked(&self) -> bool {
        self.marked
    }

    /// Those that ended since the last progress.
    pub(super) fn take(&mut self) -> Vec<AuthoredSpan> {
        self.marked = false;
        std::mem::take(&mut self.ended)
    }

    /// Forgets those of a body that does not count.
    pub(super) fn forget(&mut self, op: Option<OpNumber>) {
        self.open.retain(|(of, _), _| *of != op);
    }
}

impl Machine {
    /// Somebody records the trace of this run: spans that its author opens are told.
    pub fn record_spans(&mut self) {
        self.spans.recorded = true;
    }

    /// Takes in what a line says of a span of a body, or of workflow code; `is_new`: it was not told before.
    pub(super) fn mark(
        &mut self,
        (op, attempt): (Option<OpNumber>, u32),
        mark: Mark,
        at_ms: u64,
        is_new: bool,
    ) {
        if !self.spans.recorded {
            return;
        }
        self.spans.marked |= is_new && op.is_none();
        match mark.what {
            What::Begin => {
                if self.spans.open.len() >= MOST_OPEN {
                    return;
                }
                let around = |id: &u64| self.spans.open.contains_key(&(op, *id));
                let open = Open {
                    parent: mark.parent.filter(around),
                    attempt,
                    name: mark.name,
                    fields: mark.fields,
                    started_ms: at_ms,
                };
                let open = open.within(self.info.limits.log_line_bytes);
                self.spans.open.insert((op, mark.id), open);
            }
            What::End => {
                if let Some(mut open) = self.spans.open.remove(&(op, mark.id))
                    && is_new
                {
                    open.fields.extend(mark.fields);
                    self.span_ended((op, mark.id), open, mark.error, at_ms);
                }
            }
        }
    }

    /// Ends the spans that a body, or workflow code, has left open.
    pub(super) fn end_spans(&mut self, op: Option<OpNumber>, at_ms: u64) {
        while let Some(key) = self.spans.open.keys().rfind(|(of, _)| *of == op).copied() {
            if let Some(open) = self.spans.open.remove(&key) {
                self.span_ended(key, open, None, at_ms);
            }
        }
    }

    fn span_ended(
        &mut self,
        (op, id): (Option<OpNumber>, u64),
        open: Open,
        error: Option<String>,
        at_ms: u64,
    ) {
        let limits = &self.info.limits;
        if self.spans.told >= limits.log_lines_per_run {
            return;
        }
        self.spans.told += 1;
        let text = Written {
            level: None,
            message: open.name,
            fields: open.fields,
        };
        let (_, kept) = text.fit(LogLevel::Info, limits.log_line_bytes);
        let error = error.map(|mut error| {
            super::twin::truncate(&mut error, limits.log_line_bytes);
            error
        });
        self.spans.ended.push(AuthoredSpan {
            id,
            parent: open.parent,
            op,
            attempt: open.attempt,
            name: kept.message,
            attributes: kept.fields,
            error,
            started_ms: open.started_ms,
            ended_ms: at_ms.max(open.started_ms),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_holds_no_more_than_a_line_may() {
        let field = |n: usize| (format!("f{n}"), "1".repeat(97));
        let open = Open {
            parent: None,
            attempt: 0,
            name: "n".repeat(5_000),
            fields: (0..1_000).map(field).collect(),
            started_ms: 0,
        };
        let open = open.within(1_000);
        assert_eq!(open.name.chars().count(), 1_001, "and an ellipsis");
        assert_eq!(open.fields.len(), 10);
        assert!(open.fields.capacity() < 20);
    }
}
