//! Sessions: a browser shows a key once, and from then on a token in its place.
//!
//! A session belongs to one key and can do what the key can. What is kept of its token is a hash: reading the store lets nobody in.
//!
//! Invariants: a session is over when its time is, when it is signed out, and from the moment that its key lets nobody in; it is durable
//! before its token is told.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::secret::Kept;
use super::{Key, Keys};
use crate::admin::{AdminError, AdminRecord};
use crate::environments::EVERYWHERE;

/// How long a session lasts: a working day.
pub(crate) const LASTS_MS: u64 = 12 * abide_core::HOUR_MS;

/// The most sessions of one key; of more, the one that ends first goes.
const MOST_OF_KEY: usize = 100;

/// Random bytes of a token.
const RANDOM: usize = 32;

/// What is stored of a session; its id is the hash of its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SessionRecord {
    key_id: String,
    /// What is kept of the key's text: another key under the same id does not take the session over.
    key_kept: String,
    expires_ms: u64,
}

impl AdminRecord for SessionRecord {
    const KIND: &'static str = "session";
}

/// A session, without its token.
#[derive(Debug)]
pub(crate) struct Session {
    hash: [u8; 32],
    key_kept: Kept,
    /// When it is over, in milliseconds since the Unix epoch.
    pub(crate) expires_ms: u64,
    ended: watch::Sender<bool>,
}

impl Session {
    fn of(id: &str, record: &SessionRecord) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(id, &mut hash).ok()?;
        Some(Self {
            hash,
            key_kept: Kept::from_hex(&record.key_kept)?,
            expires_ms: record.expires_ms,
            ended: watch::channel(false).0,
        })
    }

    /// Resolves when it is signed out.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // An error means that the session is gone altogether.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// The text by which a browser shows its session. It is told once, and never in logs.
pub(crate) struct Token(String);

impl Token {
    /// The text.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The sessions that are not known to be over, by the hashes of their tokens.
#[derive(Debug, Default)]
pub(super) struct Sessions(RwLock<HashMap<[u8; 32], Arc<Session>>>);

impl Keys {
    /// Reads the sessions of an earlier life of the server; those that are over go.
    pub(super) async fn load_sessions(&self) -> Result<(), AdminError> {
        let now_ms = self.now_ms();
        for found in self.admin.list::<SessionRecord>(EVERYWHERE).await? {
            match Session::of(&found.id, &found.record) {
                Some(session) if session.expires_ms > now_ms => {
                    let mut known = self.sessions.0.write();
                    known.insert(session.hash, Arc::new(session));
                }
                Some(_) | None => {
                    let delete = self.admin.delete::<SessionRecord>(EVERYWHERE, &found.id);
                    delete.await?;
                }
            }
        }
        Ok(())
    }

    /// Begins a session of a key that lets in.
    pub(crate) async fn sign_in(&self, key: &Key) -> Result<(Token, Arc<Session>), AdminError> {
        let random: [u8; RANDOM] = rand::random();
        let token = Token(hex::encode(random));
        let hash = hash_of(token.expose());
        let now_ms = self.now_ms();
        let limit_ms = key.expires_ms.unwrap_or(u64::MAX);
        let record = SessionRecord {
            key_id: key.id.to_string(),
            key_kept: hex::encode(key.kept.0),
            expires_ms: now_ms.saturating_add(LASTS_MS).min(limit_ms),
        };
        let id = hex::encode(hash);
        self.admin.put(EVERYWHERE, &id, &record).await?;
        let session =
            Session::of(&id, &record).ok_or_else(|| AdminError::Record("a new session".into()))?;
        let session = Arc::new(session);
        let gone = self.make_room(key, now_ms);
        self.sessions.0.write().insert(hash, session.clone());
        for session in gone {
            self.sign_out(&session).await?;
        }
        Ok((token, session))
    }

