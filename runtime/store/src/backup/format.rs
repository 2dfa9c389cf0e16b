//! The file of a backup: sections with checksums, one after the other.
//!
//! ```text
//! file    = "ABIDEBAK" | version u16 | section…           integers are LE
//! section = kind u8 | part u16 | length u32 | body | crc32 u32
//!           the crc32 covers the section's number (u64, from 0) and everything before it in the section
//!
//! kind       body
//! 1 about    JSON: see `About`. The first section
//! 2 rows     row… : key length u32 | value length u32, or all ones for a deletion | key | value.   A later row replaces an earlier one
//! 3 payload  digest (32 bytes) | length u64 | offset u64 | bytes      the pieces of one file follow each other
//! 4 component  the same
//! 5 end      JSON: see `End`. The last section
//! 6 failed   text: why the backup was given up
//! ```
//! `part` is the place in the list of directories that `about` has. Rows are as the store has them, each in its own envelope.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BackupError;
use crate::blobs::Digest;

/// The version of the format that is written, and the newest one that is read.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"ABIDEBAK";
/// A body above this is refused before it is read: the largest one that is written has some 6 MiB.
const LARGEST_BODY: usize = 16 << 20;
const HEADER_LEN: usize = 7;
const PIECE_HEADER_LEN: usize = 32 + 8 + 8;
/// Bytes of a file in one section.
pub(super) const PIECE_BYTES: usize = 1 << 20;
const DELETED: u32 = u32::MAX;
/// Directories in one backup: far more environments than one process serves.
const MOST_PARTS: usize = 10_000;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of the program that took it.
    pub abide: String,
    /// When it was begun, in milliseconds since the Unix epoch.
    pub began_ms: u64,
    /// The directories that it holds, relative to the data directory; the empty one is that directory itself.
    pub parts: Vec<String>,
}

/// How much a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows and deletions, every replacement counted.
    pub rows: u64,
    /// Payload files; one that was copied twice counts twice.
    pub payloads: u64,
    /// Components.
    pub components: u64,
}

/// The last section.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    #[serde(flatten)]
    totals: Totals,
    /// The SHA-256 of everything before this section.
    sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    About = 1,
    Rows = 2,
    Payload = 3,
    Component = 4,
    End = 5,
    Failed = 6,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::About,
            Self::Rows,
            Self::Payload,
            Self::Component,
            Self::End,
            Self::Failed,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// Files that are named by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A value above 4 KiB.
    Payload,
    /// An app's code.
    Component,
}

impl FileKind {
    fn section(self) -> Kind {
        match self {
            Self::Payload => Kind::Payload,
            Self::Component => Kind::Component,
        }
    }
}

/// One row, or its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

impl Row<'_> {
    /// Appends it as a section of rows has it.
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(DELETED - 1);
        out.extend_from_slice(&len(self.key).to_le_bytes());
        out.extend_from_slice(&self.value.map_or(DELETED, len).to_le_bytes());
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value.unwrap_or_default());
    }
}

/// The first row of these bytes and what follows it; `None` when they hold no whole one.
pub(super) fn split_row(bytes: &[u8]) -> Option<(Row<'_>, &[u8])> {
    let (key_len, rest) = bytes.split_first_chunk::<4>()?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_len) as usize)?;
    match u32::from_le_bytes(*value_len) {
        DELETED => Some((Row { key, value: None }, rest)),
        len => {
            let (value, rest) = rest.split_at_checked(len as usize)?;
            let value = Some(value);
            Some((Row { key, value }, rest))
        }
    }
}

/// Writes a backup.
pub(super) struct Writer<W> {
    out: W,
    sections: u64,
    sha256: Sha256,
    totals: Totals,
}

impl<W: Write> Writer<W> {
    /// Begins the file.
    pub(super) fn begin(out: W, about: &About) -> Result<Self, BackupError> {
        let mut writer = Self {
            out,
            sections: 0,
            sha256: Sha256::new(),
            totals: Totals::default(),
        };
        writer.bytes(&MAGIC)?;
        writer.bytes(&VERSION.to_le_bytes())?;
        let about = json(about)?;
        writer.section(Kind::About, 0, &[&about])?;
        Ok(writer)
    }

