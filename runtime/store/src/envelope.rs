//! The envelope around every stored value: a version, a kind and a checksum that is verified on every read.
//!
//! ```text
//!  byte 0     1        2..6              6..
//! +---------+--------+-----------------+------------------------------------------------------+
//! | version | kind   | crc32, LE       | payload                                              |
//! +---------+--------+-----------------+------------------------------------------------------+
//!   = 1       0 = inline: the payload is the value
//!             1 = blob:   the payload is SHA-256 (32 bytes) then the value's length (u64, LE)
//!
//! crc32 covers: key length (u32, LE), key, version, kind, payload.
//! ```
//! The key is part of the checksum, so that a sound value under the wrong key is noticed too.

use bytes::{BufMut, Bytes};

use crate::{
    blobs::BlobRef,
    error::{Error, Result},
};

const VERSION: u8 = 1;
const KIND_INLINE: u8 = 0;
const KIND_BLOB: u8 = 1;
const HEADER_LEN: usize = 6;
const BLOB_LEN: usize = 32 + 8;

/// A stored value after its checksum was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// The value itself.
    Inline(Bytes),
    /// The value lies in a payload file.
    Blob(BlobRef),
}

/// Wraps a value that is stored in its row.
pub(crate) fn encode_inline(key: &[u8], value: &[u8]) -> Bytes {
    encode(key, KIND_INLINE, &[value])
}

/// Wraps a reference to a payload file.
pub(crate) fn encode_blob(key: &[u8], blob: &BlobRef) -> Bytes {
    encode(key, KIND_BLOB, &[&blob.sha256, &blob.len.to_le_bytes()])
}

fn encode(key: &[u8], kind: u8, parts: &[&[u8]]) -> Bytes {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(HEADER_LEN + len);
    out.extend_from_slice(&[VERSION, kind, 0, 0, 0, 0]);
    for part in parts {
        out.put_slice(part);
    }
    let crc = checksum(key, VERSION, kind, &out[HEADER_LEN..]);
    out[2..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
    out.into()
}

/// Verifies a row and takes its value out.
pub(crate) fn decode(key: &[u8], row: Vec<u8>) -> Result<Stored> {
    let kind = verify(key, &row)?;
    let mut payload = Bytes::from(row);
    let _header = payload.split_to(HEADER_LEN);
    match kind {
        KIND_INLINE => Ok(Stored::Inline(payload)),
        KIND_BLOB => blob_ref(key, &payload).map(Stored::Blob),
        other => Err(Error::corrupt(
            key,
            format!("its kind {other} is unknown to this version"),
        )),
    }
}

/// Verifies a row and returns the payload file that it refers to, if any.
pub(crate) fn reference(key: &[u8], row: &[u8]) -> Result<Option<BlobRef>> {
    match verify(key, row)? {
        KIND_BLOB => blob_ref(key, &row[HEADER_LEN..]).map(Some),
        _ => Ok(None),
    }
}

fn verify(key: &[u8], row: &[u8]) -> Result<u8> {
    let Some((header, payload)) = row.split_first_chunk::<HEADER_LEN>() else {
        return Err(Error::corrupt(
            key,
            format!("it has only {} bytes", row.len()),
        ));
    };
    let [version, kind, crc @ ..] = *header;
    if checksum(key, version, kind, payload) != u32::from_le_bytes(crc) {
        return Err(Error::corrupt(key, "its checksum does not fit its content"));
    }
    if version != VERSION {
        return Err(Error::corrupt(
            key,
            format!("its version {version} is newer than this program"),
        ));
    }
    Ok(kind)
}

fn blob_ref(key: &[u8], payload: &[u8]) -> Result<BlobRef> {
    let bytes: &[u8; BLOB_LEN] = payload
        .try_into()
        .map_err(|_| Error::corrupt(key, "its payload reference has the wrong length"))?;
    let (sha256, len) = bytes.split_at(32);
    Ok(BlobRef {
        sha256: sha256.try_into().unwrap_or_default(),
        len: u64::from_le_bytes(len.try_into().unwrap_or_default()),
    })
}

fn checksum(key: &[u8], version: u8, kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let key_len = u32::try_from(key.len()).unwrap_or(u32::MAX);
    hasher.update(&key_len.to_le_bytes());
    hasher.update(key);
    hasher.update(&[version, kind]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_references_round_trip() {
        let row = encode_inline(b"k", b"value").to_vec();
        assert_eq!(
            decode(b"k", row.clone()).unwrap(),
            Stored::Inline(Bytes::from_static(b"value"))
        );
        assert_eq!(reference(b"k", &row).unwrap(), None);
        let blob = BlobRef {
            sha256: [7; 32],
            len: 5000,
        };
        let row = encode_blob(b"k", &blob).to_vec();
        assert_eq!(decode(b"k", row.clone()).unwrap(), Stored::Blob(blob));
        assert_eq!(reference(b"k", &row).unwrap(), Some(blob));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let row = encode_inline(b"key", b"value").to_vec();
        for bit in 0..row.len() * 8 {
            let mut damaged = row.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(
                decode(b"key", damaged),
                Err(Error::Corrupt { .. })
            ));
        }
        for len in 0..row.len() {
            assert!(decode(b"key", row[..len].to_vec()).is_err());
        }
    }

    #[test]
    fn a_sound_value_under_another_key_is_noticed() {
        let row = encode_inline(b"key1", b"value").to_vec();
        assert!(decode(b"key2", row.clone()).is_err());
        // The boundary between key and payload is part of the checksum.
        assert!(decode(b"key", row).is_err());
    }
}
