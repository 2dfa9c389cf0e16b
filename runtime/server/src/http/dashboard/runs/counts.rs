//! How many runs stand where: counted over the newest ones, within a time that nobody notices.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use abide_core::ids::EventId;
use abide_core::state::RunStatus;
use maud::{Markup, html};

use super::filter::Filter;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::runs::{read_event_runs, standing};
use crate::http::select::Selection;

/// How long counting may take.
const LONGEST: Duration = Duration::from_millis(50);

/// Runs that are read between two looks at the clock.
const READ_AT_ONCE: usize = 200;

/// The most runs that are counted.
const MOST: usize = 10_000;

/// Runs by where they stand.
#[derive(Debug, Default)]
pub(in crate::http) struct Counts {
    by_status: BTreeMap<RunStatus, usize>,
    /// There are older ones that were not counted.
    more: bool,
}

/// Counts the newest runs that pass.
pub(super) async fn of(
    api: &Api,
    event: Option<EventId>,
    selection: Selection,
) -> Result<Counts, ApiError> {
    let node = api.node.clone();
    api.read(move |view| {
        let mut counts = Counts::default();
        let mut add = |run: &_| *counts.by_status.entry(standing(&node, run)).or_default() += 1;
        if let Some(event) = event {
            for run in read_event_runs(view, event)? {
                if selection.passes(view, &run)? {
                    add(&run);
                }
            }
            return Ok(counts);
        }
        let (began, mut seen, mut before) = (Instant::now(), 0, None);
        loop {
            let part = selection.page(view, before, READ_AT_ONCE)?;
            part.items.iter().for_each(&mut add);
            seen += part.items.len();
            before = part.next;
            if before.is_none() || seen >= MOST || began.elapsed() > LONGEST {
                counts.more = before.is_some();
                return Ok(counts);
            }
        }
    })
    .await
}

impl Counts {
    /// A link for each place where runs stand, which shows those alone.
    pub(super) fn chips(&self, filter: &Filter) -> Markup {
        let all: usize = self.by_status.values().sum();
        let plus = if self.more { "+" } else { "" };
        let chosen = filter.statuses();
        html! {
            nav.chips aria-label="Runs by status" {
                a href=(filter.path_with("status", "")) aria-current=[chosen.is_empty().then_some("true")] {
                    "All " span.count { (all) (plus) }
                }
                @for status in RunStatus::ALL {
                    @let count = self.by_status.get(&status).copied().unwrap_or_default();
                    @let current = chosen.contains(&status);
                    @if count > 0 || current {
                        a.status-link class=(status.as_str().to_ascii_lowercase())
                            href=(filter.path_with("status", status.as_str()))
                            aria-current=[current.then_some("true")]
                            data-testid=(format!("count-{}", status.as_str().to_ascii_lowercase())) {
                            (status.as_str()) " " span.count { (count) (plus) }
                        }
                    }
                }
            }
            @if self.more {
                p.dim.small { "Counted over the newest " (all) " runs." }
            }
        }
    }
}
