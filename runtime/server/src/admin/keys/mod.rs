//! Keys: who may come in, and what for.
//!
//! All of them are in memory, by what is kept of their texts; the admin store has them for the next start. The text of a key is given out when
//! it is made and never again.
//!
//! Invariants: a key that was revoked lets nobody in from the moment that the revocation is asked for; one that was made is durable before it
//! is shown.

mod ended;
mod secret;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Admin, AdminError, AdminRecord, Principal, Role};
use crate::environments::EVERYWHERE;
pub use secret::Secret;
use secret::{API_PREFIX, EVENT_PREFIX, Kept, SHORTEST, is_mistyped};
pub(crate) use sessions::Session;

/// How often the last use of a key is written at most.
const NOTED_EVERY_MS: u64 = 60_000;

/// The most keys of a server that are neither revoked nor expired.
const MOST: usize = 10_000;

/// The longest name of a key, in characters.
const NAME_CHARACTERS: usize = 100;

/// The id of the key that the server is started with, which is stored nowhere.
const CONFIGURED: &str = "configured";

/// What is stored of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    name: String,
    role: Role,
    /// SHA-256 of the SHA-256 of the key, in hex.
    kept: String,
    /// The last characters of the key, so that people can tell keys apart.
    ending: String,
    created_ms: u64,
    created_by: String,
    #[serde(default)]
    expires_ms: Option<u64>,
    #[serde(default)]
    revoked_ms: Option<u64>,
    #[serde(default)]
    last_used_ms: Option<u64>,
}

impl AdminRecord for KeyRecord {
    const KIND: &'static str = "key";
}

/// A key, without its text.
#[derive(Debug)]
pub struct Key {
    /// Its id.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What it may be used for.
    pub role: Role,
    /// Its environment; `None`: all of them.
    pub environment: Option<Arc<str>>,
    /// Its last characters.
    pub ending: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Who made it.
    pub created_by: String,
    /// From when on it is refused.
    pub expires_ms: Option<u64>,
    kept: Kept,
    /// 0: it is not.
    revoked_ms: AtomicU64,
    last_used_ms: AtomicU64,
    last_noted_ms: AtomicU64,
    ended: watch::Sender<bool>,
}

impl Key {
    fn of(environment: &str, id: &str, record: &KeyRecord) -> Option<Self> {
        let last_used_ms = record.last_used_ms.unwrap_or_default();
        Some(Self {
            id: id.into(),
            name: record.name.as_str().into(),
            role: record.role,
            environment: (environment != EVERYWHERE).then(|| environment.into()),
            ending: record.ending.clone(),
            created_ms: record.created_ms,
            created_by: record.created_by.clone(),
            expires_ms: record.expires_ms,
            kept: Kept::from_hex(&record.kept)?,
            revoked_ms: AtomicU64::new(record.revoked_ms.unwrap_or_default()),
            last_used_ms: AtomicU64::new(last_used_ms),
            last_noted_ms: AtomicU64::new(last_used_ms),
            ended: watch::channel(record.revoked_ms.is_some()).0,
        })
    }

    /// When it was revoked.
    pub fn revoked_ms(&self) -> Option<u64> {
        Some(self.revoked_ms.load(Ordering::SeqCst)).filter(|at| *at > 0)
    }

    /// When it was last used, as exactly as it is known.
    pub fn last_used_ms(&self) -> Option<u64> {
        Some(self.last_used_ms.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Whether it lets somebody in at this time.
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.revoked_ms().is_none() && self.expires_ms.is_none_or(|at| now_ms < at)
    }

    /// Whether it is an admin's of all environments.
    fn is_of_server(&self) -> bool {
        self.role == Role::Admin && self.environment.is_none()
    }

    /// Resolves when it is revoked.
    pub(crate) async fn revoked(&self) {
        let mut ended = self.ended.subscribe();
        // An error means that the key is gone altogether.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Who uses it.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            key_id: Some(self.id.clone()),
            name: self.name.clone(),
            role: self.role,
            environment: self.environment.clone(),
        }
    }
}

/// A key that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it may be used for.
    pub role: Role,
    /// Its environment; `None`: all of them.
    pub environment: Option<Arc<str>>,
    /// How long it is good for; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
}

