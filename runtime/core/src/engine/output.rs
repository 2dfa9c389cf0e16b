//! What comes out of a step: writes and effects, as data.

use std::sync::Arc;

use super::{ReplyId, Token};
use crate::function::Undecided;
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::OpNumber;
use crate::machine::Arrival;
use crate::operation::{AiInfer, Fetch};
use crate::schema::Schemas;
use crate::span::AuthoredSpan;
use crate::state::{Job, Run, RunStatus, Write};

/// What to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Execute a run from its journal.
    Execute {
        /// The run.
        run: Box<Run>,
        /// Names this execution.
        token: Token,
        /// What has come for it meanwhile.
        arrivals: Vec<(OpNumber, Arrival)>,
    },
    /// Hand something to an execution.
    Deliver {
        /// The run.
        run: RunId,
        /// The execution.
        token: Token,
        /// For which operation.
        op: OpNumber,
        /// What.
        arrival: Arrival,
    },
    /// End an execution: nobody wants it any more.
    Stop {
        /// The run.
        run: RunId,
        /// The execution.
        token: Token,
    },
    /// Perform a request.
    Request {
        /// Whose.
        run: Box<Run>,
        /// Which operation's.
        op: OpNumber,
        /// Which attempt, from 0.
        attempt: u32,
        /// The request.
        request: Request,
    },
    /// Give up a request, if it is still under way.
    DropRequest {
        /// Whose.
        run: RunId,
        /// Which operation's.
        op: OpNumber,
    },
    /// Answer somebody who waits.
    Answer {
        /// Who.
        reply: ReplyId,
        /// What.
        answer: Answer,
    },
    /// Once the writes are durable, give the engine [`Input::SuspectRecorded`](super::Input::SuspectRecorded).
    Suspect(RunId),
    /// Check events against these schemas from now on.
    Schemas(Arc<Schemas>),
    /// Tell those who watch.
    Notice(Notice),
}

/// A request that the host performs.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Any HTTP request.
    Fetch(Box<Fetch>),
    /// A model request.
    AiInfer(Box<AiInfer>),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The events are accepted under these ids.
    Accepted(Vec<EventId>),
    /// The delivery's event is recorded.
    Delivered {
        /// It, or that of the first delivery.
        event: EventId,
        /// Whether it had been delivered before.
        repeated: bool,
    },
    /// The request was done before: what it made, or reached, if that has an id.
    DoneBefore(Option<RunId>),
    /// The run is cancelled.
    Cancelled,
    /// The run had ended already, as this.
    Ended(RunStatus),
    /// There is no such run.
    NoSuchRun,
    /// The signal went to this run, or to nobody yet.
    Signalled(Option<RunId>),
    /// The app is deployed.
    Deployed,
    /// The run, or the function, is paused.
    Paused,
    /// The run, or the function, goes on.
    Resumed,
    /// The new run that replays the one that was named.
    Replayed(RunId),
    /// The function was invoked.
    Invoked {
        /// Its new run.
        run: RunId,
        /// The event that it sees.
        event: EventId,
    },
    /// The job is created, or stopped, and stands so.
    Job(Box<Job>),
    /// There is no such job.
    NoSuchJob,
    /// There is no such function.
    NoSuchFunction,
    /// The schema is set, or removed.
    SchemaChanged,
    /// It can't be done, for this reason; nothing is changed.
    Refused(String),
}

/// Something that people may watch for.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A run was created or changed.
    Run {
        /// The run.
        run: RunId,
        /// The event that started it.
        event: EventId,
        /// Where it stands.
        status: RunStatus,
    },
    /// An event was recorded.
    Event(EventId),
    /// A run logged something, or its journal grew.
    Grew(RunId),
    /// An expression of a function could not be decided.
    Undecided(Undecided),
    /// A run was paused because the process died each time it executed.
    Poisonous {
        /// The run.
        run: RunId,
        /// Its function.
        function: FunctionId,
        /// What is to be said of it.
        reason: String,
    },
}

/// The result of steps.
#[derive(Debug, Default)]
pub struct Output {
    /// To commit as one, in this order.
    pub writes: Vec<Write>,
    /// To do as soon as the writes are submitted: nothing outside can notice these.
    pub now: Vec<Effect>,
    /// To do once the writes are durable.
    pub durable: Vec<Effect>,
    /// Spans of runs that are to be told once the writes are durable.
    pub spans: Vec<(RunId, Vec<AuthoredSpan>)>,
}

impl Output {
    pub(super) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    pub(super) fn answer(&mut self, reply: ReplyId, answer: Answer) {
        self.durable.push(Effect::Answer { reply, answer });
    }

    pub(super) fn put_run(&mut self, run: &Run) {
        self.writes.push(Write::PutRun(Arc::new(run.clone())));
        self.durable.push(Effect::Notice(Notice::Run {
            run: run.id,
            event: run.event,
            status: run.status,
        }));
    }
}
