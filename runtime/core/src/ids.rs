//! Identifiers: events, runs, apps and functions, and the generator of new ones.
//!
//! Nothing here reads a clock or asks for randomness: both enter through [`IdGenerator`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// The sixteen bytes of the id, most significant first: their order is the order of creation.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The id with these sixteen bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// When it was made: milliseconds since the Unix epoch.
            pub fn made_at_ms(self) -> u64 {
                Ulid(self.0).timestamp_ms()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ulid(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Ulid::from_string(text)
                    .map(|ulid| Self(ulid.0))
                    .map_err(|_| InvalidId(text.chars().take(64).collect()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.to_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?
                        .parse()
                        .map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
                }
            }
        }
    };
}

ulid_id!(
    /// The internal id of an accepted event: a ULID.
    EventId
);
ulid_id!(
    /// The id of a run: a ULID.
    RunId
);

/// A text that should have been a ULID (26 characters of Crockford's base 32).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an id: ids are ULIDs of 26 characters, for example 01J8Z6QW3C9G5V2N7T4R0K1M8X"
)]
pub struct InvalidId(String);

/// Names one function on the node: `app/function`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionId {
    /// The app's id.
    pub app: Arc<str>,
    /// The function's id within the app.
    pub function: Arc<str>,
}

impl FunctionId {
    /// The id of `function` in `app`.
    pub fn new(app: impl Into<Arc<str>>, function: impl Into<Arc<str>>) -> Self {
        Self {
            app: app.into(),
            function: function.into(),
        }
    }

    /// What `text` means to a function of `app`: `function`, or `app/function`.
    pub fn resolve(text: &str, app: &Arc<str>) -> Self {
        match text.split_once('/') {
            Some((other, function)) => Self::new(other, function),
            None => Self::new(app.clone(), text),
        }
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.function)
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The SHA-256 of a component: the name of the code that a run is pinned to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId(text.chars().take(64).collect());
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(invalid());
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

/// Makes ULIDs that only grow, from a seed and the times it is given.
///
/// Within one millisecond, and whenever the clock stands still or goes back, the next id is the last one plus one.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    state: u64,
    last: u128,
}

impl IdGenerator {
    /// A generator whose ids follow from `seed` alone; the caller takes it from the operating system, or from a test.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            last: 0,
        }
    }

    /// Makes all further ids greater than this one, which another generator made. They begin a millisecond later: what the other one made
    /// next, within the same millisecond, follows right upon it.
    pub fn go_past(&mut self, id: u128) {
        if id > self.last {
            self.last = ((id >> 80) + 1) << 80 | self.random();
        }
    }

    /// The random part of an id. The top bit stays clear, so that a burst within one millisecond has room to count up.
    fn random(&mut self) -> u128 {
        (u128::from(self.draw()) << 64 | u128::from(self.draw())) >> 49
    }

    /// The next id at `now_ms`.
    pub fn next(&mut self, now_ms: u64) -> u128 {
        let high = u128::from(now_ms & 0xFFFF_FFFF_FFFF) << 80;
        if high > self.last {
            self.last = high | self.random();
        } else {
            self.last += 1;
        }
        self.last
    }

    /// `SplitMix64`: enough to keep ids of different nodes and starts apart, which is all that it is for.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_restart_do_not_repeat_those_of_the_process_before() {
        let (mut before, mut after) = (IdGenerator::new(1), IdGenerator::new(2));
        let known = before.next(5);
        let unknown = before.next(5);
        after.go_past(known);
        let next = after.next(5);
        assert!(next > known && next != unknown);
    }

    #[test]
    fn ids_grow_even_when_the_clock_goes_back() {
        let mut ids = IdGenerator::new(7);
        let mut last = 0;
        for now in [5, 5, 5, 3, 9, 9, 1, 10] {
            let id = ids.next(now);
            assert!(id > last);
            last = id;
        }
        assert_eq!(EventId(last).made_at_ms(), 10);
    }

    #[test]
    fn ids_and_digests_survive_text() {
        let id = RunId(IdGenerator::new(1).next(1_700_000_000_000));
        assert_eq!(id.to_string().parse(), Ok(id));
        let digest = Digest([0xAB; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("short".parse::<RunId>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn a_function_is_named_within_its_app_or_across() {
        let app: Arc<str> = "shop".into();
        assert_eq!(FunctionId::resolve("pay", &app).to_string(), "shop/pay");
        assert_eq!(FunctionId::resolve("crm/pay", &app).to_string(), "crm/pay");
    }
}