    /// Writes rows that were put together with [`Row::append_to`].
    pub(super) fn rows(&mut self, part: u16, count: u64, rows: &[u8]) -> Result<(), BackupError> {
        self.totals.rows += count;
        self.section(Kind::Rows, part, &[rows])
    }

    /// Copies a file, whose content must be what its name says.
    pub(super) fn file(
        &mut self,
        (part, kind): (u16, FileKind),
        digest: &Digest,
        (content, len): (&mut dyn Read, u64),
    ) -> Result<(), BackupError> {
        let damaged = |what: &str| {
            BackupError::Changed(format!(
                "the file {} is damaged: {what}; `abide store check` finds what needs it",
                hex::encode(digest)
            ))
        };
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(len).unwrap_or(PIECE_BYTES))];
        let mut at = 0;
        loop {
            let due = usize::try_from(len - at).map_or(piece.len(), |left| left.min(piece.len()));
            content
                .read_exact(&mut piece[..due])
                .map_err(|error| damaged(&error.to_string()))?;
            hasher.update(&piece[..due]);
            let (length, offset) = (len.to_le_bytes(), at.to_le_bytes());
            self.section(
                kind.section(),
                part,
                &[digest, &length, &offset, &piece[..due]],
            )?;
            at += due as u64;
            if at == len {
                break;
            }
        }
        if hasher.finalize()[..] != digest[..] {
            return Err(damaged("its content does not fit its digest"));
        }
        match kind {
            FileKind::Payload => self.totals.payloads += 1,
            FileKind::Component => self.totals.components += 1,
        }
        Ok(())
    }

    /// Ends the file: now it is a backup.
    pub(super) fn end(mut self) -> Result<Totals, BackupError> {
        let end = json(&End {
            totals: self.totals,
            sha256: hex::encode(self.sha256.clone().finalize()),
        })?;
        self.section(Kind::End, 0, &[&end])?;
        self.out.flush().map_err(BackupError::Write)?;
        Ok(self.totals)
    }

    /// Says why there is no more. What was written is no backup.
    pub(super) fn give_up(mut self, reason: &str) -> Result<(), BackupError> {
        self.section(Kind::Failed, 0, &[reason.as_bytes()])?;
        self.out.flush().map_err(BackupError::Write)
    }

    fn section(&mut self, kind: Kind, part: u16, body: &[&[u8]]) -> Result<(), BackupError> {
        let len: usize = body.iter().map(|bytes| bytes.len()).sum();
        let header = section_header(kind as u8, part, len)
            .filter(|_| len <= LARGEST_BODY)
            .ok_or_else(|| {
                BackupError::Write(io::Error::other(format!("a section of {len} bytes")))
            })?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.sections.to_le_bytes());
        crc.update(&header);
        self.bytes(&header)?;
        for bytes in body {
            crc.update(bytes);
            self.bytes(bytes)?;
        }
        self.bytes(&crc.finalize().to_le_bytes())?;
        self.sections += 1;
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.sha256.update(bytes);
        self.out.write_all(bytes).map_err(BackupError::Write)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(value).map_err(|error| BackupError::Write(error.into()))
}

fn section_header(kind: u8, part: u16, len: usize) -> Option<[u8; HEADER_LEN]> {
    let mut header = [0; HEADER_LEN];
    header[0] = kind;
    header[1..3].copy_from_slice(&part.to_le_bytes());
    header[3..].copy_from_slice(&u32::try_from(len).ok()?.to_le_bytes());
    Some(header)
}

/// A section of a sound file, as far as it was read.
#[derive(Debug)]
pub(super) enum Section<'a> {
    /// Rows, to be taken apart with [`split_row`]: they hold whole ones only.
    Rows { part: usize, rows: &'a [u8] },
    /// A piece of a file.
    Piece {
        part: usize,
        kind: FileKind,
        digest: Digest,
        /// Where it belongs.
        offset: u64,
        bytes: &'a [u8],
        /// Whether the file is whole with it, and then fits its digest.
        last: bool,
    },
}

