//! The audit log: who changed what, when, and whether it worked.
//!
//! Ids are ULIDs, so that the order of ids is the order in time. It never holds secrets or payloads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError, AdminRecord, Located, Principal};

/// How long lines are kept: long enough for a yearly review.
pub const AUDIT_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// Lines of an environment that are kept at most, the newest: some hundred bytes each.
const MOST_LINES: usize = 100_000;

/// How much of a subject is kept.
const SUBJECT_CHARACTERS: usize = 300;

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
    /// `done`, how it was refused, or `begun`: the server ended in the middle of it.
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

/// A change that is under way.
#[derive(Debug)]
pub(crate) struct Begun {
    environment: String,
    id: String,
    line: AuditLine,
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
        let begun = self.begin(environment, principal, action, subject);
        self.audit_end(begun, None, outcome).await
    }

    /// Records that a change is about to be made.
    pub(crate) async fn audit_begin(
        &self,
        environment: &str,
        principal: &Principal,
        action: &str,
        subject: &str,
    ) -> Result<Begun, AdminError> {
        let begun = self.begin(environment, principal, action, subject);
        self.put(&begun.environment, &begun.id, &begun.line).await?;
        Ok(begun)
    }

    /// Records how a change went.
    pub(crate) async fn audit_end(
        &self,
        begun: Begun,
        subject: Option<String>,
        outcome: &str,
    ) -> Result<(), AdminError> {
        let line = AuditLine {
            subject: subject.unwrap_or(begun.line.subject),
            outcome: outcome.into(),
            ..begun.line
        };
        self.put(&begun.environment, &begun.id, &line).await
    }

    fn begin(
        &self,
        environment: &str,
        principal: &Principal,
        action: &str,
        subject: &str,
    ) -> Begun {
        let at_ms = self.clock.now_ms();
        Begun {
            environment: environment.into(),
            id: self.audit_ids.next(at_ms),
            line: AuditLine {
                at_ms,
                key_id: principal.key_id.as_deref().map(str::to_owned),
                who: principal.name.to_string(),
                action: action.into(),
                subject: subject.chars().take(SUBJECT_CHARACTERS).collect(),
                outcome: "begun".into(),
            },
        }
    }

    /// Removes lines that are older than `kept`, and the oldest of those that are too many. Says how many.
    pub(crate) async fn forget_audit(
        &self,
        environment: &str,
        kept: Duration,
    ) -> Result<usize, AdminError> {
        let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let until_ms = self.clock.now_ms().saturating_sub(kept_ms);
        let oldest = ulid::Ulid::from_parts(until_ms, 0).to_string();
        let expired = self
            .delete_before::<AuditLine>(environment, &oldest)
            .await?;
        let lines = self.list::<AuditLine>(environment).await?;
        let Some(first_kept) = lines
            .len()
            .checked_sub(MOST_LINES)
            .and_then(|at| lines.get(at))
        else {
            return Ok(expired);
        };
        let surplus = self
            .delete_before::<AuditLine>(environment, &first_kept.id)
            .await?;
        Ok(expired + surplus)
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
