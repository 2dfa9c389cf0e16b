//! The tokio runtime that guests are to run in.

use tokio::runtime::Builder;

/// Polls of tasks after which a worker looks at what other threads woke. A busy guest's poll lasts until its next yield, some 10 ms: with
/// tokio's own 61 an event could wait half a second beside guests that compute.
const POLLS_BETWEEN_WAKES: u32 = 4;

/// Polls after which a worker looks at sockets and timers, for the same reason.
const POLLS_BETWEEN_EVENTS: u32 = 8;

/// A builder of a multi-threaded runtime in which busy guests hold up neither each other nor sockets.
pub fn runtime() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .global_queue_interval(POLLS_BETWEEN_WAKES)
        .event_interval(POLLS_BETWEEN_EVENTS);
    builder
}
