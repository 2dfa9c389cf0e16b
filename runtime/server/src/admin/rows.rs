//! Rows of the admin store: their keys, their form, and where they lie.
//!
//! ```text
//! key = tag (u8), kind, 0, environment, 0, id          no zero byte in any of them: byte order is the order of the ids
//! row = version (u8 = 1), JSON {"environment", "id", "record"}
//! ```

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::future::Future;
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use abide_store::keys::ADMIN_TAG;
use abide_store::{Batch, Direction, KeyRange, SledOptions, Store};
use bytes::Bytes;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::{AdminError, AdminRecord, Located};

/// The version of rows that is written and read.
const VERSION: u8 = 1;

/// The longest id, in bytes: enough for the hash of anything.
const ID_BYTES: usize = 300;

/// sled's page cache: all records of most servers.
const CACHE_BYTES: u64 = 4 << 20;

/// A write that is under way.
pub(super) type Written = std::pin::Pin<Box<dyn Future<Output = Result<(), AdminError>> + Send>>;

/// Where rows lie.
pub(super) enum Rows {
    Disk(Store),
    Memory(RwLock<BTreeMap<Bytes, Bytes>>),
}

/// One row that is written or removed.
pub(super) struct Change {
    key: Bytes,
    row: Option<Bytes>,
}

#[derive(Serialize)]
struct RowOut<'a, R> {
    environment: &'a str,
    id: &'a str,
    record: &'a R,
}

#[derive(Deserialize)]
struct RowIn<R> {
    environment: String,
    id: String,
    record: R,
}

impl Change {
    pub(super) fn put<R: AdminRecord>(
        environment: &str,
        id: &str,
        record: &R,
    ) -> Result<Self, AdminError> {
        let mut row = vec![VERSION];
        let content = RowOut {
            environment,
            id,
            record,
        };
        serde_json::to_writer(&mut row, &content)
            .map_err(|error| AdminError::Record(format!("{}: {error}", R::KIND)))?;
        Ok(Self {
            key: key(R::KIND, environment, id)?,
            row: Some(row.into()),
        })
    }

    pub(super) fn delete(key: Bytes) -> Self {
        Self { key, row: None }
    }

    pub(super) fn key(&self) -> &Bytes {
        &self.key
    }
}

/// The key of a record.
pub(super) fn key(kind: &str, environment: &str, id: &str) -> Result<Bytes, AdminError> {
    let mut key = below(kind, Some(environment))?;
    key.extend_from_slice(checked("id", id)?.as_bytes());
    Ok(key.into())
}

/// The keys of all records of a kind in an environment.
pub(super) fn environment_range(kind: &str, environment: &str) -> Result<KeyRange, AdminError> {
    Ok(KeyRange::prefix(below(kind, Some(environment))?))
}

/// The keys of all records of a kind.
pub(super) fn kind_range(kind: &str) -> Result<KeyRange, AdminError> {
    Ok(KeyRange::prefix(below(kind, None)?))
}

/// The keys of a kind in an environment that lie before an id.
pub(super) fn range_before(
    kind: &str,
    environment: &str,
    before: Option<&str>,
) -> Result<KeyRange, AdminError> {
    let Some(before) = before else {
        return environment_range(kind, environment);
    };
    let first = below(kind, Some(environment))?;
    Ok(KeyRange::half_open(first, key(kind, environment, before)?))
}

/// The keys of all records.
pub(super) fn all() -> KeyRange {
    KeyRange::prefix(vec![ADMIN_TAG])
}

/// Where a record is.
pub(super) struct Place {
    pub(super) kind: String,
    pub(super) environment: String,
    pub(super) id: String,
}

/// The place that a key stands for.
pub(super) fn place(key: &[u8], _: &[u8]) -> Result<Place, AdminError> {
    let text = key
        .get(1..)
        .and_then(|fields| std::str::from_utf8(fields).ok());
    let mut fields = text.unwrap_or_default().split('\0').map(str::to_owned);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(kind), Some(environment), Some(id)) => Ok(Place {
            kind,
            environment,
            id,
        }),
        _ => Err(AdminError::Record("its key is none of ours".into())),
    }
}

fn below(kind: &str, environment: Option<&str>) -> Result<Vec<u8>, AdminError> {
    let mut key = vec![ADMIN_TAG];
    key.extend_from_slice(kind.as_bytes());
    key.push(0);
    if let Some(environment) = environment {
        key.extend_from_slice(checked("environment", environment)?.as_bytes());
        key.push(0);
    }
    Ok(key)
}