/// Reads a backup. Whatever does not fit is an error, also a missing end.
pub(super) struct Reader<R> {
    input: R,
    about: About,
    sections: u64,
    sha256: Sha256,
    totals: Totals,
    file: Option<OpenFile>,
    body: Vec<u8>,
    ended: bool,
    /// Bytes of whole sections.
    pub(super) read: u64,
}

/// A file of which pieces have been read.
struct OpenFile {
    part: usize,
    kind: FileKind,
    digest: Digest,
    len: u64,
    at: u64,
    hasher: Sha256,
}

fn unusable(reason: impl Into<String>) -> BackupError {
    BackupError::Unusable(reason.into())
}

impl<R: Read> Reader<R> {
    /// Reads what the file says of itself.
    pub(super) fn open(mut input: R) -> Result<Self, BackupError> {
        let mut head = [0; MAGIC.len() + 2];
        read_exactly(&mut input, &mut head)?
            .then_some(())
            .filter(|()| head.starts_with(&MAGIC))
            .ok_or_else(|| unusable("it does not begin like one"))?;
        let version = u16::from_le_bytes([head[MAGIC.len()], head[MAGIC.len() + 1]]);
        if version != VERSION {
            return Err(unusable(format!(
                "its format has version {version}, and this program reads version {VERSION}"
            )));
        }
        let mut reader = Self {
            input,
            about: About {
                abide: String::new(),
                began_ms: 0,
                parts: Vec::new(),
            },
            sections: 0,
            sha256: Sha256::new_with_prefix(head),
            totals: Totals::default(),
            file: None,
            body: Vec::new(),
            ended: false,
            read: head.len() as u64,
        };
        let (kind, _) = reader.section()?;
        if kind != Kind::About {
            return Err(unusable("it does not say what it holds"));
        }
        let about: About = serde_json::from_slice(&reader.body)
            .map_err(|error| unusable(format!("what it says of itself is no JSON: {error}")))?;
        check_parts(&about.parts)?;
        reader.about = about;
        Ok(reader)
    }