    /// Sessions that go for a new one of this key: those that are over, and the first to end of too many.
    fn make_room(&self, key: &Key, now_ms: u64) -> Vec<Arc<Session>> {
        let known = self.sessions.0.read();
        let mut gone = Vec::new();
        let mut of_key = Vec::new();
        for session in known.values() {
            if session.expires_ms <= now_ms {
                gone.push(session.clone());
            } else if session.key_kept.is(&key.kept) {
                of_key.push(session.clone());
            }
        }
        of_key.sort_by_key(|session| session.expires_ms);
        let surplus = (of_key.len() + 1).saturating_sub(MOST_OF_KEY);
        gone.extend(of_key.into_iter().take(surplus));
        gone
    }

    /// The session with this token, and its key, while both let in.
    pub(crate) fn session(&self, token: &str) -> Option<(Arc<Session>, Arc<Key>)> {
        let session = self.sessions.0.read().get(&hash_of(token)).cloned()?;
        let now_ms = self.now_ms();
        if *session.ended.borrow() || session.expires_ms <= now_ms {
            return None;
        }
        let key = self.known.read().get(&session.key_kept.0).cloned()?;
        if !key.is_live(now_ms) {
            return None;
        }
        self.note(&key, now_ms);
        Some((session, key))
    }

    /// Ends a session.
    pub(crate) async fn sign_out(&self, session: &Session) -> Result<(), AdminError> {
        // Before it is durable: it must not open the gate meanwhile.
        session.ended.send_replace(true);
        self.sessions.0.write().remove(&session.hash);
        let id = hex::encode(session.hash);
        self.admin.delete::<SessionRecord>(EVERYWHERE, &id).await?;
        Ok(())
    }
}

/// A map that is asked by this cannot be steered, and tokens cannot be guessed from how long it takes.
fn hash_of(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{Admin, NewKey, Principal, Role};

    async fn key(keys: &Keys) -> Arc<Key> {
        let wanted = NewKey {
            name: "k".into(),
            role: Role::Read,
            environment: None,
            expires_in: None,
        };
        let made = keys.create(wanted, &Principal::server()).await;
        made.expect("it is made").0
    }

    #[tokio::test]
    async fn a_session_is_its_keys_until_it_is_signed_out_or_the_key_is_revoked() {
        let admin = Admin::in_memory();
        let keys = Keys::none(admin.clone());
        let key = key(&keys).await;
        let (first, session) = keys.sign_in(&key).await.expect("it begins");
        let (second, _) = keys.sign_in(&key).await.expect("it begins");
        assert!(keys.session("").is_none() && keys.session("00").is_none());
        let found = keys.session(first.expose()).expect("it is known");
        assert_eq!(found.1.id, key.id);
        // The next start of the server knows it, and nothing that is stored is the token.
        let stored = admin
            .list::<SessionRecord>(EVERYWHERE)
            .await
            .expect("a list");
        assert_eq!(stored.len(), 2);
        assert!(stored.iter().all(|it| it.id != first.expose()));
        let next = Keys::load(admin.clone()).await.expect("they load");
        assert!(next.session(first.expose()).is_some());
        assert!(next.session(&stored[0].id).is_none(), "a hash is no token");
        keys.sign_out(&session).await.expect("it ends");
        session.ended().await;
        assert!(keys.session(first.expose()).is_none());
        assert!(keys.session(second.expose()).is_some());
        keys.revoke(&key).await.expect("it is revoked");
        assert!(keys.session(second.expose()).is_none());
    }

    #[tokio::test]
    async fn a_session_ends_in_time_and_those_of_a_key_are_bounded() {
        let keys = Keys::none(Admin::in_memory());
        let key = key(&keys).await;
        let mut tokens = Vec::new();
        for _ in 0..=MOST_OF_KEY {
            tokens.push(keys.sign_in(&key).await.expect("it begins").0);
        }
        let live = tokens
            .iter()
            .filter(|token| keys.session(token.expose()).is_some());
        assert_eq!(live.count(), MOST_OF_KEY);
        let record = SessionRecord {
            key_id: key.id.to_string(),
            key_kept: hex::encode(key.kept.0),
            expires_ms: 1,
        };
        let id = hex::encode(hash_of("old"));
        let session = Session::of(&id, &record).expect("it is one");
        keys.sessions
            .0
            .write()
            .insert(session.hash, Arc::new(session));
        assert!(keys.session("old").is_none(), "its time is over");
    }
}
