//! What operators set up: environments, keys, webhooks, answers to repeated requests, the audit log.
//!
//! [`Admin`] is a small store of typed records beside the nodes' stores, under `DATA/admin`. A record is JSON in a row of its own, found by
//! its kind, its environment and its id; the store's envelope gives each row its checksum.
//!
//! It must not know what a run is, and nothing of a run may depend on it: losing it loses access and settings, never work.
//! Invariants: what a write changed is durable when it returns, and what a read returns is durable too.

mod audit;
mod error;
pub(crate) mod keys;
mod principal;
mod rows;

use std::path::Path;
use std::sync::Arc;

use abide_store::Direction;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::clock::Clock;
pub(crate) use audit::Begun;
pub use audit::{AUDIT_KEPT, AuditLine};
pub use error::AdminError;
pub use keys::{Key, KeyError, Keys, NewKey, Secret};
pub use principal::{Principal, Role, UnknownRole};
use rows::{Change, Rows, Written};

/// A kind of record in the admin store.
pub trait AdminRecord: Serialize + DeserializeOwned + Send + 'static {
    /// Its name in keys and messages: kebab-case, and never given to another kind.
    const KIND: &'static str;
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<R> {
    /// The environment that it belongs to.
    pub environment: String,
    /// Its id, unique in its environment and kind.
    pub id: String,
    /// The record.
    pub record: R,
}

/// The admin store. Clones share it.
#[derive(Clone)]
pub struct Admin {
    rows: Arc<Rows>,
    /// Held from a look at a record to the submission of what follows from it.
    deciding: Arc<Mutex<()>>,
    failure: watch::Sender<Option<String>>,
    audit_ids: Arc<audit::Ids>,
    clock: Clock,
}

impl Admin {
    /// Opens or creates it in a directory. Blocks.
    pub fn open(directory: &Path) -> Result<Self, AdminError> {
        Ok(Self::over(Rows::open(directory)?))
    }

    /// One that is gone with the last clone.
    pub fn in_memory() -> Self {
        Self::over(Rows::in_memory())
    }

    fn over(rows: Rows) -> Self {
        Self {
            rows: Arc::new(rows),
            deciding: Arc::default(),
            failure: watch::channel(None).0,
            audit_ids: Arc::default(),
            clock: Clock::wall(),
        }
    }

    /// Its store, for backups; `None` in memory.
    pub(crate) fn store(&self) -> Option<&abide_store::Store> {
        self.rows.store()
    }

    /// Stores a record, in place of an earlier one.
    pub async fn put<R: AdminRecord>(
        &self,
        environment: &str,
        id: &str,
        record: &R,
    ) -> Result<(), AdminError> {
        let change = Change::put(environment, id, record)?;
        let written = {
            let _deciding = self.deciding.lock();
            self.rows.submit(vec![change])
        };
        self.durable(written).await
    }

    /// Stores records of a kind, each in place of an earlier one: all or none.
    pub async fn put_all<R: AdminRecord>(
        &self,
        environment: &str,
        records: impl IntoIterator<Item = (String, R)> + Send,
    ) -> Result<(), AdminError> {
        let changes = records
            .into_iter()
            .map(|(id, record)| Change::put(environment, &id, &record))
            .collect::<Result<Vec<_>, AdminError>>()?;
        let written = {
            let _deciding = self.deciding.lock();
            self.rows.submit(changes)
        };
        self.durable(written).await
    }

    /// Stores a record unless there is one: of several callers at once, one is told `true`.
    pub async fn insert<R: AdminRecord>(
        &self,
        environment: &str,
        id: &str,
        record: &R,
    ) -> Result<bool, AdminError> {
        let change = Change::put(environment, id, record)?;
        let written = {
            let _deciding = self.deciding.lock();
            if self.rows.get(change.key())?.is_some() {
                return Ok(false);
            }
            self.rows.submit(vec![change])
        };
        self.durable(written).await?;
        Ok(true)
    }

    /// Replaces a record by what `change` makes of it: `None` leaves it alone. Nothing else changes it in between. Returns the record as it
    /// is afterwards; `None` when there is none.
    pub async fn update<R: AdminRecord>(
        &self,
        environment: &str,
        id: &str,
        change: impl FnOnce(&R) -> Option<R> + Send,
    ) -> Result<Option<R>, AdminError> {
        let key = rows::key(R::KIND, environment, id)?;
        let (written, record) = {
            let _deciding = self.deciding.lock();
            let Some(row) = self.rows.get(&key)? else {
                return Ok(None);
            };
            let current = rows::decode::<R>(&row)?.record;
            match change(&current) {
                None => return Ok(Some(current)),
                Some(next) => {
                    let change = Change::put(environment, id, &next)?;
                    (self.rows.submit(vec![change]), next)
                }
            }
        };
        self.durable(written).await?;
        Ok(Some(record))
    }

