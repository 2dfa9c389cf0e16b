//! A store as text that people can compare, and back.
//!
//! ```text
//! line = key as hex, space, value as it is stored as hex ("-" for none), "  # ", the key's fields as Rust prints them
//! ```
//! Rows of a kind share a file, in the order of their keys. What follows a `#` is for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use abide_store::{MemoryDisk, inspect};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixture {
    /// Where the clock stood when the node ended.
    pub at_ms: u64,
    /// The component.
    pub component: Bytes,
    /// Keys and values as they were stored, in the order of the keys.
    pub rows: Vec<(Bytes, Bytes)>,
    /// The contents of payload files.
    pub payloads: Vec<Bytes>,
    /// A line for each run: its id, its function, how it stood, how it ends.
    pub outcomes: Vec<String>,
}

impl Fixture {
    /// The folder of a version, such as `v0.1`.
    pub fn folder(version: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(version)
    }

    /// Takes what a disk holds.
    pub fn of(disk: &MemoryDisk, component: Bytes, at_ms: u64) -> Self {
        let payloads = disk.payloads().into_iter().map(|(_, content)| content);
        Self {
            at_ms,
            component,
            rows: disk.rows(),
            payloads: payloads.collect(),
            outcomes: Vec::new(),
        }
    }

    /// A disk that holds it.
    pub fn disk(&self) -> MemoryDisk {
        MemoryDisk::holding(self.rows.clone(), self.payloads.clone())
    }

    /// The content of the payload file of this name.
    pub fn payload(&self, digest: [u8; 32]) -> Option<Bytes> {
        let named = self.disk().payloads().into_iter();
        named
            .filter(|(name, _)| *name == digest)
            .map(|(_, content)| content)
            .next()
    }

    /// Reads a version's folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let recorded = text(&folder.join("recorded.txt"))?;
        let at_ms = lines(&recorded)
            .find_map(|line| line.strip_prefix("clock_ms "))
            .context("recorded.txt has no line `clock_ms`")?
            .parse()?;
        let component = folder.join("app.wasm");
        let component = fs::read(&component).with_context(|| component.display().to_string())?;
        let mut rows = Vec::new();
        for file in files(&folder.join("rows"))? {
            for line in lines(&text(&file)?) {
                rows.push(row(line).with_context(|| file.display().to_string())?);
            }
        }
        ensure!(
            rows.is_sorted(),
            "the rows are not in the order of their keys"
        );
        let payloads = text(&folder.join("payloads.txt"))?;
        let payloads = lines(&payloads).map(bytes).collect::<Result<_>>()?;
        let outcomes = text(&folder.join("outcomes.txt"))?;
        Ok(Self {
            at_ms,
            component: component.into(),
            rows,
            payloads,
            outcomes: lines(&outcomes).map(str::to_owned).collect(),
        })
    }

    /// Writes a version's folder in place of what is there.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows = folder.join("rows");
        if rows.exists() {
            fs::remove_dir_all(&rows)?;
        }
        fs::create_dir_all(&rows)?;
        for (name, text) in self.row_files()? {
            fs::write(rows.join(name), text)?;
        }
        let payloads = self.payloads.iter().map(hex::encode);
        let written = [
            ("recorded.txt", vec![format!("clock_ms {}", self.at_ms)]),
            ("payloads.txt", payloads.collect()),
            ("outcomes.txt", self.outcomes.clone()),
        ];
        for (name, lines) in written {
            fs::write(folder.join(name), lines.join("\n") + "\n")?;
        }
        fs::write(folder.join("app.wasm"), &self.component)?;
        Ok(())
    }

    fn row_files(&self) -> Result<BTreeMap<String, String>> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in &self.rows {
            let seen = inspect(key, value, |digest| self.payload(digest))?;
            let kind = seen.kind.replace(' ', "-");
            let file = format!("{}-{kind}.txt", hex::encode(&key[..1]));
            let value = hex::encode(value);
            let file = files.entry(file).or_default();
            writeln!(file, "{} {value}  # {:?}", hex::encode(key), seen.key)?;
        }
        Ok(files)
    }
}

fn row(line: &str) -> Result<(Bytes, Bytes)> {
    let mut words = line.split(' ');
    let mut next = || words.next().context("a row is a key and a value");
    Ok((bytes(next()?)?, bytes(next()?)?))
}

fn bytes(word: &str) -> Result<Bytes> {
    Ok(hex::decode(word).context("a row is hexadecimal")?.into())
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_end);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
