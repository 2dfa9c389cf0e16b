//! CPU time: how long a guest may run.
//!
//! A guest that runs across the end of an epoch is measured from there on, by the CPU time of the thread that polls it;
//! shorter ones cost nothing. At every such point it yields, so that other guests go on.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{StoreContextMut, UpdateDeadline};

use abide_core::failure::{Failure, Origin, RetryAdvice};

use super::{Guest, Halt, Role};

/// CPU time of the slice under way.
#[derive(Debug, Default)]
pub(super) struct Meter {
    used: Duration,
}

/// The CPU time of this thread in nanoseconds.
pub(crate) fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanos
}

/// What happens when an epoch ends while a guest runs.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature of wasmtime's callback"
)]
pub(crate) fn on_epoch(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    let now = thread_cpu();
    if guest.signal.hot() {
        guest.meter.used += Duration::from_nanos(now.saturating_sub(guest.signal.cpu_mark()));
    }
    guest.signal.set_hot(now);
    let limit = guest.cpu_limit();
    if guest.meter.used > limit {
        return Err(Halt::Failed(guest.too_slow(limit)).into());
    }
    Ok(UpdateDeadline::Yield(1))
}

impl Guest {
    fn cpu_limit(&self) -> Duration {
        match self.role {
            Role::Describe => self.limits.describe_cpu,
            Role::Workflow | Role::Twin(_) if !self.in_body() => self.limits.slice_cpu,
            Role::Workflow | Role::Twin(_) => self.limits.body_cpu,
        }
    }

    fn too_slow(&self, limit: Duration) -> Failure {
        let seconds = limit.as_secs_f64();
        if self.in_body() {
            return Failure::platform(
                Origin::Timeout,
                format!(
                    "the step's body used more than {seconds} s of CPU time; split the work over several steps, or look for \
                     an endless loop"
                ),
            );
        }
        Failure {
            retry: RetryAdvice::NonRetriable,
            ..Failure::platform(
                Origin::Timeout,
                format!(
                    "the workflow code ran for more than {seconds} s of CPU time without waiting for a step; move heavy work \
                     into a step, or look for an endless loop"
                ),
            )
        }
    }
}
