//! Running a step's body: to its end, in one go, and with a readable failure when it panics.
//!
//! A panic ends the instance (WebAssembly does not unwind). So the panic hook itself hands in the body's failure before that.

use std::cell::Cell;
use std::future::Future;

use crate::bindings::types::{Failure, RetryAdvice, Ticket};
use crate::bindings::{logging, operations};

thread_local! {
    static EXECUTING: Cell<Option<Ticket>> = const { Cell::new(None) };
}

/// The operation whose body is executing, if one is.
pub(crate) fn executing() -> Option<Ticket> {
    EXECUTING.get()
}

/// Runs the body that `body` makes to its end.
pub(crate) fn run<F: Future<Output = Result<String, Failure>>>(
    ticket: Ticket,
    body: impl FnOnce() -> F,
) -> Result<String, Failure> {
    struct Executing;
    impl Drop for Executing {
        fn drop(&mut self) {
            EXECUTING.set(None);
        }
    }
    EXECUTING.set(Some(ticket));
    let _until_the_end = Executing;
    block_on(body())
}

/// Inside WASI, wstd's reactor waits for what the body waits for (its HTTP client, its timers).
#[cfg(all(target_family = "wasm", feature = "http"))]
fn block_on<F: Future>(body: F) -> F::Output {
    wstd::runtime::block_on(body)
}

/// Without a reactor, only what is woken by the body itself, or natively by another thread, can make it go on.
#[cfg(not(all(target_family = "wasm", feature = "http")))]
fn block_on<F: Future>(body: F) -> F::Output {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Sleeper {
        woken: AtomicBool,
        thread: Thread,
    }
    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.woken.store(true, Ordering::Release);
            self.thread.unpark();
        }
    }

    let sleeper = Arc::new(Sleeper {
        woken: AtomicBool::new(false),
        thread: thread::current(),
    });
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut body = std::pin::pin!(body);
    loop {
        if let Poll::Ready(output) = body.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !sleeper.woken.swap(false, Ordering::Acquire) {
            wait_for_wake();
        }
    }
}

#[cfg(not(target_family = "wasm"))]
fn wait_for_wake() {
    std::thread::park();
}

#[cfg(all(target_family = "wasm", not(feature = "http")))]
fn wait_for_wake() {
    panic!(
        "the body waits for something that cannot come: WASI's async input and output need the feature `http` of abide-sdk"
    );
}

/// Makes panics readable: one line with the place and the message. In a body that is the attempt's failure; in workflow code it is
/// the last line that is logged before the instance ends.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a value that is not text");
        let place = panic
            .location()
            .map(|at| format!(" at {}:{}:{}", at.file(), at.line(), at.column()))
            .unwrap_or_default();
        let line = format!("panicked{place}: {message}");
        logging::log(logging::Level::Error, &line);
        if let Some(ticket) = EXECUTING.take() {
            let failure = Failure {
                name: "Panic".to_owned(),
                message: line,
                stack: (!place.is_empty()).then(|| place.trim_start().to_owned()),
                data: None,
                retry: RetryAdvice::Retriable,
            };
            operations::finish(ticket, Err(&failure));
        }
    }));
}
