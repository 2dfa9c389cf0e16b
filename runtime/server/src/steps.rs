//! A node that moves by hand: what its shard's thread and its committer's thread would do, one step at a time.
//!
//! For simulations, which decide what happens next. It must not do anything that the threads do not do.

use abide_core::state::ReadError;
use abide_store::{Store, View};

use crate::shard::Shard;

/// The node can't go on: its store failed. A process would exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node's store failed")]
pub struct NodeFailed;

/// What moves a node that was opened by hand. The node is dead without it.
pub struct Steps {
    shard: Shard,
    store: Store,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Failed,
}

impl Steps {
    pub(crate) fn new(shard: Shard, store: Store) -> Self {
        Self {
            shard,
            store,
            state: State::New,
        }
    }

    /// Whether the shard has something to do now.
    pub fn has_turn(&self) -> bool {
        match self.state {
            State::New => true,
            State::Running => self.shard.has_work(),
            State::Failed => false,
        }
    }

    /// One turn of the shard, with up to `most` inputs; the first takes up what the store holds.
    pub fn turn(&mut self, most: usize) -> Result<(), NodeFailed> {
        let done = match self.state {
            State::Failed => return Err(NodeFailed),
            State::New => self.shard.recover(),
            State::Running => self.one_turn(most),
        };
        self.shard.publish();
        match done {
            Ok(()) => {
                self.state = State::Running;
                Ok(())
            }
            Err(error) => {
                self.state = State::Failed;
                self.shard.act.fail(error.to_string());
                Err(NodeFailed)
            }
        }
    }

    fn one_turn(&mut self, most: usize) -> Result<(), ReadError> {
        let message = self.shard.receive();
        self.shard.turn(message, most, &mut false).map(drop)
    }

    /// Whether writes wait for a commit.
    pub fn has_group(&self) -> bool {
        self.store.has_queued()
    }

    /// Commits one group, and tells everybody who waits for it.
    pub fn commit(&mut self) -> Result<(), NodeFailed> {
        self.store.run_group();
        match self.store.failure() {
            None => Ok(()),
            Some(_) => Err(NodeFailed),
        }
    }

    /// What the store shows, written or not.
    pub fn view(&self) -> View {
        self.store.view()
    }

    /// When the shard wants to look at the clock: milliseconds since the Unix epoch.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.shard.engine.next_due_ms()
    }
}