    /// Removes a record. Whether there was one.
    pub async fn delete<R: AdminRecord>(
        &self,
        environment: &str,
        id: &str,
    ) -> Result<bool, AdminError> {
        let change = Change::delete(rows::key(R::KIND, environment, id)?);
        let written = {
            let _deciding = self.deciding.lock();
            if self.rows.get(change.key())?.is_none() {
                return Ok(false);
            }
            self.rows.submit(vec![change])
        };
        self.durable(written).await?;
        Ok(true)
    }

    /// Removes all records of a kind in an environment that `which` says, and returns how many that were.
    pub async fn delete_where<R: AdminRecord>(
        &self,
        environment: &str,
        which: impl Fn(&str, &R) -> bool + Send,
    ) -> Result<usize, AdminError> {
        let all = self.list::<R>(environment).await?;
        let unwanted = all.iter().filter(|it| which(&it.id, &it.record));
        let changes = unwanted
            .map(|it| Ok(Change::delete(rows::key(R::KIND, environment, &it.id)?)))
            .collect::<Result<Vec<_>, AdminError>>()?;
        let count = changes.len();
        self.durable(self.rows.submit(changes)).await?;
        Ok(count)
    }

    /// Removes all records of an environment but its audit log.
    pub(crate) async fn forget_environment(&self, environment: &str) -> Result<(), AdminError> {
        let all = self
            .rows
            .scan(rows::all(), Direction::Forward, usize::MAX, rows::place);
        let doomed = all
            .await?
            .into_iter()
            .filter(|place| place.environment == environment && place.kind != AuditLine::KIND);
        let changes = doomed
            .map(|place| {
                Ok(Change::delete(rows::key(
                    &place.kind,
                    environment,
                    &place.id,
                )?))
            })
            .collect::<Result<Vec<_>, AdminError>>()?;
        self.durable(self.rows.submit(changes)).await
    }

    /// The record with this id.
    pub async fn get<R: AdminRecord>(
        &self,
        environment: &str,
        id: &str,
    ) -> Result<Option<R>, AdminError> {
        let row = self.rows.read(rows::key(R::KIND, environment, id)?).await?;
        row.map(|row| Ok(rows::decode::<R>(&row)?.record))
            .transpose()
    }

    /// All records of a kind in an environment, in the order of their ids.
    pub async fn list<R: AdminRecord>(
        &self,
        environment: &str,
    ) -> Result<Vec<Located<R>>, AdminError> {
        let range = rows::environment_range(R::KIND, environment)?;
        self.rows
            .scan(range, Direction::Forward, usize::MAX, |_, row| {
                rows::decode(row)
            })
            .await
    }

    /// All records of a kind in all environments.
    pub async fn list_everywhere<R: AdminRecord>(&self) -> Result<Vec<Located<R>>, AdminError> {
        let range = rows::kind_range(R::KIND)?;
        self.rows
            .scan(range, Direction::Forward, usize::MAX, |_, row| {
                rows::decode(row)
            })
            .await
    }

    /// The last `limit` records of a kind in an environment by their ids, last one first; before `before`, if given.
    pub async fn latest<R: AdminRecord>(
        &self,
        environment: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Located<R>>, AdminError> {
        let range = rows::range_before(R::KIND, environment, before)?;
        self.rows
            .scan(range, Direction::Backward, limit, |_, row| {
                rows::decode(row)
            })
            .await
    }

    /// Removes what lies before the id `before`, and returns how many records that were.
    pub async fn delete_before<R: AdminRecord>(
        &self,
        environment: &str,
        before: &str,
    ) -> Result<usize, AdminError> {
        let range = rows::range_before(R::KIND, environment, Some(before))?;
        let keys = self
            .rows
            .scan(range, Direction::Forward, usize::MAX, |_, row| {
                let it = rows::decode::<R>(row)?;
                rows::key(R::KIND, &it.environment, &it.id)
            })
            .await?;
        let count = keys.len();
        let changes = keys.into_iter().map(Change::delete).collect();
        self.durable(self.rows.submit(changes)).await?;
        Ok(count)
    }

    /// Why it takes no more writes, once that is so. The process should exit then.
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// Waits until a write is durable.
    async fn durable(&self, written: Written) -> Result<(), AdminError> {
        let outcome = written.await;
        if let Err(error) = &outcome {
            self.failure.send_replace(Some(error.to_string()));
        }
        outcome
    }

    /// Makes everything durable and closes it. Blocks.
    pub fn close(&self) -> Result<(), AdminError> {
        self.rows.close()
    }
}

#[cfg(test)]
mod tests;
