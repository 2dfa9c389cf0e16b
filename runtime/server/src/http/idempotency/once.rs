//! What a handler knows of the `Idempotency-Key` of its request.

use std::convert::Infallible;

use abide_core::event::EventIdSeed;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::Api;

/// Whether a request is to have its effect once, as an argument of its handler.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Once(Option<Named>);

#[derive(Debug, Clone)]
struct Named {
    /// The same for the same request, and for no other.
    request: String,
    at_ms: u64,
    entropy: [u8; 10],
}

impl Once {
    /// Of a request that came first at this time, with this digest of who asks, for what, and the key.
    pub(super) fn new(at_ms: u64, digest: &[u8; 32]) -> Self {
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&digest[..10]);
        Self(Some(Named {
            // With the time: a key may be used for another request a day later.
            request: format!("{at_ms}-{}", hex::encode(digest)),
            at_ms,
            entropy,
        }))
    }

    /// The name of the request, if it has one: kept with what it makes, so that a repetition finds it.
    pub(in crate::http) fn request(&self) -> Option<&str> {
        self.0.as_ref().map(|named| &*named.request)
    }

    /// The seed of events that it sends.
    pub(in crate::http) fn seed(&self) -> Option<EventIdSeed> {
        self.0.as_ref().map(|named| EventIdSeed {
            at_ms: named.at_ms,
            entropy: named.entropy,
        })
    }

    /// What a handler works with, with a node that does what it is asked once.
    pub(in crate::http) fn api(&self, api: &Api) -> Api {
        Api {
            node: api.node.once(self.request()),
            ..api.clone()
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
