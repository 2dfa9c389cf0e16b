//! Why a guest ended, in the one form in which it is recorded.

use std::fmt::Write;

use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::machine::{Divergence, Stop};
use wasmtime::{Trap, WasmBacktrace};

use super::Guest;

/// The most frames of a stack that are recorded.
const MAX_FRAMES: usize = 40;

/// A stack is deep and its functions are few: a recursion.
const DEEP_FRAMES: usize = 16;
const FEW_FUNCTIONS: usize = 6;

/// The host's own reason to end a guest; it travels through wasmtime as an error.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Halt {
    /// It broke a rule or a limit.
    #[error("{0}")]
    Failed(Failure),
    /// It does not do what is recorded.
    #[error("{0}")]
    Diverged(Box<Divergence>),
}

impl Halt {
    /// A rule was broken, and trying again cannot help.
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::Failed(Failure::permanent(Origin::Limit, message))
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(failure) => Self::Failed(failure),
            Stop::Diverged(divergence) => Self::Diverged(divergence),
        }
    }
}

/// The host's own reason for an error, or else the failure that stands for what wasmtime reports.
pub(crate) fn failure_of(error: &wasmtime::Error, guest: &Guest) -> Halt {
    let stack = stack(error);
    let with_stack = |mut failure: Failure| {
        if failure.stack.is_none() {
            failure.stack.clone_from(&stack);
        }
        failure
    };
    if let Some(halt) = error.downcast_ref::<Halt>() {
        return match halt.clone() {
            Halt::Failed(failure) => Halt::Failed(with_stack(failure)),
            diverged @ Halt::Diverged(_) => diverged,
        };
    }
    let words = guest.sink.last_words();
    let deterministic = !guest.in_body();
    let failure = match error.downcast_ref::<Trap>() {
        Some(trap)
            if is_recursion(
                *trap,
                &error
                    .downcast_ref::<WasmBacktrace>()
                    .map_or_else(Vec::new, names),
            ) =>
        {
            Failure {
                retry: if deterministic {
                    RetryAdvice::NonRetriable
                } else {
                    RetryAdvice::Retriable
                },
                ..Failure::platform(
                    Origin::Trap,
                    "the call stack is full: a recursion is too deep, or never ends",
                )
            }
        }
        Some(trap) => said(*trap, &words),
        None => {
            let reason = format!("the instance could not go on: {}", error.root_cause());
            Failure::platform(Origin::Trap, with_reason(&words, reason))
        }
    };
    Halt::Failed(with_stack(failure))
}

/// The failure of a trap after these lines of standard error. A language that gives up says why and then executes `unreachable`; what was
/// written before another trap need have nothing to do with it.
fn said(trap: Trap, words: &[String]) -> Failure {
    if let Some(message) = panic_message(words) {
        return Failure {
            name: "Panic".into(),
            ..Failure::platform(Origin::Trap, message)
        };
    }
    let reason = format!("the instance trapped: {trap}");
    let message = match trap {
        Trap::UnreachableCodeReached => with_reason(words, reason),
        _ => reason,
    };
    Failure::platform(Origin::Trap, message)
}

/// What a guest wrote last, if it wrote anything, and the machine's reason.
fn with_reason(words: &[String], reason: String) -> String {
    match last_message(words) {
        Some(message) => format!("{message} ({reason})"),
        None => reason,
    }
}

/// The last line that says something. Go's runtime writes every goroutine's stack after its message.
fn last_message(words: &[String]) -> Option<String> {
    let is_gos = |line: &&String| line.starts_with("fatal error: ") || line.starts_with("panic: ");
    let mut lines = words.iter().rev();
    let message = lines
        .clone()
        .find(is_gos)
        .or_else(|| lines.find(|line| !line.trim().is_empty()))?;
    Some(message.trim().to_owned())
}

/// Whether a trap comes from a stack that is full. Languages with a stack of their own in memory, as Rust and C have, meet the
/// memory's end instead of the machine's limit; what gives it away is a stack that consists of the same few functions.
fn is_recursion(trap: Trap, names: &[String]) -> bool {
    let mut distinct: Vec<&String> = names.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let repeats = names.len() >= DEEP_FRAMES && distinct.len() <= FEW_FUNCTIONS;
    trap == Trap::StackOverflow || (trap == Trap::MemoryOutOfBounds && repeats)
}

fn names(backtrace: &WasmBacktrace) -> Vec<String> {
    let frames = backtrace.frames().iter();
    frames
        .map(|frame| frame.func_name().unwrap_or_default().to_owned())
        .collect()
}

/// What a panicking guest wrote to standard error, as far as it can be recognised.
fn panic_message(tail: &[String]) -> Option<String> {
    let begin = tail
        .iter()
        .rposition(|line| line.contains("panicked at "))?;
    let place = tail[begin]
        .split("panicked at ")
        .nth(1)?
        .trim_end_matches(':');
    let text: Vec<&str> = tail[begin + 1..]
        .iter()
        .map(String::as_str)
        .take_while(|line| {
            !line.starts_with("note: run with") && !line.starts_with("stack backtrace")
        })
        .filter(|line| !line.is_empty())
        .collect();
    Some(if text.is_empty() {
        format!("panicked at {place}")
    } else {
        format!("{} (panicked at {place})", text.join("\n"))
    })
}

/// The guest's stack, innermost frame first.
fn stack(error: &wasmtime::Error) -> Option<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>()?;
    let mut text = String::new();
    for frame in backtrace.frames().iter().take(MAX_FRAMES) {
        let raw = frame.func_name().unwrap_or("<unnamed>");
        let name = format!("{:#}", rustc_demangle::demangle(raw));
        let _ = write!(text, "{name}");
        let symbol = frame
            .symbols()
            .iter()
            .find(|symbol| symbol.file().is_some());
        if let Some(symbol) = symbol {
            let file = symbol.file().unwrap_or_default();
            let line = symbol.line().unwrap_or(0);
            let _ = write!(text, " ({file}:{line})");
        }
        text.push('\n');
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_in_standard_error() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let found = panic_message(&lines(
            "hello\nthread '<unnamed>' panicked at src/lib.rs:3:5:\nno money\nleft\nnote: run with `RUST_BACKTRACE=1`",
        ));
        assert_eq!(
            found.as_deref(),
            Some("no money\nleft (panicked at src/lib.rs:3:5)")
        );
        assert_eq!(panic_message(&lines("nothing here")), None);
    }

    #[test]
    fn a_language_that_gives_up_has_the_last_word() {
        let message = |trap, text: &str| {
            let words = text.lines().map(str::to_owned).collect::<Vec<_>>();
            said(trap, &words).message
        };
        let trapped = "(the instance trapped: wasm trap: wasm `unreachable` instruction executed)";
        assert_eq!(
            message(
                Trap::UnreachableCodeReached,
                "before\nAssertion failed: total > 0 (src/app.c: pay: 12)\n"
            ),
            format!("Assertion failed: total > 0 (src/app.c: pay: 12) {trapped}")
        );
        assert_eq!(
            message(
                Trap::UnreachableCodeReached,
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.pay()"
            ),
            format!("fatal error: all goroutines are asleep - deadlock! {trapped}")
        );
        assert_eq!(
            message(Trap::IntegerDivisionByZero, "dividing"),
            "the instance trapped: wasm trap: integer divide by zero",
            "what was written before has nothing to do with it"
        );
        assert!(message(Trap::UnreachableCodeReached, "").starts_with("the instance trapped"));
    }
}
