//! Secrets: what signatures are verified with. They are stored as they are, because whoever verifies must be able to sign.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Provider;

/// How a Standard Webhooks secret begins; the rest is base64 of its key.
const STANDARD_PREFIX: &str = "whsec_";

/// The shortest secret in characters: shorter ones can be guessed.
const FEWEST_CHARS: usize = 8;

/// The longest in bytes: a secret is no file.
const MOST_BYTES: usize = 1024;

/// A secret. It cannot be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why a text cannot be a secret. It does not repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret: {0}")]
pub struct InvalidSecret(&'static str);

impl Secret {
    /// Checks a secret as the provider shows it. White space around it is not part of it.
    pub fn check(provider: Provider, text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim();
        if text.chars().count() < FEWEST_CHARS {
            return Err(InvalidSecret("must have at least 8 characters"));
        }
        if text.len() > MOST_BYTES {
            return Err(InvalidSecret("must have at most 1024 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidSecret("must be one line of text"));
        }
        let secret = Self(text.to_owned());
        match provider {
            Provider::Standard if text.starts_with("whpk_") || text.starts_with("whsk_") => {
                Err(InvalidSecret(
                    "is a key for asymmetric signatures, which are not supported; use a secret that begins with whsec_",
                ))
            }
            Provider::Standard if decode(text).is_none_or(|key| key.is_empty()) => Err(
                InvalidSecret("must be `whsec_` and base64, as the provider shows it"),
            ),
            Provider::Stripe | Provider::Github | Provider::Standard | Provider::Generic => {
                Ok(secret)
            }
        }
    }

    /// The key of the signatures.
    fn key(&self, provider: Provider) -> Vec<u8> {
        match provider {
            // It was checked when it was set.
            Provider::Standard => decode(&self.0).unwrap_or_default(),
            Provider::Stripe | Provider::Github | Provider::Generic => self.0.as_bytes().to_vec(),
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let base64 = text.strip_prefix(STANDARD_PREFIX).unwrap_or(text);
    STANDARD.decode(base64).ok()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A webhook's secrets: the one in use and, for a time after it was replaced, the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    current: Option<Secret>,
    previous: Option<Previous>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    secret: Secret,
    until_ms: u64,
}

impl Secrets {
    /// One secret.
    pub fn of(secret: Secret) -> Self {
        Self {
            current: Some(secret),
            previous: None,
        }
    }

    /// Puts a new secret in the place of the current one, which stays good until `until_ms`. The one before that is good no more. The
    /// current one once more does not drive out the one before, and lets it be good for no longer than this.
    #[must_use]
    pub fn rotate(mut self, new: Secret, until_ms: u64) -> Self {
        if self.current.as_ref() == Some(&new) {
            if let Some(previous) = &mut self.previous {
                previous.until_ms = previous.until_ms.min(until_ms);
            }
            return self;
        }
        let previous = self.current.map(|secret| Previous { secret, until_ms });
        Self {
            current: Some(new),
            previous,
        }
    }

    /// Whether there is one.
    pub fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    /// Until when the secret before is good too, if it is at `now_ms`.
    pub fn previous_until_ms(&self, now_ms: u64) -> Option<u64> {
        let previous = self.previous.as_ref()?;
        (previous.until_ms > now_ms).then_some(previous.until_ms)
    }

    /// The keys that are good at `now_ms`, the newest first.
    pub(super) fn keys(&self, provider: Provider, now_ms: u64) -> Vec<Vec<u8>> {
        let previous = self.previous.as_ref();
        let previous = previous.filter(|previous| previous.until_ms > now_ms);
        let secrets = self.current.iter().chain(previous.map(|it| &it.secret));
        secrets.map(|secret| secret.key(provider)).collect()
    }
}
