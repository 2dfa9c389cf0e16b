//! Signatures: where each provider has them, and whether one is right.
//!
//! | provider | signatures                                  | signed                        | time      |
//! |----------|---------------------------------------------|-------------------------------|-----------|
//! | stripe   | `Stripe-Signature: t=…,v1=HEX,v1=…`         | `{t}.{body}`                  | `t`       |
//! | github   | `X-Hub-Signature-256: sha256=HEX`           | `{body}`                      | none      |
//! | standard | `webhook-signature: v1,BASE64 v1,…`         | `{webhook-id}.{timestamp}.{body}` | `webhook-timestamp` |
//! | generic  | as its scheme says                          | as its scheme says            | as it says |
//!
//! The signature is checked before the time is looked at, so that nobody without the secret learns more than "no".

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::DateTime;
use http::HeaderMap;
use ring::hmac;
use subtle::{Choice, ConstantTimeEq};

use super::settings::{Algorithm, Encoding, InvalidSettings, Provider, Scheme};
use super::{Rejection, TOLERANCE_MS};

/// Signatures of one request that are looked at: a sender has two while it changes its secret.
const MOST_SIGNATURES: usize = 8;

/// Numbers from here on are milliseconds: as seconds they are beyond the year 5000.
const LEAST_MS: u64 = 100_000_000_000;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request claims: that one of these tags is the one of this text, signed at this time.
#[derive(Debug)]
pub(super) struct Claim {
    algorithm: Algorithm,
    tags: Vec<Vec<u8>>,
    signed: Vec<Piece>,
    signed_ms: Option<u64>,
}

/// A part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Body,
}

/// Reads what a request claims. `None` where nothing is verified.
pub(super) fn claim(
    provider: Provider,
    scheme: Option<&Scheme>,
    headers: &HeaderMap,
) -> Result<Option<Claim>, Rejection> {
    match (provider, scheme) {
        (Provider::Stripe, _) => stripe(headers).map(Some),
        (Provider::Github, _) => github(headers).map(Some),
        (Provider::Standard, _) => standard(headers).map(Some),
        (Provider::Generic, Some(Scheme::None)) => Ok(None),
        (Provider::Generic, Some(scheme)) => generic(scheme, headers).map(Some),
        // Settings without a scheme are refused; should there be some, nothing is taken.
        (Provider::Generic, None) => Err(Rejection::Forged),
    }
}

impl Claim {
    /// Whether it is true, for one of the keys, at `now_ms`.
    pub(super) fn check(
        &self,
        keys: &[Vec<u8>],
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), Rejection> {
        let mut right = Choice::from(0);
        for key in keys {
            let mine = sign(self.algorithm, key, &self.signed, body);
            for tag in &self.tags {
                right |= mine.as_ref().ct_eq(tag.as_slice());
            }
        }
        if !bool::from(right) {
            return Err(Rejection::Forged);
        }
        match self.signed_ms {
            Some(signed_ms) if signed_ms.abs_diff(now_ms) > TOLERANCE_MS => Err(Rejection::Stale),
            Some(_) | None => Ok(()),
        }
    }
}

fn sign(algorithm: Algorithm, key: &[u8], signed: &[Piece], body: &[u8]) -> hmac::Tag {
    let algorithm = match algorithm {
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for piece in signed {
        match piece {
            Piece::Text(text) => context.update(text.as_bytes()),
            Piece::Body => context.update(body),
        }
    }
    context.sign()
}

const STRIPE: &str = "stripe-signature";
const GITHUB: &str = "x-hub-signature-256";

fn stripe(headers: &HeaderMap) -> Result<Claim, Rejection> {
    let wrong = || malformed(STRIPE, "`t=SECONDS,v1=HEX`");
    let mut time = None;
    let mut tags = Vec::new();
    for element in one(headers, STRIPE)?.split(',') {
        let (scheme, value) = element.trim().split_once('=').ok_or_else(wrong)?;
        match scheme {
            "t" if time.replace(value).is_some() => return Err(wrong()),
            // Other schemes are no proof, `v0` among them: Stripe sends it with events of test mode.
            "v1" => tags.extend(hex::decode(value)),
            _ => {}
        }
    }
    let time = time.ok_or_else(wrong)?;
    let signed_ms = seconds(time).ok_or_else(wrong)?;
    let signed = vec![Piece::Text(format!("{time}.")), Piece::Body];
    Claim::new(Algorithm::Sha256, tags, signed, Some(signed_ms)).ok_or_else(wrong)
}

fn github(headers: &HeaderMap) -> Result<Claim, Rejection> {
    let wrong = || malformed(GITHUB, "`sha256=HEX`");
    let hex = one(headers, GITHUB)?.strip_prefix("sha256=");
    let tag = hex::decode(hex.ok_or_else(wrong)?).map_err(|_| wrong())?;
    Claim::new(Algorithm::Sha256, vec![tag], vec![Piece::Body], None).ok_or_else(wrong)
}

/// How the names of the three headers of Standard Webhooks begin. Svix, from which they come, has its own names for them; those
/// of both are never mixed, because only those of one are signed.
pub(super) fn standard_family(headers: &HeaderMap) -> &'static str {
    if headers.contains_key("svix-signature") && !headers.contains_key("webhook-signature") {
        SVIX
    } else {
        "webhook"
    }
}