fn checked<'a>(what: &'static str, text: &'a str) -> Result<&'a str, AdminError> {
    if text.is_empty() || text.len() > ID_BYTES || text.contains('\0') {
        return Err(AdminError::Id {
            what,
            most: ID_BYTES,
        });
    }
    Ok(text)
}

/// The record in a row.
pub(super) fn decode<R: AdminRecord>(row: &[u8]) -> Result<Located<R>, AdminError> {
    let broken = |why: String| AdminError::Record(format!("{}: {why}", R::KIND));
    match row.split_first() {
        Some((&VERSION, json)) => {
            let row: RowIn<R> =
                serde_json::from_slice(json).map_err(|error| broken(error.to_string()))?;
            Ok(Located {
                environment: row.environment,
                id: row.id,
                record: row.record,
            })
        }
        Some((version, _)) => Err(broken(format!(
            "its version {version} is unknown to this program; a newer abide wrote it"
        ))),
        None => Err(broken("it is empty".into())),
    }
}

impl Rows {
    /// Only the user that the server runs as may look into the directory: webhooks' secrets lie there as they are.
    pub(super) fn open(directory: &Path) -> Result<Self, AdminError> {
        let private = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .and_then(|()| std::fs::set_permissions(directory, Permissions::from_mode(0o700)));
        private.map_err(|error| AdminError::Directory {
            directory: directory.to_owned(),
            reason: error.to_string(),
        })?;
        let options = SledOptions {
            cache_bytes: CACHE_BYTES,
            ..SledOptions::default()
        };
        Ok(Self::Disk(Store::open(directory, &options)?))
    }

    pub(super) fn store(&self) -> Option<&Store> {
        match self {
            Self::Disk(store) => Some(store),
            Self::Memory(_) => None,
        }
    }

    pub(super) fn in_memory() -> Self {
        Self::Memory(RwLock::default())
    }

    /// The row with this key, whether or not it is durable yet. May read from the disk.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, AdminError> {
        match self {
            Self::Disk(store) => Ok(store.view().get(key)?),
            Self::Memory(rows) => Ok(rows.read().get(key).cloned()),
        }
    }

    /// Writes all at once. Reads see it when this returns; it is durable when the future completes.
    pub(super) fn submit(&self, changes: Vec<Change>) -> Written {
        if changes.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        match self {
            Self::Disk(store) => {
                let mut batch = Batch::new();
                for change in changes {
                    match change.row {
                        Some(row) => batch.put(change.key, row),
                        None => batch.delete(change.key),
                    };
                }
                let ticket = store.submit(batch);
                Box::pin(async { Ok(ticket.await?) })
            }
            Self::Memory(rows) => {
                let mut rows = rows.write();
                for change in changes {
                    match change.row {
                        Some(row) => rows.insert(change.key, row),
                        None => rows.remove(&change.key),
                    };
                }
                Box::pin(std::future::ready(Ok(())))
            }
        }
    }

    /// The row with this key, once it is durable.
    pub(super) async fn read(&self, key: Bytes) -> Result<Option<Bytes>, AdminError> {
        match self {
            Self::Memory(_) => self.get(&key),
            Self::Disk(store) => {
                let view = store.view();
                let row = blocking(move || Ok(view.get(&key)?)).await?;
                store.read_barrier().await?;
                Ok(row)
            }
        }
    }

    /// What `decode` makes of the first `limit` rows of a range, once they are durable.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
        decode: impl Fn(&[u8], &[u8]) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<Vec<T>, AdminError> {
        match self {
            Self::Memory(rows) => {
                let rows = rows.read();
                let within = rows
                    .range::<[u8], _>(range.bounds())
                    .map(|(key, row)| decode(key, row));
                match direction {
                    Direction::Forward => within.take(limit).collect(),
                    Direction::Backward => within.rev().take(limit).collect(),
                }
            }
            Self::Disk(store) => {
                let view = store.view();
                let found = blocking(move || {
                    let mut found = Vec::new();
                    view.scan(&range, direction, |key, row| {
                        if found.len() < limit {
                            found.push(decode(&key, &row));
                        }
                        if found.len() < limit {
                            ControlFlow::Continue(())
                        } else {
                            ControlFlow::Break(())
                        }
                    })?;
                    found.into_iter().collect()
                })
                .await?;
                store.read_barrier().await?;
                Ok(found)
            }
        }
    }

    pub(super) fn close(&self) -> Result<(), AdminError> {
        match self {
            Self::Disk(store) => Ok(store.close()?),
            Self::Memory(_) => Ok(()),
        }
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, AdminError> + Send + 'static,
) -> Result<T, AdminError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(_) => Err(AdminError::Stopping),
    }
}
