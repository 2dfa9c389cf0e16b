//! What a disk may hold after a power cut: certain is what was synced, anything else is there or not.
//!
//! A file is what its last sync made certain, and the writes since then, in order. A directory is likewise what its last sync made certain,
//! and the names that were made or removed since then; of these a part from the beginning is there. A file without a name is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use abide_crash::rng::Rng;
use anyhow::Result;

use super::log::{Op, What};
use crate::files::files;

/// What a disk writes whole.
const SECTOR: u64 = 512;

/// How much of what was not synced an image keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing.
    Forgets,
    /// Everything.
    Keeps,
    /// Each write whole, or not at all.
    Writes,
    /// Each sector of each write, or not.
    Sectors,
    /// The latest writes, without what came before.
    Latest,
}

impl Mood {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let all = [
            Self::Forgets,
            Self::Keeps,
            Self::Writes,
            Self::Sectors,
            Self::Sectors,
            Self::Latest,
        ];
        rng.choice(&all).copied().unwrap_or(Self::Sectors)
    }
}

/// A file: what is certain lies in the base, or here.
#[derive(Debug, Default, Clone)]
struct File {
    /// In order; a sync marks them certain.
    certain: Vec<(u64, Vec<u8>)>,
    pending: Vec<(u64, Vec<u8>)>,
}

/// A change of names in one directory.
#[derive(Debug, Clone)]
enum Name {
    Add(PathBuf, usize),
    Remove(PathBuf),
}

/// The disk at a moment of the record.
pub(super) struct Disk {
    files: Vec<File>,
    /// What the running system sees under a path.
    seen: BTreeMap<PathBuf, usize>,
    /// The names that are certain.
    certain: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    pending: BTreeMap<PathBuf, Vec<Name>>,
}

impl Disk {
    /// The disk as it was when the record began.
    pub(super) fn new(base: &Path) -> Result<Self> {
        let mut disk = Self {
            files: Vec::new(),
            seen: BTreeMap::new(),
            certain: BTreeMap::new(),
            directories: BTreeSet::new(),
            pending: BTreeMap::new(),
        };
        for path in files(base)? {
            let content = fs::read(&path)?;
            let path = path.strip_prefix(base)?.to_owned();
            disk.files.push(File {
                certain: vec![(0, content)],
                pending: Vec::new(),
            });
            disk.seen.insert(path.clone(), disk.files.len() - 1);
            disk.certain.insert(path, disk.files.len() - 1);
        }
        Ok(disk)
    }

    /// Something was done.
    pub(super) fn take(&mut self, op: &Op) {
        match &op.what {
            What::Sync => {
                if let Some(file) = self.seen.get(&op.path) {
                    let file = &mut self.files[*file];
                    let pending = std::mem::take(&mut file.pending);
                    file.certain.extend(pending);
                } else {
                    for name in self.pending.remove(&op.path).unwrap_or_default() {
                        apply(&mut self.certain, name);
                    }
                }
            }
            _ => self.begin(op),
        }
    }

    /// Something was begun: none of it is certain. A sync that is under way makes nothing certain either.
    pub(super) fn begin(&mut self, op: &Op) {
        match &op.what {
            What::Sync => {}
            What::Create => {
                // Nothing of ours creates what is there already.
                if !self.seen.contains_key(&op.path) {
                    self.files.push(File::default());
                    let file = self.files.len() - 1;
                    self.seen.insert(op.path.clone(), file);
                    self.change(Name::Add(op.path.clone(), file));
                }
            }
            What::Write { position, data } => {
                if let Some(file) = self.seen.get(&op.path) {
                    self.files[*file].pending.push((*position, data.clone()));
                }
            }
            What::Rename { to } => {
                if let Some(file) = self.seen.remove(&op.path) {
                    self.seen.insert(to.clone(), file);
                    self.change(Name::Add(to.clone(), file));
                    self.change(Name::Remove(op.path.clone()));
                }
            }
            What::Unlink => {
                self.seen.remove(&op.path);
                self.change(Name::Remove(op.path.clone()));
            }
            What::MakeDirectory => {
                self.directories.insert(op.path.clone());
            }
        }
    }

    fn change(&mut self, name: Name) {
        let (Name::Add(path, _) | Name::Remove(path)) = &name;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        self.pending.entry(directory).or_default().push(name);
    }

