//! What surrounds a tick: how far it is moved so that not everything starts at once, and what happens to those that a downtime
//! missed.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{MINUTE_MS, SECOND_MS};

/// The least jitter that can be asked for.
pub const MIN_JITTER_MS: u64 = SECOND_MS;

/// The most jitter that can be asked for.
pub const MAX_JITTER_MS: u64 = 5 * MINUTE_MS;

/// What happens after a downtime to the ticks that it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Catchup {
    /// Nothing: the next tick is the next one that comes.
    None,
    /// The last of them fires, late.
    #[default]
    Last,
    /// All of them fire, the oldest first.
    All,
}

/// How long after `tick_ms` it really starts: 0 to `jitter_ms`, uniform, and the same whenever it is asked for.
///
/// `identity` stands for what the schedule starts, so that those of one minute spread.
pub fn jitter_ms(identity: &[u8], tick_ms: u64, jitter_ms: u64) -> u64 {
    xxh3_64_with_seed(identity, tick_ms) % jitter_ms.saturating_add(1)
}
