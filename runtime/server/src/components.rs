//! Components: on disk by digest, in memory once they are loaded, and gone from both when nothing needs them any more.
//!
//! What is needed, the caller says: a sweep begins with [`Components::begin_sweep`], the caller looks into the store, and
//! [`Components::remove`] deletes what it names. What is being deployed, or was deployed since the sweep began, is left alone, because the
//! store may have been read before.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use abide_core::ids::Digest;
use abide_host::{App, Host};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::anatomy::Anatomy;

/// The components that this node has.
pub(crate) struct Components {
    host: Host,
    directory: PathBuf,
    loaded: Mutex<HashMap<Digest, Arc<OnceCell<Arc<App>>>>>,
    deploying: Arc<Mutex<Deploying>>,
    /// What was looked at lately.
    anatomies: Mutex<HashMap<Digest, Arc<Anatomy>>>,
}

/// Components whose parts are remembered: they are a kilobyte each, and reading one anew costs milliseconds.
const ANATOMIES_KEPT: usize = 256;

/// What a sweep must leave alone.
#[derive(Default)]
struct Deploying {
    /// By how many deployments.
    now: HashMap<Digest, usize>,
    /// Since the latest sweep began.
    since: HashSet<Digest>,
    /// By how many backups all of them are held.
    held: usize,
}

/// While this is held, no component is removed.
pub(crate) struct Hold(Arc<Mutex<Deploying>>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
    }
}

/// A component that is on disk and stays there for as long as this is held: until the app's record refers to it.
pub(crate) struct Added {
    pub(crate) app: Arc<App>,
    deploying: Arc<Mutex<Deploying>>,
}

impl Drop for Added {
    fn drop(&mut self) {
        let digest = self.app.digest();
        let mut deploying = self.deploying.lock();
        deploying.since.insert(digest);
        if let Some(count) = deploying.now.get_mut(&digest) {
            *count -= 1;
            if *count == 0 {
                deploying.now.remove(&digest);
            }
        }
    }
}

/// Why the code of a run is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MissingCode {
    #[error("the component {digest} cannot be read from {}: {source}; restore it from a backup", .path.display())]
    Unreadable {
        digest: Digest,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "the file of component {digest} holds another component ({found}): it is damaged; deploy the same component again, or restore it from a backup"
    )]
    Damaged { digest: Digest, found: Digest },
    #[error("the component {digest} cannot be loaded: {reason}")]
    Refused { digest: Digest, reason: String },
}

impl MissingCode {
    /// Whether the code may well be there when it is asked for again.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if abide_store::is_transient(source))
    }
}

impl Components {
    pub(crate) fn open(host: Host, directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        remove_unfinished(&directory)?;
        Ok(Self {
            host,
            directory,
            loaded: Mutex::default(),
            deploying: Arc::default(),
            anatomies: Mutex::default(),
        })
    }

    /// Loads a component and puts it on the disk. Compiling takes up to seconds.
    pub(crate) async fn add(&self, wasm: bytes::Bytes) -> Result<Added, crate::DeployError> {
        let app = self.host.load(&wasm).await?;
        let digest = app.digest();
        *self.deploying.lock().now.entry(digest).or_default() += 1;
        let added = Added {
            app: app.clone(),
            deploying: self.deploying.clone(),
        };
        let directory = self.directory.clone();
        self.blocking(move || keep(&directory, digest, &wasm))
            .await?;
        let cell = Arc::new(OnceCell::new_with(Some(app)));
        self.loaded.lock().insert(digest, cell);
        Ok(added)
    }

    /// The components on the disk. To be called before the store is asked which of them are needed.
    pub(crate) async fn begin_sweep(&self) -> io::Result<BTreeSet<Digest>> {
        self.deploying.lock().since.clear();
        let directory = self.directory.clone();
        self.blocking(move || on_disk(&directory)).await
    }

    /// Removes components that the store was found not to need since `begin_sweep`, with their compiled code. Returns how many went.
    pub(crate) async fn remove(&self, unused: BTreeSet<Digest>) -> io::Result<usize> {
        let (host, directory) = (self.host.clone(), self.directory.clone());
        let deploying = self.deploying.clone();
        let remove = move || {
            let mut removed = Vec::new();
            for digest in unused {
                // Held meanwhile, so that a deployment of the same component finds the file either there for good or gone.
                let deploying = deploying.lock();
                if deploying.held > 0 {
                    break;
                }
                if deploying.now.contains_key(&digest) || deploying.since.contains(&digest) {
                    continue;
                }
                host.forget_code(digest);
                fs::remove_file(file(&directory, digest))?;
                removed.push(digest);
            }
            Ok(removed)
        };
        let removed = self.blocking(remove).await?;
        self.loaded
            .lock()
            .retain(|digest, _| !removed.contains(digest));
        Ok(removed.len())
    }

