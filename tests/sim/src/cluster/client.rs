//! Who sends events, again and again with the same seed until somebody acknowledges, and remembers what was acknowledged.

use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::ids::EventId;

use sha2::{Digest, Sha256};

use crate::rng::Rng;

/// One event that somebody wants to be taken.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) shard: usize,
    pub(super) event: NewEvent,
    pub(super) seed: EventIdSeed,
    /// Whether a run comes of it.
    pub(super) runs: bool,
    pub(super) acknowledged: bool,
}

impl Order {
    /// The id that the event has wherever it is taken.
    pub(super) fn id(&self) -> EventId {
        self.seed.id(1)
    }

    /// `name` with this key, for the shard of the key.
    pub(super) fn new(name: &str, key: &str, shards: usize, at_ms: u64, rng: &mut Rng) -> Self {
        let mut entropy = [0; 10];
        entropy[..8].copy_from_slice(&rng.draw().to_be_bytes());
        Self {
            shard: shard_of(key, shards),
            event: NewEvent {
                name: format!("cluster/{name}"),
                data: Some(format!(r#"{{"key":"{key}"}}"#).into()),
                ..NewEvent::default()
            },
            seed: EventIdSeed { at_ms, entropy },
            runs: name == "order",
            acknowledged: false,
        }
    }
}

/// The shard that a key belongs to: FNV-1a.
pub(super) fn shard_of(key: &str, shards: usize) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % shards as u64).unwrap_or(0)
}

/// What an outbox event becomes in the other shard: the same whoever hands it over, however often. Its id is a hash: one that counted on from the
/// outbox event's would be one that the other shard may have made itself, and a hand-over would be taken for its repetition.
pub(super) fn handed_over(event: EventId, key: &str) -> (NewEvent, EventIdSeed) {
    let mut entropy = [0; 10];
    entropy.copy_from_slice(&Sha256::digest(event.to_bytes())[..10]);
    let seed = EventIdSeed {
        at_ms: event.made_at_ms(),
        entropy,
    };
    let event = NewEvent {
        name: "cluster/there".into(),
        data: Some(format!(r#"{{"key":"{key}"}}"#).into()),
        ..NewEvent::default()
    };
    (event, seed)
}
