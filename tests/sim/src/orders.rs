//! What is sent to the node over all its lives: requests with events that start programs, and what the programs wait for.
//!
//! A request that got no answer is sent again with the same seed for its event ids, and must have one effect. A signal that got no answer is sent
//! again, too.

use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::ids::EventId;
use abide_core::operation::SendSignal;
use serde_json::json;

use crate::plan::Plan;
use crate::program::{Outside, Program, Setting, generate};
use crate::rng::Rng;

/// The base address of the outside service.
const URL: &str = "http://outside.test";

/// Events in a request, at most.
const EVENTS: u64 = 3;

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not sent in this life, or not answered in an earlier one.
    Open,
    /// Under way.
    Sent,
    /// Answered.
    Done,
}

/// A request with events.
#[derive(Debug)]
pub struct Request {
    /// What the events start.
    pub programs: Vec<Program>,
    /// What the ids of the events follow from.
    pub seed: EventIdSeed,
    /// How far it is.
    pub progress: Progress,
    /// When it may be sent.
    pub from_ms: u64,
}

impl Request {
    /// A random request.
    pub fn draw(number: u32, plan: &Plan, now_ms: u64, rng: &mut Rng) -> Self {
        let count = 1 + rng.within(0..EVENTS);
        let programs = (0..count).map(|n| {
            let setting = Setting {
                key: format!("r{number}-{n}"),
                url: URL.to_owned(),
                start_ms: now_ms,
                size: plan.size,
            };
            generate(rng, &setting)
        });
        let programs = programs.collect();
        Self {
            programs,
            seed: seed(now_ms, rng),
            progress: Progress::Open,
            from_ms: now_ms + [0, 0, rng.within(0..100_000)][usize::from(rng.chance(40)) * 2],
        }
    }

    /// The events.
    pub fn events(&self) -> Vec<NewEvent> {
        let event = |program: &Program| NewEvent {
            name: program.function.event(),
            data: Some(json!(program).to_string().into()),
            ..NewEvent::default()
        };
        self.programs.iter().map(event).collect()
    }

    /// The ids that the events must get.
    pub fn ids(&self) -> Vec<EventId> {
        (1..)
            .take(self.programs.len())
            .map(|n| self.seed.id(n))
            .collect()
    }
}

/// Something that a run waits for.
#[derive(Debug)]
pub struct Tell {
    /// The program's key.
    pub key: String,
    /// What.
    pub outside: Outside,
    /// When.
    pub due_ms: u64,
    /// What the id of the event follows from.
    pub seed: EventIdSeed,
    /// How far it is.
    pub progress: Progress,
}

impl Tell {
    /// What is to be told after a program's event was acknowledged.
    pub fn all(program: &Program, now_ms: u64, rng: &mut Rng) -> Vec<Self> {
        let tell = |outside: &Outside| Self {
            key: program.key.clone(),
            outside: outside.clone(),
            due_ms: now_ms + outside.after_ms,
            seed: seed(now_ms, rng),
            progress: Progress::Open,
        };
        program.outside.iter().map(tell).collect()
    }

    /// The event, for an event.
    pub fn event(&self) -> NewEvent {
        NewEvent {
            name: self.outside.event_name(),
            data: Some(self.outside.event_data(&self.key).to_string().into()),
            ..NewEvent::default()
        }
    }

    /// The signal, for a signal.
    pub fn signal(&self) -> SendSignal {
        SendSignal {
            signal: self.outside.signal_name(&self.key),
            data: Some(self.outside.value.to_string().into()),
            ttl_ms: Some(TTL_MS),
        }
    }
}

/// How long a signal waits for its run.
const TTL_MS: u64 = 20 * 24 * 3_600_000;

fn seed(now_ms: u64, rng: &mut Rng) -> EventIdSeed {
    let mut entropy = [0; 10];
    entropy[..8].copy_from_slice(&rng.draw().to_be_bytes());
    EventIdSeed {
        at_ms: now_ms,
        entropy,
    }
}
