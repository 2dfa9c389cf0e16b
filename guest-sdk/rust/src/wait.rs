//! Waiting for something from outside: an event, or a signal that is meant for this run.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::types::{self, SignalConflict, WaitForEventOptions, WaitForSignalOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::event::Event;
use crate::operation::{Draft, Kind, Operation, Request, from_json};
use crate::runtime::Outcome;

/// A wait for an event, whose data are read as a `T`. Made by [`Context::wait_for_event`](crate::Context::wait_for_event).
pub struct WaitForEvent<T> {
    draft: Draft<WaitForEventOptions>,
    data: PhantomData<fn() -> T>,
}

impl<T> WaitForEvent<T> {
    pub(crate) fn new() -> Self {
        let options = WaitForEventOptions {
            event: String::new(),
            timeout: 0,
            if_: None,
            match_: None,
            lookback: None,
        };
        Self {
            draft: Draft::new(options),
            data: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + 'static> Operation<WaitForEvent<T>> {
    /// The event's exact name. Required.
    pub fn event(self, name: impl Into<String>) -> Self {
        self.map(|kind| kind.draft.options.event = name.into())
    }

    /// How long to wait, up to 366 days; after it the wait gives `None`. Required.
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.draft
                .set("timeout", timeout.into_duration(), |options, it| {
                    options.timeout = as_ms(it);
                });
            if kind.draft.options.timeout == 0 {
                kind.draft.refuse("timeout: it must be longer than nothing");
            }
        })
    }

    /// Accepts only an event whose value at this dotted path, for example `data.order_id`, equals that of the event that started the
    /// run. Excludes [`Self::when`].
    pub fn matching(self, path: impl Into<String>) -> Self {
        self.map(|kind| {
            kind.draft.options.match_ = Some(path.into());
            kind.refuse_two_conditions();
        })
    }

    /// Accepts only an event for which this CEL expression over `event` (the one that started the run) and `async` (the one
    /// that arrived) is true: `"async.data.amount > event.data.limit"`. Excludes [`Self::matching`].
    pub fn when(self, expression: impl Into<String>) -> Self {
        self.map(|kind| {
            kind.draft.options.if_ = Some(expression.into());
            kind.refuse_two_conditions();
        })
    }

    /// Also accepts an event that was received up to this long before the wait began.
    pub fn lookback(self, lookback: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.draft
                .set("lookback", lookback.into_duration(), |options, it| {
                    options.lookback = Some(as_ms(it));
                });
        })
    }
}

impl<T> WaitForEvent<T> {
    fn refuse_two_conditions(&mut self) {
        if self.draft.options.if_.is_some() && self.draft.options.match_.is_some() {
            self.draft.refuse(
                "`matching` and `when` exclude each other: write the first as a part of the second",
            );
        }
    }
}

impl<T: DeserializeOwned + 'static> Kind for WaitForEvent<T> {
    type Output = Option<Event<T>>;

    fn prepare(self) -> Result<Request, String> {
        let options = self.draft.finish()?;
        if options.event.is_empty() {
            return Err("the wait does not say for which event: call `.event(\"…\")`".to_owned());
        }
        if options.timeout == 0 {
            return Err("the wait does not say how long: call `.timeout(\"7 days\")`".to_owned());
        }
        Ok(types::Operation::WaitForEvent(options).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<Self::Output, StepError> {
        from_json(step, &outcome)
    }
}

/// A wait for a signal, whose data are read as a `T`. Made by [`Context::wait_for_signal`](crate::Context::wait_for_signal).
pub struct WaitForSignal<T> {
    draft: Draft<WaitForSignalOptions>,
    data: PhantomData<fn() -> T>,
}

impl<T> WaitForSignal<T> {
    pub(crate) fn new(signal: String) -> Self {
        let options = WaitForSignalOptions {
            signal,
            timeout: 0,
            on_conflict: None,
        };
        Self {
            draft: Draft::new(options),
            data: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + 'static> Operation<WaitForSignal<T>> {
    /// How long to wait, up to 366 days; after it the wait gives `None`. Required.
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.draft
                .set("timeout", timeout.into_duration(), |options, it| {
                    options.timeout = as_ms(it);
                });
            if kind.draft.options.timeout == 0 {
                kind.draft.refuse("timeout: it must be longer than nothing");
            }
        })
    }

    /// Takes the place of a run that waits for the same signal already; that run's wait then fails. Without this, this one fails.
    pub fn replace(self) -> Self {
        self.map(|kind| kind.draft.options.on_conflict = Some(SignalConflict::Replace))
    }
}

/// What a signal carried. It keeps "the wait timed out" apart from "the signal's data was null".
impl<T: DeserializeOwned + 'static> Kind for WaitForSignal<T> {
    type Output = Option<T>;

    fn prepare(self) -> Result<Request, String> {
        let options = self.draft.finish()?;
        if options.timeout == 0 {
            return Err("the wait does not say how long: call `.timeout(\"1 day\")`".to_owned());
        }
        Ok(types::Operation::WaitForSignal(options).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<Self::Output, StepError> {
        match outcome {
            Outcome::Empty => Ok(None),
            Outcome::Done(_) | Outcome::Failed(_) => from_json(step, &outcome).map(Some),
        }
    }
}