pub(super) const SVIX: &str = "svix";

fn standard(headers: &HeaderMap) -> Result<Claim, Rejection> {
    let named = |part: &str| format!("{}-{part}", standard_family(headers));
    let header = named("signature");
    let wrong = || malformed(&header, "`v1,BASE64`");
    let signatures = one(headers, &header)?;
    let id = one(headers, &named("id"))?;
    let time_header = named("timestamp");
    let time = one(headers, &time_header)?;
    let signed_ms =
        seconds(time).ok_or_else(|| malformed(&time_header, "a number of seconds since 1970"))?;
    let mut tags = Vec::new();
    for signature in signatures.split(' ').filter(|it| !it.is_empty()) {
        let (version, base64) = signature.split_once(',').ok_or_else(wrong)?;
        if version == "v1" {
            tags.extend(BASE64.decode(base64));
        }
    }
    let signed = vec![Piece::Text(format!("{id}.{time}.")), Piece::Body];
    Claim::new(Algorithm::Sha256, tags, signed, Some(signed_ms)).ok_or_else(wrong)
}

fn generic(scheme: &Scheme, headers: &HeaderMap) -> Result<Claim, Rejection> {
    let Scheme::Hmac {
        header,
        algorithm,
        encoding,
        prefix,
        timestamp_header,
        signed,
    } = scheme
    else {
        return Err(Rejection::Forged);
    };
    let wrong = || {
        malformed(
            header,
            "the prefix of the webhook's settings, and the signature",
        )
    };
    let written = one(headers, header)?
        .strip_prefix(prefix.as_str())
        .ok_or_else(wrong)?;
    let tag = match encoding {
        Encoding::Hex => hex::decode(written).ok(),
        Encoding::Base64 => BASE64.decode(written).ok(),
    };
    let time = match timestamp_header {
        Some(name) => {
            let text = one(headers, name)?;
            let expected = "a time: seconds or milliseconds since 1970, or RFC 3339";
            let ms = moment(text).ok_or_else(|| malformed(name, expected))?;
            Some((text, ms))
        }
        None => None,
    };
    let signed = Signed::parse(signed.as_deref(), timestamp_header.is_some());
    let signed = signed.map_err(|_| Rejection::Forged)?;
    let pieces = signed.pieces(headers, time.map(|(text, _)| text))?;
    let tags = vec![tag.ok_or_else(wrong)?];
    Claim::new(*algorithm, tags, pieces, time.map(|(_, ms)| ms)).ok_or_else(wrong)
}

impl Claim {
    /// `None` without a signature that could be right, or with more than anybody sends.
    fn new(
        algorithm: Algorithm,
        tags: Vec<Vec<u8>>,
        signed: Vec<Piece>,
        signed_ms: Option<u64>,
    ) -> Option<Self> {
        let some = !tags.is_empty() && tags.len() <= MOST_SIGNATURES;
        some.then_some(Self {
            algorithm,
            tags,
            signed,
            signed_ms,
        })
    }
}

/// What a generic sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Body,
    Timestamp,
    Header(String),
}

