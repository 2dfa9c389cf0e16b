//! Whose a shard is: two rows of the shard, and the condition under which its holder writes.
//!
//! ```text
//! owner = epoch (u64 LE), node (u64 LE)     changes only when the shard changes hands: every write of a holder is fenced with it
//! until = milliseconds (u64 LE)             renewed all the time, therefore not part of the fence
//! ```
//! Who may take a shard is a question of `until` and of a clock, which may be wrong; whose writes count is a question of `owner`, which cannot be.
//! Taking it over is a write of `owner` that is fenced with the `owner` before it: of two who try one succeeds.

use abide_store::{Batch, Commits, Fence, MemoryDisk, Power, Store};
use bytes::Bytes;

/// How long a lease lasts without being renewed.
pub(super) const LEASE_MS: u64 = 10_000;

const OWNER: &[u8] = b"\x01owner";
const UNTIL: &[u8] = b"\x01until";

/// A lease that was won.
pub(super) struct Lease {
    pub(super) store: Store,
    pub(super) power: Power,
    pub(super) epoch: u64,
    owner: Bytes,
}

/// Why a shard was not taken.
pub(super) enum Refused {
    /// Its lease runs.
    Held,
    /// Another one was faster, or the database did not answer.
    Lost,
}

fn number(bytes: Option<&Bytes>, at: usize) -> u64 {
    let found = bytes.and_then(|bytes| bytes.get(at..at + 8)?.try_into().ok());
    found.map_or(0, u64::from_le_bytes)
}

impl Lease {
    /// Takes a shard whose lease has run out, as whoever looks at `now_ms` sees it.
    pub(super) fn take(
        disk: &MemoryDisk,
        node: u64,
        now_ms: u64,
        raise: bool,
    ) -> Result<Self, Refused> {
        let opened = Store::in_memory_beside(disk, Commits::ByHand);
        let (store, power) = opened.map_err(|_| Refused::Lost)?;
        let view = store.view();
        let read = |key| view.get(key).map_err(|_| Refused::Lost);
        let (before, until) = (read(OWNER)?, read(UNTIL)?);
        if before.is_some() && number(until.as_ref(), 0) > now_ms {
            return Err(Refused::Held);
        }
        let epoch = number(before.as_ref(), 0) + u64::from(raise);
        let owner = Bytes::from([epoch.to_le_bytes(), node.to_le_bytes()].concat());
        let mut batch = Batch::new();
        batch
            .put(OWNER, owner.clone())
            .put(UNTIL, until_row(now_ms + LEASE_MS))
            .fenced(Fence {
                key: Bytes::from_static(OWNER),
                expected: before,
            });
        let ticket = store.submit(batch);
        store.run_group();
        match ticket.outcome() {
            Some(Ok(())) => Ok(Self {
                store,
                power,
                epoch,
                owner,
            }),
            Some(Err(_)) | None => {
                power.cut();
                Err(Refused::Lost)
            }
        }
    }

    /// Makes a batch count only as long as the shard is this holder's.
    pub(super) fn fence(&self, batch: &mut Batch) {
        batch.fenced(Fence {
            key: Bytes::from_static(OWNER),
            expected: Some(self.owner.clone()),
        });
    }

    /// The batch that renews it. With `until_ms` in the past it is given back.
    pub(super) fn renewal(&self, until_ms: u64) -> Batch {
        let mut batch = Batch::new();
        batch.put(UNTIL, until_row(until_ms));
        self.fence(&mut batch);
        batch
    }
}

fn until_row(until_ms: u64) -> Bytes {
    Bytes::copy_from_slice(&until_ms.to_le_bytes())
}
