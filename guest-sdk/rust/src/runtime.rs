//! The scheduler: runs all workflow code that can go on, then asks the host once for news.
//!
//! It is single-threaded and deterministic: woken tasks run in the order in which they were woken, and the only thing that wakes
//! them, besides each other, is a completion that the host delivered. It knows no clock and no randomness, and it polls no workflow code
//! while a body executes: that runs between two calls of `next`, from [`Runtime::handle`].
//!
//! Invariants: a future is never dropped, and a waker never called, while one of the `RefCell`s is borrowed, since both may call
//! back into the runtime. A body runs at most once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::bindings::types::{self, Execution, Failure, News, RetryAdvice, Ticket};
use crate::body;
use crate::host::Host;
use crate::numbered::Numbered;

/// A boxed future of this one thread.
pub(crate) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A step's body: what `execute` calls.
pub(crate) type Body = Box<dyn FnOnce(Execution) -> LocalFuture<Result<String, Failure>>>;

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result: JSON text.
    Done(String),
    /// For good.
    Failed(Failure),
    /// Without a result: the wait timed out.
    Empty,
}

/// A started operation that was neither read nor given up yet.
struct Slot {
    body: Option<Body>,
    outcome: Option<Outcome>,
    waker: Waker,
}

pub(crate) type TaskId = u64;

#[derive(Default)]
struct Tasks {
    next_id: TaskId,
    /// `None` while the task is being polled.
    live: Numbered<Option<LocalFuture<()>>>,
}

/// One attempt at a workflow.
pub(crate) struct Runtime {
    host: Rc<dyn Host>,
    slots: RefCell<Numbered<Slot>>,
    tasks: RefCell<Tasks>,
    ready: Arc<ReadyQueue>,
    output: RefCell<Option<Result<String, Failure>>>,
}

impl Runtime {
    pub(crate) fn new(host: Rc<dyn Host>) -> Rc<Self> {
        Rc::new(Self {
            host,
            slots: RefCell::default(),
            tasks: RefCell::default(),
            ready: Arc::default(),
            output: RefCell::default(),
        })
    }

    /// Runs a workflow to its end.
    pub(crate) fn drive(
        self: &Rc<Self>,
        workflow: LocalFuture<Result<String, Failure>>,
    ) -> Result<String, Failure> {
        self.begin(workflow);
        loop {
            if let Some(output) = self.run_ready() {
                return output;
            }
            let (ticket, news) = self.host.next();
            self.handle(ticket, news);
        }
    }

    /// Makes `workflow` the main task, without running it yet.
    pub(crate) fn begin(self: &Rc<Self>, workflow: LocalFuture<Result<String, Failure>>) {
        let runtime = Rc::clone(self);
        self.spawn(Box::pin(async move {
            let output = workflow.await;
            *runtime.output.borrow_mut() = Some(output);
        }));
    }

    /// Adds a task; it runs when its turn comes.
    pub(crate) fn spawn(&self, task: LocalFuture<()>) -> TaskId {
        let mut tasks = self.tasks.borrow_mut();
        let id = tasks.next_id;
        tasks.next_id += 1;
        tasks.live.insert(id, Some(task));
        self.ready.push(Arc::new(TaskWaker {
            id,
            queued: AtomicBool::new(true),
            queue: Arc::clone(&self.ready),
        }));
        id
    }

    /// Gives up on a task: its unfinished operations are cancelled.
    pub(crate) fn abort(&self, id: TaskId) {
        let task = self.tasks.borrow_mut().live.remove(id);
        drop(task);
    }

    /// Polls woken tasks in the order of their waking until none is left, or until the main task has ended, whose output it
    /// then returns. What the workflow left unfinished is given up.
    pub(crate) fn run_ready(&self) -> Option<Result<String, Failure>> {
        while let Some(woken) = self.ready.pop() {
            let id = woken.id;
            let taken = self
                .tasks
                .borrow_mut()
                .live
                .get_mut(id)
                .and_then(Option::take);
            let Some(mut task) = taken else { continue };
            let poll = task
                .as_mut()
                .poll(&mut Context::from_waker(&Waker::from(woken)));
            let mut tasks = self.tasks.borrow_mut();
            match (poll, tasks.live.get_mut(id)) {
                (Poll::Pending, Some(place)) => *place = Some(task),
                // It ended, or it was aborted from within.
                (Poll::Ready(()), _) | (Poll::Pending, None) => {
                    tasks.live.remove(id);
                    drop(tasks);
                    drop(task);
                }
            }
            let output = self.output.borrow_mut().take();
            if output.is_some() {
                self.clear();
                return output;
            }
        }
        None
    }

