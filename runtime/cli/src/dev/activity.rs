//! What the apps do while `abide dev` serves them: one line when a run begins, one when it ends or stops.
//!
//! Under load only some runs are told, and how many were not: the terminal is for people, and every line costs a read.

use std::time::Duration;

use abide_core::engine::Notice;
use abide_core::ids::RunId;
use abide_core::state::{Run, RunEnd, RunStatus};
use abide_server::Node;
use chrono::{Local, TimeDelta};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::build::say;
use crate::render::time;
use crate::terminal::{Look, one_line, shorten};

/// Lines in one second.
const LINES_A_SECOND: u32 = 20;

/// Tells for as long as the node lives.
pub(crate) async fn tell(node: Node) {
    let look = Look::stderr();
    let mut notices = node.subscribe();
    let mut budget = Budget::new();
    loop {
        let (run, status) = match notices.recv().await {
            Ok(Notice::Run { run, status, .. }) if matters(status) => (run, status),
            Ok(
                Notice::Run { .. }
                | Notice::Event(_)
                | Notice::Grew(_)
                | Notice::Undecided(_)
                | Notice::Poisonous { .. },
            ) => continue,
            Err(RecvError::Lagged(missed)) => {
                budget.left_out += missed;
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        match budget.take(Instant::now()) {
            Take::No => continue,
            Take::Yes { left_out: 0 } => {}
            Take::Yes { left_out } => say(&look.dim(format!("… and {left_out} more"))),
        }
        if let Some(record) = read(&node, run).await {
            say(&line(look, &record, status));
        }
    }
}

async fn read(node: &Node, run: RunId) -> Option<Run> {
    let record = node.read(move |view| Ok(view.get_run(run)?)).await;
    record.ok().flatten()
}

fn matters(status: RunStatus) -> bool {
    status == RunStatus::Queued || status == RunStatus::Paused || status.is_final()
}

fn line(look: Look, run: &Run, status: RunStatus) -> String {
    let at = look.dim(Local::now().format("%H:%M:%S"));
    let function = look.bold(&run.function);
    let id = look.dim(run.id);
    if status == RunStatus::Queued {
        return format!("{at} {} {function}  {id}", look.live("●"));
    }
    let (mark, words) = match status {
        RunStatus::Completed => (look.good("✓"), look.good(status.as_str())),
        RunStatus::Failed => (look.bad("✗"), look.bad(status.as_str())),
        _ => (look.odd("◷"), look.odd(status.as_str())),
    };
    let took = run
        .ended_ms
        .map(|ended| ended.saturating_sub(run.started_ms.unwrap_or(run.queued_ms)));
    let took = took
        .and_then(|ms| i64::try_from(ms).ok())
        .map(TimeDelta::milliseconds);
    let took = took
        .map(|took| look.dim(format!(" in {}", time::duration(took))))
        .unwrap_or_default();
    let mut line = format!("{at} {mark} {function}  {id}  {words}{took}");
    if let Some(RunEnd::Failure(failure)) = &run.end {
        line.push_str(": ");
        line.push_str(&one_line(&format!("{}: {}", failure.name, failure.message)));
    }
    if look.terminal {
        shorten(&line, look.width)
    } else {
        line
    }
}

/// How much may be told.
struct Budget {
    second: Instant,
    told: u32,
    left_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Take {
    Yes { left_out: u64 },
    No,
}

impl Budget {
    fn new() -> Self {
        Self {
            second: Instant::now(),
            told: 0,
            left_out: 0,
        }
    }

    fn take(&mut self, now: Instant) -> Take {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.told = 0;
        }
        if self.told >= LINES_A_SECOND {
            self.left_out += 1;
            return Take::No;
        }
        self.told += 1;
        Take::Yes {
            left_out: std::mem::take(&mut self.left_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_part() {
        let mut budget = Budget::new();
        let begin = budget.second;
        let told = (0..100).filter(|_| budget.take(begin) != Take::No).count();
        assert_eq!(told, 20);
        let later = begin + Duration::from_secs(1);
        assert_eq!(budget.take(later), Take::Yes { left_out: 80 });
        assert_eq!(budget.take(later), Take::Yes { left_out: 0 });
    }
}
