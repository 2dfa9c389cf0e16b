//! The tasks and timers of one life, polled by hand: whoever drives them decides which goes next, and when time passes.
//!
//! It must not choose, and knows no clock but the one that [`Tasks::pass`] moves.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use abide_host::Task;
use futures::future::BoxFuture;
use parking_lot::Mutex;

/// See the [module](self). Clones are the same tasks.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tasks: Mutex<BTreeMap<u64, Arc<Entry>>>,
    ready: Arc<Ready>,
    begun: AtomicU64,
    now_ms: AtomicU64,
    timers: Mutex<BTreeMap<(u64, u64), Waker>>,
}

/// Tasks that want to be polled, in the order in which they were woken.
#[derive(Default)]
struct Ready(Mutex<Vec<u64>>);

impl Ready {
    fn push(&self, task: u64) {
        let mut ready = self.0.lock();
        if !ready.contains(&task) {
            ready.push(task);
        }
    }
}

struct Entry {
    /// Absent while it is being polled, and once it is over.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    over: AtomicBool,
    waker: Waker,
}

struct Woken {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }
}

struct Handle {
    task: u64,
    entry: Arc<Entry>,
    shared: Arc<Shared>,
}

impl Task for Handle {
    fn abort(&self) {
        self.entry.over.store(true, Ordering::Relaxed);
        self.shared.tasks.lock().remove(&self.task);
        // While the task polls itself there is nothing to drop here: whoever polls it sees that it is over.
        let future = self.entry.future.lock().take();
        drop(future);
    }

    fn is_finished(&self) -> bool {
        self.entry.over.load(Ordering::Relaxed)
    }
}

impl Tasks {
    /// Begins a task: it wants to be polled.
    pub fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn Task> {
        let task = self.0.begun.fetch_add(1, Ordering::Relaxed);
        let woken = Woken {
            task,
            ready: self.0.ready.clone(),
        };
        let entry = Arc::new(Entry {
            future: Mutex::new(Some(future)),
            over: AtomicBool::new(false),
            waker: Arc::new(woken).into(),
        });
        self.0.tasks.lock().insert(task, entry.clone());
        self.0.ready.push(task);
        Box::new(Handle {
            task,
            entry,
            shared: self.0.clone(),
        })
    }

    /// How many tasks want to be polled.
    pub fn ready(&self) -> usize {
        self.0.ready.0.lock().len()
    }

    /// Polls the ready task at this place, and says which it was.
    pub fn poll(&self, place: usize) -> Option<u64> {
        let task = {
            let mut ready = self.0.ready.0.lock();
            (place < ready.len()).then(|| ready.remove(place))?
        };
        let entry = self.0.tasks.lock().get(&task).cloned();
        let Some(entry) = entry else {
            return Some(task);
        };
        let taken = entry.future.lock().take();
        let Some(mut future) = taken else {
            return Some(task);
        };
        let polled = future.as_mut().poll(&mut Context::from_waker(&entry.waker));
        if polled.is_pending() && !entry.over.load(Ordering::Relaxed) {
            *entry.future.lock() = Some(future);
        } else {
            entry.over.store(true, Ordering::Relaxed);
            self.0.tasks.lock().remove(&task);
        }
        Some(task)
    }

    /// How much time has passed, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.0.now_ms.load(Ordering::Relaxed)
    }

    /// Lets this much time pass.
    pub fn pass(&self, ms: u64) {
        let now_ms = self.0.now_ms.fetch_add(ms, Ordering::Relaxed) + ms;
        let due = {
            let mut timers = self.0.timers.lock();
            let later = timers.split_off(&(now_ms + 1, 0));
            std::mem::replace(&mut *timers, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// How long it is until the next timer.
    pub fn next_timer_ms(&self) -> Option<u64> {
        let first = self.0.timers.lock().keys().next().map(|(at, _)| *at);
        first.map(|at| at.saturating_sub(self.now_ms()))
    }

    /// Resolves after this long.
    pub fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(Sleep {
            key: (
                self.now_ms().saturating_add(ms),
                self.0.begun.fetch_add(1, Ordering::Relaxed),
            ),
            shared: self.0.clone(),
        })
    }

    /// Ends all tasks where they are.
    pub fn end(&self) {
        loop {
            let tasks = std::mem::take(&mut *self.0.tasks.lock());
            if tasks.is_empty() {
                return;
            }
            for entry in tasks.into_values() {
                entry.over.store(true, Ordering::Relaxed);
                let future = entry.future.lock().take();
                drop(future);
            }
        }
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

struct Sleep {
    key: (u64, u64),
    shared: Arc<Shared>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.now_ms.load(Ordering::Relaxed) >= self.key.0 {
            return Poll::Ready(());
        }
        let mut timers = self.shared.timers.lock();
        timers.insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.shared.timers.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tasks: &Tasks) {
        while tasks.poll(0).is_some() {}
    }

    #[test]
    fn a_task_sleeps_until_enough_time_has_passed() {
        let tasks = Tasks::default();
        let (sleep, done) = (tasks.sleep(10), Arc::new(AtomicBool::new(false)));
        let seen = done.clone();
        let task = tasks.spawn(Box::pin(async move {
            sleep.await;
            seen.store(true, Ordering::Relaxed);
        }));
        run(&tasks);
        assert_eq!(tasks.next_timer_ms(), Some(10));
        tasks.pass(9);
        run(&tasks);
        assert!(!task.is_finished());
        tasks.pass(1);
        run(&tasks);
        assert!(task.is_finished() && done.load(Ordering::Relaxed));
        assert_eq!(tasks.next_timer_ms(), None);
    }

    #[test]
    fn a_task_that_is_aborted_is_dropped_where_it_waits() {
        let tasks = Tasks::default();
        let sleep = tasks.sleep(10);
        let task = tasks.spawn(sleep);
        run(&tasks);
        task.abort();
        assert_eq!((task.is_finished(), tasks.next_timer_ms()), (true, None));
    }
}