impl Signed {
    /// Reads `{timestamp}.{body}` and the like.
    pub(super) fn parse(text: Option<&str>, with_timestamp: bool) -> Result<Self, InvalidSettings> {
        let usual = if with_timestamp {
            "{timestamp}.{body}"
        } else {
            "{body}"
        };
        let wrong = |problem: String| InvalidSettings::new("scheme", format!("signed: {problem}"));
        let mut rest = text.unwrap_or(usual);
        let mut parts = Vec::new();
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, behind) = after
                .split_once('}')
                .ok_or_else(|| wrong("a `{` without its `}`".into()))?;
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                other => match other.strip_prefix("header:") {
                    Some(header) if http::HeaderName::from_bytes(header.as_bytes()).is_ok() => {
                        Part::Header(header.to_ascii_lowercase())
                    }
                    Some(_) | None => {
                        return Err(wrong(format!(
                            "there is no `{{{other}}}`; there are {{body}}, {{timestamp}} and {{header:NAME}}"
                        )));
                    }
                },
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Refuses what would leave the body or the timestamp to anybody's choice.
    pub(super) fn check(&self, with_timestamp: bool) -> Result<(), InvalidSettings> {
        let wrong = |problem: &str| Err(InvalidSettings::new("scheme", problem));
        if !self.0.contains(&Part::Body) {
            return wrong("signed: must have {body}, else anybody could change it");
        }
        match (self.0.contains(&Part::Timestamp), with_timestamp) {
            (false, true) => wrong("signed: must have {timestamp}, else anybody could change it"),
            (true, false) => wrong("signed: {timestamp} needs a timestamp_header"),
            (true, true) | (false, false) => Ok(()),
        }
    }

    /// The headers that are signed too.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Header(name) => Some(name.as_str()),
            Part::Text(_) | Part::Body | Part::Timestamp => None,
        })
    }

    /// A signature that fits, where all signed headers have one value: what a sender does.
    pub(super) fn signature(
        &self,
        how: (Algorithm, Encoding),
        key: &[u8],
        (time, header): (&str, &str),
        body: &str,
    ) -> String {
        let piece = |part: &Part| match part {
            Part::Text(text) => Piece::Text(text.clone()),
            Part::Body => Piece::Body,
            Part::Timestamp => Piece::Text(time.to_owned()),
            Part::Header(_) => Piece::Text(header.to_owned()),
        };
        let pieces: Vec<_> = self.0.iter().map(piece).collect();
        written(how, key, &pieces, body)
    }

    fn pieces(&self, headers: &HeaderMap, time: Option<&str>) -> Result<Vec<Piece>, Rejection> {
        let piece = |part: &Part| {
            Ok(match part {
                Part::Text(text) => Piece::Text(text.clone()),
                Part::Body => Piece::Body,
                Part::Timestamp => Piece::Text(time.unwrap_or_default().to_owned()),
                Part::Header(name) => Piece::Text(one(headers, name)?.to_owned()),
            })
        };
        self.0.iter().map(piece).collect()
    }
}

/// A signature that fits, as the header has it: what senders do.
pub(super) fn signature(
    how: (Algorithm, Encoding),
    key: &[u8],
    before: &str,
    body: &str,
) -> String {
    written(
        how,
        key,
        &[Piece::Text(before.to_owned()), Piece::Body],
        body,
    )
}

fn written(
    (algorithm, encoding): (Algorithm, Encoding),
    key: &[u8],
    pieces: &[Piece],
    body: &str,
) -> String {
    let tag = sign(algorithm, key, pieces, body.as_bytes());
    match encoding {
        Encoding::Hex => hex::encode(tag),
        Encoding::Base64 => BASE64.encode(tag),
    }
}

/// The text of a header that must be there once.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Rejection> {
    let mut values = headers.get_all(name).into_iter();
    let value = values
        .next()
        .ok_or_else(|| Rejection::Missing(name.to_owned()))?;
    if values.next().is_some() {
        return Err(Rejection::Repeated(name.to_owned()));
    }
    let text = value.to_str().map(str::trim);
    text.map_err(|_| malformed(name, "plain text"))
}

fn malformed(header: &str, expected: &'static str) -> Rejection {
    Rejection::Malformed {
        header: header.to_owned(),
        expected,
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn seconds(text: &str) -> Option<u64> {
    number(text)?.checked_mul(1_000)
}

fn moment(text: &str) -> Option<u64> {
    match number(text) {
        Some(ms) if ms >= LEAST_MS => Some(ms),
        Some(seconds) => seconds.checked_mul(1_000),
        None => {
            let time = DateTime::parse_from_rfc3339(text).ok()?;
            u64::try_from(time.timestamp_millis()).ok()
        }
    }
}
