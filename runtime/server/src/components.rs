//! Components: on disk by digest, in memory once they are loaded.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use abide_core::ids::Digest;
use abide_host::{App, Host};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// All components that this node has ever been given.
pub(crate) struct Components {
    host: Host,
    directory: PathBuf,
    loaded: Mutex<HashMap<Digest, Arc<OnceCell<Arc<App>>>>>,
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
        "the file of component {digest} holds another component ({found}): it is damaged; restore it from a backup"
    )]
    Damaged { digest: Digest, found: Digest },
    #[error("the component {digest} cannot be loaded: {reason}")]
    Refused { digest: Digest, reason: String },
}

impl Components {
    pub(crate) fn open(host: Host, directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self {
            host,
            directory,
            loaded: Mutex::default(),
        })
    }

    /// Loads a component and keeps it for good. Compiling takes up to seconds.
    pub(crate) async fn add(&self, wasm: bytes::Bytes) -> Result<Arc<App>, crate::DeployError> {
        let app = self.host.load(&wasm).await?;
        let directory = self.directory.clone();
        let digest = app.digest();
        self.blocking(move || keep(&directory, digest, &wasm))
            .await?;
        let cell = Arc::new(OnceCell::new_with(Some(app.clone())));
        self.loaded.lock().insert(app.digest(), cell);
        Ok(app)
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
        cell.get_or_try_init(|| self.read(digest)).await.cloned()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let done = self.host.surroundings().blocking(work).await;
        done.map_err(io::Error::other)?
    }

    async fn read(&self, digest: Digest) -> Result<Arc<App>, MissingCode> {
        let path = file(&self.directory, digest);
        let from = path.clone();
        let wasm = self.blocking(move || fs::read(from)).await;
        let wasm = wasm.map_err(|source| MissingCode::Unreadable {
            digest,
            path,
            source,
        })?;
        let app = self
            .host
            .load(&wasm)
            .await
            .map_err(|error| MissingCode::Refused {
                digest,
                reason: error.to_string(),
            })?;
        if app.digest() == digest {
            Ok(app)
        } else {
            let found = app.digest();
            Err(MissingCode::Damaged { digest, found })
        }
    }
}

fn file(directory: &Path, digest: Digest) -> PathBuf {
    directory.join(format!("{digest}.wasm"))
}

/// Writes the component so that it is there after a power cut before anything refers to it.
fn keep(directory: &Path, digest: Digest, wasm: &[u8]) -> io::Result<()> {
    let path = file(directory, digest);
    // Compared whole: deploying again is how a damaged file is mended.
    if fs::read(&path).is_ok_and(|found| found == wasm) {
        return Ok(());
    }
    // A name of its own: the same component may be deployed twice at once.
    let mut out = tempfile::NamedTempFile::new_in(directory)?;
    out.write_all(wasm)?;
    out.as_file().sync_all()?;
    out.persist(&path).map_err(|refused| refused.error)?;
    fs::File::open(directory)?.sync_all()
}
