//! The task of an environment: it notices, stores what is to be told, and has it told.
//!
//! It listens to the node's notices as anybody may; where it missed some, and at its start, it looks through the runs. It must not decide
//! what is told how often: that is the ledger's affair.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use abide_core::ids::{FunctionId, RunId};
use abide_core::state::{Read as _, ReadError, Run, RunFilter, RunStatus};
use futures::FutureExt as _;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;

use super::alert::new_id;
use super::deliver::{Courier, Sender};
use super::ends::Ends;
use super::entry::Entry;
use super::ledger::{Ledger, Refused};
use super::record::NotificationRecord;
use super::{backlog, rates};
use crate::Node;
use crate::admin::Admin;

/// How often rates and the backlog are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How soon a ledger is stored that changed.
const STORE: Duration = Duration::from_secs(1);

/// How long it sleeps while there are no notifications: until there are some.
const IDLE: Duration = Duration::from_secs(3_600);

/// The least time between two looks through all runs.
const LOOK_THROUGH_MS: u64 = 30_000;

/// Runs that are read at once.
const AT_ONCE: usize = 500;

/// Watches over an environment for as long as it is polled. It looks at the notifications again whenever `changed` says so.
pub(super) async fn watch(
    node: Node,
    environment: Arc<str>,
    admin: Admin,
    courier: Courier,
    mut changed: signal::Receiver<u64>,
) {
    let mut watch = Watch {
        node,
        environment,
        admin,
        courier,
        entries: BTreeMap::new(),
        ends: None,
        deliveries: JoinSet::new(),
        looked_ms: 0,
        missed: None,
        looked_through_ms: 0,
    };
    watch.reload().await;
    loop {
        watch.look().await;
        watch.dispatch().await;
        watch.store_changed().await;
        let wake = watch.next_wake();
        tokio::select! {
            () = tokio::time::sleep(wake) => {}
            more = changed.changed() => match more {
                Ok(()) => watch.reload().await,
                Err(_) => return,
            },
            () = more(watch.ends.as_ref()) => watch.take_ends().await,
            Some(done) = watch.deliveries.join_next() => {
                if let Ok(done) = done {
                    watch.came_back(done).await;
                }
            }
        }
    }
}

/// Waits until runs failed. It never resolves where nobody is to be told.
async fn more(ends: Option<&Ends>) {
    match ends {
        Some(ends) => ends.more().await,
        None => std::future::pending().await,
    }
}

struct Watch {
    node: Node,
    environment: Arc<str>,
    admin: Admin,
    courier: Courier,
    /// Those that are enabled, by their names.
    entries: BTreeMap<String, Entry>,
    ends: Option<Ends>,
    deliveries: JoinSet<Done>,
    /// When rates and the backlog were looked at.
    looked_ms: u64,
    /// For each notification from when on some failures may not have been noticed.
    missed: Option<BTreeMap<String, u64>>,
    looked_through_ms: u64,
}

/// What became of an attempt.
struct Done {
    name: String,
    /// Which life of the notification it was of.
    since_ms: u64,
    /// To which of its targets.
    target_since_ms: u64,
    outcome: Result<(), String>,
}

impl Watch {
    fn now_ms(&self) -> u64 {
        self.node.clock().now_ms()
    }

