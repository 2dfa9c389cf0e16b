//! Keys that let nobody in any more: how long they are kept, so that the audit log's lines about them can be read.
//!
//! Invariant: one that is forgotten was revoked or has expired, and lets nobody in afterwards either: then it is unknown.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::{CONFIGURED, Key, KeyRecord, Keys};
use crate::admin::AdminError;
use crate::environments::EVERYWHERE;

/// Keys that are revoked or expired and kept at most, the last ones: some hundred bytes each, in memory too.
const MOST_ENDED: usize = 10_000;

impl Key {
    /// Since when it lets nobody in, if that is so.
    fn ended_ms(&self, now_ms: u64) -> Option<u64> {
        let expired_ms = self.expires_ms.filter(|at| *at <= now_ms);
        self.revoked_ms().into_iter().chain(expired_ms).min()
    }
}

impl Keys {
    /// Forgets keys that were revoked or expired longer ago than `kept`, and the first of those that are too many. Says how many.
    pub(crate) async fn forget_ended(&self, kept: Duration) -> Result<usize, AdminError> {
        let doomed = self.kept_long_enough(kept, MOST_ENDED);
        for key in &doomed {
            let environment = key.environment.as_deref().unwrap_or(EVERYWHERE);
            self.admin.delete::<KeyRecord>(environment, &key.id).await?;
            self.known.write().remove(&key.kept.0);
        }
        Ok(doomed.len())
    }

    fn kept_long_enough(&self, kept: Duration, most: usize) -> Vec<Arc<Key>> {
        let now_ms = self.now_ms();
        let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let known = self.known.read();
        // A server that had an admin key once makes no other one by itself, whatever became of it.
        let stored = known.values().filter(|key| *key.id != *CONFIGURED);
        let admins = stored.filter(|key| key.is_of_server());
        let last_admin = admins.max_by_key(|key| key.created_ms);
        let last_admin = last_admin.map(|key| key.id.clone());
        let mut ended: Vec<_> = known
            .values()
            .filter(|key| Some(&key.id) != last_admin.as_ref())
            .filter_map(|key| Some((key.ended_ms(now_ms)?, key.clone())))
            .collect();
        drop(known);
        ended.sort_by_key(|(at_ms, _)| Reverse(*at_ms));
        let places = ended.into_iter().enumerate();
        places
            .filter(|(place, (at_ms, _))| *place >= most || now_ms.saturating_sub(*at_ms) > kept_ms)
            .map(|(_, (_, key))| key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::keys::{NewKey, Refused, Secret};
    use crate::admin::{Admin, Principal, Role};

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    async fn made(keys: &Keys, role: Role, expires_in: Option<Duration>) -> (Arc<Key>, Secret) {
        let wanted = NewKey {
            name: "k".into(),
            role,
            environment: None,
            expires_in,
        };
        let made = keys.create(wanted, &Principal::server()).await;
        made.expect("it is made")
    }

    /// Ids of what is kept, in this life and in the next.
    async fn kept(keys: &Keys) -> Vec<Arc<str>> {
        let ids = |keys: &Keys| {
            let mut ids: Vec<_> = keys.list(None).iter().map(|key| key.id.clone()).collect();
            ids.sort();
            ids
        };
        let next = Keys::load(keys.admin.clone()).await.expect("they load");
        assert_eq!(ids(keys), ids(&next));
        ids(keys)
    }

    #[tokio::test]
    async fn what_ended_is_kept_for_a_time_and_lets_nobody_in_afterwards_either() {
        let keys = Keys::none(Admin::in_memory());
        let (live, _) = made(&keys, Role::Read, None).await;
        let (gone, secret) = made(&keys, Role::Read, None).await;
        let (expired, _) = made(&keys, Role::Read, Some(Duration::ZERO)).await;
        keys.revoke(&gone).await.expect("it is revoked");
        assert_eq!(keys.forget_ended(YEAR).await.expect("it works"), 0);
        assert_eq!(kept(&keys).await.len(), 3);
        // As if a year had passed: what ended lies before this instant.
        gone.revoked_ms
            .store(1, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(keys.forget_ended(YEAR).await.expect("it works"), 1);
        let refused = keys.find(secret.expose(), false).err();
        assert_eq!(refused, Some(Refused::Unknown));
        let mut expected = [live.id.clone(), expired.id.clone()];
        expected.sort();
        assert_eq!(kept(&keys).await, expected);
    }

    #[tokio::test]
    async fn of_many_the_last_ones_to_end_are_kept() {
        let keys = Keys::none(Admin::in_memory());
        let mut all = Vec::new();
        for at_ms in 1..=5 {
            let (key, _) = made(&keys, Role::Send, None).await;
            key.revoked_ms
                .store(at_ms, std::sync::atomic::Ordering::SeqCst);
            all.push(key.id.clone());
        }
        let doomed = keys.kept_long_enough(Duration::MAX, 2);
        let mut doomed: Vec<_> = doomed.iter().map(|key| key.id.clone()).collect();
        doomed.sort();
        all.truncate(3);
        all.sort();
        assert_eq!(doomed, all);
    }

    #[tokio::test]
    async fn a_server_whose_admin_keys_ended_long_ago_makes_no_first_one_again() {
        let keys = Keys::none(Admin::in_memory());
        assert!(keys.first_admin_key().await.expect("it works").is_some());
        let admin = keys.list(None).pop().expect("the first one");
        keys.revoke(&admin).await.expect("it is revoked");
        admin
            .revoked_ms
            .store(1, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(keys.forget_ended(YEAR).await.expect("it works"), 0);
        assert!(keys.first_admin_key().await.expect("it works").is_none());
    }
}
