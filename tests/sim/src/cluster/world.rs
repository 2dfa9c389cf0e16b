//! The scheduler: one thing after the other, as the seed says.
//!
//! First everything happens that can, faults included; then comes a calm in which no fault happens, every node is up, and whatever can go on must.

mod moves;

use std::collections::BTreeMap;

use abide_core::engine::{Input, ReplyId};
use abide_core::ids::{Digest, EventId, RunId};
use abide_core::state::{App, Deployed, Read};
use abide_store::{Fault, MemoryDisk};
use bytes::Bytes;

use super::client::Order;
use super::host::{Gone, Host};
use super::node::{Mail, Node};
use super::{Without, checks, script};
use crate::rng::Rng;
use crate::trace::Trace;

/// 2026-01-01T00:00:00Z
const BEGIN_MS: u64 = 1_767_225_600_000;

/// What happens before the calm.
const ACTIONS: u64 = 2_500;

/// How many turns everything may take to come to its end in the calm.
const CALM_TURNS: u64 = 3_000;

/// The numbers of a seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were acknowledged.
    pub acknowledged: u64,
    /// Runs that came to their end.
    pub runs: u64,
    /// Times that a shard changed hands.
    pub taken: u64,
    /// Holds that ended because a commit was refused: by the fence, or by a fault.
    pub lost: u64,
    /// Those of them that the fence ended.
    pub fenced: u64,
    /// Processes that died.
    pub deaths: u64,
    /// Pauses, longer and shorter than a lease.
    pub pauses: u64,
    /// Bodies that executed.
    pub bodies: u64,
    /// Bodies that executed once more than the step needed.
    pub repeated: u64,
    /// Runs that were executing at three ends of a hold in a row, and were paused for that.
    pub paused: u64,
    /// Bodies that executed at a node whose shard was another's already.
    pub late: u64,
    /// Events that one shard handed to another.
    pub handed_over: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.runs += other.runs;
        self.taken += other.taken;
        self.lost += other.lost;
        self.fenced += other.fenced;
        self.deaths += other.deaths;
        self.pauses += other.pauses;
        self.bodies += other.bodies;
        self.repeated += other.repeated;
        self.paused += other.paused;
        self.late += other.late;
        self.handed_over += other.handed_over;
    }
}

/// Who waits for an answer.
enum Waits {
    Client(usize),
    Sender {
        node: usize,
        shard: usize,
        epoch: u64,
        event: EventId,
    },
}

/// See the [module](self).
pub(super) struct World {
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    pub(super) disks: Vec<MemoryDisk>,
    pub(super) orders: Vec<Order>,
    without: Without,
    rng: Rng,
    now_ms: u64,
    nodes: Vec<Node>,
    /// Of each shard: the epoch and the node of the last write that was accepted.
    accepted: Vec<Option<(u64, u64)>>,
    /// Leases are judged by the database's clock, or else by each node's own.
    common_clock: bool,
    calm: bool,
    waits: BTreeMap<ReplyId, Waits>,
    next_reply: ReplyId,
    starts: u64,
    /// How often each body executed to its end with a result.
    effects: BTreeMap<(RunId, String), u64>,
}

type Checked<T = ()> = Result<T, String>;

impl World {
    pub(super) fn new(seed: u64, without: Without, print: bool) -> Self {
        let mut rng = Rng::new(seed);
        let shards = usize::try_from(rng.within(1..4)).unwrap_or(1);
        let nodes = rng.within(2..6);
        let skews = rng.chance(70);
        let nodes = (0..nodes).map(|id| Node::new(id, skew(&mut rng, skews)));
        let nodes = nodes.collect();
        Self {
            trace: Trace::new(false, print),
            counts: Counts::default(),
            disks: (0..shards).map(|_| MemoryDisk::new()).collect(),
            orders: Vec::new(),
            without,
            common_clock: rng.chance(50),
            now_ms: BEGIN_MS,
            nodes,
            accepted: vec![None; shards],
            calm: false,
            waits: BTreeMap::new(),
            next_reply: 1,
            starts: rng.draw(),
            effects: BTreeMap::new(),
            rng,
        }
    }

    pub(super) fn live(&mut self) -> Checked {
        self.deploy()?;
        for _ in 0..ACTIONS {
            self.act()?;
        }
        self.come_to_rest()?;
        let ended = checks::check(self)?;
        self.counts.runs = ended;
        self.counts.repeated = self.effects.values().map(|times| times - 1).sum();
        Ok(())
    }

