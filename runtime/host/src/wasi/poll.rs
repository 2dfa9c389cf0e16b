//! Waiting: a body may wait for anything, workflow code only in `next`.
//!
//! A workflow that could wait for a timer or a response would learn about the outside past its journal. So whatever is not
//! ready at once ends the attempt, with a message that says what to do.

use futures::FutureExt;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll;

use super::AsGuest;
use crate::guest::{Guest, Halt};

const ADVICE: &str = "the workflow code waits for something that is not a step (a timer such as `std::thread::sleep` or \
                      `setTimeout`, or input); use the sleep step to wait, or move what waits into a step";

impl poll::Host for Guest {
    async fn poll(&mut self, list: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let in_body = self.in_body();
        let ready = poll::Host::poll(&mut self.table, list);
        if in_body {
            return ready.await;
        }
        ready
            .now_or_never()
            .unwrap_or_else(|| Err(Halt::permanent(ADVICE).into()))
    }
}

impl poll::HostPollable for Guest {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let in_body = self.in_body();
        let ready = poll::HostPollable::block(&mut self.table, pollable);
        if in_body {
            return ready.await;
        }
        ready
            .now_or_never()
            .unwrap_or_else(|| Err(Halt::permanent(ADVICE).into()))
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(&mut self.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(&mut self.table, pollable)
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    poll::add_to_linker::<_, AsGuest>(linker, |guest| guest)
}
