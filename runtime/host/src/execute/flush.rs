//! When and how progress is handed to the node: in order, under the run's lock, in as few parts as possible.

use abide_core::machine::{Divergence, Phase};
use futures::future::BoxFuture;

use super::run::{Run, State};
use crate::port::BarrierBroken;

/// Bytes that are buffered before they are handed on.
const FLUSH_BYTES: usize = 64 << 10;

/// Bytes that are handed on before the workflow code waits until they are durable: it can ask for more in a second than a disk takes in a
/// minute, and all of it would lie in memory. Runs whose steps are small never come to it.
const MOST_HANDED_ON: usize = 4 << 20;

impl Run {
    /// Hands on what happened.
    pub(crate) fn flush(&self) {
        self.flush_locked(&mut self.state());
    }

    fn flush_locked(&self, state: &mut State) {
        let bytes = std::mem::take(&mut state.buffered_bytes);
        if let Some(progress) = state.machine.take_progress() {
            state.handed_on_bytes = state.handed_on_bytes.saturating_add(bytes);
            self.port.progress(progress);
        }
    }

    /// What the workflow code has to wait for before it goes on: much was handed on since it did so last.
    pub(crate) fn backlog(&self) -> Option<BoxFuture<'static, Result<(), BarrierBroken>>> {
        let mut state = self.state();
        if state.handed_on_bytes < MOST_HANDED_ON {
            return None;
        }
        state.handed_on_bytes = 0;
        Some(self.port.barrier())
    }

    /// Hands on what happened if it is much.
    pub(crate) fn flush_if_large(&self) {
        let mut state = self.state();
        let most = self.host().config.flush_entries;
        if state.machine.entries_buffered() >= most || state.buffered_bytes >= FLUSH_BYTES {
            self.flush_locked(&mut state);
        }
    }

    /// The body in this twin is about to reach outside: hands on what happened, with the word that this attempt began. The future
    /// resolves when that is durable.
    pub(crate) fn flush_for_barrier(
        &self,
        slot: usize,
    ) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        {
            let mut state = self.state();
            state.body_reaches_out(slot);
            self.flush_locked(&mut state);
        }
        self.port.barrier()
    }

    /// Hands on the last progress of a run whose code diverged, perhaps in a twin: then the machine does not know of it yet.
    pub(crate) fn report_divergence(&self, divergence: &Divergence) {
        let mut state = self.state();
        if state.machine.phase() != Phase::Diverged {
            state.machine.pause_for(divergence.clone());
        }
        self.flush_locked(&mut state);
    }
}