    fn deploy(&mut self) -> Checked {
        for shard in 0..self.disks.len() {
            let node = shard % self.nodes.len();
            self.take(node, shard)?;
            let clock_ms = self.nodes[node].clock_ms(self.now_ms);
            let host = self.nodes[node].hosts.get_mut(&shard);
            let host = host.ok_or("an empty shard could not be taken")?;
            let app = App {
                id: "cluster".into(),
                current: Deployed {
                    digest: Digest([1; 32]),
                    at_ms: clock_ms,
                    bytes: 0,
                    functions: script::functions(),
                    schemas: Vec::new(),
                },
                variables: BTreeMap::new(),
                allow_net: Vec::new(),
                deployments: 0,
            };
            let deployed = host.input(
                Input::Deploy {
                    app: Box::new(app),
                    reply: 0,
                },
                clock_ms,
            );
            deployed.map_err(|Gone| "the functions could not be deployed")?;
            while self.commit(node, shard)? {}
        }
        Ok(())
    }

    /// One thing happens.
    fn act(&mut self) -> Checked {
        match self.rng.within(0..100) {
            0..70 => {
                let node = self.any_node();
                if self.nodes[node].can_move(self.now_ms) {
                    self.move_node(node)?;
                }
            }
            70..80 => self.client_sends(),
            80..95 => {
                let longest = if self.rng.chance(10) { 8_000 } else { 400 };
                self.now_ms += self.rng.within(1..longest);
            }
            95..98 => self.fault(),
            _ => self.give_back()?,
        }
        Ok(())
    }

    fn any_node(&mut self) -> usize {
        let node = self.rng.within(0..self.nodes.len() as u64);
        usize::try_from(node).unwrap_or(0)
    }

    fn any_shard(&mut self) -> usize {
        let shard = self.rng.within(0..self.disks.len() as u64);
        usize::try_from(shard).unwrap_or(0)
    }

    fn fault(&mut self) {
        let node = self.any_node();
        match self.rng.within(0..10) {
            0..2 => {
                let until_ms = self.now_ms + self.rng.within(1..30_000);
                self.trace.note("death", node as u64);
                self.counts.deaths += 1;
                self.nodes[node].die(until_ms);
            }
            2..6 => {
                // Many are longer than a lease: the node wakes up as a zombie.
                let until_ms = self.now_ms + self.rng.within(100..40_000);
                self.trace.note("pause", node as u64);
                self.counts.pauses += 1;
                self.nodes[node].paused_until_ms = until_ms;
            }
            6..8 => {
                self.nodes[node].skew_ms = skew(&mut self.rng, true);
                self.trace.note("clock", node as u64);
            }
            _ => {
                let shard = self.any_shard();
                let faults = [
                    Fault::WrittenWithoutAnswer,
                    Fault::WrittenWithoutAnswer,
                    Fault::Lost,
                    Fault::Refused,
                ];
                if let Some(fault) = self.rng.choice(&faults) {
                    self.trace.note("database", shard as u64);
                    self.disks[shard].fail_next_commit(*fault);
                }
            }
        }
    }

    /// A client sends something new, or something again that nobody has acknowledged.
    fn client_sends(&mut self) {
        let open: Vec<_> = (0..self.orders.len())
            .filter(|at| !self.orders[*at].acknowledged)
            .collect();
        let again = self.rng.chance(60) || self.orders.len() >= 24;
        let order = match self.rng.choice(&open) {
            Some(order) if again => *order,
            _ if again => return,
            _ => {
                let orders = self.orders.len() / 2;
                let (name, key) = match self.orders.len() % 2 {
                    0 => ("order", format!("k{orders}")),
                    _ => ("paid", format!("k{orders}")),
                };
                let order = Order::new(name, &key, self.disks.len(), self.now_ms, &mut self.rng);
                self.orders.push(order);
                self.orders.len() - 1
            }
        };
        let Order {
            shard, event, seed, ..
        } = self.orders[order].clone();
        self.send(shard, event, seed, Waits::Client(order));
    }

