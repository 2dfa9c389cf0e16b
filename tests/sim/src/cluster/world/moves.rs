//! What nodes do, one thing at a time; each either goes on or finds that a hold is over.

use abide_core::engine::{Answer, Effect, ReplyId};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::RunId;

use super::{Checked, Waits, World, mark};
use crate::cluster::client::{handed_over, shard_of};
use crate::cluster::host::{Body, Gone, Host};
use crate::cluster::lease::{LEASE_MS, Lease, Refused};
use crate::cluster::node::Mail;
use crate::cluster::{Without, checks};

impl World {
    /// One thing that a node does.
    pub(super) fn move_node(&mut self, node: usize) -> Checked {
        if let Some(mail) = self.nodes[node].mail.pop_front() {
            return self.receive(node, mail);
        }
        if self.rng.chance(10) {
            return self.look_after_leases(node);
        }
        let shards: Vec<_> = self.nodes[node].hosts.keys().copied().collect();
        let Some(shard) = self.rng.choice(&shards).copied() else {
            return Ok(());
        };
        match self.rng.within(0..5) {
            0 => self.commit(node, shard).map(drop),
            1 => self.carry_out(node, shard),
            2 => {
                self.with(node, shard, Host::turn_engine);
                Ok(())
            }
            3 => {
                self.hand_over(node, shard);
                Ok(())
            }
            _ => {
                let host = self.nodes[node].hosts.get(&shard);
                let runs = host.map(Host::executing).unwrap_or_default();
                if let Some(run) = self.rng.choice(&runs) {
                    self.drive(node, shard, *run);
                }
                Ok(())
            }
        }
    }

    /// Something that a node does to a shard; when it turns out that the hold is over, it lets go.
    pub(super) fn with(
        &mut self,
        node: usize,
        shard: usize,
        work: impl FnOnce(&mut Host, u64) -> Result<(), Gone>,
    ) {
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        if let Some(host) = self.nodes[node].hosts.get_mut(&shard)
            && work(host, clock_ms).is_err()
        {
            self.let_go(node, shard);
        }
    }

    pub(super) fn let_go(&mut self, node: usize, shard: usize) {
        self.trace.note("lost", (node * 8 + shard) as u64);
        self.counts.lost += 1;
        let host = self.nodes[node].hosts.get(&shard);
        let failure = host.and_then(|host| host.lease.store.failure());
        // The store says that it is poisoned, and by what.
        let fenced = failure.is_some_and(|failure| failure.to_string().contains("owner row"));
        self.counts.fenced += u64::from(fenced);
        self.nodes[node].drop_host(shard);
    }

    pub(super) fn receive(&mut self, node: usize, mail: Mail) -> Checked {
        let shard = mail.shard;
        let Some(input) = mail.into_input() else {
            return Err("an event of the simulation is not valid".into());
        };
        self.with(node, shard, |host, now_ms| host.input(input, now_ms));
        Ok(())
    }

    /// Commits a group of a node, and looks whether it may have been accepted.
    pub(super) fn commit(&mut self, node: usize, shard: usize) -> Checked<bool> {
        let Some(host) = self.nodes[node].hosts.get(&shard) else {
            return Ok(false);
        };
        let before = self.disks[shard].commits();
        let committed = host.commit();
        let epoch = host.lease.epoch;
        if self.disks[shard].commits() > before {
            self.accepted(shard, epoch, node)?;
        }
        match committed {
            Ok(committed) => Ok(committed),
            Err(Gone) => {
                self.let_go(node, shard);
                Ok(false)
            }
        }
    }

    /// At most one node's writes are accepted in an epoch, and none of an epoch that is over.
    pub(super) fn accepted(&mut self, shard: usize, epoch: u64, node: usize) -> Checked {
        let node = self.nodes[node].id;
        self.trace
            .note("accepted", epoch * 64 + node * 8 + shard as u64);
        if let Some((last, by)) = self.accepted[shard] {
            if epoch < last {
                return Err(format!(
                    "shard {shard}: a write of node {node} in epoch {epoch} was accepted after epoch {last} of node {by} had begun"
                ));
            }
            if epoch == last && node != by {
                return Err(format!(
                    "shard {shard}: writes of the nodes {by} and {node} were accepted in epoch {epoch}"
                ));
            }
        }
        self.accepted[shard] = Some((epoch, node));
        Ok(())
    }

