//! sled 0.34's files on disk, read without sled: just enough to tell a sound log from a damaged one.
//!
//! ```text
//! db      = segments of 512 KiB, in any order; free ones are zeroed when the store opens, and keep stale content until then
//! segment = header (20 bytes), then messages up to a cap message, to the last 32 bytes, or to the tip of the log
//! header  = !crc32 of the rest, lsn ^ i64::MAX, stable lsn ^ i64::MAX     (u32, i64, i64, LE)
//! message = crc32 (u32 LE), kind (u8), len, segment number, page (varints), then len bytes
//!           crc32 covers the body, then the header without the crc, and is inverted
//! snap.N  = the page table when the store was opened last: state, its length (u64 LE), crc32 of the state (u32 LE);
//!           the state starts with the lsn up to which the log is part of it, plus one (i64 LE, 0 = none)
//! blobs/N = a message body above 128 KiB: crc32 of the rest (u32 LE), kind (u8), body. We never write rows of that size
//! conf    = text, then its crc32 (u32 LE)
//! ```
//! An lsn is a position in the endless logical log; `lsn / 512 KiB` is the segment number, and says which messages in a segment are stale.

/// The length of a segment in bytes; sled's default, pinned by the `conf` file.
pub(super) const SEGMENT_LEN: usize = 512 * 1024;
/// The same as a signed position.
pub(super) const SEGMENT_LSN: i64 = 512 * 1024;
/// The length of a segment's header.
pub(super) const SEGMENT_HEADER_LEN: usize = 20;
/// No message starts in the last bytes of a segment.
pub(super) const RED_ZONE: usize = 32;

/// What [`conf`] must contain for this program.
const CONF: &str = "segment_size: 524288\nuse_compression: false\nversion: 0.34\n";

/// The content of sled's `conf` file.
pub(super) fn conf() -> Vec<u8> {
    let mut bytes = CONF.as_bytes().to_vec();
    bytes.extend_from_slice(&crc32fast::hash(CONF.as_bytes()).to_le_bytes());
    bytes
}

/// The state of a segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentHeader {
    /// The segment starts at this lsn.
    At(i64),
    /// All zero: free, or never written.
    Zero,
    /// Neither.
    Broken,
}

impl SegmentHeader {
    pub(super) fn parse(segment: &[u8]) -> Self {
        let Some(bytes) = segment.first_chunk::<SEGMENT_HEADER_LEN>() else {
            return if segment.iter().all(|byte| *byte == 0) {
                Self::Zero
            } else {
                Self::Broken
            };
        };
        if *bytes == [0; SEGMENT_HEADER_LEN] {
            return Self::Zero;
        }
        let crc = le_u32(&bytes[..4]) ^ u32::MAX;
        let lsn = le_i64(&bytes[4..12]) ^ i64::MAX;
        if crc32fast::hash(&bytes[4..]) == crc && lsn >= 0 && lsn % SEGMENT_LSN == 0 {
            Self::At(lsn)
        } else {
            Self::Broken
        }
    }
}

/// What lies at one position of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// A sound message; the next one starts after this many bytes.
    Sound {
        /// The length including the header.
        len: usize,
        /// The number of the sled-made blob file that holds the body, if any.
        blob: Option<i64>,
    },
    /// The rest of the segment is unused.
    Cap,
    /// Not a message of this segment.
    Broken,
}

const KIND_CAP: u8 = 2;
const KIND_LAST: u8 = 11;
const BLOB_KINDS: [u8; 3] = [7, 9, 11];

/// Reads the message at `pos` of a segment; it must belong to the segment with this number.
pub(super) fn message(segment: &[u8], pos: usize, segment_number: u64) -> Message {
    message_of(segment, pos, |number| number == segment_number)
}

