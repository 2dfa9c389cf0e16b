//! The audit log: who changed what, when, and whether it worked.
//!
//! Ids are ULIDs, so that the order of ids is the order in time. It never holds secrets or payloads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError, AdminRecord, Located, Principal};

/// How long lines are kept: long enough for a yearly review.
pub const AUDIT_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The id of the key that was used, if one was.
    pub key_id: Option<String>,
    /// The key's name, or what stands for it.
    pub who: String,
    /// What was done: the method and the route, or a command.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `done`, or how it was refused.
    pub outcome: String,
}

impl AdminRecord for AuditLine {
    const KIND: &'static str = "audit";
}

/// Gives lines their ids: rising, also within a millisecond and when the clock goes back.
#[derive(Debug, Default)]
pub(super) struct Ids(parking_lot::Mutex<u128>);

impl Ids {
    fn next(&self, at_ms: u64) -> String {
        let fresh = ulid::Ulid::from_parts(at_ms, rand::random()).0;
        let mut last = self.0.lock();
        *last = fresh.max(last.saturating_add(1));
        ulid::Ulid(*last).to_string()
    }
}

impl Admin {
    /// Records a change in an environment. Durable when it returns.
    pub async fn audit(
        &self,
        environment: &str,
        principal: &Principal,
        action: &str,
        subject: &str,
        outcome: &str,
    ) -> Result<(), AdminError> {
        let at_ms = self.clock.now_ms();
        let line = AuditLine {
            at_ms,
            key_id: principal.key_id.as_deref().map(str::to_owned),
            who: principal.name.to_string(),
            action: action.into(),
            subject: subject.into(),
            outcome: outcome.into(),
        };
        self.put(environment, &self.audit_ids.next(at_ms), &line)
            .await
    }

    /// Lines of an environment, newest first.
    pub async fn audit_lines(
        &self,
        environment: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Located<AuditLine>>, AdminError> {
        self.latest(environment, before, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_newest_first_and_name_who_did_what() {
        let admin = Admin::in_memory();
        for subject in ["one", "two", "three"] {
            let who = Principal::anybody();
            admin
                .audit("default", &who, "POST /x", subject, "done")
                .await
                .unwrap();
        }
        let lines = admin.audit_lines("default", None, 2).await.unwrap();
        let subjects: Vec<_> = lines.iter().map(|it| it.record.subject.as_str()).collect();
        assert_eq!(subjects, ["three", "two"]);
        let rest = admin
            .audit_lines("default", Some(&lines[1].id), 9)
            .await
            .unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].record.who, "anybody");
        assert!(
            admin
                .audit_lines("other", None, 9)
                .await
                .unwrap()
                .is_empty()
        );
    }
}
