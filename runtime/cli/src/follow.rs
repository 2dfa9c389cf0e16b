//! Follows what events started until all of it has ended.
//!
//! An event starts runs at one moment only, when it is accepted: what its runs start (by events of their own, by invoke) is not
//! its own. The stream says what changes; whenever it breaks, for example because the server restarts, the state is read
//! again, so nothing is missed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::client::model::{Event, Run};
use crate::client::{Client, ClientError};

/// How long to wait before the state is read again after the stream broke.
const AGAIN: Duration = Duration::from_millis(250);

/// What happened, for whoever shows it.
pub(crate) enum Seen<'a> {
    /// A run, as it stands now.
    Run(&'a Run),
    /// The server is gone, in the system's words.
    Lost(&'a str),
    /// It is back.
    Back,
}

/// How it ended.
pub(crate) enum Followed {
    /// All runs have ended, in the order in which they began. None: the event started nothing.
    Ended(Vec<Run>),
    /// Time is up; so the runs stood.
    TimedOut(Vec<Run>),
}

/// Follows the runs of all these events until `deadline`. A run that several of them started, as a batch is, is told once.
pub(crate) async fn follow(
    client: &Client,
    events: &[String],
    deadline: Instant,
    seen: impl FnMut(Seen<'_>),
) -> Result<Followed> {
    let seen = RefCell::new(seen);
    let tellers = RefCell::new(BTreeMap::new());
    let away = Cell::new(0_usize);
    let (seen, tellers, away) = (&seen, &tellers, &away);
    let each = events.iter().enumerate().map(|(nth, event)| {
        let tell = move |what: Seen<'_>| {
            let is_news = match &what {
                Seen::Run(run) => {
                    let mut tellers = tellers.borrow_mut();
                    *tellers.entry(run.run_id.clone()).or_insert(nth) == nth
                }
                Seen::Lost(_) => away.replace(away.get() + 1) == 0,
                Seen::Back => {
                    away.set(away.get() - 1);
                    away.get() == 0
                }
            };
            if is_news {
                (seen.borrow_mut())(what);
            }
        };
        follow_one(client, event, deadline, tell)
    });
    let mut all = BTreeMap::new();
    let mut timed_out = false;
    for followed in try_join_all(each).await? {
        let (Followed::Ended(runs) | Followed::TimedOut(runs)) = &followed;
        all.extend(runs.iter().map(|run| (run.run_id.clone(), run.clone())));
        timed_out |= matches!(followed, Followed::TimedOut(_));
    }
    let runs = all.into_values().collect();
    Ok(if timed_out {
        Followed::TimedOut(runs)
    } else {
        Followed::Ended(runs)
    })
}

/// Follows the runs of one event until `deadline`.
async fn follow_one(
    client: &Client,
    event: &str,
    deadline: Instant,
    mut seen: impl FnMut(Seen<'_>),
) -> Result<Followed> {
    let mut runs = BTreeMap::new();
    let mut lost = false;
    loop {
        let round = tokio::time::timeout_at(
            deadline,
            round(client, event, &mut runs, &mut lost, &mut seen),
        )
        .await;
        let failed = match round {
            Err(_) if lost => anyhow::bail!(gone(client)),
            Err(_) => return Ok(Followed::TimedOut(runs.into_values().collect())),
            Ok(Ok(true)) => return Ok(Followed::Ended(runs.into_values().collect())),
            Ok(Ok(false)) => None,
            Ok(Err(ClientError::Unreachable { why, .. })) => Some(why),
            Ok(Err(error)) => return Err(error.into()),
        };
        if let Some(why) = failed
            && !std::mem::replace(&mut lost, true)
        {
            seen(Seen::Lost(&why));
        }
        tokio::time::sleep(AGAIN).await;
        if lost && Instant::now() >= deadline {
            anyhow::bail!(gone(client));
        }
    }
}

fn gone(client: &Client) -> ClientError {
    ClientError::Unreachable {
        url: client.base().to_owned(),
        why: "it went away; the event is safe, and its runs go on when the server is back"
            .to_owned(),
    }
}

/// Listens; true when all has ended, false when the stream broke.
async fn round(
    client: &Client,
    event: &str,
    runs: &mut BTreeMap<String, Run>,
    lost: &mut bool,
    seen: &mut impl FnMut(Seen<'_>),
) -> Result<bool, ClientError> {
    let text = client.get(&["api", "v1", "events", event], &[]).await?;
    if std::mem::take(lost) {
        seen(Seen::Back);
    }
    let event_now: Event = client.parse(&text)?;
    let known = event_now.runs;
    // A debounce or a batch may still collect for a run that is to come.
    let all_known = event_now.pending.is_empty();
    if known.is_empty() && all_known {
        return Ok(true);
    }
    // It begins with all runs as they stand.
    let mut stream = client
        .stream(&["api", "v1", "events", event, "stream"], &[])
        .await?;
    while let Some(message) = stream.next().await? {
        if message.name == "run" {
            take(client.parse(&message.data)?, runs, seen);
        }
        let is_over = |run: &Run| {
            runs.get(&run.run_id)
                .is_some_and(|run| run.status.is_over())
        };
        if all_known && known.iter().all(is_over) || message.name == "end" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn take(run: Run, runs: &mut BTreeMap<String, Run>, seen: &mut impl FnMut(Seen<'_>)) {
    // A stream that is opened again begins with what is known already: an end is told once.
    if runs
        .get(&run.run_id)
        .is_some_and(|known| known.status.is_over())
    {
        return;
    }
    seen(Seen::Run(&run));
    runs.insert(run.run_id.clone(), run);
}

#[cfg(test)]
mod tests;