/// Reads the message at `pos` of a segment; its segment number must satisfy `wanted`.
pub(super) fn message_of(segment: &[u8], pos: usize, wanted: impl Fn(u64) -> bool) -> Message {
    let bytes = &segment[pos.min(segment.len())..];
    let (Some(crc), Some(&kind)) = (bytes.get(..4), bytes.get(4)) else {
        return Message::Broken;
    };
    if kind == 0 || kind > KIND_LAST {
        return Message::Broken;
    }
    let mut rest = &bytes[5..];
    let (Some(len), Some(number), Some(_page)) =
        (varint(&mut rest), varint(&mut rest), varint(&mut rest))
    else {
        return Message::Broken;
    };
    if !wanted(number) || len > rest.len() as u64 {
        return Message::Broken;
    }
    let Ok(body_len) = usize::try_from(len) else {
        return Message::Broken;
    };
    let (header, body) = (&bytes[4..bytes.len() - rest.len()], &rest[..body_len]);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(header);
    if hasher.finalize() ^ u32::MAX != le_u32(crc) {
        return Message::Broken;
    }
    if kind == KIND_CAP {
        return Message::Cap;
    }
    Message::Sound {
        len: 4 + header.len() + body_len,
        blob: (BLOB_KINDS.contains(&kind) && body_len == 8).then(|| le_i64(body)),
    }
}

/// The lsn up to which a snapshot file covers the log, or what is wrong with the file.
pub(super) fn snapshot(content: &[u8]) -> Result<i64, &'static str> {
    let Some(state_len) = content.len().checked_sub(12).filter(|len| *len >= 8) else {
        return Err("it is shorter than any snapshot");
    };
    let (state, trailer) = content.split_at(state_len);
    if crc32fast::hash(state) != le_u32(&trailer[8..]) {
        return Err("its checksum does not fit its content");
    }
    Ok(le_i64(&state[..8]) - 1)
}

/// Whether the content of a blob file that sled made fits its checksum.
pub(super) fn sled_blob_is_sound(content: &[u8]) -> bool {
    content.len() > 4 && crc32fast::hash(&content[4..]) == le_u32(&content[..4])
}

/// sled's variable-length integers: one byte up to 240, two up to 2287, three up to 67823, then a length byte and little-endian bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, mut rest) = bytes.split_first()?;
    let value = match first {
        0..=240 => u64::from(first),
        241..=248 => {
            let (&low, after) = rest.split_first()?;
            rest = after;
            240 + 256 * (u64::from(first) - 241) + u64::from(low)
        }
        249 => {
            let (&[high, low], after) = rest.split_first_chunk::<2>()?;
            rest = after;
            2288 + 256 * u64::from(high) + u64::from(low)
        }
        _ => {
            let (little, after) = rest.split_at_checked(usize::from(first) - 247)?;
            rest = after;
            little
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | u64::from(*byte))
        }
    };
    *bytes = rest;
    Some(value)
}

fn le_u32(bytes: &[u8]) -> u32 {
    bytes.try_into().map(u32::from_le_bytes).unwrap_or_default()
}

fn le_i64(bytes: &[u8]) -> i64 {
    bytes.try_into().map(i64::from_le_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_the_boundaries_of_sled() {
        for (bytes, value) in [
            (&[240][..], 240),
            (&[241, 0], 240),
            (&[248, 255], 2287),
            (&[249, 0, 0], 2288),
            (&[249, 255, 255], 67823),
            (&[250, 0, 0, 2], 0x2_0000),
            (&[255, 1, 0, 0, 0, 0, 0, 0, 1], 0x0100_0000_0000_0001),
        ] {
            let mut rest = bytes;
            assert_eq!(varint(&mut rest), Some(value), "{bytes:?}");
            assert!(rest.is_empty());
            assert_eq!(varint(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn short_input_is_broken_and_never_a_panic() {
        let noise: Vec<u8> = (0..=255).cycle().take(600).collect();
        for start in 0..noise.len() {
            for len in [0, 1, 4, 5, 6, 20, 40] {
                let slice = &noise[start..(start + len).min(noise.len())];
                assert_eq!(message(slice, 0, 0), Message::Broken);
                let _ = SegmentHeader::parse(slice);
                assert!(snapshot(slice).is_err());
            }
        }
        assert_eq!(message(&[], 9, 0), Message::Broken);
    }
}
