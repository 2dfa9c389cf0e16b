//! One instance as a future, and its way to the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use abide_core::Json;
use abide_core::failure::Failure;
use abide_core::ids::IdGenerator;
use abide_core::machine::{Machine, Next, Now, Stop, Ticket, TwinCursor, TwinNext};
use abide_core::operation::Operation;
use abide_core::state::LogLevel;
use parking_lot::Mutex;

use crate::program::native::{self, Begin, Calls, Halted, News};
use crate::program::{Boxed, Program, Report, Reported};

/// What the instances of a run share.
pub(super) struct Shared {
    pub(super) machine: Machine,
    pub(super) ids: IdGenerator,
    pub(super) now_ms: u64,
    /// How often progress was taken, which makes it durable.
    pub(super) taken: u64,
    /// The version of the app.
    pub(super) version: u8,
    /// A body waits until it is taken.
    pub(super) wanted: bool,
}

/// The outside service, as bodies reach it.
pub(super) type Service = Arc<dyn Fn(Report) -> Result<Reported, String> + Send + Sync>;

/// The way of one instance to its machine.
struct Way {
    shared: Arc<Mutex<Shared>>,
    /// Of a twin.
    cursor: Option<Mutex<TwinCursor>>,
    stop: Mutex<Option<Stop>>,
    service: Service,
    ended_body: AtomicBool,
    calling: AtomicBool,
}

/// One instance.
pub(super) struct Instance {
    way: Arc<Way>,
    code: Boxed<'static, Result<Result<Json, Failure>, Halted>>,
}

/// What an instance came to.
pub(super) enum Ended {
    Returned(Result<Json, Failure>),
    Stopped(Option<Stop>),
}

impl Instance {
    pub(super) fn new(
        shared: &Arc<Mutex<Shared>>,
        program: &Program,
        service: &Service,
        twin: bool,
    ) -> Self {
        let (begin, cursor) = {
            let shared = shared.lock();
            let info = shared.machine.info();
            let begin = Begin {
                run_id: info.run.to_string(),
                function: info.function.function.to_string(),
                attempt: shared.machine.attempt(),
                version: shared.version,
            };
            (begin, twin.then(|| Mutex::new(shared.machine.twin())))
        };
        let way = Arc::new(Way {
            shared: shared.clone(),
            cursor,
            stop: Mutex::default(),
            service: service.clone(),
            ended_body: AtomicBool::new(false),
            calling: AtomicBool::new(false),
        });
        let code = Box::pin(native::run(way.clone(), begin, program.clone()));
        Self { way, code }
    }

    /// Lets it go on.
    pub(super) fn poll(&mut self) -> Option<Ended> {
        match self
            .code
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => None,
            Poll::Ready(Ok(result)) => Some(Ended::Returned(result)),
            Poll::Ready(Err(Halted)) => Some(Ended::Stopped(self.way.stop.lock().take())),
        }
    }

    /// Whether it has executed a body: a twin like that is replaced before it is asked for an attempt that it cannot make.
    pub(super) fn is_used(&self) -> bool {
        self.way.ended_body.load(Ordering::Relaxed)
    }

    /// Whether it executes a body that may have called the outside service.
    pub(super) fn is_calling(&self) -> bool {
        self.way.calling.load(Ordering::Relaxed)
    }

    /// Whether nobody wants the body any more that executes here.
    pub(super) fn is_unwanted(&self) -> bool {
        let shared = self.way.shared.lock();
        let cursor = self.way.cursor.as_ref();
        cursor.is_some_and(|cursor| shared.machine.body_cancelled(&cursor.lock()))
    }

    /// It is thrown away: a body that executes here waits for another twin.
    pub(super) fn abandon(self) {
        if let Some(cursor) = &self.way.cursor {
            let shared = &mut *self.way.shared.lock();
            let now_ms = shared.now_ms;
            shared.machine.body_abandoned(&mut cursor.lock(), now_ms);
        }
    }
}

impl Way {
    fn halt<T>(&self, result: Result<T, Stop>) -> Result<T, Halted> {
        result.map_err(|stop| {
            *self.stop.lock() = Some(stop);
            Halted
        })
    }

    fn poll_next(&self) -> Poll<Result<(Ticket, News), Halted>> {
        let shared = &mut *self.shared.lock();
        let next = match &self.cursor {
            None => shared.machine.next().map(|next| match next {
                Next::News(ticket, outcome) => Poll::Ready((ticket, News::Over(outcome))),
                Next::Blocked => Poll::Pending,
            }),
            Some(cursor) => {
                let next = shared.machine.twin_next(&mut cursor.lock(), shared.now_ms);
                next.map(|next| match next {
                    TwinNext::News(ticket, outcome) => Poll::Ready((ticket, News::Over(outcome))),
                    TwinNext::Execute(ticket, body) => Poll::Ready((ticket, News::Execute(body))),
                    TwinNext::Blocked => Poll::Pending,
                })
            }
        };
        match self.halt(next) {
            Ok(poll) => poll.map(Ok),
            Err(halted) => Poll::Ready(Err(halted)),
        }
    }
}

impl Calls for Way {
    fn start(&self, id: &str, operation: Operation) -> Result<Ticket, Halted> {
        let shared = &mut *self.shared.lock();
        let result = match &self.cursor {
            None => {
                let now = Now {
                    ms: shared.now_ms,
                    ids: &mut shared.ids,
                };
                shared.machine.start(id, operation, now)
            }
            Some(cursor) => shared
                .machine
                .twin_start(&mut cursor.lock(), id, &operation),
        };
        self.halt(result)
    }

    fn next(&self) -> Boxed<'_, Result<(Ticket, News), Halted>> {
        Box::pin(std::future::poll_fn(|_| self.poll_next()))
    }

    fn finish(&self, ticket: Ticket, outcome: Result<Json, Failure>) -> Result<(), Halted> {
        self.ended_body.store(true, Ordering::Relaxed);
        self.calling.store(false, Ordering::Relaxed);
        let shared = &mut *self.shared.lock();
        let Some(cursor) = &self.cursor else {
            return Err(Halted);
        };
        let now_ms = shared.now_ms;
        let finished = shared
            .machine
            .twin_finish(&mut cursor.lock(), ticket, outcome, now_ms);
        self.halt(finished)
    }

    fn cancel(&self, ticket: Ticket) -> Result<(), Halted> {
        let shared = &mut *self.shared.lock();
        let now_ms = shared.now_ms;
        let cancelled = match &self.cursor {
            None => shared.machine.cancel(ticket, now_ms),
            Some(cursor) => shared.machine.twin_cancel(&mut cursor.lock(), ticket),
        };
        self.halt(cancelled)
    }

    fn log(&self, line: &str) {
        let shared = &mut *self.shared.lock();
        if self.cursor.is_none() {
            let now_ms = shared.now_ms;
            shared.machine.log(LogLevel::Info, line, now_ms);
        }
    }

    fn report(&self, report: Report) -> Boxed<'static, Result<Reported, String>> {
        let (service, shared) = (self.service.clone(), self.shared.clone());
        self.calling.store(true, Ordering::Relaxed);
        // Nothing reaches outside before everything recorded so far is durable.
        let asked = {
            let mut shared = shared.lock();
            if let Some(cursor) = &self.cursor {
                shared.machine.body_reaches_out(&cursor.lock());
            }
            shared.wanted = true;
            shared.taken
        };
        Box::pin(std::future::poll_fn(move |_| {
            if shared.lock().taken == asked {
                Poll::Pending
            } else {
                Poll::Ready(service(report.clone()))
            }
        }))
    }
}
