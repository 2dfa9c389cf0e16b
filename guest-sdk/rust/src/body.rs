//! Running a step's body to its end, in one go.
//!
//! A panic ends the instance, since WebAssembly does not unwind. The host makes a failure of it, with the message and the
//! place that the standard library's panic hook wrote to standard error.

use std::cell::Cell;
use std::future::Future;

use crate::bindings::types::Failure;

thread_local! {
    static EXECUTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a body is executing.
pub(crate) fn executing() -> bool {
    EXECUTING.get()
}

/// Runs the body that `body` makes to its end.
pub(crate) fn run<F: Future<Output = Result<String, Failure>>>(
    body: impl FnOnce() -> F,
) -> Result<String, Failure> {
    struct Executing;
    impl Drop for Executing {
        fn drop(&mut self) {
            EXECUTING.set(false);
        }
    }
    EXECUTING.set(true);
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
