//! What all operations have in common: a future that starts one when it is first polled and gives up when it is dropped.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::types::{self, Ticket};
use crate::body;
use crate::error::StepError;
use crate::runtime::{Body, Outcome, Runtime};

/// Something that a workflow asked of the host: a step, a sleep, a wait…
///
/// It is a future. Nothing happens until it is awaited, or handed to a combinator like [`join!`](crate::join), or begun
/// with [`Operation::start`]. Dropping it before it is complete withdraws it: that is what makes the losers of a
/// [`race`](crate::race) go away. Options are set by methods in the manner of a builder.
#[must_use = "nothing happens until an operation is awaited or started"]
pub struct Operation<K: Kind> {
    runtime: Rc<Runtime>,
    id: String,
    state: State<K>,
}

enum State<K> {
    Draft(K),
    Started(Ticket),
    /// It could not be started; this is why.
    Refused(StepError),
    Finished,
}

impl<K: Kind> Operation<K> {
    pub(crate) fn new(runtime: Rc<Runtime>, id: String, draft: K) -> Self {
        Self {
            runtime,
            id,
            state: State::Draft(draft),
        }
    }

    /// Begins the operation at once, instead of when it is first awaited: for example to wait for an answer before the question is sent.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let answer = ctx.wait_for_event::<Value>("answer").event("quiz/answered").timeout("1 h").start();
    /// ctx.send_event("ask", "quiz/asked").await?;
    /// let answer = answer.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(mut self) -> Self {
        self.begin(Waker::noop());
        self
    }

    pub(crate) fn map(mut self, change: impl FnOnce(&mut K)) -> Self {
        if let State::Draft(draft) = &mut self.state {
            change(draft);
        }
        self
    }

    fn begin(&mut self, waker: &Waker) {
        let State::Draft(draft) = std::mem::replace(&mut self.state, State::Finished) else {
            unreachable!("only a draft is begun, and only once");
        };
        self.state = if body::executing() {
            let message = "a step's body cannot use the context: start operations in workflow code, and return from the body what they need";
            State::Refused(StepError::new(&self.id, "NestedOperation", message))
        } else {
            match draft.prepare() {
                Ok(request) => State::Started(self.runtime.start(
                    &self.id,
                    &request.operation,
                    request.body,
                    waker,
                )),
                Err(problem) => State::Refused(StepError::new(&self.id, "InvalidOptions", problem)),
            }
        };
    }
}

impl<K> Unpin for Operation<K> where K: Kind {}

impl<K: Kind> Future for Operation<K> {
    type Output = Result<K::Output, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if matches!(this.state, State::Draft(_)) {
            this.begin(cx.waker());
        }
        let result = match std::mem::replace(&mut this.state, State::Finished) {
            State::Refused(error) => Err(error),
            State::Started(ticket) => match this.runtime.poll(ticket, cx.waker()) {
                Poll::Ready(Outcome::Failed(failure)) => {
                    Err(StepError::from_failure(&this.id, failure))
                }
                Poll::Ready(outcome) => K::read(&this.id, outcome),
                Poll::Pending => {
                    this.state = State::Started(ticket);
                    return Poll::Pending;
                }
            },
            State::Draft(_) | State::Finished => {
                panic!("operation `{}` was polled after it was complete", this.id)
            }
        };
        Poll::Ready(result)
    }
}

impl<K: Kind> Drop for Operation<K> {
    fn drop(&mut self) {
        if let State::Started(ticket) = self.state {
            self.runtime.cancel(ticket);
        }
    }
}

impl<K: Kind> fmt::Debug for Operation<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A kind of operation. Sealed: the contract says which there are.
pub trait Kind: 'static {
    /// What awaiting it gives.
    type Output;

    /// What to ask the host for, or what is wrong with the options.
    #[doc(hidden)]
    fn prepare(self) -> Result<Request, String>;

    /// Reads an outcome that is not a failure.
    #[doc(hidden)]
    fn read(step: &str, outcome: Outcome) -> Result<Self::Output, StepError>;
}

/// What an operation asks of the host.
pub struct Request {
    pub(crate) operation: types::Operation,
    pub(crate) body: Option<Body>,
}

impl From<types::Operation> for Request {
    fn from(operation: types::Operation) -> Self {
        Self {
            operation,
            body: None,
        }
    }
}

/// An options record while its author fills it in, with what was wrong so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft<O> {
    pub(crate) options: O,
    problems: Vec<String>,
}

impl<O> Draft<O> {
    pub(crate) fn new(options: O) -> Self {
        Self {
            options,
            problems: Vec::new(),
        }
    }

    /// Sets an option whose value may be wrong.
    pub(crate) fn set<V, E: fmt::Display>(
        &mut self,
        option: &str,
        value: Result<V, E>,
        set: impl FnOnce(&mut O, V),
    ) {
        match value {
            Ok(value) => set(&mut self.options, value),
            Err(error) => self.refuse(format!("{option}: {error}")),
        }
    }

    pub(crate) fn refuse(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    pub(crate) fn map<P>(self, change: impl FnOnce(O) -> P) -> Draft<P> {
        Draft {
            options: change(self.options),
            problems: self.problems,
        }
    }

    /// The record, or everything that is wrong with it.
    pub(crate) fn build(self) -> Result<O, Vec<String>> {
        if self.problems.is_empty() {
            Ok(self.options)
        } else {
            Err(self.problems)
        }
    }

    /// The record, or everything that is wrong with it in one sentence.
    pub(crate) fn finish(self) -> Result<O, String> {
        self.build().map_err(|problems| problems.join("; "))
    }

    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// JSON text of something that an author handed in.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| format!("it cannot be written as JSON: {error}"))
}

/// Reads a result; `Empty` reads as `null`.
pub(crate) fn from_json<T: DeserializeOwned>(
    step: &str,
    outcome: &Outcome,
) -> Result<T, StepError> {
    let text = match outcome {
        Outcome::Done(text) => text,
        Outcome::Empty | Outcome::Failed(_) => "null",
    };
    serde_json::from_str(text).map_err(|error| {
        let expected = std::any::type_name::<T>();
        StepError::new(
            step,
            "InvalidResult",
            format!("its result is not a `{expected}`: {error}"),
        )
    })
}
