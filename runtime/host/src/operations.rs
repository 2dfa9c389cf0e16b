//! The interfaces `operations` and `logging`: each function converts, asks the run, converts back.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "the signatures of host functions"
)]

use abide_core::Json;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::bindings::{LOGGING, Level, OPERATIONS, types};
use crate::convert;
use crate::guest::Guest;

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut operations = linker.instance(OPERATIONS)?;
    operations.func_wrap("start", start)?;
    operations.func_wrap_async("next", |store, (): ()| Box::new(next(store)))?;
    operations.func_wrap("finish", finish)?;
    operations.func_wrap("cancel", cancel)?;
    linker.instance(LOGGING)?.func_wrap("log", log)
}

fn start(
    store: StoreContextMut<'_, Guest>,
    (id, operation): (String, types::Operation),
) -> wasmtime::Result<(u32,)> {
    let guest = store.data();
    let operation = convert::operation(operation);
    Ok((guest.run()?.start(guest.role, &id, operation)?,))
}

async fn next(
    mut store: StoreContextMut<'_, Guest>,
) -> wasmtime::Result<((u32, crate::bindings::News),)> {
    let guest = store.data_mut();
    guest.sink.end_lines();
    let run = guest.run()?.clone();
    let role = guest.role;
    let signal = guest.signal.clone();
    let news = std::future::poll_fn(|cx| run.poll_next(role, &signal, cx)).await?;
    let guest = store.data_mut();
    guest.begin_slice();
    if signal.in_body() {
        guest.outgoing.begin_body();
    }
    // What passed while it waited is not its own time.
    store.set_epoch_deadline(1);
    Ok((news,))
}

fn finish(
    mut store: StoreContextMut<'_, Guest>,
    (ticket, outcome): (u32, Result<Json, types::Failure>),
) -> wasmtime::Result<()> {
    let guest = store.data_mut();
    guest.sink.end_lines();
    let run = guest.run()?;
    // Before the time that is recorded: parts of a step do not reach beyond its end.
    let now = run.steps().now();
    let outcome = outcome.map_err(convert::failure);
    run.finish(guest.role, ticket, outcome)?;
    guest.signal.end_body();
    run.body_ended(&guest.signal, now);
    guest.begin_slice();
    Ok(())
}

fn cancel(store: StoreContextMut<'_, Guest>, (ticket,): (u32,)) -> wasmtime::Result<()> {
    let guest = store.data();
    Ok(guest.run()?.cancel(guest.role, ticket)?)
}

fn log(
    store: StoreContextMut<'_, Guest>,
    (level, message): (Level, String),
) -> wasmtime::Result<()> {
    store.data().sink.log(convert::level(level), &message);
    Ok(())
}
