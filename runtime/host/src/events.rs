//! The events that started a run, as its code is called with them.

use abide_core::event::Event;
use abide_core::ids::EventId;

/// One or more events, of which one is the run's `event`.
#[derive(Debug, Clone)]
pub struct Events {
    all: Vec<Event>,
    main: usize,
}

impl Events {
    /// All events in order, of which `main` is one; `None` if it is not.
    pub fn new(all: Vec<Event>, main: EventId) -> Option<Self> {
        let main = all.iter().position(|event| event.id == main)?;
        Some(Self { all, main })
    }

    /// All of them.
    pub fn all(&self) -> &[Event] {
        &self.all
    }

    /// The one that functions see as `event`.
    pub fn main(&self) -> &Event {
        &self.all[self.main]
    }
}

impl From<Event> for Events {
    fn from(event: Event) -> Self {
        Self {
            all: vec![event],
            main: 0,
        }
    }
}