    /// What the file says of itself.
    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// How much was read so far; once the end was read, what the file holds.
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// The next section, `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Section<'_>>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        let before = self.sha256.clone();
        let (kind, part) = self.section()?;
        if self.file.is_some() && !matches!(kind, Kind::Payload | Kind::Component) {
            return Err(self.at("a file in it is not whole"));
        }
        if part >= self.about.parts.len() {
            return Err(self.at("a section belongs to no directory"));
        }
        match kind {
            Kind::Rows => {
                self.count_rows()?;
                let rows = &self.body[..];
                Ok(Some(Section::Rows { part, rows }))
            }
            Kind::Payload => self.piece(part, FileKind::Payload).map(Some),
            Kind::Component => self.piece(part, FileKind::Component).map(Some),
            Kind::End => {
                self.check_end(before)?;
                self.ended = true;
                Ok(None)
            }
            Kind::Failed => Err(unusable(format!(
                "the server gave it up: {}",
                String::from_utf8_lossy(&self.body)
            ))),
            Kind::About => Err(self.at("it begins twice")),
        }
    }

    fn count_rows(&mut self) -> Result<(), BackupError> {
        let mut rest = &self.body[..];
        while !rest.is_empty() {
            let Some((_, after)) = split_row(rest) else {
                return Err(self.at("a row is cut off"));
            };
            self.totals.rows += 1;
            rest = after;
        }
        Ok(())
    }

    fn piece(&mut self, part: usize, kind: FileKind) -> Result<Section<'_>, BackupError> {
        let Some((header, _)) = self.body.split_first_chunk::<PIECE_HEADER_LEN>() else {
            return Err(self.at("a piece of a file is too short"));
        };
        let number = |at: usize| {
            let bytes = header[at..at + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        let digest: Digest = header[..32].try_into().unwrap_or_default();
        let (len, offset) = (number(32), number(40));
        let mut file = self.file.take().unwrap_or_else(|| OpenFile {
            part,
            kind,
            digest,
            len,
            at: 0,
            hasher: Sha256::new(),
        });
        let expected = (file.part, file.kind, file.digest, file.len, file.at);
        if expected != (part, kind, digest, len, offset) {
            return Err(self.at("pieces of files are mixed up"));
        }
        let bytes = &self.body[PIECE_HEADER_LEN..];
        file.hasher.update(bytes);
        file.at += bytes.len() as u64;
        let last = file.at >= len;
        if file.at > len || (bytes.is_empty() && !last) {
            return Err(self.at("a file has another length than it says"));
        }
        if !last {
            self.file = Some(file);
        } else if file.hasher.finalize()[..] != digest[..] {
            return Err(self.at("a file does not fit its digest"));
        } else {
            match kind {
                FileKind::Payload => self.totals.payloads += 1,
                FileKind::Component => self.totals.components += 1,
            }
        }
        Ok(Section::Piece {
            part,
            kind,
            digest,
            offset,
            bytes: &self.body[PIECE_HEADER_LEN..],
            last,
        })
    }

    fn check_end(&mut self, before: Sha256) -> Result<(), BackupError> {
        let end: End = serde_json::from_slice(&self.body)
            .map_err(|error| self.at(&format!("its end is no JSON: {error}")))?;
        if end.sha256 != hex::encode(before.finalize()) {
            return Err(self.at("its checksum does not fit its content"));
        }
        if end.totals != self.totals {
            return Err(self.at("it holds less or more than it says"));
        }
        if self.input.read(&mut [0]).map_err(BackupError::Read)? != 0 {
            return Err(self.at("something follows its end"));
        }
        Ok(())
    }

    /// Reads a section into `body`: its kind and part.
    fn section(&mut self) -> Result<(Kind, usize), BackupError> {
        let cut = || unusable("it is cut off: its end is missing");
        let mut header = [0; HEADER_LEN];
        if !read_exactly(&mut self.input, &mut header)? {
            return Err(cut());
        }
        let [kind, part @ .., a, b, c, d] = header;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let known = Kind::of(kind).filter(|_| len <= LARGEST_BODY);
        let Some(kind) = known else {
            return Err(self.at("a section's head is damaged"));
        };
        self.body.resize(len, 0);
        let mut crc = [0; 4];
        if !read_exactly(&mut self.input, &mut self.body)?
            || !read_exactly(&mut self.input, &mut crc)?
        {
            return Err(cut());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.sections.to_le_bytes());
        hasher.update(&header);
        hasher.update(&self.body);
        if hasher.finalize().to_le_bytes() != crc {
            return Err(self.at("a section fails its checksum"));
        }
        self.sha256.update(header);
        self.sha256.update(&self.body);
        self.sha256.update(crc);
        self.sections += 1;
        self.read += (HEADER_LEN + len + crc.len()) as u64;
        Ok((kind, usize::from(u16::from_le_bytes(part))))
    }

    fn at(&self, reason: &str) -> BackupError {
        unusable(format!("{reason} (near byte {})", self.read))
    }
}

/// Directories come from a file: they must stay below the data directory.
fn check_parts(parts: &[String]) -> Result<(), BackupError> {
    let named = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !name.is_empty() && name.len() <= 128 && name.bytes().all(letter)
    };
    let sound = |part: &String| match part.split_once('/') {
        None => part.is_empty() || named(part),
        Some((above, below)) => named(above) && named(below),
    };
    let mut seen = std::collections::BTreeSet::new();
    let fits =
        parts.len() <= MOST_PARTS && parts.iter().all(|part| sound(part) && seen.insert(part));
    if fits && !parts.is_empty() {
        return Ok(());
    }
    Err(unusable(
        "the directories that it names cannot be those of a data directory",
    ))
}

/// Fills the buffer; false when the input ends before.
fn read_exactly(input: &mut impl Read, buffer: &mut [u8]) -> Result<bool, BackupError> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(BackupError::Read(error)),
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
