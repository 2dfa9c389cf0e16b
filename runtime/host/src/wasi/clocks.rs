//! Clocks: they stand in workflow code, and run in a body.
//!
//! Both clocks follow the node's clock, so that a test with a virtual clock sees virtual times everywhere. Timers of a body
//! are the operating system's.

use std::time::Duration;

use futures::future::BoxFuture;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::AsGuest;
use crate::guest::Guest;

const NANOS_PER_MS: u64 = 1_000_000;

impl Guest {
    fn clock_ms(&self) -> u64 {
        match &self.run {
            Some(run) if self.in_body() => run.now_ms(),
            _ => self.workflow_clock_ms(),
        }
    }

    fn timer(&mut self, after: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = if !self.in_body() {
            // In workflow code no time passes: what is not due now never is. Waiting for it is refused by `poll`.
            if after.is_zero() {
                Timer::Due
            } else {
                Timer::Never
            }
        } else if after.is_zero() {
            Timer::DueAfterYield
        } else {
            match &self.run {
                Some(run) => Timer::After(run.host().surroundings.sleep(after)),
                None => Timer::Never,
            }
        };
        let timer = self.table.push(timer)?;
        subscribe(&mut self.table, timer)
    }
}

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let ms = self.clock_ms();
        Ok(wall_clock::Datetime {
            seconds: ms / 1_000,
            nanoseconds: u32::try_from(ms % 1_000 * NANOS_PER_MS).unwrap_or(0),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1_000_000,
        })
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock_ms().saturating_mul(NANOS_PER_MS))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(NANOS_PER_MS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.clock_ms().saturating_mul(NANOS_PER_MS);
        self.timer(Duration::from_nanos(when.saturating_sub(now)))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(Duration::from_nanos(when))
    }
}

enum Timer {
    Due,
    /// Due, but only after others had their turn: a guest may poll in a loop.
    DueAfterYield,
    After(BoxFuture<'static, ()>),
    Never,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        match self {
            Self::Due => {}
            Self::DueAfterYield => {
                *self = Self::Due;
                tokio::task::yield_now().await;
            }
            Self::After(timer) => {
                timer.await;
                *self = Self::Due;
            }
            Self::Never => std::future::pending().await,
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    monotonic_clock::add_to_linker::<_, AsGuest>(linker, |guest| guest)
}
