//! Taking a backup of stores that go on being written to.
//!
//! ```text
//! hold the sweeps ─► note commits ─► rows ─► payload files ─► one instant for all stores: stop noting ─► what was noted ─► components ─► end
//!                    │ meanwhile, whenever something was written: what was noted so far, and the payload files that it refers to │
//! ```
//! Rows are puts and deletions, and what was noted comes after the rows that were read before, in the order of the commits: whatever the scan
//! saw of a row, the last commit that touched it has the last word. So the file holds every store as it was at that one instant.

use std::{
    fs::{self, File},
    io::{Read, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    BackupError,
    format::{About, FileKind, PIECE_BYTES, Row, Totals, Writer, split_row},
    spool::Spool,
};
use crate::{
    backend::visit_in_steps,
    blobs::Digest,
    committer::Committer,
    envelope,
    error::{Error, Result},
    sled::alive_bytes,
    store::Store,
};

/// Rows that are read at once; between steps the backend is free for others.
const STEP: usize = 1024;

/// Directories below `blobs/`, one a first byte of the digest.
const SHARDS: u16 = 256;

/// One directory of a data directory.
#[derive(Clone)]
pub struct Part {
    /// Where it lies in the data directory; empty for that directory itself.
    pub directory: String,
    /// Its store.
    pub store: Store,
    /// Where its components lie, each as `SHA-256.wasm`, if it has any. Whoever calls sees to it that none is removed meanwhile.
    pub components: Option<PathBuf>,
}

impl Part {
    /// About how many bytes of a backup it takes; 0 where nobody knows.
    pub fn estimate(&self) -> u64 {
        let Some(dir) = self.store.dir() else {
            return 0;
        };
        let components = self.components.iter().map(|dir| bytes_in(dir));
        alive_bytes(dir) + bytes_in(&dir.join("blobs")) + components.sum::<u64>()
    }
}

/// Bytes of the files in a directory and in those directly below it.
fn bytes_in(dir: &Path) -> u64 {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let mut bytes = 0;
    for entry in entries(dir) {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                let below = entries(&entry.path()).filter_map(|entry| entry.metadata().ok());
                bytes += below.map(|metadata| metadata.len()).sum::<u64>();
            }
            Ok(metadata) => bytes += metadata.len(),
            Err(_) => {}
        }
    }
    bytes
}

/// Writes a backup of all parts as they are at one instant, which is after everything that was durable when this was called. `began_ms` is the
/// time now; `unchanged` is asked after that instant whether these are still the directories that there are.
pub fn take(
    parts: &[Part],
    (version, began_ms): (&str, u64),
    out: impl Write,
    unchanged: impl FnOnce() -> Result<(), String>,
) -> Result<Totals, BackupError> {
    let about = About {
        abide: version.to_owned(),
        began_ms,
        parts: parts.iter().map(|part| part.directory.clone()).collect(),
    };
    let mut taking = Vec::new();
    for (number, part) in (0..).zip(parts) {
        taking.push(Taking::begin(number, part)?);
    }
    let mut writer = Writer::begin(out, &about)?;
    match write_all(&mut taking, &mut writer, unchanged) {
        Ok(()) => writer.end(),
        Err(error) => {
            // The first failure is the one that counts.
            let _ = writer.give_up(&error.to_string());
            Err(error)
        }
    }
}

fn write_all<W: Write>(
    taking: &mut [Taking],
    writer: &mut Writer<W>,
    unchanged: impl FnOnce() -> Result<(), String>,
) -> Result<(), BackupError> {
    for number in 0..taking.len() {
        rows(taking, number, writer)?;
        for shard in 0..SHARDS {
            taking[number].payloads(shard, writer)?;
            noted(taking, writer)?;
        }
    }
    {
        // No commit of any store is under way while these are held: this is the instant.
        let _still: Vec<_> = taking
            .iter()
            .map(|part| part.committer.gate.write())
            .collect();
        for part in taking.iter() {
            *part.committer.tap.lock() = None;
        }
    }
    noted(taking, writer)?;
    for part in taking.iter() {
        part.components(writer)?;
        if let Some(error) = part.committer.failure() {
            return Err(error.into());
        }
    }
    unchanged().map_err(BackupError::Changed)
}

