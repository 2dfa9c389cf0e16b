//! Notifications as clients see them. There is no place for a secret in here.

use serde::Serialize;
use utoipa::ToSchema;

use crate::notify::{Format, Ledger, NotificationRecord, Rule, Target};
use crate::view::Time;

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(in crate::http) struct NotificationView {
    pub(in crate::http) name: String,
    environment: String,
    target: TargetView,
    /// Of what it tells.
    rules: Vec<Rule>,
    /// Of which functions: `app/function`, `app/*`, or `*` for all.
    functions: Vec<String>,
    /// The least time between two messages for the same reason, in seconds.
    min_interval_s: u64,
    /// Whether it tells anything.
    enabled: bool,
    created_at: Time,
    /// When the target last took a message.
    delivered_at: Option<Time>,
    /// How it last did not, unless it took one since.
    error: Option<DeliveryErrorView>,
    /// Messages that wait to be told.
    waiting: usize,
    /// When the message that was refused is tried again.
    retry_at: Option<Time>,
    /// What is wrong at present, as far as it is about rates and the backlog.
    firing: Vec<FiringView>,
}

/// Who is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = NotificationTargetShown)]
enum TargetView {
    /// Whoever takes requests at this address.
    Webhook {
        /// The address without its path, which often is a secret.
        url: String,
        format: Format,
        /// Whether its requests are signed.
        signed: bool,
    },
    /// A program on the server's machine.
    Command {
        program: String,
        arguments: Vec<String>,
        /// Whether this server may start it.
        allowed: bool,
    },
}

/// Why a message was not delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationError)]
struct DeliveryErrorView {
    at: Time,
    reason: String,
}

/// Something that is wrong at present.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationFiring)]
struct FiringView {
    /// `failure_rate` or `backlog_age`.
    rule: String,
    function_id: String,
    since: Time,
}

impl NotificationView {
    /// How a notification looks; `may_start` says which programs this server may start.
    pub(super) fn of(
        environment: &str,
        name: &str,
        record: &NotificationRecord,
        ledger: Option<&Ledger>,
        may_start: impl Fn(&std::path::Path) -> bool,
    ) -> Self {
        let settings = &record.settings;
        let target = match &settings.target {
            Target::Webhook { format, .. } => TargetView::Webhook {
                url: settings.target.shown(),
                format: *format,
                signed: record.secret.is_some(),
            },
            Target::Command { program, arguments } => TargetView::Command {
                program: settings.target.shown(),
                arguments: arguments.clone(),
                allowed: may_start(program),
            },
        };
        let error = ledger.and_then(|it| it.error.as_ref());
        let firing = ledger.map(Ledger::firing).unwrap_or_default().iter();
        Self {
            name: name.to_owned(),
            environment: environment.to_owned(),
            target,
            rules: settings.rules.clone(),
            functions: settings.functions.clone(),
            min_interval_s: settings.min_interval_s,
            enabled: record.enabled,
            created_at: Time(record.created_ms),
            delivered_at: ledger.and_then(|it| it.delivered_ms).map(Time),
            error: error.map(|error| DeliveryErrorView {
                at: Time(error.at_ms),
                reason: error.reason.clone(),
            }),
            waiting: ledger.map_or(0, Ledger::waiting),
            retry_at: ledger.and_then(Ledger::retry_ms).map(Time),
            firing: firing
                .map(|it| FiringView {
                    rule: it.rule.clone(),
                    function_id: it.function.clone(),
                    since: Time(it.since_ms),
                })
                .collect(),
        }
    }
}

/// A notification was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedNotification)]
pub(super) struct Deleted {
    pub(super) name: String,
    /// `true`.
    pub(super) deleted: bool,
}

/// What became of a test message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTest)]
pub(in crate::http) struct Tested {
    /// The message's id.
    pub(in crate::http) id: String,
    /// Whether the target took it.
    pub(in crate::http) delivered: bool,
    /// Why it did not.
    pub(in crate::http) error: Option<String>,
}
