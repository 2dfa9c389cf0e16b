//! A node: its clock, the shards that it believes to hold, what others sent it.

use std::collections::{BTreeMap, VecDeque};

use abide_core::engine::{Input, ReplyId, ValidEvents};
use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::limits::Limits;
use abide_core::schema::Schemas;

use super::host::Host;

/// An event for a shard, sent to a node that was thought to hold it.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) shard: usize,
    pub(super) event: NewEvent,
    pub(super) seed: EventIdSeed,
    pub(super) reply: ReplyId,
}

impl Mail {
    pub(super) fn into_input(self) -> Option<Input> {
        let events = ValidEvents::check(vec![self.event], &Limits::default(), &Schemas::default());
        Some(Input::Events {
            events: events.ok()?,
            seed: Some(self.seed),
            reply: self.reply,
        })
    }
}

/// See the [module](self).
pub(super) struct Node {
    pub(super) id: u64,
    /// What its clock is ahead of the true time, in milliseconds; negative: behind.
    pub(super) skew_ms: i64,
    /// Until when nothing of it moves, in true time: a pause that it does not notice itself.
    pub(super) paused_until_ms: u64,
    /// Until when it is dead.
    pub(super) down_until_ms: u64,
    pub(super) hosts: BTreeMap<usize, Host>,
    pub(super) mail: VecDeque<Mail>,
}

impl Node {
    pub(super) fn new(id: u64, skew_ms: i64) -> Self {
        Self {
            id,
            skew_ms,
            paused_until_ms: 0,
            down_until_ms: 0,
            hosts: BTreeMap::new(),
            mail: VecDeque::new(),
        }
    }

    /// What its clock says.
    pub(super) fn clock_ms(&self, true_ms: u64) -> u64 {
        true_ms.saturating_add_signed(self.skew_ms)
    }

    pub(super) fn is_up(&self, true_ms: u64) -> bool {
        self.down_until_ms <= true_ms
    }

    pub(super) fn can_move(&self, true_ms: u64) -> bool {
        self.is_up(true_ms) && self.paused_until_ms <= true_ms
    }

    /// Its process dies: what is not committed is gone.
    pub(super) fn die(&mut self, until_ms: u64) {
        self.down_until_ms = until_ms;
        self.paused_until_ms = 0;
        self.mail.clear();
        for (_, host) in std::mem::take(&mut self.hosts) {
            host.lease.power.cut();
        }
    }

    /// The hold on a shard is over.
    pub(super) fn drop_host(&mut self, shard: usize) {
        if let Some(host) = self.hosts.remove(&shard) {
            host.lease.power.cut();
        }
    }
}
