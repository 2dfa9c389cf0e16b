//! What an operator chooses for a webhook, and what is refused of it.

use http::HeaderName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::verify::Signed;

/// The longest text of a setting in bytes; expressions have their own limit.
const MOST_BYTES: usize = 1024;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookProvider)]
pub enum Provider {
    /// Stripe: `Stripe-Signature`.
    Stripe,
    /// GitHub: `X-Hub-Signature-256`.
    Github,
    /// Whoever follows the Standard Webhooks specification: `webhook-signature`.
    Standard,
    /// Anybody else who signs with HMAC, as a [`Scheme`] says.
    Generic,
}

/// A hash function under HMAC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookAlgorithm)]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1: only for senders who have nothing better.
    Sha1,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookEncoding)]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64, with or without padding.
    Base64,
}

/// How a generic sender signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = WebhookScheme)]
pub enum Scheme {
    /// With HMAC.
    Hmac {
        /// The header that holds the signature.
        header: String,
        /// The hash function.
        #[serde(default)]
        algorithm: Algorithm,
        /// How the signature is written.
        #[serde(default)]
        encoding: Encoding,
        /// What stands before it in the header.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
        /// The header that holds the time of signing: seconds or milliseconds since 1970, or RFC 3339.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp_header: Option<String>,
        /// What is signed, with `{body}`, `{timestamp}` and `{header:NAME}`; `{body}` unless given, `{timestamp}.{body}` with a timestamp.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<String>,
    },
    /// Not at all: everybody who knows the URL can send.
    None,
}

/// What an operator chooses for a webhook, its secret apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who sends.
    pub provider: Provider,
    /// How a generic sender signs; of no other provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The event's name: a template such as `stripe/{type}`, or `cel:` and an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The event's data: a path into the body such as `data.object`, or `cel:` and an expression; the whole body unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The id of the delivery: a template, `cel:` and an expression, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A condition in CEL over `body` and `headers`: requests for which it does not hold are answered, and not stored.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// A path into the body: a request with a text there is answered with that text, and not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// What is wrong with a webhook's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidSettings {
    /// Which setting.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl InvalidSettings {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self { field, problem }
    }
}

impl Settings {
    /// Settings with every default.
    pub fn of(provider: Provider) -> Self {
        Self {
            provider,
            scheme: None,
            event_name: None,
            data: None,
            id: None,
            condition: None,
            challenge: None,
        }
    }

    /// The event's name: the operator's choice, or else the provider's usual. A generic sender has none.
    pub fn effective_name(&self, webhook: &str) -> Option<String> {
        self.event_name.clone().or_else(|| match self.provider {
            Provider::Stripe => Some("stripe/{type}".into()),
            Provider::Github => Some("github/{header:x-github-event}".into()),
            Provider::Standard => Some(format!("{webhook}/{{type}}")),
            Provider::Generic => None,
        })
    }

    /// The id of a delivery: the operator's choice, or else the provider's usual. A generic sender has none.
    pub fn effective_id(&self) -> Option<&str> {
        self.id.as_deref().or(match self.provider {
            Provider::Stripe => Some("{id}"),
            Provider::Github => Some("{header:x-github-delivery}"),
            Provider::Standard => Some("{header:webhook-id}"),
            Provider::Generic => None,
        })
    }

    /// Whether requests are verified.
    pub fn is_verified(&self) -> bool {
        self.scheme != Some(Scheme::None)
    }

    /// Refuses what can be told wrong without compiling anything.
    pub(super) fn check(&self) -> Result<(), InvalidSettings> {
        let texts = [
            ("event_name", &self.event_name),
            ("data", &self.data),
            ("id", &self.id),
            ("challenge", &self.challenge),
        ];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            let plain = text.strip_prefix("cel:").is_none();
            if plain && (text.is_empty() || text.len() > MOST_BYTES) {
                let problem = format!("must have 1 to {MOST_BYTES} bytes");
                return Err(InvalidSettings::new(field, problem));
            }
        }
        match (self.provider, &self.scheme) {
            (Provider::Generic, Some(scheme)) => scheme.check(),
            (Provider::Generic, None) => Err(InvalidSettings::new(
                "scheme",
                "a generic sender needs one: {\"hmac\":{\"header\":\"x-signature\"}}, or \"none\" to take requests without any signature",
            )),
            (_, Some(_)) => Err(InvalidSettings::new(
                "scheme",
                "is only for the provider generic; the others have theirs",
            )),
            (_, None) => Ok(()),
        }
    }
}

impl Scheme {
    fn check(&self) -> Result<(), InvalidSettings> {
        let Self::Hmac {
            header,
            timestamp_header,
            prefix,
            signed,
            ..
        } = self
        else {
            return Ok(());
        };
        for name in std::iter::once(header).chain(timestamp_header) {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                let problem = format!("`{name}` cannot be a header's name");
                return Err(InvalidSettings::new("scheme", problem));
            }
        }
        if prefix.len() > MOST_BYTES {
            return Err(InvalidSettings::new("scheme", "the prefix is too long"));
        }
        let signed = Signed::parse(signed.as_deref(), timestamp_header.is_some())?;
        signed.check(timestamp_header.is_some())
    }
}
