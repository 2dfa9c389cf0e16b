//! The check of a replay: does the code, given the journal, do again exactly what the journal says?

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use abide_core::failure::Failure;
use abide_core::journal::Entry;
use abide_core::machine::{Divergence, FieldDifference, Machine, Progress, RunInfo};
use futures::future::BoxFuture;

use crate::Inner;
use crate::app::App;
use crate::error::Error;
use crate::events::Events;
use crate::execute::{End, ExecuteRequest, Instance, Run};
use crate::guest::{Halt, Role};
use crate::port::{BarrierBroken, Port};

/// A way to a node that is not there: a replay has no effects.
struct Nowhere {
    now_ms: u64,
}

impl Port for Nowhere {
    fn progress(&self, _progress: Progress) {}

    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

/// Whether everything that the code did is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The code rests, or has ended: a replay ends exactly where the journal does.
    Whole,
    /// The run was executing when it was looked at, or was cancelled or paused while it did: a replay may get further.
    Cut,
}

pub(crate) async fn check_replay(
    host: &Arc<Inner>,
    app: &Arc<App>,
    info: Arc<RunInfo>,
    events: Events,
    (mut entries, recorded): (Vec<Entry>, Recorded),
) -> Result<Option<Box<Divergence>>, Error> {
    // How the attempt ended is compared here; the machine replays what led to it.
    let end = entries
        .iter()
        .rposition(|entry| !matches!(entry, Entry::Logged { .. }));
    let expected = match end.map(|end| &entries[end]) {
        Some(Entry::WorkflowReturned { output, .. }) => Some(Ok(output.clone())),
        Some(Entry::WorkflowFailed { failure, .. }) => Some(Err(failure.clone())),
        Some(_) | None => None,
    };
    if let (Some(end), Some(_)) = (end, &expected) {
        entries.remove(end);
    }
    // What became of bodies is not the code's doing, unless the code was told.
    entries.retain(|entry| !matches!(entry, Entry::BodyReachedOut { .. }));
    let now_ms = entries.iter().rev().find_map(Entry::at_ms).unwrap_or(0);
    let machine =
        Machine::load(info, entries, now_ms).map_err(|e| Error::Internal(e.to_string()))?;
    let run = Arc::new(Run::new(
        host.clone(),
        ExecuteRequest {
            app: app.clone(),
            machine,
            events,
            port: Arc::new(Nowhere { now_ms }),
            variables: Arc::default(),
            egress: Arc::default(),
        },
    ));
    let mut workflow = Instance::new(run.clone(), Role::Workflow);
    let end = poll_fn(|cx| match workflow.poll(cx) {
        Poll::Ready(end) => Poll::Ready(Some(end)),
        Poll::Pending if workflow.signal.waiting() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await;
    Ok(match (end, expected) {
        (None, None) => None,
        (Some(End::Halted(Halt::Diverged(divergence))), _) => Some(divergence),
        (Some(end), expected) => {
            let result = match end {
                End::Returned(result) => result,
                End::Halted(Halt::Failed(failure)) => Err(failure),
                End::Halted(Halt::Diverged(divergence)) => return Ok(Some(divergence)),
                End::NoRoom => return Err(Error::NoRoom),
            };
            if expected.is_none() && recorded == Recorded::Cut {
                return Ok(None);
            }
            differs("outcome", expected.as_ref(), Some(&result))
        }
        (None, Some(expected)) => differs("outcome", Some(&expected), None),
    })
}

type Outcome = Result<abide_core::Json, Failure>;

fn differs(
    field: &str,
    recorded: Option<&Outcome>,
    attempted: Option<&Outcome>,
) -> Option<Box<Divergence>> {
    // Messages of the platform may name times and sizes; what counts is that it failed in the same way.
    let text = |outcome: Option<&Outcome>| match outcome {
        None => "still waiting".to_owned(),
        Some(Ok(output)) => format!("returned {output}"),
        Some(Err(failure)) => format!("failed with {} ({:?})", failure.name, failure.origin),
    };
    let (recorded, attempted) = (text(recorded), text(attempted));
    (recorded != attempted).then(|| {
        Box::new(Divergence {
            index: u32::MAX,
            recorded: Some("the end of the attempt".into()),
            attempted: Some("the end of the attempt".into()),
            differences: vec![FieldDifference {
                field: field.into(),
                recorded: shorten(&recorded),
                attempted: shorten(&attempted),
            }],
        })
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(500).collect()
}
