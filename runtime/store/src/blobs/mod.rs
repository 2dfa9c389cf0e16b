//! Payload files: values too large for a row, addressed by the SHA-256 of their content.
//!
//! A payload is durable before the row that refers to it is committed, so a crash leaves at worst a file that no row refers to;
//! the sweep (`sweep.rs`) removes those.

pub(crate) mod file;

use std::io::Read;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::error::Result;

/// The SHA-256 of a payload.
pub(crate) type Digest = [u8; 32];

/// What a row stores instead of a large value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobRef {
    /// The digest of the value, which is also its address.
    pub(crate) sha256: Digest,
    /// The length of the value in bytes.
    pub(crate) len: u64,
}

impl BlobRef {
    /// The reference to a value.
    pub(crate) fn of(value: &[u8]) -> Self {
        Self {
            sha256: Sha256::digest(value).into(),
            len: value.len() as u64,
        }
    }
}

/// What reading a payload found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The value, verified against its digest.
    Value(Bytes),
    /// There is no such file. Either damage, or the row that referred to it is gone meanwhile.
    Missing,
    /// The file's content is not what its name says.
    Damaged(String),
}

impl Found {
    /// Verifies content against the reference.
    pub(crate) fn verified(blob: &BlobRef, content: Bytes) -> Self {
        if content.len() as u64 != blob.len {
            return Self::Damaged(format!(
                "it has {} bytes instead of {}",
                content.len(),
                blob.len
            ));
        }
        if BlobRef::of(&content).sha256 == blob.sha256 {
            Self::Value(content)
        } else {
            Self::Damaged("its content does not fit its digest".to_owned())
        }
    }
}

/// The bytes of a payload, and how many there are.
pub(crate) type Content = (Box<dyn Read + Send>, u64);

/// A content-addressed set of payloads.
pub(crate) trait Blobs: Send + Sync {
    /// Stores the payloads; all of them are durable when it returns.
    fn put(&self, group: &[(BlobRef, Bytes)]) -> Result<()>;

    /// Reads and verifies a payload.
    fn get(&self, blob: &BlobRef) -> Result<Found>;

    /// The digests of everything stored.
    fn list(&self) -> Result<Vec<Digest>>;

    /// The digests of everything stored that begin with this byte.
    fn list_shard(&self, first_byte: u8) -> Result<Vec<Digest>>;

    /// A payload and its length, unverified; `None` when there is none.
    fn open(&self, digest: &Digest) -> Result<Option<Content>>;

    /// Removes a payload; it may be gone already.
    fn remove(&self, digest: &Digest) -> Result<()>;
}