    /// Reads the notifications again.
    async fn reload(&mut self) {
        let environment = self.environment.clone();
        let records = self.admin.list::<NotificationRecord>(&environment).await;
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, %environment, "notifications cannot be read: nobody is told of anything new");
                return;
            }
        };
        let mut old = std::mem::take(&mut self.entries);
        let names: Vec<_> = records.iter().map(|it| it.id.clone()).collect();
        let mut is_new = false;
        for located in records.into_iter().filter(|it| it.record.enabled) {
            let (name, record) = (located.id, located.record);
            let entry = match old.remove(&name) {
                Some(entry) if entry.record == record => entry,
                // Changed, and still in the same life: what it knows and has not stored yet stays, as does an attempt that is under way.
                Some(mut entry) if entry.record.since_ms == record.since_ms => {
                    is_new = true;
                    entry.change(record, self.now_ms());
                    entry
                }
                Some(_) | None => {
                    is_new = true;
                    let stored = self.admin.get::<Ledger>(&environment, &name).await;
                    let stored = stored.unwrap_or_else(|error| {
                        tracing::error!(%error, %environment, notification = %name, "what a notification told is not known: some may be told again");
                        None
                    });
                    Entry::new(record, stored, self.now_ms())
                }
            };
            self.entries.insert(name, entry);
        }
        self.forget_others(&names).await;
        if !self.entries.values().any(Entry::wants_failures) {
            self.ends = None;
        } else if self.ends.is_none() {
            // First listen, then look: nothing falls in between.
            self.ends = Some(Ends::of(self.node.subscribe()));
        }
        if is_new {
            self.miss();
            self.looked_through_ms = 0;
            self.looked_ms = 0;
        }
    }

    /// Forgets what notifications told that are there no more.
    async fn forget_others(&self, names: &[String]) {
        let is_gone = |name: &str, _: &Ledger| !names.iter().any(|it| it == name);
        let forgotten = self
            .admin
            .delete_where::<Ledger>(&self.environment, is_gone);
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, environment = %self.environment, "what notifications told that are there no more is not forgotten yet");
        }
    }

    /// Some failures may not be noticed: they are to be looked for, from where all were.
    fn miss(&mut self) {
        if self.missed.is_none() {
            let entries = self.entries.iter();
            let from = entries.map(|(name, it)| (name.clone(), it.ledger.noticed_before_ms()));
            self.missed = Some(from.collect());
        }
        // One that came since has nothing behind it but its own.
        if let Some(missed) = &mut self.missed {
            for (name, entry) in &self.entries {
                missed
                    .entry(name.clone())
                    .or_insert_with(|| entry.ledger.noticed_before_ms());
            }
        }
    }

    /// Reads what the collector has.
    async fn take_ends(&mut self) {
        let Some(ends) = &self.ends else { return };
        let collected = ends.take();
        if collected.missed {
            tracing::debug!(environment = %self.environment, "some failures were missed: they are looked for");
            self.miss();
        }
        self.notice(&collected.failed, None).await;
    }

    /// Reads runs that failed, and notes each where it is wanted: with `from`, only those that ended since then.
    async fn notice(&mut self, failed: &[RunId], from: Option<&BTreeMap<String, u64>>) {
        for runs in failed.chunks(AT_ONCE) {
            let (view, runs) = (self.node.inner.view.clone(), runs.to_vec());
            let read = self.node.inner.blocking(move || {
                let runs = runs.into_iter().map(|run| view.run(run));
                runs.filter_map(Result::transpose)
                    .collect::<Result<Vec<Run>, ReadError>>()
            });
            let runs = match read.await.and_then(|read| read) {
                Ok(runs) => runs,
                Err(error) => {
                    tracing::error!(%error, environment = %self.environment, "failed runs cannot be read; they are looked for again");
                    return self.miss();
                }
            };
            let now_ms = self.now_ms();
            for (name, entry) in &mut self.entries {
                let from_ms = from.and_then(|from| from.get(name)).copied().unwrap_or(0);
                for run in runs.iter().filter(|run| run.ended_ms >= Some(from_ms)) {
                    entry.failed(run, now_ms);
                }
            }
        }
    }

    /// Looks for failures that were not noticed, if there may be any.
    async fn look_through(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.looked_through_ms) < LOOK_THROUGH_MS {
            return;
        }
        let Some(from) = self.missed.take() else {
            return;
        };
        let wanted = self.entries.values().any(Entry::wants_failures);
        let Some(from_ms) = from.values().min().filter(|_| wanted) else {
            return;
        };
        self.looked_through_ms = now_ms;
        match self.failed_since(*from_ms).await {
            Ok(failed) => self.notice(&failed, Some(&from)).await,
            Err(error) => {
                tracing::error!(%error, environment = %self.environment, "failed runs cannot be looked for; it is tried again");
                self.missed = Some(from);
            }
        }
    }

    /// Runs that failed since then, in the order of their ends.
    async fn failed_since(&self, from_ms: u64) -> Result<Vec<RunId>, ReadError> {
        let filter = RunFilter {
            statuses: vec![RunStatus::Failed],
            ..RunFilter::default()
        };
        let mut failed = Vec::new();
        let mut before = None;
        loop {
            let filter = filter.clone();
            let page = self
                .node
                .read(move |view| Ok(view.list_runs(before, &filter, AT_ONCE)?))
                .await?;
            let ends = page
                .items
                .iter()
                .filter_map(|run| Some((run.ended_ms?, run.id)));
            failed.extend(ends.filter(|(ended_ms, _)| *ended_ms >= from_ms));
            match page.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        failed.sort_unstable();
        Ok(failed.into_iter().map(|(_, run)| run).collect())
    }

    /// Looks at rates and at the backlog, and for what was missed, when it is time.
    async fn look(&mut self) {
        let now_ms = self.now_ms();
        let look_ms = u64::try_from(LOOK.as_millis()).unwrap_or(u64::MAX);
        self.look_through(now_ms).await;
        if now_ms.saturating_sub(self.looked_ms) < look_ms {
            return;
        }
        self.looked_ms = now_ms;
        if self.entries.values().any(Entry::wants_rates) {
            let counted = self.counted();
            for entry in self.entries.values_mut() {
                entry.look_at_rates(&counted, now_ms);
            }
        }
        if self.entries.values().any(Entry::wants_backlog)
            && let Some(oldest) = self.oldest().await
        {
            for entry in self.entries.values_mut() {
                entry.look_at_backlog(&oldest, now_ms);
            }
        }
    }

    fn counted(&self) -> BTreeMap<FunctionId, rates::Ends> {
        let outcomes = self.node.inner.metrics.functions.outcomes();
        let ends = outcomes.into_iter().map(|(function, completed, failed)| {
            let ended = completed + failed;
            (function, rates::Ends { ended, failed })
        });
        ends.collect()
    }

    async fn oldest(&self) -> Option<BTreeMap<FunctionId, u64>> {
        let inner = self.node.inner.clone();
        let read = self
            .node
            .inner
            .blocking(move || backlog::oldest(&inner.view, |run| inner.executions.contains(run)));
        match read.await.and_then(|read| read) {
            Ok(oldest) => Some(oldest),
            Err(error) => {
                tracing::warn!(%error, environment = %self.environment, "the backlog cannot be read");
                None
            }
        }
    }

    /// Sends what is due, after it is stored that it is.
    async fn dispatch(&mut self) {
        let now_ms = self.now_ms();
        for (name, entry) in &mut self.entries {
            let Some(message) = entry.due(now_ms, new_id) else {
                continue;
            };
            if entry.is_changed()
                && !store(&self.admin, &self.environment, name, entry, now_ms).await
            {
                continue;
            }
            entry.under_way = true;
            let (courier, record) = (self.courier.clone(), entry.record.clone());
            let (environment, name) = (self.environment.clone(), name.clone());
            self.deliveries.spawn(async move {
                let sender = Sender {
                    environment: &environment,
                    name: &name,
                    record: &record,
                    now_ms,
                };
                let attempt = AssertUnwindSafe(courier.deliver(sender, &message)).catch_unwind();
                let outcome = attempt.await.unwrap_or_else(|_| {
                    Err("it could not be sent (a fault of Abide; its log has the details)".into())
                });
                Done {
                    since_ms: record.since_ms,
                    target_since_ms: record.target_since_ms,
                    name,
                    outcome,
                }
            });
        }
    }

    async fn came_back(&mut self, done: Done) {
        let now_ms = self.now_ms();
        let counters = &self.node.inner.metrics.notifications;
        let entry = self.entries.get_mut(&done.name);
        let Some(entry) = entry.filter(|it| it.record.since_ms == done.since_ms) else {
            // It was removed or paused meanwhile.
            counters[usize::from(done.outcome.is_err())].one();
            return;
        };
        entry.under_way = false;
        if done.outcome.is_err() && entry.record.target_since_ms != done.target_since_ms {
            // Its target is another one by now, and gets the message next.
            counters[1].one();
            return;
        }
        let (environment, name) = (&*self.environment, &*done.name);
        match done.outcome {
            Ok(()) => {
                counters[0].one();
                entry.ledger.delivered(now_ms);
            }
            Err(reason) => match entry.ledger.refused(now_ms, reason.clone()) {
                Refused::Again => {
                    counters[1].one();
                    tracing::warn!(environment, notification = name, %reason, "a notification was not delivered; it is tried again");
                }
                Refused::GivenUp => {
                    counters[2].one();
                    tracing::error!(environment, notification = name, %reason, "a notification is given up: it was tried for a day");
                }
            },
        }
        store(&self.admin, &self.environment, name, entry, now_ms).await;
    }

    /// Stores the ledgers that changed a while ago.
    async fn store_changed(&mut self) {
        let now_ms = self.now_ms();
        let pause_ms = u64::try_from(STORE.as_millis()).unwrap_or(u64::MAX);
        for (name, entry) in &mut self.entries {
            if entry.is_changed() && now_ms.saturating_sub(entry.stored_ms) >= pause_ms {
                store(&self.admin, &self.environment, name, entry, now_ms).await;
            }
        }
    }

    /// How long nothing is to be done, unless something happens.
    fn next_wake(&self) -> Duration {
        if self.entries.is_empty() {
            return IDLE;
        }
        let now_ms = self.now_ms();
        let due = self.entries.values().filter_map(|entry| {
            Some(Duration::from_millis(
                entry.next_ms()?.saturating_sub(now_ms).max(1),
            ))
        });
        let is_changed = self.entries.values().any(Entry::is_changed);
        due.chain([if is_changed { STORE } else { LOOK }])
            .min()
            .unwrap_or(LOOK)
    }
}

/// Stores the ledger of a notification; whether it is.
async fn store(
    admin: &Admin,
    environment: &str,
    name: &str,
    entry: &mut Entry,
    now_ms: u64,
) -> bool {
    entry.stored_ms = now_ms;
    match admin.put(environment, name, &entry.ledger).await {
        Ok(()) => {
            entry.stored = Some(entry.ledger.clone());
            true
        }
        Err(error) => {
            tracing::error!(%error, environment, notification = name, "what a notification told is not stored");
            false
        }
    }
}
