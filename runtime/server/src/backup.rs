//! A backup of everything that a server serves, taken while it serves.
//!
//! It must not look into what it copies; how it is consistent is the store's affair ([`abide_store::backup`]).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use abide_store::backup::{BackupError, Part, Totals, take};
use abide_store::{SledOptions, Store};

use crate::Site;
use crate::components::Hold;

/// Of all environments and of what operators set up, as it is at one instant.
pub struct Backup<'a> {
    parts: Vec<Part>,
    /// No component is removed meanwhile.
    _holds: Vec<Hold>,
    _turn: Turn<'a>,
    names: BTreeSet<String>,
}

/// One backup at a time: each of them reads everything.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The directory of what operators set up, below the data directory.
const ADMIN: &str = "admin";
/// The directory of all environments but `default`.
const ENVIRONMENTS: &str = "environments";

impl Site {
    /// Begins a backup, if none is under way.
    pub fn begin_backup(&self) -> Result<Backup<'_>, BackupError> {
        let turn = self.backing_up();
        if turn.swap(true, Ordering::Acquire) {
            return Err(BackupError::Busy);
        }
        let turn = Turn(turn);
        let mut parts = Vec::new();
        let mut holds = Vec::new();
        for environment in self.environments() {
            let inner = &environment.node.inner;
            holds.push(inner.components.hold());
            parts.push(Part {
                directory: directory_of(&environment.name),
                store: inner.store.clone(),
                components: Some(inner.components.directory().to_owned()),
            });
        }
        parts.extend(self.admin().store().map(|store| Part {
            directory: ADMIN.to_owned(),
            store: store.clone(),
            components: None,
        }));
        Ok(Backup {
            parts,
            _holds: holds,
            _turn: turn,
            names: self.names(),
        })
    }

    fn names(&self) -> BTreeSet<String> {
        let environments = self.environments().into_iter();
        environments.map(|it| it.name.to_string()).collect()
    }
}

fn directory_of(environment: &str) -> String {
    match environment {
        crate::environments::DEFAULT_ENVIRONMENT => String::new(),
        name => format!("{ENVIRONMENTS}/{name}"),
    }
}

impl Backup<'_> {
    /// About how many bytes it will have, for whoever shows progress.
    pub fn estimate(&self) -> u64 {
        self.parts.iter().map(Part::estimate).sum()
    }

    /// Writes it. Blocks for as long as that takes.
    pub fn write(self, site: &Site, out: impl Write) -> Result<Totals, BackupError> {
        let began_ms = crate::Clock::wall().now_ms();
        take(
            &self.parts,
            (env!("CARGO_PKG_VERSION"), began_ms),
            out,
            || {
                if site.names() == self.names {
                    return Ok(());
                }
                Err(
                    "environments were made or removed while the backup was taken: take it again"
                        .into(),
                )
            },
        )
    }
}

/// Writes a backup of a data directory that no server uses. Blocks for as long as that takes.
pub fn backup_directory(
    data: &Path,
    out: impl FnOnce(u64) -> Result<Box<dyn Write>, BackupError>,
) -> Result<Totals, BackupError> {
    let mut parts = Vec::new();
    for directory in directories_in(data)? {
        let path = data.join(&directory);
        let as_it_is = SledOptions {
            compact_from: u64::MAX,
            ..SledOptions::default()
        };
        parts.push(Part {
            components: (directory != ADMIN).then(|| path.join("components")),
            store: Store::open(&path, &as_it_is)?,
            directory,
        });
    }
    let began_ms = crate::Clock::wall().now_ms();
    let out = out(parts.iter().map(Part::estimate).sum())?;
    let taken = take(
        &parts,
        (env!("CARGO_PKG_VERSION"), began_ms),
        out,
        || Ok(()),
    );
    for part in &parts {
        part.store.close()?;
    }
    taken
}

/// The directories with stores, below a data directory and itself: that of `default` first. None if there is no store.
pub fn directories_in(data: &Path) -> Result<Vec<String>, BackupError> {
    let has_store = |directory: &str| data.join(directory).join("commits").exists();
    let mut found = Vec::new();
    for directory in ["", ADMIN] {
        if has_store(directory) {
            found.push(directory.to_owned());
        }
    }
    let environments = match std::fs::read_dir(data.join(ENVIRONMENTS)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(BackupError::Read(error)),
    };
    let mut names = Vec::new();
    for entry in environments {
        let name = entry.map_err(BackupError::Read)?.file_name();
        let directory = format!("{ENVIRONMENTS}/{}", name.to_string_lossy());
        if has_store(&directory) {
            names.push(directory);
        }
    }
    names.sort();
    found.append(&mut names);
    Ok(found)
}