/// Why a key is not made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be one.
    #[error("name: must have 1 to {NAME_CHARACTERS} characters and no control characters")]
    Name,
    /// The text of a key that an operator chose is too easy to guess, or was mistyped.
    #[error("the admin key that was given {0}; `openssl rand -hex 32` makes a good one")]
    Text(String),
    /// There are too many.
    #[error("there are {MOST} keys already, which is the most; revoke some")]
    TooMany,
    /// The admin store refuses.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// Why a key lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the key is unknown to this server")]
    Unknown,
    #[error("the key is incomplete or mistyped: its checksum is wrong")]
    Mistyped,
    #[error("the key was revoked")]
    Revoked,
    #[error("the key has expired")]
    Expired,
}

/// All keys. Clones share them.
#[derive(Clone)]
pub struct Keys {
    admin: Admin,
    known: Arc<RwLock<HashMap<[u8; 32], Arc<Key>>>>,
    sessions: Arc<sessions::Sessions>,
}

impl Keys {
    /// No keys.
    pub(crate) fn none(admin: Admin) -> Self {
        Self {
            admin,
            known: Arc::default(),
            sessions: Arc::default(),
        }
    }

    /// Those in the admin store.
    pub(crate) async fn load(admin: Admin) -> Result<Self, AdminError> {
        let keys = Self::none(admin);
        for found in keys.admin.list_everywhere::<KeyRecord>().await? {
            let key = Key::of(&found.environment, &found.id, &found.record)
                .ok_or_else(|| AdminError::Record(format!("key {}: what is kept", found.id)))?;
            keys.know(key);
        }
        keys.load_sessions().await?;
        Ok(keys)
    }

    fn know(&self, key: Key) -> Arc<Key> {
        let key = Arc::new(key);
        self.known.write().insert(key.kept.0, key.clone());
        key
    }

    fn now_ms(&self) -> u64 {
        self.admin.clock.now_ms()
    }

    /// Makes a key. Its text is told here and nowhere else.
    pub async fn create(
        &self,
        wanted: NewKey,
        by: &Principal,
    ) -> Result<(Arc<Key>, Secret), KeyError> {
        let name = wanted.name.trim();
        let characters = name.chars().count();
        if characters == 0 || characters > NAME_CHARACTERS || name.chars().any(char::is_control) {
            return Err(KeyError::Name);
        }
        let now_ms = self.now_ms();
        if self.count(|key| key.is_live(now_ms)) >= MOST {
            return Err(KeyError::TooMany);
        }
        let prefix = if wanted.role == Role::Send {
            EVENT_PREFIX
        } else {
            API_PREFIX
        };
        let secret = Secret::generate(prefix);
        let text = secret.expose();
        let expires_in = wanted
            .expires_in
            .map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        let record = KeyRecord {
            name: name.into(),
            role: wanted.role,
            kept: hex::encode(Kept::of(text).0),
            ending: text[text.len() - 4..].into(),
            created_ms: now_ms,
            created_by: by.name.to_string(),
            expires_ms: expires_in.map(|it| now_ms.saturating_add(it)),
            revoked_ms: None,
            last_used_ms: None,
        };
        let id = format!("key_{}", ulid::Ulid::from_parts(now_ms, rand::random()));
        let environment = wanted.environment.as_deref().unwrap_or(EVERYWHERE);
        self.admin.put(environment, &id, &record).await?;
        let key = Key::of(environment, &id, &record)
            .ok_or_else(|| AdminError::Record("a new key".into()))?;
        Ok((self.know(key), secret))
    }

    /// Lets an operator in with a key of his own, for as long as the server runs.
    pub fn admit(&self, name: &str, text: &str) -> Result<(), KeyError> {
        let text = text.trim();
        if text.len() < SHORTEST || text.chars().any(char::is_whitespace) {
            let fault = format!("has fewer than {SHORTEST} characters, or spaces in it");
            return Err(KeyError::Text(fault));
        }
        if is_mistyped(text) {
            return Err(KeyError::Text("has a wrong checksum".into()));
        }
        let (kept, now_ms) = (Kept::of(text), self.now_ms());
        // One that was made here stays what it is: revoked, it must not come back with the next start.
        let known = self.known.read().get(&kept.0).cloned();
        if known.is_some_and(|key| key.is_of_server() && key.is_live(now_ms)) {
            return Ok(());
        }
        let record = KeyRecord {
            name: name.into(),
            role: Role::Admin,
            kept: hex::encode(kept.0),
            ending: String::new(),
            created_ms: now_ms,
            created_by: "configuration".into(),
            expires_ms: None,
            revoked_ms: None,
            last_used_ms: None,
        };
        if let Some(key) = Key::of(EVERYWHERE, CONFIGURED, &record) {
            self.know(key);
        }
        Ok(())
    }

