//! Notifications as clients see them. There is no place for a secret in here.

use serde::Serialize;
use utoipa::ToSchema;

use crate::notify::{Format, Ledger, NotificationRecord, Rule, Target, Told};
use crate::view::Time;

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(in crate::http) struct NotificationView {
    pub(in crate::http) name: String,
    pub(in crate::http) environment: String,
    pub(in crate::http) target: TargetView,
    /// Of what it tells.
    pub(in crate::http) rules: Vec<Rule>,
    /// Of which functions: `app/function`, `app/*`, or `*` for all.
    pub(in crate::http) functions: Vec<String>,
    /// The least time between two messages for the same reason, in seconds.
    pub(in crate::http) min_interval_s: u64,
    /// Whether it tells anything.
    pub(in crate::http) enabled: bool,
    pub(in crate::http) created_at: Time,
    /// When it was last changed.
    pub(in crate::http) updated_at: Time,
    /// When the target last took a message.
    pub(in crate::http) delivered_at: Option<Time>,
    /// How it last did not, unless it took one since.
    pub(in crate::http) error: Option<DeliveryErrorView>,
    /// Messages that wait to be told.
    pub(in crate::http) waiting: usize,
    /// When the message that was refused is tried again.
    pub(in crate::http) retry_at: Option<Time>,
    /// What is wrong at present, as far as it is about rates and the backlog.
    pub(in crate::http) firing: Vec<FiringView>,
    /// What became of the last messages, the latest first; test messages are not among them.
    pub(in crate::http) messages: Vec<MessageView>,
}

/// Who is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = NotificationTargetShown)]
pub(in crate::http) enum TargetView {
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
pub(in crate::http) struct DeliveryErrorView {
    pub(in crate::http) at: Time,
    pub(in crate::http) reason: String,
}

/// Something that is wrong at present.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationFiring)]
pub(in crate::http) struct FiringView {
    /// `failure_rate` or `backlog_age`.
    pub(in crate::http) rule: String,
    pub(in crate::http) function_id: String,
    pub(in crate::http) since: Time,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationMessage)]
pub(in crate::http) struct MessageView {
    /// By which its receiver knows it again.
    pub(in crate::http) id: String,
    /// What it tells: `run.failed`, `backlog_age.high`…
    #[serde(rename = "type")]
    pub(in crate::http) kind: String,
    /// What it says, cut at 200 characters.
    pub(in crate::http) message: String,
    pub(in crate::http) status: MessageStatus,
    /// How often it was tried, as far as it is known how that ended.
    pub(in crate::http) attempts: u32,
    /// When it was first tried.
    pub(in crate::http) first_tried_at: Time,
    /// When it was taken, or given up.
    pub(in crate::http) ended_at: Option<Time>,
    /// Why it was not taken the last time, unless it was taken since.
    pub(in crate::http) error: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationMessageStatus)]
pub(in crate::http) enum MessageStatus {
    /// It was refused, and is tried again.
    Refused,
    /// The target took it.
    Delivered,
    /// It was refused for a day.
    GivenUp,
}

impl MessageView {
    fn of(told: Told) -> Self {
        Self {
            id: told.id,
            kind: told.kind,
            message: told.text,
            status: match (told.over_ms, &told.reason) {
                (None, _) => MessageStatus::Refused,
                (Some(_), None) => MessageStatus::Delivered,
                (Some(_), Some(_)) => MessageStatus::GivenUp,
            },
            attempts: told.attempts,
            first_tried_at: Time(told.since_ms),
            ended_at: told.over_ms.map(Time),
            error: told.reason,
        }
    }
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
        // How another target was says nothing of this one.
        let since_ms = record.target_since_ms;
        let error = ledger.and_then(|it| it.error.as_ref());
        let error = error.filter(|it| it.at_ms >= since_ms);
        let delivered_ms = ledger.and_then(|it| it.delivered_ms);
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
            updated_at: Time(record.changed_ms.unwrap_or(record.created_ms)),
            delivered_at: delivered_ms.filter(|at_ms| *at_ms >= since_ms).map(Time),
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
            messages: ledger
                .into_iter()
                .flat_map(Ledger::told)
                .map(MessageView::of)
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

macro_rules! request_shape {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(ToSchema)]
        #[allow(dead_code, reason = "it only describes; the checks are those of `notify::Settings`")]
        pub(super) struct $name {
            $($(#[$field_doc])* $field: $type,)*
            /// Of what; each once.
            #[schema(min_items = 1, max_items = 3)]
            rules: Vec<Rule>,
            /// Of which functions: `app/function`, `app/*`, or `*` for all, which is so unless given.
            functions: Option<Vec<String>>,
            /// The least time between two messages for the same reason, in seconds; 60 unless given.
            #[schema(maximum = 86_400)]
            min_interval_s: Option<u64>,
            /// What a webhook of the format `standard` signs with: `whsec_` and base64. It must have one, and no other target has.
            secret: Option<String>,
            /// `true` unless given, or as it was.
            enabled: Option<bool>,
        }
    };
}

request_shape! {
    /// The settings of a notification.
    NotificationSettings {
        /// Needed unless the notification has one.
        target: Option<Target>,
    }
}

request_shape! {
    /// A notification to make.
    NewNotification {
        /// Kebab-case.
        #[schema(example = "on-call")]
        name: String,
        target: Target,
    }
}
