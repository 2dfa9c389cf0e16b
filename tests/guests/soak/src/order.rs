//! What the events of this app say.

use abide_sdk::prelude::*;

/// The data of an event.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Unique to the event, or shared by those that a control puts together.
    pub(crate) key: String,
    /// How many of whatever the function counts.
    #[serde(default)]
    pub(crate) n: u64,
    /// How long to sleep, or to wait at most, in milliseconds.
    #[serde(default)]
    pub(crate) ms: u64,
    /// Only there to be large.
    #[serde(default)]
    pub(crate) ballast: String,
}

impl Order {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

/// Whether a charge is to fail; an operator's replay says otherwise.
#[derive(Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) refuse: bool,
}