    /// An admin key for a server that never had one.
    pub async fn first_admin_key(&self) -> Result<Option<Secret>, KeyError> {
        if self.count(Key::is_of_server) > 0 {
            return Ok(None);
        }
        let wanted = NewKey {
            name: "first admin key".into(),
            role: Role::Admin,
            environment: None,
            expires_in: None,
        };
        let (_, secret) = self.create(wanted, &Principal::server()).await?;
        let server = Principal::server();
        self.admin
            .audit(EVERYWHERE, &server, "start", "first admin key", "done")
            .await?;
        Ok(Some(secret))
    }

    /// Keys in the order in which they were made, revoked and expired ones included: those of an environment, or all.
    pub fn list(&self, environment: Option<&str>) -> Vec<Arc<Key>> {
        let known = self.known.read();
        let wanted = known
            .values()
            .filter(|key| environment.is_none_or(|name| key.environment.as_deref() == Some(name)));
        let mut keys: Vec<_> = wanted.cloned().collect();
        keys.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        keys
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<Arc<Key>> {
        let known = self.known.read();
        known.values().find(|key| *key.id == *id).cloned()
    }

    /// Lets nobody in with this key any more.
    pub async fn revoke(&self, key: &Key) -> Result<(), AdminError> {
        let now_ms = self.now_ms();
        // Before it is durable: it must not open the gate meanwhile.
        let first = key
            .revoked_ms
            .compare_exchange(0, now_ms, Ordering::SeqCst, Ordering::SeqCst);
        let revoked_ms = first.err().unwrap_or(now_ms);
        key.ended.send_replace(true);
        let environment = key.environment.as_deref().unwrap_or(EVERYWHERE);
        let revoked = |record: &KeyRecord| {
            Some(KeyRecord {
                revoked_ms: Some(revoked_ms),
                ..record.clone()
            })
        };
        self.admin.update(environment, &key.id, revoked).await?;
        Ok(())
    }

    /// Lets nobody in any more with the keys of an environment that is removed. Their records go with the environment's others.
    pub(crate) fn forget(&self, environment: &str) {
        let now_ms = self.now_ms().max(1);
        self.known.write().retain(|_, key| {
            let gone = key.environment.as_deref() == Some(environment);
            if gone {
                key.revoked_ms.store(now_ms, Ordering::SeqCst);
                key.ended.send_replace(true);
            }
            !gone
        });
    }

    /// Whose key this is. `hashed`: it may also be what Inngest's clients make of a signing key.
    pub(crate) fn find(&self, text: &str, hashed: bool) -> Result<Arc<Key>, Refused> {
        let mut presented = vec![Kept::of(text)];
        presented.extend(hashed.then(|| Kept::of_hashed(text)).flatten());
        let known = self.known.read();
        // The map is asked by a hash that nobody can steer, and then every byte is compared.
        let found = presented.iter().find_map(|kept| {
            let key = known.get(&kept.0)?;
            key.kept.is(kept).then(|| key.clone())
        });
        drop(known);
        let Some(key) = found else {
            return Err(if is_mistyped(text) {
                Refused::Mistyped
            } else {
                Refused::Unknown
            });
        };
        if key.revoked_ms().is_some() {
            return Err(Refused::Revoked);
        }
        let now_ms = self.now_ms();
        if !key.is_live(now_ms) {
            return Err(Refused::Expired);
        }
        self.note(&key, now_ms);
        Ok(key)
    }

    /// Remembers that a key was used; writes it now and then.
    fn note(&self, key: &Arc<Key>, now_ms: u64) {
        key.last_used_ms.store(now_ms, Ordering::Relaxed);
        let noted = key.last_noted_ms.load(Ordering::Relaxed);
        if now_ms < noted.saturating_add(NOTED_EVERY_MS) {
            return;
        }
        let relaxed = Ordering::Relaxed;
        let mine = key
            .last_noted_ms
            .compare_exchange(noted, now_ms, relaxed, relaxed);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if mine.is_err() {
            return;
        }
        let (admin, key) = (self.admin.clone(), key.clone());
        runtime.spawn(async move {
            let environment = key.environment.as_deref().unwrap_or(EVERYWHERE);
            let used = |record: &KeyRecord| {
                Some(KeyRecord {
                    last_used_ms: Some(now_ms),
                    ..record.clone()
                })
            };
            if let Err(error) = admin.update(environment, &key.id, used).await {
                tracing::debug!(%error, "the last use of a key was not written");
            }
        });
    }

    fn count(&self, which: impl Fn(&Key) -> bool) -> usize {
        self.known.read().values().filter(|key| which(key)).count()
    }
}

#[cfg(test)]
mod tests;
