//! Components that were built, by the content of everything that they were built from.
//!
//! What a build reads is known only when it is done. So two things are kept: for every *question* (language, SDK, tools,
//! settings) the lists of files that its answers were read from, and for every content of such a list the component. A build
//! is left out if one of the lists, as the files are now, leads to a component.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::cache::{Cache, short};
use crate::discovery::App;

/// Changes when what is kept, or what a list means, changes.
const FORMAT: &str = "1";
/// Lists that are kept of one question: branches of version control that are changed between.
const MAX_LISTS: usize = 8;
/// Components together. One of JavaScript is 12 MB, and every save of a file makes one.
const MAX_BYTES: u64 = 2 << 30;
/// Files in an app's folder that matter to a build if they are there, whether a compiler names them or not.
const ALWAYS: [&str; 9] = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "pyproject.toml",
    "requirements.txt",
    "app.py",
    "go.mod",
    "go.sum",
    "src",
];
/// The clock of file systems lags behind by a tick.
const CLOCK_TICK: Duration = Duration::from_millis(20);
/// Names in folders that no build reads.
const LEFT_OUT: [&str; 6] = [
    "target",
    "node_modules",
    "__pycache__",
    "README.md",
    "event.json",
    "expected.json",
];

/// The components of one question.
pub(super) struct Components<'a> {
    cache: &'a Cache,
    app: &'a App,
    folder: &'a Path,
    question: String,
}

/// A component that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) component: PathBuf,
    pub(super) inputs: Vec<PathBuf>,
}