/// Every row of a part, and in between what is committed meanwhile.
fn rows<W: Write>(
    taking: &mut [Taking],
    number: usize,
    writer: &mut Writer<W>,
) -> Result<(), BackupError> {
    let committer = Arc::clone(&taking[number].committer);
    let part = taking[number].number;
    // Two closures fill and empty it in turn.
    let chunk = std::cell::RefCell::new((0, Vec::with_capacity(PIECE_BYTES)));
    let mut failure = None;
    let flush = |chunk: &mut (u64, Vec<u8>), writer: &mut Writer<W>| {
        let (count, bytes) = std::mem::take(chunk);
        writer.rows(part, count, &bytes)
    };
    let visit = |key: &[u8], value: &[u8]| {
        // Every row refers to a payload that exists, because nothing sweeps: better known now than when it is restored.
        if let Some(blob) = envelope::reference(key, value)?
            && committer.blobs.open(&blob.sha256)?.is_none()
        {
            return Err(Error::corrupt(key, "its payload file is missing"));
        }
        let (count, bytes) = &mut *chunk.borrow_mut();
        *count += 1;
        let value = Some(value);
        Row { key, value }.append_to(bytes);
        Ok(())
    };
    let whole = visit_in_steps(&*committer.backend, STEP, visit, || {
        let mut chunk = chunk.borrow_mut();
        if chunk.1.len() < PIECE_BYTES {
            return ControlFlow::Continue(());
        }
        let written = flush(&mut chunk, writer).and_then(|()| noted(taking, writer));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    match (whole, failure) {
        (_, Some(error)) => return Err(error),
        (Err(error), None) => return Err(error.into()),
        (Ok(_), None) => {}
    }
    flush(&mut chunk.borrow_mut(), writer)?;
    noted(taking, writer)
}

/// What was committed to any of the parts and noted until now. What comes meanwhile is for the next time, else a busy store would never let go.
fn noted<W: Write>(taking: &[Taking], writer: &mut Writer<W>) -> Result<(), BackupError> {
    for part in taking {
        let filled = part.spool.filled();
        while let Some((count, rows)) = part.spool.take(filled)? {
            writer.rows(part.number, count, &rows)?;
            part.payloads_of(&rows, writer)?;
        }
    }
    Ok(())
}

/// A part while it is read. What it holds up goes on when it is dropped.
struct Taking {
    number: u16,
    committer: Arc<Committer>,
    spool: Arc<Spool>,
    components: Option<PathBuf>,
    /// Payload files whose digest begins with a byte below this one were copied. What is noted later may refer to others.
    shards_copied: u16,
}

impl Taking {
    fn begin(number: u16, part: &Part) -> Result<Self, BackupError> {
        let committer = Arc::clone(part.store.committer());
        let dir = part.store.dir().ok_or_else(|| {
            BackupError::Changed("a store in memory cannot be backed up".to_owned())
        })?;
        let spool = Arc::new(Spool::create(dir)?);
        {
            let mut tap = committer.tap.lock();
            if tap.is_some() {
                return Err(BackupError::Busy);
            }
            // First, so that no payload goes of which a noted row speaks.
            committer.payloads.lock().held += 1;
            *tap = Some(Arc::clone(&spool));
        }
        // A group that was under way did not see the tap; its rows are read by the scan, which begins after it.
        drop(committer.gate.write());
        Ok(Self {
            number,
            committer,
            spool,
            components: part.components.clone(),
            shards_copied: 0,
        })
    }

    /// The payload files of one directory.
    fn payloads<W: Write>(
        &mut self,
        shard: u16,
        writer: &mut Writer<W>,
    ) -> Result<(), BackupError> {
        // From now on new ones count, whether or not they are in the list.
        self.shards_copied = shard + 1;
        let first_byte = u8::try_from(shard).unwrap_or(u8::MAX);
        for digest in self.committer.blobs.list_shard(first_byte)? {
            self.payload(&digest, writer)?;
        }
        Ok(())
    }

    /// The payload files that these rows refer to, unless they will be copied yet.
    fn payloads_of<W: Write>(
        &self,
        rows: &[u8],
        writer: &mut Writer<W>,
    ) -> Result<(), BackupError> {
        let mut rest = rows;
        while let Some((row, after)) = split_row(rest) {
            rest = after;
            let Some(value) = row.value else { continue };
            let Some(blob) = envelope::reference(row.key, value)? else {
                continue;
            };
            if u16::from(blob.sha256[0]) < self.shards_copied
                && !self.payload(&blob.sha256, writer)?
            {
                return Err(Error::corrupt(row.key, "its payload file is missing").into());
            }
        }
        Ok(())
    }

    fn payload<W: Write>(
        &self,
        digest: &Digest,
        writer: &mut Writer<W>,
    ) -> Result<bool, BackupError> {
        let Some((mut content, len)) = self.committer.blobs.open(digest)? else {
            return Ok(false);
        };
        writer.file(
            (self.number, FileKind::Payload),
            digest,
            (&mut *content, len),
        )?;
        Ok(true)
    }

    /// All components. A row that refers to one is committed after the file is in its place, so the files after the instant are enough.
    fn components<W: Write>(&self, writer: &mut Writer<W>) -> Result<(), BackupError> {
        let Some(dir) = &self.components else {
            return Ok(());
        };
        for (digest, path) in components_in(dir)? {
            let reading = |error| Error::io("read", &path, error);
            let mut file = File::open(&path).map_err(reading)?;
            let len = file.metadata().map_err(reading)?.len();
            let file: &mut dyn Read = &mut file;
            writer.file((self.number, FileKind::Component), &digest, (file, len))?;
        }
        Ok(())
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut tap = self.committer.tap.lock();
        if tap
            .as_ref()
            .is_some_and(|tap| Arc::ptr_eq(tap, &self.spool))
        {
            *tap = None;
        }
        drop(tap);
        self.committer.payloads.lock().held -= 1;
    }
}

/// Components by digest.
pub(crate) fn components_in(dir: &Path) -> Result<Vec<(Digest, PathBuf)>> {
    let listing = |error| Error::io("list", dir, error);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(listing(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(listing)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut digest = Digest::default();
        let named = name.strip_suffix(".wasm");
        if named.is_some_and(|name| hex::decode_to_slice(name, &mut digest).is_ok()) {
            found.push((digest, path));
        }
    }
    found.sort();
    Ok(found)
}
