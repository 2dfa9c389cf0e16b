//! Webhooks: a third party's request becomes an event, once its signature is found to be right.
//!
//! This module is pure: [`Webhook::receive`] is given the headers, the raw body, the keys and the time, and says what to do. It must
//! not read a clock, a store or a socket, and it must not change what was signed: the signature is checked over the bytes as they
//! came, before anybody looks at what they mean.
//!
//! - `settings` is what an operator chooses, and what is refused of it; `secret` what it is verified with.
//! - `verify` has one function a provider: where its signatures, its timestamp and its signed text are.
//! - `body` reads the bodies that providers send; `template` and `transform` make an event of one.
//! - `sample` signs a delivery as the provider would, to try a webhook out.
//!
//! Invariants: nothing of a request is used before its signature is right; signatures are compared in constant time, all of them with
//! all keys; no error and no debug text shows a secret or the signature that would have been right.

mod body;
mod record;
mod rejection;
mod sample;
mod secret;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod transform;
mod verify;

use abide_core::event::NewEvent;
use http::HeaderMap;

pub use record::WebhookRecord;
pub use rejection::Rejection;
pub use sample::Sample;
pub use secret::{InvalidSecret, Secret, Secrets};
pub use settings::{Algorithm, Encoding, InvalidSettings, Provider, Scheme, Settings};
use transform::Transform;

/// How far a signed timestamp may be from the time of receipt, in either direction: what Stripe and Standard Webhooks advise.
pub const TOLERANCE_MS: u64 = 5 * 60 * 1_000;

/// A webhook, ready to receive.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    provider: Provider,
    scheme: Option<Scheme>,
    transform: Transform,
}

/// What a request is, whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// An event, and the id under which it is delivered if it has one: a second delivery under that id is the same one.
    Event {
        /// The event.
        event: NewEvent,
        /// The provider's id of the delivery.
        delivery: Option<String>,
    },
    /// A request that the webhook's condition leaves out: nothing is to be stored.
    LeftOut,
    /// The provider wants to know whether somebody listens: it is to be answered with this text.
    Challenge(String),
}

impl Webhook {
    /// Checks the settings and compiles what is in them.
    pub fn compile(name: &str, settings: &Settings) -> Result<Self, InvalidSettings> {
        settings.check()?;
        Ok(Self {
            name: name.to_owned(),
            provider: settings.provider,
            scheme: settings.scheme.clone(),
            transform: Transform::compile(name, settings)?,
        })
    }

    /// Verifies a request that came at `now_ms`, and says what to do with it.
    pub fn receive(
        &self,
        secrets: &Secrets,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<Received, Rejection> {
        let format = body::Format::of(headers)?;
        let claim = verify::claim(self.provider, self.scheme.as_ref(), headers)?;
        if let Some(claim) = claim {
            claim.check(&secrets.keys(self.provider, now_ms), body, now_ms)?;
        }
        let text = body::text(format, self.provider, body)?;
        self.transform.apply(&self.name, headers, body, &text)
    }

    /// A request as the provider would send it, signed with the newest of the secrets.
    pub fn sample(&self, secrets: &Secrets, body: Option<String>, id: &str, now_ms: u64) -> Sample {
        sample::make(
            self.provider,
            self.scheme.as_ref(),
            secrets,
            body,
            id,
            now_ms,
        )
    }
}
