//! The harness around the real binary: it finds the `abide` command and the test guests, starts servers, talks to them over
//! real sockets, runs commands, and waits for conditions.
//!
//! It must not look inside: whatever it learns comes from an exit code, an output stream or the HTTP API. Invariants: every
//! process that it started is ended when its handle is dropped, and no other one; nothing waits for a time to pass, only for a
//! condition with a deadline.

mod api;
mod built;
mod command;
mod lines;
mod receiver;
mod server;
mod wait;

pub use api::{Answer, Api};
pub use built::{abide, guest, repository};
pub use command::{Ran, Run};
pub use receiver::{Received, Receiver};
pub use server::{Server, Starting};
pub use wait::{eventually, holds_for, until};
