//! Executing one run: the request, the mailbox, the exit.
//!
//! - [`run`]: what the instances of a run share, behind one lock: the machine and the twins' cursors
//! - [`instance`]: one guest as a future
//! - [`twin`]: a twin with the time limit of the body that it executes
//! - [`extras`]: twins beyond the first, in tasks of their own
//! - [`flush`]: how progress is handed on
//! - [`driver`]: the task that polls a run's instances, and decides when progress is handed on

mod driver;
mod extras;
mod flush;
mod instance;
mod run;
mod twin;

use std::sync::Arc;

use abide_core::journal::OpNumber;
use abide_core::machine::{Arrival, Divergence, Machine};
use tokio::sync::mpsc;

use crate::app::App;
use crate::egress::Egress;
use crate::events::Events;
use crate::port::Port;

pub(crate) use driver::Driver;
pub(crate) use extras::Budget;
pub(crate) use instance::{End, Instance, NoInstance, instantiate};
pub(crate) use run::Run;

/// Everything that the execution of a run needs.
pub struct ExecuteRequest {
    /// The code that the run is pinned to.
    pub app: Arc<App>,
    /// The run's machine, loaded from its journal.
    pub machine: Machine,
    /// What started the run.
    pub events: Events,
    /// The way to the node.
    pub port: Arc<dyn Port>,
    /// The environment variables that bodies see.
    pub variables: Arc<Vec<(String, String)>>,
    /// The way outside of bodies.
    pub egress: Arc<Egress>,
}

/// Why an execution is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Exit {
    /// The run ended, or its next attempt waits for a time: the last progress says which.
    Over,
    /// The host dropped a run to save memory. If `parked` is false there is more to do, and the run should be executed again at once: an arrival
    /// came in at the last moment, which is recorded, or there was no room for an instance of the run.
    Evicted {
        /// Whether there is nothing to do until the next arrival.
        parked: bool,
    },
    /// [`Mailbox::cancel`] ended it. Nothing was recorded about that.
    Cancelled,
    /// Its code does not do what its journal says: pause it. The last progress has position `Diverged`.
    Diverged(Box<Divergence>),
}

/// The execution is over: what was to be delivered was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the execution of the run is over")]
pub struct Gone;

/// The way to a run that is being executed. A message after the end is refused, one before it is never lost.
#[derive(Debug, Clone)]
pub struct Mailbox(mpsc::UnboundedSender<Message>);

/// What comes in through a mailbox.
#[derive(Debug)]
pub(crate) enum Message {
    Arrival(OpNumber, Arrival),
    Evict,
    Cancel,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub(crate) fn downgrade(&self) -> mpsc::WeakUnboundedSender<Message> {
        self.0.downgrade()
    }

    /// Delivers an arrival.
    pub fn arrive(&self, op: OpNumber, arrival: Arrival) -> Result<(), Gone> {
        self.0.send(Message::Arrival(op, arrival)).map_err(|_| Gone)
    }

    /// Asks a parked run to leave memory; one that is not parked goes on.
    pub fn evict(&self) -> Result<(), Gone> {
        self.0.send(Message::Evict).map_err(|_| Gone)
    }

    /// Stops at once and drops the instances. Progress that was not handed over is lost.
    pub fn cancel(&self) -> Result<(), Gone> {
        self.0.send(Message::Cancel).map_err(|_| Gone)
    }
}
