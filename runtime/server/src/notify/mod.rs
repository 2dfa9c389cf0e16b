//! Notifications: what operators want to be told of, without a monitoring system beside the node.
//!
//! - `settings` is what an operator chooses, and what is refused of it; `record` is that as it is stored, and what a change makes of it.
//! - `alert` is what is told, as JSON and in words.
//! - `ledger` is what of a notification survives the process: what waits to be told, what is being told, and how far it has looked.
//! - `entry` is one notification at work: what it makes of runs that failed, of rates and of the backlog. Pure, as is all of the above.
//! - `rates` counts how runs end; `backlog` finds the run that has waited longest; `ends` collects runs that failed.
//! - `watch` is the task of an environment; `deliver` sends webhooks, and `command` starts programs.
//!
//! # Invariants
//! - A message is stored with its id before it is sent, and is sent until somebody took it or it was tried for a day: a process that dies in
//!   between sends it again, with the same id and the same content.
//! - A run that failed is in one message, also when the process dies before there is one: what was not noticed is looked for at the next start.
//! - An environment without notifications costs nothing; whatever one does, runs do not wait for it.
//! - No program is started that the server was not started with.

mod alert;
mod backlog;
mod command;
mod deliver;
mod ends;
mod entry;
mod ledger;
mod rates;
mod record;
mod settings;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use crate::Node;
use crate::admin::Admin;
pub(crate) use alert::{Message, id_of, new_id};
pub(crate) use deliver::{Courier, Sender};
pub(crate) use ledger::{Ledger, Told};
pub(crate) use record::{NotificationRecord, Wanted};
pub(crate) use settings::{
    Format, InvalidNotification, Rule, Settings, Target, check_secret, new_secret,
};

/// The most notifications of an environment: each of them may have a message on its way.
pub(crate) const MOST: usize = 100;

/// The notifications of an environment. Clones share them.
#[derive(Clone)]
pub(crate) struct Notifications {
    inner: Arc<Inner>,
}

struct Inner {
    courier: Courier,
    changed: signal::Sender<u64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Notifications {
    /// Without a task that watches: settings can be changed, and messages tried.
    pub(crate) fn idle(node: &Node) -> Self {
        Self::new(Courier::new(node, Vec::new()))
    }

    fn new(courier: Courier) -> Self {
        let inner = Inner {
            courier,
            changed: signal::channel(0).0,
            task: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Watches over an environment; these programs may be started.
    pub(crate) fn watch(
        node: &Node,
        environment: &Arc<str>,
        admin: Admin,
        programs: Vec<PathBuf>,
    ) -> Self {
        let it = Self::new(Courier::new(node, programs));
        let task = watch::watch(
            node.clone(),
            environment.clone(),
            admin,
            it.inner.courier.clone(),
            it.inner.changed.subscribe(),
        );
        *it.inner.task.lock() = Some(tokio::spawn(task));
        it
    }

    /// What delivers.
    pub(crate) fn courier(&self) -> &Courier {
        &self.inner.courier
    }

    /// Settings were changed.
    pub(crate) fn changed(&self) {
        self.inner.changed.send_modify(|times| *times += 1);
    }

    /// Ends the task, and waits until it is gone. What it was telling is told again after the next start.
    pub(crate) async fn stop(&self) {
        let task = self.inner.task.lock().take();
        if let Some(task) = task {
            task.abort();
            // An error: it was ended, as it should be.
            let _ = task.await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}
