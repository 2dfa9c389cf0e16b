//! Branches that make progress on their own.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::runtime::{Runtime, TaskId};

/// A branch that [`Context::spawn`](crate::Context::spawn) set going: a future of its output. Dropping it gives the branch up, and the branch's
/// unfinished operations are cancelled.
#[must_use = "dropping a task gives its branch up"]
pub struct Task<T> {
    runtime: Rc<Runtime>,
    id: TaskId,
    shared: Rc<RefCell<Shared<T>>>,
}

struct Shared<T> {
    output: Option<T>,
    waiting: Option<Waker>,
}

impl<T: 'static> Task<T> {
    pub(crate) fn spawn(runtime: Rc<Runtime>, branch: impl Future<Output = T> + 'static) -> Self {
        let shared = Rc::new(RefCell::new(Shared {
            output: None,
            waiting: None,
        }));
        let id = runtime.spawn(Box::pin({
            let shared = Rc::clone(&shared);
            async move {
                let output = branch.await;
                let waiting = {
                    let mut shared = shared.borrow_mut();
                    shared.output = Some(output);
                    shared.waiting.take()
                };
                if let Some(waker) = waiting {
                    waker.wake();
                }
            }
        }));
        Self {
            runtime,
            id,
            shared,
        }
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut shared = self.shared.borrow_mut();
        if let Some(output) = shared.output.take() {
            return Poll::Ready(output);
        }
        shared.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.runtime.abort(self.id);
    }
}