    /// Hands one piece of news to the operation that it concerns.
    pub(crate) fn handle(&self, ticket: Ticket, news: News) {
        match news {
            News::Done(json) => self.deliver(ticket, Outcome::Done(json)),
            News::Failed(failure) => self.deliver(ticket, Outcome::Failed(failure)),
            News::Empty => self.deliver(ticket, Outcome::Empty),
            News::Execute(execution) => {
                let outcome = self.execute(ticket, execution);
                self.host.finish(ticket, outcome);
            }
        }
    }

    /// Drops all tasks and operations. It also breaks the cycle between the runtime and the tasks that hold it.
    pub(crate) fn clear(&self) {
        let tasks = std::mem::take(&mut self.tasks.borrow_mut().live);
        drop(tasks);
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }

    /// Starts an operation; `waker` is called once, when its outcome is there.
    pub(crate) fn start(
        &self,
        id: &str,
        operation: &types::Operation,
        body: Option<Body>,
        waker: &Waker,
    ) -> Ticket {
        let ticket = self.host.start(id, operation);
        let slot = Slot {
            body,
            outcome: None,
            waker: waker.clone(),
        };
        self.slots.borrow_mut().insert(ticket.into(), slot);
        ticket
    }

    /// The outcome of a started operation, which is then forgotten; or else remembers whom to wake.
    pub(crate) fn poll(&self, ticket: Ticket, waker: &Waker) -> Poll<Outcome> {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(ticket.into()) else {
            return Poll::Pending;
        };
        if let Some(outcome) = slot.outcome.take() {
            slots.remove(ticket.into());
            return Poll::Ready(outcome);
        }
        slot.waker.clone_from(waker);
        Poll::Pending
    }

    /// Gives up on an operation, unless it is complete.
    pub(crate) fn cancel(&self, ticket: Ticket) {
        let slot = self.slots.borrow_mut().remove(ticket.into());
        if slot.is_some_and(|slot| slot.outcome.is_none()) {
            self.host.cancel(ticket);
        }
    }

    fn deliver(&self, ticket: Ticket, outcome: Outcome) {
        let mut slots = self.slots.borrow_mut();
        // A cancelled operation has no slot: nobody waits for its news.
        let Some(slot) = slots.get_mut(ticket.into()) else {
            return;
        };
        slot.outcome = Some(outcome);
        let body = slot.body.take();
        let waker = slot.waker.clone();
        drop(slots);
        drop(body);
        waker.wake();
    }

    /// Runs the body of an operation to its end.
    pub(crate) fn execute(&self, ticket: Ticket, execution: Execution) -> Result<String, Failure> {
        let body = self
            .slots
            .borrow_mut()
            .get_mut(ticket.into())
            .and_then(|slot| slot.body.take());
        match body {
            Some(body) => body::run(|| body(execution)),
            None => Err(Failure {
                name: "NoBody".to_owned(),
                message: format!(
                    "the host asked to execute operation {ticket}, which has no body, or whose body ran already"
                ),
                stack: None,
                data: None,
                retry: RetryAdvice::Retriable,
            }),
        }
    }
}

/// Woken tasks, first in first out. It is `Sync` because wakers must be; there is only one thread.
#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<Arc<TaskWaker>>>);

impl ReadyQueue {
    fn push(&self, task: Arc<TaskWaker>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(task);
    }

    fn pop(&self) -> Option<Arc<TaskWaker>> {
        let task = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()?;
        task.queued.store(false, Ordering::Relaxed);
        Some(task)
    }
}

struct TaskWaker {
    id: TaskId,
    /// A task is in the queue at most once, however often it is woken.
    queued: AtomicBool,
    queue: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            let queue = Arc::clone(&self.queue);
            queue.push(self);
        }
    }
}
