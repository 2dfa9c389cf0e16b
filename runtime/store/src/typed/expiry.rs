//! What has expired: external event ids whose day has passed, and signals that nobody came for.
//!
//! Finding them reads many rows and runs beside the engine; forgetting them looks at each again, on the thread that writes, so that a row
//! that was written anew in between is kept.

use std::ops::ControlFlow;

use abide_core::state::BufferedSignal;
use bytes::Bytes;

use crate::{
    Batch,
    backend::Direction,
    codec::{self, Dedupe},
    error::Result,
    keys::{Key, Prefix, Tag},
    typed::read::unexpected,
    view::View,
};

impl View {
    /// Keys of rows that have expired at `now_ms`, at most `limit`.
    pub fn expired(&self, now_ms: u64, limit: usize) -> Result<Vec<Bytes>> {
        let mut found = Vec::new();
        let mut failure = None;
        for tag in [Tag::Dedupe, Tag::Signal] {
            self.scan(
                &Prefix::tag(tag).range(),
                Direction::Forward,
                |key, value| {
                    match until_ms(&key, &value) {
                        Ok(until_ms) if until_ms <= now_ms => found.push(key),
                        Ok(_) => {}
                        Err(error) => failure = Some(error),
                    }
                    if failure.is_some() || found.len() >= limit {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )?;
        }
        failure.map_or(Ok(found), Err)
    }

    /// Writes that forget those of the keys whose rows are still expired. To be called, and submitted, by the thread that writes them.
    pub fn forget(&self, keys: &[Bytes], now_ms: u64) -> Result<Batch> {
        let mut batch = Batch::new();
        for key in keys {
            if let Some(value) = self.get(key)?
                && until_ms(key, &value)? <= now_ms
            {
                batch.delete(key.clone());
            }
        }
        Ok(batch)
    }
}

/// Until when a row of these kinds counts.
fn until_ms(key: &[u8], value: &[u8]) -> Result<u64> {
    match Key::decode(key) {
        Some(Key::Dedupe { .. }) => {
            codec::decode::<Dedupe>(key, value).map(|(_, until_ms)| until_ms)
        }
        Some(Key::Signal(_)) => {
            codec::decode::<BufferedSignal>(key, value).map(|signal| signal.until_ms)
        }
        _ => Err(unexpected(key)),
    }
}
