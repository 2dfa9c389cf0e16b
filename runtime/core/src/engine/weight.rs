//! How much an input holds of what somebody outside sent: whoever lets inputs queue bounds them by it.

use super::{Delivery, Input, Invocation, ValidEvents};
use crate::Json;
use crate::event::NewEvent;

/// What an event takes in memory beside the bytes that its sender chose, about.
const OF_EVENT: usize = 256;

impl Input {
    /// About how many bytes of memory; 0 for those that are small whatever somebody sends.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Events { events, .. } => events.size_bytes(),
            Self::Delivery { delivery, .. } => delivery.size_bytes(),
            Self::Once { input, .. } => input.size_bytes(),
            Self::Signal { signal, .. } => json(signal.data.as_ref()),
            Self::Invoke { invocation, .. } => invocation.size_bytes(),
            Self::Replay { from_step, .. } => {
                json(from_step.as_ref().and_then(|from| from.input.as_ref()))
            }
            Self::Recover
            | Self::Progress { .. }
            | Self::Released { .. }
            | Self::Broken { .. }
            | Self::Close
            | Self::SuspectRecorded(_)
            | Self::Tick
            | Self::Dispatch
            | Self::RequestDone { .. }
            | Self::Cancel { .. }
            | Self::PauseRun { .. }
            | Self::ResumeRun { .. }
            | Self::PauseFunction { .. }
            | Self::ResumeFunction { .. }
            | Self::StartJob { .. }
            | Self::StopJob { .. }
            | Self::PutSchema { .. }
            | Self::DeleteSchema { .. }
            | Self::Deploy { .. } => 0,
        }
    }
}

fn json(json: Option<&Json>) -> usize {
    json.map_or(0, |json| json.len())
}

fn of_event(event: &NewEvent) -> usize {
    OF_EVENT + event.size_bytes()
}

impl ValidEvents {
    fn size_bytes(&self) -> usize {
        self.events.iter().map(of_event).sum()
    }
}

impl Delivery {
    fn size_bytes(&self) -> usize {
        of_event(&self.event)
    }
}

impl Invocation {
    fn size_bytes(&self) -> usize {
        json(self.data.as_ref()) + json(self.user.as_ref())
    }
}
