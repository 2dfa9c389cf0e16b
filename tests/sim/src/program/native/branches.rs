//! Several futures at once, polled as the SDK's combinators poll theirs: first in the order in which they are given, then in the order in which they are
//! woken.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use crate::program::{Boxed, Exit, Flow};

/// All branches to their end.
pub(super) async fn all(branches: Vec<Boxed<'_, Flow>>) -> Vec<Flow> {
    let mut group = Group::new(branches);
    let mut flows: Vec<_> = group.branches.iter().map(|_| None).collect();
    while let Some((index, flow)) = poll_fn(|cx| group.poll_next(cx)).await {
        flows[index] = Some(flow);
    }
    flows.into_iter().flatten().collect()
}

/// All branches to their end, or to the first exit.
pub(super) async fn all_or_first_exit(
    branches: Vec<Boxed<'_, Flow>>,
) -> Result<Vec<serde_json::Value>, Exit> {
    let mut group = Group::new(branches);
    let mut values: Vec<_> = group.branches.iter().map(|_| None).collect();
    while let Some((index, flow)) = poll_fn(|cx| group.poll_next(cx)).await {
        values[index] = Some(flow?);
    }
    Ok(values.into_iter().flatten().collect())
}

/// The first branch that ends. There is at least one.
pub(super) async fn race(branches: Vec<Boxed<'_, Flow>>) -> Flow {
    let mut group = Group::new(branches);
    match poll_fn(|cx| group.poll_next(cx)).await {
        Some((_, flow)) => flow,
        None => std::future::pending().await,
    }
}

struct Group<'a> {
    branches: Vec<Option<Boxed<'a, Flow>>>,
    unfinished: usize,
    woken: Arc<Mutex<Woken>>,
}

struct Woken {
    branches: VecDeque<usize>,
    group: Waker,
}

struct BranchWaker {
    index: usize,
    woken: Arc<Mutex<Woken>>,
}

impl Wake for BranchWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock();
        woken.branches.push_back(self.index);
        let group = woken.group.clone();
        drop(woken);
        group.wake();
    }
}

impl<'a> Group<'a> {
    fn new(branches: Vec<Boxed<'a, Flow>>) -> Self {
        let branches: Vec<_> = branches.into_iter().map(Some).collect();
        let woken = Woken {
            branches: (0..branches.len()).collect(),
            group: Waker::noop().clone(),
        };
        Self {
            unfinished: branches.len(),
            branches,
            woken: Arc::new(Mutex::new(woken)),
        }
    }

    /// The next branch that has ended; nothing when all have.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Flow)>> {
        if self.unfinished == 0 {
            return Poll::Ready(None);
        }
        loop {
            let index = {
                let mut woken = self.woken.lock();
                woken.group.clone_from(cx.waker());
                match woken.branches.pop_front() {
                    Some(index) => index,
                    None => return Poll::Pending,
                }
            };
            let Some(branch) = &mut self.branches[index] else {
                continue;
            };
            let waker = Waker::from(Arc::new(BranchWaker {
                index,
                woken: self.woken.clone(),
            }));
            if let Poll::Ready(flow) = branch.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.branches[index] = None;
                self.unfinished -= 1;
                return Poll::Ready(Some((index, flow)));
            }
        }
    }
}