    pub(super) fn carry_out(&mut self, node: usize, shard: usize) -> Checked {
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        let Some(host) = self.nodes[node].hosts.get_mut(&shard) else {
            return Ok(());
        };
        let Ok(answers) = host.durable_effects(clock_ms) else {
            self.let_go(node, shard);
            return Ok(());
        };
        for effect in answers {
            if let Effect::Answer { reply, answer } = effect {
                self.answered(reply, &answer)?;
            }
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, reply: ReplyId, answer: &Answer) -> Checked {
        let Answer::Accepted(ids) = answer else {
            return Ok(());
        };
        match self.waits.remove(&reply) {
            None => {}
            Some(Waits::Client(order)) => {
                let order = &mut self.orders[order];
                if ids != &[order.id()] {
                    return Err(format!(
                        "the event has the id {ids:?} instead of {}",
                        order.id()
                    ));
                }
                self.counts.acknowledged += u64::from(!order.acknowledged);
                order.acknowledged = true;
                self.trace.tell("acknowledged", &order.seed.id(1));
            }
            Some(Waits::Sender {
                node,
                shard,
                epoch,
                event,
            }) => {
                let host = self.nodes[node].hosts.get_mut(&shard);
                if let Some(host) = host.filter(|host| host.lease.epoch == epoch) {
                    host.sending.remove(&event.0);
                    host.note(mark(event));
                    self.counts.handed_over += 1;
                    self.trace.tell("handed over", &event);
                }
            }
        }
        Ok(())
    }

    /// Sends what runs of this shard have for others, and has not been noted as taken there.
    pub(super) fn hand_over(&mut self, node: usize, shard: usize) {
        let Some(host) = self.nodes[node].hosts.get_mut(&shard) else {
            return;
        };
        let epoch = host.lease.epoch;
        let Ok(waiting) = checks::outbox(&host.view) else {
            self.let_go(node, shard);
            return;
        };
        let mut sends = Vec::new();
        for (event, key) in waiting {
            // What was sent may have been lost on the way: sometimes it is sent again.
            let first = host.sending.insert(event.0);
            if first || self.rng.chance(20) {
                if self.without == Without::Acknowledgement {
                    host.note(mark(event));
                }
                sends.push((event, key));
            }
        }
        for (event, key) in sends {
            let (there, seed) = handed_over(event, &key);
            let to = shard_of(&format!("there/{key}"), self.disks.len());
            self.send(
                to,
                there,
                seed,
                Waits::Sender {
                    node,
                    shard,
                    epoch,
                    event,
                },
            );
        }
    }

    pub(super) fn drive(&mut self, node: usize, shard: usize, run: RunId) {
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        let Some(host) = self.nodes[node].hosts.get_mut(&shard) else {
            return;
        };
        let Ok(body) = host.drive(run, clock_ms) else {
            self.let_go(node, shard);
            return;
        };
        if let Some(body) = body {
            self.execute(node, shard, &body);
        }
    }

    /// A body reaches outside.
    pub(super) fn execute(&mut self, node: usize, shard: usize, body: &Body) {
        self.trace.tell("body", &body.execution.idempotency_key);
        self.counts.bodies += 1;
        let fails = !self.calm && self.rng.chance(10);
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        let Some(host) = self.nodes[node].hosts.get_mut(&shard) else {
            return;
        };
        if self.accepted[shard].is_some_and(|(epoch, _)| epoch > host.lease.epoch) {
            self.counts.late += 1;
        }
        let outcome = if fails {
            Err(Failure::platform(Origin::Guest, "the outside says no"))
        } else {
            *self
                .effects
                .entry((body.run, body.execution.step_key.clone()))
                .or_default() += 1;
            Ok("1".into())
        };
        host.finish(body, outcome, clock_ms);
    }

    /// Renews what it holds, and takes what nobody seems to hold.
    pub(super) fn look_after_leases(&mut self, node: usize) -> Checked {
        let now_ms = self.lease_clock(node);
        for shard in 0..self.disks.len() {
            match self.nodes[node].hosts.get(&shard) {
                Some(host) => host.renew(now_ms + LEASE_MS),
                None => self.take(node, shard)?,
            }
        }
        Ok(())
    }

    pub(super) fn lease_clock(&self, node: usize) -> u64 {
        if self.common_clock {
            self.now_ms
        } else {
            self.nodes[node].clock_ms(self.now_ms)
        }
    }

    pub(super) fn take(&mut self, node: usize, shard: usize) -> Checked {
        let now_ms = self.lease_clock(node);
        let raise = self.without != Without::Epoch;
        let before = self.disks[shard].commits();
        let taken = Lease::take(&self.disks[shard], self.nodes[node].id, now_ms, raise);
        if self.disks[shard].commits() > before {
            let last = self.accepted[shard].map_or(0, |(epoch, _)| epoch);
            self.accepted(shard, last + u64::from(raise), node)?;
        }
        let lease = match taken {
            Ok(lease) => lease,
            Err(Refused::Held | Refused::Lost) => return Ok(()),
        };
        self.starts = self.starts.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.counts.taken += 1;
        self.trace
            .note("taken", lease.epoch * 64 + (node * 8 + shard) as u64);
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        if let Ok(host) = Host::begin(lease, self.without != Without::Fence, self.starts, clock_ms)
        {
            self.nodes[node].hosts.insert(shard, host);
        }
        Ok(())
    }
}
