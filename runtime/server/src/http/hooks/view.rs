//! Webhooks and what becomes of their requests, as clients see them. There is no place for a secret in here.

use abide_core::event::NewEvent;
use abide_core::ids::EventId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::DEFAULT_ENVIRONMENT;
use crate::view::{Embedded, Id, Time};
use crate::webhooks::{Provider, Scheme, WebhookRecord};

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(in crate::http) struct WebhookView {
    pub(in crate::http) name: String,
    pub(in crate::http) environment: String,
    /// Where the provider sends, on this server.
    pub(in crate::http) path: String,
    pub(in crate::http) provider: Provider,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) scheme: Option<Scheme>,
    pub(in crate::http) event_name: Option<String>,
    /// A path into the body, or an expression; the whole body if absent.
    pub(in crate::http) data: Option<String>,
    pub(in crate::http) id: Option<String>,
    #[serde(rename = "if")]
    pub(in crate::http) condition: Option<String>,
    pub(in crate::http) challenge: Option<String>,
    pub(in crate::http) enabled: bool,
    /// Whether requests must be signed.
    pub(in crate::http) verified: bool,
    /// Until when the secret before the current one is good too.
    pub(in crate::http) previous_secret_until: Option<Time>,
    pub(in crate::http) created_at: Time,
    pub(in crate::http) updated_at: Time,
}

impl WebhookView {
    /// How a record looks at `now_ms`.
    pub(super) fn of(environment: &str, name: &str, record: &WebhookRecord, now_ms: u64) -> Self {
        let settings = &record.settings;
        let path = if environment == DEFAULT_ENVIRONMENT {
            format!("/hooks/{name}")
        } else {
            format!("/hooks/{environment}/{name}")
        };
        Self {
            name: name.to_owned(),
            environment: environment.to_owned(),
            path,
            provider: settings.provider,
            scheme: settings.scheme.clone(),
            event_name: settings.effective_name(name),
            data: settings.data.clone(),
            id: settings.effective_id().map(str::to_owned),
            condition: settings.condition.clone(),
            challenge: settings.challenge.clone(),
            enabled: record.enabled,
            verified: settings.is_verified(),
            previous_secret_until: record.secrets.previous_until_ms(now_ms).map(Time),
            created_at: Time(record.created_ms),
            updated_at: Time(record.updated_ms),
        }
    }
}

/// What became of a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookOutcome)]
pub(in crate::http) struct Outcome {
    pub(in crate::http) status: Status,
    /// The event's internal id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub(in crate::http) id: Option<EventId>,
    /// What the provider is answered, where it only asks whether somebody listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) challenge: Option<String>,
    /// What was made of the request; only shown to operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) event: Option<EventView>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookStatus)]
pub(in crate::http) enum Status {
    /// The event is stored.
    Accepted,
    /// It was before: the delivery is a repetition.
    Repeated,
    /// The condition leaves the request out.
    LeftOut,
    /// The provider only asks whether somebody listens.
    Challenge,
    /// It would be stored, were this not a dry run.
    NotStored,
}

impl Status {
    /// The place at which it is counted: see [`WEBHOOKS`](crate::metrics::WEBHOOKS).
    pub(super) fn place(self) -> usize {
        match self {
            Self::Accepted => 0,
            Self::Repeated => 1,
            Self::LeftOut | Self::NotStored => 2,
            Self::Challenge => 3,
        }
    }
}

/// An event that a request would be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEvent)]
pub(in crate::http) struct EventView {
    id: Option<String>,
    name: String,
    data: Option<Embedded>,
}

impl EventView {
    pub(super) fn of(event: &NewEvent) -> Self {
        Self {
            id: event.id.clone(),
            name: event.name.clone(),
            data: event.data.clone().map(Embedded),
        }
    }
}

impl Outcome {
    pub(super) fn without_event(self) -> Self {
        Self {
            event: None,
            ..self
        }
    }
}

/// A webhook was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedWebhook)]
pub(super) struct Deleted {
    pub(super) name: String,
    /// `true`.
    pub(super) deleted: bool,
}

macro_rules! request_shape {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(ToSchema)]
        #[allow(dead_code, reason = "it only describes; docs and checks are those of `webhooks::Settings`")]
        pub(super) struct $name {
            $($(#[$field_doc])* $field: $type,)*
            provider: Provider,
            /// Needed unless the webhook has one, or verifies nothing.
            secret: Option<String>,
            /// How a generic sender signs; of no other provider.
            scheme: Option<Scheme>,
            /// A template such as `stripe/{type}`, or `cel:` and an expression.
            event_name: Option<String>,
            /// A path into the body such as `data.object`, or `cel:` and an expression; the whole body unless given.
            data: Option<String>,
            /// A template, `cel:` and an expression, or `none`.
            id: Option<String>,
            /// A condition in CEL over `body` and `headers`.
            #[schema(rename = "if")]
            condition: Option<String>,
            /// A path into the body: a text there is sent back as the answer.
            challenge: Option<String>,
            /// `true` unless given.
            enabled: Option<bool>,
        }
    };
}

request_shape! {
    /// The settings of a webhook.
    WebhookSettings {}
}

request_shape! {
    /// A webhook to make.
    NewWebhook {
        /// Kebab-case; part of its URL.
        #[schema(example = "stripe")]
        name: String,
    }
}
