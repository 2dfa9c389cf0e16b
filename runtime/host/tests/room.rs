//! A machine without room for an instance: no fault of the guest, and nothing that a run fails or is paused for.

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use abide_core::journal::Entry;
use abide_host::{Host, HostConfig, Process, Surroundings, Task};
use common::{Case, guest, small};
use futures::future::BoxFuture;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More waits than any number of tries that one would set.
const ENOUGH: usize = 200;

/// The process, but for waits of less than a minute: they are over at once, and counted. The last of them makes room.
#[derive(Debug)]
struct Hurried {
    process: Process,
    before: Rlimit,
    waits: AtomicUsize,
}

impl Surroundings for Hurried {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        self.process.spawn(task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration >= Duration::from_mins(1) {
            return self.process.sleep(duration);
        }
        if self.waits.fetch_add(1, Ordering::SeqCst) + 1 == ENOUGH {
            setrlimit(Resource::As, self.before).expect("the limit as it was");
        }
        Box::pin(tokio::task::yield_now())
    }

    fn elapsed(&self) -> Duration {
        self.process.elapsed()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.process.fill_random(bytes);
    }

    fn do_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.process.do_blocking(work);
    }
}

/// The bytes of address space that the process has.
fn address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|it| it.trim().parse().ok()).expect("a number");
    kib << 10
}

/// Executes a run in a process that may grow by so many bytes of address space until it has waited [`ENOUGH`] times.
async fn waits_for_room(room: u64) {
    let before = getrlimit(Resource::As);
    let surroundings = Arc::new(Hurried {
        process: Process::ambient(),
        before,
        waits: AtomicUsize::default(),
    });
    let host = Host::new(HostConfig {
        pool: None,
        surroundings: Some(surroundings.clone()),
        ..small()
    });
    let host = host.expect("a host");
    let case = Case::on(&host, &guest(), "sequence", r#"{"n":3}"#).await;
    let tight = Rlimit {
        current: Some(address_space() + room),
        ..before
    };
    setrlimit(Resource::As, tight).expect("a lower limit");
    assert_eq!(case.output().await.as_deref(), Ok("3"));
    assert!(surroundings.waits.load(Ordering::SeqCst) >= ENOUGH);
    let record = case.node.record.lock().expect("not poisoned");
    let failed = |entry: &&Entry| {
        matches!(
            entry,
            Entry::WorkflowFailed { .. } | Entry::BodyFailed { .. }
        )
    };
    assert_eq!(record.entries.iter().find(failed), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_room_however_long_that_takes() {
    // An instance reserves 4 GiB: first there is no room for any, then for the workflow alone, without one for the bodies of its steps.
    for room in [1 << 30, 6 << 30] {
        waits_for_room(room).await;
    }
}