impl<'a> Components<'a> {
    /// Those of an app in `folder`, built with what `parts` say.
    pub(super) fn of(cache: &'a Cache, app: &'a App, folder: &'a Path, parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in [FORMAT, env!("CARGO_PKG_VERSION"), &app.id]
            .iter()
            .chain(parts)
        {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self {
            cache,
            app,
            folder,
            question: short(hasher),
        }
    }

    /// The component of the files as they are now.
    pub(super) fn find(&self) -> Option<Found> {
        self.lists().into_iter().find_map(|list| {
            let component = self.path_of(&self.digest(&list).ok()?);
            if !component.is_file() {
                return None;
            }
            touch(&component);
            Some(Found {
                component,
                inputs: list.iter().map(|path| joined(self.folder, path)).collect(),
            })
        })
    }

    /// Takes a component that was built from these files since `began`; its path from now on.
    pub(super) fn keep(
        &self,
        built: &Path,
        inputs: &[PathBuf],
        began: SystemTime,
    ) -> Result<PathBuf> {
        let list = self.list(inputs);
        let mut digest = self.digest(&list)?;
        let changed = list.iter().any(|path| {
            modified(&self.folder.join(path)).is_some_and(|time| time + CLOCK_TICK >= began)
        });
        if changed {
            // It may be of the files as they were before: nobody shall find it.
            digest = short(Sha256::new_with_prefix(std::fs::read(built)?));
        }
        let component = self.path_of(&digest);
        if let Some(folder) = component.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        std::fs::rename(built, &component)
            .with_context(|| format!("cannot write {}", component.display()))?;
        if !changed {
            self.remember(list)?;
        }
        self.cache.prune("components", MAX_BYTES);
        Ok(component)
    }

    fn path_of(&self, digest: &str) -> PathBuf {
        let name = format!("components/{digest}/{}.wasm", self.app.id);
        self.cache.path(&name)
    }

    /// What the answer depends on: the files, the listings of their folders, and what matters wherever it is; relative to the app,
    /// so that a copy of it elsewhere finds the same.
    fn list(&self, inputs: &[PathBuf]) -> Vec<PathBuf> {
        let mut list: BTreeSet<_> = ALWAYS.iter().map(PathBuf::from).collect();
        // The manifest is in the question, as far as it matters.
        for path in inputs {
            let in_cache = path.starts_with(self.cache.path(""));
            if in_cache {
                continue;
            }
            let within = path.strip_prefix(self.folder).ok();
            let foreign = path
                .components()
                .any(|part| part.as_os_str() == "node_modules");
            if let (Some(within), false) = (within, foreign)
                && let Some(parent) = within.parent()
            {
                list.insert(parent.to_path_buf());
            }
            list.insert(relative(self.folder, path));
        }
        list.into_iter().collect()
    }

    /// Of the question, and of what the listed files hold now.
    fn digest(&self, list: &[PathBuf]) -> Result<String> {
        let mut hasher = Sha256::new_with_prefix(&self.question);
        for path in list {
            let name = path.to_string_lossy();
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            let path = self.folder.join(path);
            let content = if path.is_dir() {
                Some(names(&path)?.into_bytes())
            } else {
                match std::fs::read(&path) {
                    Ok(bytes) => Some(bytes),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("cannot read {}", path.display()));
                    }
                }
            };
            match content {
                Some(bytes) => hasher.update(Sha256::digest(bytes)),
                None => hasher.update([0]),
            }
        }
        Ok(short(hasher))
    }

    fn record(&self) -> PathBuf {
        self.cache
            .path(&format!("components/{}.json", self.question))
    }

    /// What is damaged is made again.
    fn lists(&self) -> Vec<Vec<PathBuf>> {
        let text = std::fs::read(self.record()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn remember(&self, list: Vec<PathBuf>) -> Result<()> {
        let mut lists = self.lists();
        lists.retain(|known| *known != list);
        lists.insert(0, list);
        lists.truncate(MAX_LISTS);
        let path = self.record();
        // Readers hold no lock: they find the old one or the new one.
        let new = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&new, serde_json::to_vec(&lists)?)
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The path as it is written from a folder, with `..` where it leads out.
fn relative(folder: &Path, path: &Path) -> PathBuf {
    let mut from = folder.components().peekable();
    let mut to = path.components().peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let up = from.map(|_| Component::ParentDir);
    up.chain(to).collect()
}

/// Its inverse.
fn joined(folder: &Path, relative: &Path) -> PathBuf {
    let mut path = folder.to_path_buf();
    for part in relative.components() {
        if part == Component::ParentDir {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path
}

/// Says that it is used. That this fails makes it look older than it is.
fn touch(path: &Path) {
    let file = std::fs::File::options().append(true).open(path);
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

fn modified(path: &Path) -> Option<SystemTime> {
    // A folder's own time changes with files that no build reads.
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    metadata.modified().ok()
}

/// The names in a folder that a build may look at.
fn names(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let left_out =
            name.starts_with('.') || name.ends_with('~') || LEFT_OUT.contains(&name.as_str());
        if !left_out {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.join("\0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    struct Place {
        _root: tempfile::TempDir,
        cache: Cache,
        app: App,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("app");
            std::fs::create_dir_all(folder.join("src")).unwrap();
            let place = Self {
                cache: Cache::at(&root.path().join("cache")).unwrap(),
                app: App {
                    id: "shop".into(),
                    folder,
                    manifest: Manifest::default(),
                },
                _root: root,
            };
            place.write("src/a.ts", "1");
            place.write("README.md", "1");
            place
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.app.folder.join(path);
            std::fs::write(&path, text).unwrap();
            let past = SystemTime::now() - Duration::from_secs(60);
            std::fs::File::options()
                .append(true)
                .open(path)
                .and_then(|file| file.set_modified(past))
                .unwrap();
        }

        fn of(&self, parts: &[&str]) -> Components<'_> {
            Components::of(&self.cache, &self.app, &self.app.folder, parts)
        }

        fn keep(&self, content: &str, began: SystemTime) -> PathBuf {
            let built = self.cache.path("built.wasm");
            std::fs::write(&built, content).unwrap();
            let inputs = [self.app.folder.join("src/a.ts")];
            self.of(&["sdk"]).keep(&built, &inputs, began).unwrap()
        }
    }

    #[test]
    fn what_was_built_is_found_again_until_an_input_changes() {
        let place = Place::new();
        let find = || place.of(&["sdk"]).find().map(|found| found.component);
        assert_eq!(find(), None);
        let kept = place.keep("first", SystemTime::now());
        assert!(kept.ends_with("shop.wasm"), "{}", kept.display());
        assert_eq!(find().as_ref(), Some(&kept));
        assert!(place.of(&["another sdk"]).find().is_none());

        place.write("src/a.ts", "2");
        assert_eq!(find(), None);
        let second = place.keep("second", SystemTime::now());
        assert_eq!(find(), Some(second));
        // Back on the branch before.
        place.write("src/a.ts", "1");
        assert_eq!(find().as_ref(), Some(&kept));
        place.write("README.md", "2");
        assert_eq!(find().as_ref(), Some(&kept), "nobody compiles it");
        place.write("src/b.ts", "");
        assert_eq!(find(), None, "it may be what an import means now");
        std::fs::remove_file(place.app.folder.join("src/b.ts")).unwrap();
        place.write("tsconfig.json", "{}");
        assert_eq!(find(), None);
    }

    #[test]
    fn what_changed_while_it_was_built_is_not_found_again() {
        let place = Place::new();
        let began = SystemTime::now() - Duration::from_secs(120);
        let kept = place.keep("of which version?", began);
        assert!(kept.is_file());
        assert!(place.of(&["sdk"]).find().is_none());
    }

    #[test]
    fn paths_outside_of_the_app_are_told_from_it() {
        let app = Path::new("/a/b/app");
        for (path, expected) in [
            ("/a/b/app/src/x.ts", "src/x.ts"),
            ("/a/b/shared/y.ts", "../shared/y.ts"),
            ("/z", "../../../z"),
            ("/a/b/app", ""),
        ] {
            assert_eq!(relative(app, Path::new(path)), Path::new(expected));
            assert_eq!(joined(app, Path::new(expected)), Path::new(path));
        }
    }

    #[test]
    fn damaged_records_are_made_again() {
        let place = Place::new();
        place.keep("first", SystemTime::now());
        std::fs::write(place.of(&["sdk"]).record(), "{").unwrap();
        assert!(place.of(&["sdk"]).find().is_none());
        place.keep("again", SystemTime::now());
        assert!(place.of(&["sdk"]).find().is_some());
    }
}
