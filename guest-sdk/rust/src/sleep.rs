//! Waiting for time to pass. A run that sleeps needs no memory and survives restarts and deploys.

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::operation::{Kind, Request};
use crate::runtime::Outcome;
use crate::timestamp::IntoTimestamp;

/// A sleep: for a while, or until a point in time.
pub struct Sleep(Result<types::Operation, String>);

impl Sleep {
    pub(crate) fn lasting(duration: impl IntoDuration) -> Self {
        Self(
            duration
                .into_duration()
                .map(|it| types::Operation::Sleep(as_ms(it)))
                .map_err(|error| error.to_string()),
        )
    }

    pub(crate) fn until(time: impl IntoTimestamp) -> Self {
        Self(
            time.into_timestamp()
                .map(|it| types::Operation::SleepUntil(it.as_millis()))
                .map_err(|error| error.to_string()),
        )
    }
}

impl Kind for Sleep {
    type Output = ();

    fn prepare(self) -> Result<Request, String> {
        self.0.map(Request::from)
    }

    fn read(_step: &str, _outcome: Outcome) -> Result<(), StepError> {
        Ok(())
    }
}