    /// Builds one of the images that this disk may leave, over a copy of the base.
    pub(super) fn write_to(&self, image: &Path, mood: Mood, rng: &mut Rng) -> Result<()> {
        let mut names = self.certain.clone();
        for pending in self.pending.values() {
            let kept = match mood {
                Mood::Forgets => 0,
                Mood::Keeps => pending.len() as u64,
                Mood::Writes | Mood::Sectors | Mood::Latest => {
                    rng.within(0..pending.len() as u64 + 1)
                }
            };
            for name in pending.iter().take(usize::try_from(kept)?) {
                apply(&mut names, name.clone());
            }
        }
        for path in files(image)? {
            if !names.contains_key(path.strip_prefix(image)?) {
                fs::remove_file(path)?;
            }
        }
        for directory in &self.directories {
            fs::create_dir_all(image.join(directory))?;
        }
        for (path, file) in &names {
            let path = image.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, self.files[*file].content(mood, rng))?;
        }
        Ok(())
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, name: Name) {
    match name {
        Name::Add(path, file) => drop(names.insert(path, file)),
        Name::Remove(path) => drop(names.remove(&path)),
    }
}

impl File {
    fn content(&self, mood: Mood, rng: &mut Rng) -> Vec<u8> {
        let mut content = Vec::new();
        for (position, data) in &self.certain {
            put(&mut content, *position, data);
        }
        let first = match mood {
            Mood::Forgets => self.pending.len(),
            Mood::Latest => {
                usize::try_from(rng.within(0..self.pending.len() as u64 + 1)).unwrap_or(0)
            }
            Mood::Keeps | Mood::Writes | Mood::Sectors => 0,
        };
        for (position, data) in &self.pending[first..] {
            if mood == Mood::Sectors {
                for (position, sector) in sectors(*position, data) {
                    if rng.chance(50) {
                        put(&mut content, position, sector);
                    }
                }
            } else if mood != Mood::Writes || rng.chance(50) {
                put(&mut content, *position, data);
            }
        }
        content
    }
}

/// The parts of a write that lie in different sectors.
fn sectors(position: u64, data: &[u8]) -> Vec<(u64, &[u8])> {
    let mut parts = Vec::new();
    let (mut position, mut rest) = (position, data);
    while !rest.is_empty() {
        let room = SECTOR - position % SECTOR;
        let len = usize::try_from(room).unwrap_or(rest.len()).min(rest.len());
        let (sector, after) = rest.split_at(len);
        parts.push((position, sector));
        position += len as u64;
        rest = after;
    }
    parts
}

/// Writes into the content, which grows with zeros where nothing was.
fn put(content: &mut Vec<u8>, position: u64, data: &[u8]) {
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    let end = position + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[position..end].copy_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(path: &str, what: What) -> Op {
        Op {
            at: 0,
            path: path.into(),
            what,
        }
    }

    fn write(path: &str, position: u64, data: &[u8]) -> Op {
        let data = data.to_owned();
        op(path, What::Write { position, data })
    }

    /// The files of the image that a disk leaves after these operations.
    fn image(ops: &[Op], mood: Mood) -> BTreeMap<String, Vec<u8>> {
        let (base, image) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        fs::write(base.path().join("old"), b"old").expect("written");
        fs::write(image.path().join("old"), b"old").expect("written");
        let mut disk = Disk::new(base.path()).expect("a disk");
        for op in ops {
            disk.take(op);
        }
        disk.write_to(image.path(), mood, &mut Rng::new(1))
            .expect("an image");
        files(image.path())
            .expect("listed")
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(image.path()).expect("below");
                let name = name.to_string_lossy().into_owned();
                (name, fs::read(path).expect("read"))
            })
            .collect()
    }

    fn old(content: &[u8]) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([("old".to_owned(), content.to_owned())])
    }

    #[test]
    fn what_was_synced_is_certain_and_nothing_else() {
        let ops = [
            write("old", 1, b"N"),
            op("old", What::Sync),
            write("old", 2, b"X"),
        ];
        assert_eq!(image(&ops, Mood::Forgets), old(b"oNd"));
        assert_eq!(image(&ops, Mood::Keeps), old(b"oNX"));
    }

    #[test]
    fn a_new_file_needs_its_own_sync_and_that_of_its_directory() {
        let mut ops = vec![
            op("tmp", What::Create),
            write("tmp", 0, b"new"),
            op("tmp", What::Sync),
            op("tmp", What::Rename { to: "b/new".into() }),
        ];
        assert_eq!(image(&ops, Mood::Forgets), old(b"old"));
        ops.push(op("b", What::Sync));
        let found = image(&ops, Mood::Forgets);
        assert_eq!(found.get("b/new").map(Vec::as_slice), Some(&b"new"[..]));
        ops.remove(2);
        let found = image(&ops, Mood::Forgets);
        assert_eq!(found.get("b/new").map(Vec::as_slice), Some(&b""[..]));
    }

    #[test]
    fn sectors_are_torn_where_sectors_end() {
        let data = vec![1; 1_000];
        let parts: Vec<_> = sectors(500, &data)
            .into_iter()
            .map(|(position, part)| (position, part.len()))
            .collect();
        assert_eq!(parts, [(500, 12), (512, 512), (1_024, 476)]);
    }
}