    /// Keeps every component on the disk for as long as the answer is held.
    pub(crate) fn hold(&self) -> Hold {
        self.deploying.lock().held += 1;
        Hold(self.deploying.clone())
    }

    /// Where they are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Drops from memory what no app serves and no run executes. It can be loaded again.
    pub(crate) fn keep_only(&self, served: &HashSet<Digest>) {
        self.loaded.lock().retain(|digest, cell| {
            let in_use = match cell.get() {
                Some(app) => Arc::strong_count(app) > 1,
                // It is being loaded.
                None => Arc::strong_count(cell) > 1,
            };
            in_use || served.contains(digest)
        });
    }

    /// The component if it is in memory.
    pub(crate) fn loaded(&self, digest: Digest) -> Option<Arc<App>> {
        self.loaded.lock().get(&digest)?.get().cloned()
    }

    /// The component, from disk if need be.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Arc<App>, MissingCode> {
        let cell = self.loaded.lock().entry(digest).or_default().clone();
        match cell.get_or_try_init(|| self.read(digest)).await {
            Ok(app) => Ok(app.clone()),
            // It may have been deployed again meanwhile.
            Err(error) => self.loaded(digest).ok_or(error),
        }
    }

    /// What a component is made of; `None` if it is no longer there.
    pub(crate) async fn anatomy(&self, digest: Digest) -> Option<Arc<Anatomy>> {
        if let Some(known) = self.anatomies.lock().get(&digest) {
            return Some(known.clone());
        }
        let path = file(&self.directory, digest);
        let read = move || fs::read(path).map(|wasm| Anatomy::of(&wasm));
        let found = Arc::new(self.blocking(read).await.ok()?);
        let mut anatomies = self.anatomies.lock();
        if anatomies.len() >= ANATOMIES_KEPT {
            anatomies.clear();
        }
        anatomies.insert(digest, found.clone());
        Some(found)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let done = self.host.surroundings().blocking(work).await;
        done.map_err(io::Error::other)?
    }

    async fn read(&self, digest: Digest) -> Result<Arc<App>, MissingCode> {
        let wasm = self.bytes(digest).await?;
        let loaded = self.host.load(&wasm).await;
        loaded.map_err(|error| MissingCode::Refused {
            digest,
            reason: error.to_string(),
        })
    }

    /// What is on the disk, verified.
    pub(crate) async fn bytes(&self, digest: Digest) -> Result<Vec<u8>, MissingCode> {
        let path = file(&self.directory, digest);
        let from = path.clone();
        let wasm = self.blocking(move || fs::read(from)).await;
        let wasm = wasm.map_err(|source| MissingCode::Unreadable {
            digest,
            path,
            source,
        })?;
        // Looked at first: what is damaged need not be compiled, and the compiler's words would only mislead.
        let found = abide_host::digest_of(&wasm);
        if found != digest {
            return Err(MissingCode::Damaged { digest, found });
        }
        Ok(wasm)
    }
}

/// How the files' names end, behind the digest.
const SUFFIX: &str = ".wasm";

fn on_disk(directory: &Path) -> io::Result<BTreeSet<Digest>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let digest = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        found.extend(digest.and_then(|digest| digest.parse::<Digest>().ok()));
    }
    Ok(found)
}

fn file(directory: &Path, digest: Digest) -> PathBuf {
    directory.join(format!("{digest}{SUFFIX}"))
}

/// How the names of files begin that a process died over.
const UNFINISHED: &str = ".unfinished-";

fn remove_unfinished(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes the component so that it is there after a power cut before anything refers to it.
fn keep(directory: &Path, digest: Digest, wasm: &[u8]) -> io::Result<()> {
    let path = file(directory, digest);
    // Compared whole: deploying again is how a damaged file is mended.
    if fs::read(&path).is_ok_and(|found| found == wasm) {
        return Ok(());
    }
    // A name of its own: the same component may be deployed twice at once.
    let mut out = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(directory)?;
    out.write_all(wasm)?;
    out.as_file().sync_all()?;
    out.persist(&path).map_err(|refused| refused.error)?;
    fs::File::open(directory)?.sync_all()
}