    /// Sends to some node that believes to hold the shard. Nobody may answer.
    fn send(
        &mut self,
        shard: usize,
        event: abide_core::event::NewEvent,
        seed: abide_core::event::EventIdSeed,
        waits: Waits,
    ) {
        let holders: Vec<_> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].hosts.contains_key(&shard))
            .collect();
        let Some(node) = self.rng.choice(&holders).copied() else {
            return;
        };
        let reply = self.next_reply;
        self.next_reply += 1;
        self.waits.insert(reply, waits);
        self.nodes[node].mail.push_back(Mail {
            shard,
            event,
            seed,
            reply,
        });
    }

    /// A node gives a shard back in the middle of its work: what is queued is committed with it, what executes is dropped.
    fn give_back(&mut self) -> Checked {
        let node = self.any_node();
        let shards: Vec<_> = self.nodes[node].hosts.keys().copied().collect();
        let Some(shard) = self.rng.choice(&shards).copied() else {
            return Ok(());
        };
        if !self.nodes[node].can_move(self.now_ms) {
            return Ok(());
        }
        self.trace.note("given back", (node * 8 + shard) as u64);
        self.with(node, shard, |host, now_ms| {
            // Nobody is to blame for this end.
            host.input(Input::Close, now_ms)?;
            host.renew(0);
            Ok(())
        });
        while self.commit(node, shard)? {}
        self.nodes[node].drop_host(shard);
        Ok(())
    }

    /// No faults any more: whatever can go on does, until nothing is left to do.
    fn come_to_rest(&mut self) -> Checked {
        self.calm = true;
        for node in &mut self.nodes {
            node.paused_until_ms = 0;
            node.down_until_ms = 0;
        }
        for _ in 0..CALM_TURNS {
            let mut resting = true;
            for node in 0..self.nodes.len() {
                resting &= self.calm_turn(node)?;
            }
            if resting && checks::unfinished(self)?.is_none() {
                return Ok(());
            }
            self.now_ms += if resting { 1_000 } else { 10 };
        }
        let left =
            checks::unfinished(self)?.unwrap_or_else(|| "nothing, but somebody moves".into());
        Err(format!("the nodes do not come to an end: {left}"))
    }

    /// An operator looks at runs that were executing at too many deaths, and lets them go on.
    fn resume(&mut self, node: usize, shard: usize) -> Checked {
        let host = self.nodes[node].hosts.get(&shard);
        let paused = host.map(|host| checks::paused(&host.view)).transpose()?;
        for run in paused.unwrap_or_default() {
            self.counts.paused += 1;
            self.trace.tell("resumed", &run);
            self.with(node, shard, |host, now_ms| {
                host.input(Input::ResumeRun { run, reply: 0 }, now_ms)
            });
        }
        Ok(())
    }

    /// A node does all that it can. Whether that was nothing.
    fn calm_turn(&mut self, node: usize) -> Checked<bool> {
        self.look_after_leases(node)?;
        for order in 0..self.orders.len() {
            if !self.orders[order].acknowledged && self.rng.chance(30) {
                let Order {
                    shard, event, seed, ..
                } = self.orders[order].clone();
                self.send(shard, event, seed, Waits::Client(order));
            }
        }
        while let Some(mail) = self.nodes[node].mail.pop_front() {
            self.receive(node, mail)?;
        }
        let shards: Vec<_> = self.nodes[node].hosts.keys().copied().collect();
        let mut rests = true;
        for shard in shards {
            self.resume(node, shard)?;
            self.hand_over(node, shard);
            self.with(node, shard, Host::turn_engine);
            let runs = self.nodes[node].hosts.get(&shard).map(Host::executing);
            for run in runs.unwrap_or_default() {
                self.drive(node, shard, run);
            }
            while self.commit(node, shard)? {}
            self.carry_out(node, shard)?;
            let clock_ms = self.nodes[node].clock_ms(self.now_ms);
            let host = self.nodes[node].hosts.get(&shard);
            rests &= host.is_none_or(|host| host.rests(clock_ms));
        }
        Ok(rests && self.nodes[node].mail.is_empty())
    }
}

/// How wrong a clock is: mostly a little, sometimes by most of a minute.
fn skew(rng: &mut Rng, skews: bool) -> i64 {
    if !skews {
        return 0;
    }
    let most = if rng.chance(30) { 60_000 } else { 2_000 };
    let skew = i64::try_from(rng.within(0..2 * most)).unwrap_or(0);
    skew - i64::try_from(most).unwrap_or(0)
}

/// The row by which a shard notes that another one has taken an event.
pub(super) fn mark(event: EventId) -> Bytes {
    Bytes::from([b"\x02sent".as_slice(), &event.to_bytes()].concat())
}

/// Whether a shard has noted that.
pub(super) fn is_marked(view: &abide_store::View, event: EventId) -> Checked<bool> {
    view.contains(&mark(event))
        .map_err(|error| error.to_string())
}

/// All events of the outbox of a shard.
pub(super) fn outbox_events(view: &abide_store::View) -> Checked<Vec<abide_core::event::Event>> {
    let events = view.events_since(script::OUTBOX, 0, None, usize::MAX);
    events.map_err(|error| error.to_string())
}
