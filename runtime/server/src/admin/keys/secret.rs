//! The text of keys, and what is kept of it.
//!
//! ```text
//! abide_sk_BODY, abide_ek_BODY      an API key, an event key
//! signkey-NAME-BODY                 an API key as Inngest's clients want a signing key
//! BODY = hex of 28 random bytes and the CRC-32 of them
//! kept: SHA-256(SHA-256(bytes of the body))
//! ```
//! Inngest's clients send the SHA-256 of a signing key's bytes instead of the key: for whoever has it, that hash is as good as the key. What is
//! kept is therefore hashed once more, so that reading the store lets nobody in. A plain hash is enough: 224 random bits cannot be guessed.

use std::fmt;
use std::hint::black_box;

use sha2::{Digest as _, Sha256};

/// Random bytes of a key.
const RANDOM: usize = 28;

/// The shortest text that an operator may choose for a key.
pub(super) const SHORTEST: usize = 32;

/// What a key's text begins with.
pub(super) const API_PREFIX: &str = "abide_sk_";
pub(super) const EVENT_PREFIX: &str = "abide_ek_";
const SIGNING_PREFIX: &str = "signkey-abide-";

/// The text of a key. It is shown to whoever makes the key, once, and never in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub(super) fn generate(prefix: &str) -> Self {
        let random: [u8; RANDOM] = rand::random();
        let sum = crc32fast::hash(&random).to_be_bytes();
        Self(format!(
            "{prefix}{}{}",
            hex::encode(random),
            hex::encode(sum)
        ))
    }

    /// The key itself, to be shown.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same key in the form that Inngest's clients take as `INNGEST_SIGNING_KEY`.
    pub fn as_signing_key(&self) -> String {
        format!("{SIGNING_PREFIX}{}", body(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What is kept of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kept(pub(super) [u8; 32]);

impl Kept {
    /// Of a key that was presented as itself.
    pub(super) fn of(text: &str) -> Self {
        let body = body(text);
        let bytes = hex::decode(body).unwrap_or_else(|_| body.as_bytes().to_vec());
        Self(sha256(&sha256(&bytes)))
    }

    /// Of a key that was presented as Inngest's clients hash it, if this text can be that.
    pub(super) fn of_hashed(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(body(text), &mut hash).ok()?;
        Some(Self(sha256(&hash)))
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut kept = [0; 32];
        hex::decode_to_slice(text, &mut kept).ok()?;
        Some(Self(kept))
    }

    /// Takes the same time wherever the first difference is.
    pub(super) fn is(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        black_box(pairs.fold(0, |differing, (a, b)| differing | (a ^ b))) == 0
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A key without what says its kind.
fn body(text: &str) -> &str {
    if let Some(body) = [API_PREFIX, EVENT_PREFIX]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
    {
        return body;
    }
    // `signkey-`, a name, `-`, as Inngest's clients look for it.
    let Some(rest) = text.strip_prefix("signkey-") else {
        return text;
    };
    match rest.split_once('-') {
        Some((name, body)) if !name.is_empty() && name.chars().all(is_word) => body,
        _ => text,
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// What is wrong with a text that looks like a key of ours, which tells a slip from a key that is gone.
pub(super) fn is_mistyped(text: &str) -> bool {
    let ours = [API_PREFIX, EVENT_PREFIX, SIGNING_PREFIX];
    if !ours.iter().any(|prefix| text.starts_with(prefix)) {
        return false;
    }
    match hex::decode(body(text)) {
        Ok(bytes) if bytes.len() == RANDOM + 4 => {
            let (random, sum) = bytes.split_at(RANDOM);
            // A hashed signing key has no sum, and is as long.
            crc32fast::hash(random).to_be_bytes() != sum && !text.starts_with(SIGNING_PREFIX)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_in_every_form_in_which_clients_send_it() {
        let secret = Secret::generate(API_PREFIX);
        let kept = Kept::of(secret.expose());
        let signing = secret.as_signing_key();
        assert!(signing.starts_with("signkey-abide-"));
        assert!(Kept::of(&signing).is(&kept));
        // The JavaScript and Go clients keep the prefix, the Python client sends the hash alone.
        let body = signing.strip_prefix("signkey-abide-").unwrap();
        let hashed = hex::encode(sha256(&hex::decode(body).unwrap()));
        for sent in [hashed.clone(), format!("signkey-abide-{hashed}")] {
            assert!(Kept::of_hashed(&sent).unwrap().is(&kept));
            assert!(!Kept::of(&sent).is(&kept), "a hash is no key elsewhere");
        }
        // What is kept lets nobody in.
        let kept_text = hex::encode(kept.0);
        assert!(!Kept::of(&kept_text).is(&kept));
        assert!(!Kept::of_hashed(&kept_text).unwrap().is(&kept));
        assert!(!format!("{secret:?}").contains(body));
    }

    #[test]
    fn inngests_own_vector_of_a_hashed_signing_key_is_understood() {
        // From the tests of Inngest's Python client.
        let key = "signkey-prod-568c4116828e6e8384a554153722df93022e5cd29a6c2d1b0444a19a807ff315";
        let bytes = hex::decode(body(key)).unwrap();
        let sent = hex::encode(sha256(&bytes));
        assert!(Kept::of_hashed(&sent).unwrap().is(&Kept::of(key)));
    }

    #[test]
    fn a_slip_in_a_key_is_told_from_an_unknown_key() {
        let secret = Secret::generate(EVENT_PREFIX).expose().to_owned();
        assert!(!is_mistyped(&secret));
        let last = if secret.ends_with('0') { "1" } else { "0" };
        assert!(is_mistyped(&format!(
            "{}{last}",
            &secret[..secret.len() - 1]
        )));
        assert!(is_mistyped(&secret[..20]));
        assert!(!is_mistyped("anything"));
        assert_ne!(secret, Secret::generate(EVENT_PREFIX).expose());
    }
}
