//! Memory: how much a guest may have.
//!
//! A guest that asks for more is ended, not refused: whether a refusal happens would depend on the host's settings, and
//! workflow code must not be able to see those.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use abide_core::failure::{Failure, Origin, RetryAdvice};

use super::{Halt, Signal};
use crate::config::GuestLimits;

/// An image is shared until it is written to; of its initial size a guest touches about this part.
const INITIAL_PART: usize = 8;

/// Stack, tables and the host's own records of one instance.
const OVERHEAD_BYTES: usize = 48 << 10;

/// Counts the memories and tables of one store.
pub(super) struct Limiter {
    limits: Arc<GuestLimits>,
    signal: Arc<Signal>,
    memory: usize,
    charged: usize,
    elements: usize,
}

impl Limiter {
    pub(super) fn new(limits: Arc<GuestLimits>, signal: Arc<Signal>) -> Self {
        signal.set_memory(OVERHEAD_BYTES);
        Self {
            limits,
            signal,
            memory: 0,
            charged: OVERHEAD_BYTES,
            elements: 0,
        }
    }

    fn refuse(&self, what: String) -> wasmtime::Error {
        let advice = if self.signal.in_body() {
            RetryAdvice::Retriable
        } else {
            RetryAdvice::NonRetriable
        };
        Halt::Failed(Failure {
            retry: advice,
            ..Failure::platform(Origin::Memory, what)
        })
        .into()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        self.memory = self.memory.saturating_add(growth);
        if self.memory > self.limits.memory_bytes {
            let limit = self.limits.memory_bytes >> 20;
            return Err(self.refuse(format!(
                "the instance wanted more than its {limit} MiB of memory; handle less data at a time, or keep large data \
                 outside and pass references to it"
            )));
        }
        self.charged += if current == 0 {
            growth / INITIAL_PART
        } else {
            growth
        };
        self.signal.set_memory(self.charged);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.elements = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        if self.elements > self.limits.table_elements {
            return Err(self.refuse(format!(
                "the instance wanted tables of {} elements, more than the limit of {}",
                self.elements, self.limits.table_elements
            )));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        200
    }

    fn tables(&self) -> usize {
        200
    }

    fn memories(&self) -> usize {
        32
    }
}
