//! Sending events and signals: exactly once, with the run's journal.

use serde::Serialize;

use crate::bindings::types::{self, SendSignalOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::event::NewEvent;
use crate::operation::{Draft, Kind, Operation, Request, from_json, to_json};
use crate::runtime::Outcome;

/// Sending one event; gives its id. Made by [`Context::send_event`](crate::Context::send_event).
pub struct SendEvent(pub(crate) NewEvent);

impl Kind for SendEvent {
    type Output = String;

    fn prepare(self) -> Result<Request, String> {
        Ok(types::Operation::SendEvents(vec![self.0.build()?]).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<String, StepError> {
        from_json::<[String; 1]>(step, &outcome).map(|[id]| id)
    }
}

/// Sending several events, all or none; gives their ids. Made by [`Context::send_events`](crate::Context::send_events).
pub struct SendEvents(pub(crate) Vec<NewEvent>);

impl Kind for SendEvents {
    type Output = Vec<String>;

    fn prepare(self) -> Result<Request, String> {
        let events = self
            .0
            .into_iter()
            .map(NewEvent::build)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(types::Operation::SendEvents(events).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<Vec<String>, StepError> {
        from_json(step, &outcome)
    }
}

/// Sending a signal. Made by [`Context::send_signal`](crate::Context::send_signal).
pub struct SendSignal(Draft<SendSignalOptions>);

impl SendSignal {
    pub(crate) fn new(signal: String) -> Self {
        Self(Draft::new(SendSignalOptions {
            signal,
            data: None,
            ttl: None,
        }))
    }
}

impl Operation<SendSignal> {
    /// What the waiting run receives. Default: `null`.
    pub fn data(self, data: &(impl Serialize + ?Sized)) -> Self {
        self.map(|kind| {
            kind.0
                .set("data", to_json(data), |options, it| options.data = Some(it));
        })
    }

    /// How long the signal is kept when nobody waits for it yet. Default: 1 hour; nothing drops it at once.
    pub fn ttl(self, ttl: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.0.set("ttl", ttl.into_duration(), |options, it| {
                options.ttl = Some(as_ms(it));
            });
        })
    }
}

impl Kind for SendSignal {
    type Output = ();

    fn prepare(self) -> Result<Request, String> {
        Ok(types::Operation::SendSignal(self.0.finish()?).into())
    }

    fn read(_step: &str, _outcome: Outcome) -> Result<(), StepError> {
        Ok(())
    }
}
