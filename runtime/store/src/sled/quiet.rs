//! Turns panics inside sled into errors.
//!
//! sled answers damage that it did not foresee with a panic. No such panic may take the process down, and none may print a backtrace
//! over a message that we word better. Panics of other threads and of our own code keep the hook that was installed before.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use crate::error::{Error, Result};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs one call into sled. An error or a panic of it becomes [`Error::Engine`].
pub(super) fn calling<T>(
    action: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T> {
    install_hook();
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(before);
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::Engine {
            action,
            reason: error.to_string(),
        }),
        Err(panic) => Err(Error::Engine {
            action,
            reason: panic_message(&*panic),
        }),
    }
}

fn install_hook() {
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let outcome: Result<()> = calling("read", || panic!("page {} is gone", 7));
        assert!(matches!(outcome, Err(Error::Engine { reason, .. }) if reason == "page 7 is gone"));
    }
}
