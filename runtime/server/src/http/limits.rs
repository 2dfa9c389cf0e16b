//! How often a key may ask, and how often an address may be wrong about keys or signatures.
//!
//! All are token buckets: a bucket holds so many requests, and fills at a rate. What is remembered is bounded: a key or an address
//! whose bucket is full again is forgotten, and when there are more than that leaves, those that are new share one bucket.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What is remembered at once, of each kind: some megabytes.
const REMEMBERED: usize = 1 << 16;

/// Wrong keys or signatures that an address may send in a row: a service with an old key, on several machines behind one address, is no attacker.
const WRONG_BURST: f64 = 100.0;

/// After them, so many a second: too few to guess with.
const WRONG_PER_S: f64 = 1.0;

/// For how many seconds of its rate a key may be ahead: clients send in bursts.
const BURST_S: f64 = 2.0;

/// Seconds after which another try makes sense.
pub(super) type RetryAfter = u32;

/// The limits of a site.
#[derive(Debug)]
pub(super) struct RateLimits {
    /// None without a limit.
    keys: Option<Buckets<Arc<str>>>,
    addresses: Buckets<IpAddr>,
    hooks: Buckets<IpAddr>,
}

impl RateLimits {
    /// With so many requests a second for each key; 0 is no limit.
    pub(super) fn new(per_key: u32) -> Self {
        let per_s = f64::from(per_key);
        Self {
            keys: (per_key > 0).then(|| Buckets::new(per_s * BURST_S, per_s)),
            addresses: Buckets::new(WRONG_BURST, WRONG_PER_S),
            hooks: Buckets::new(WRONG_BURST, WRONG_PER_S),
        }
    }

    /// A request with this key.
    pub(super) fn take(&self, key: &Arc<str>) -> Result<(), RetryAfter> {
        match &self.keys {
            Some(keys) => keys.take(key, Instant::now()),
            None => Ok(()),
        }
    }

    /// An address sent a webhook's request without a right signature, or to no webhook. Right ones from there are not affected: many senders
    /// may stand behind one proxy.
    pub(super) fn was_forged(&self, address: IpAddr) -> Result<(), RetryAfter> {
        self.hooks.take(&network(address), Instant::now())
    }

    /// An address sent a key that is none. It is told so, unless it does that all the time. Right keys from there are not affected.
    pub(super) fn was_wrong(&self, address: IpAddr) -> Result<(), RetryAfter> {
        self.addresses.take(&network(address), Instant::now())
    }
}

/// Whoever has one address of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            Ipv6Addr::from(segments).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// A bucket for each of many.
#[derive(Debug)]
struct Buckets<K> {
    burst: f64,
    per_s: f64,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    known: HashMap<K, Bucket>,
    /// Of those for whom there was no room.
    others: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    fn new(burst: f64, per_s: f64) -> Self {
        let others = Bucket {
            tokens: burst,
            at: Instant::now(),
        };
        Self {
            burst,
            per_s,
            state: Mutex::new(State {
                known: HashMap::new(),
                others,
            }),
        }
    }

    /// Takes a token, or says when there is one.
    fn take(&self, who: &K, now: Instant) -> Result<(), RetryAfter> {
        let mut state = self.state.lock();
        if !state.known.contains_key(who) {
            if state.known.len() >= REMEMBERED {
                let is_full = |bucket: &Bucket| self.filled(*bucket, now) >= self.burst;
                state.known.retain(|_, bucket| !is_full(bucket));
            }
            if state.known.len() < REMEMBERED {
                let full = Bucket {
                    tokens: self.burst,
                    at: now,
                };
                state.known.insert(who.clone(), full);
            }
        }
        let state = &mut *state;
        let bucket = state.known.get_mut(who).unwrap_or(&mut state.others);
        let tokens = self.filled(*bucket, now);
        let result = self.judge(tokens);
        *bucket = Bucket {
            tokens: if result.is_ok() { tokens - 1.0 } else { tokens },
            at: bucket.at.max(now),
        };
        result
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at);
        (bucket.tokens + since.as_secs_f64() * self.per_s).min(self.burst)
    }

    fn judge(&self, tokens: f64) -> Result<(), RetryAfter> {
        if tokens >= 1.0 {
            return Ok(());
        }
        let wait = Duration::try_from_secs_f64((1.0 - tokens) / self.per_s);
        let seconds = wait.map_or(u64::MAX, |wait| wait.as_secs().saturating_add(1));
        Err(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let buckets = Buckets::new(3.0, 0.5);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", start), Ok(()));
        }
        assert_eq!(buckets.take(&"a", start), Err(3));
        assert_eq!(buckets.take(&"b", start), Ok(()), "others are not meant");
        assert_eq!(buckets.take(&"a", after(2)), Ok(()));
        assert_eq!(buckets.take(&"a", after(3)), Err(2));
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", after(1_000)), Ok(()));
        }
        assert!(buckets.take(&"a", after(1_000)).is_err());
        // A clock that steps back gives nothing twice.
        assert!(buckets.take(&"a", start).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_full_are_forgotten_first() {
        let buckets = Buckets::new(1.0, 1.0);
        let start = Instant::now();
        for who in 0..REMEMBERED {
            assert_eq!(buckets.take(&who, start), Ok(()));
        }
        assert_eq!(buckets.take(&REMEMBERED, start), Ok(()));
        let another = REMEMBERED + 1;
        assert!(buckets.take(&another, start).is_err(), "they share one");
        assert_eq!(buckets.state.lock().known.len(), REMEMBERED);
        let later = start + Duration::from_secs(2);
        assert_eq!(buckets.take(&another, later), Ok(()));
        assert_eq!(buckets.state.lock().known.len(), 1);
    }

    #[test]
    fn an_address_of_ipv6_stands_for_its_network() {
        let limits = RateLimits::new(0);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for host in 0..100 {
            let one = address(&format!("2001:db8::{host:x}"));
            assert_eq!(limits.was_wrong(one), Ok(()));
        }
        assert!(limits.was_wrong(address("2001:db8::ffff")).is_err());
        assert_eq!(limits.was_wrong(address("2001:db8:0:1::1")), Ok(()));
        assert_eq!(limits.was_wrong(address("192.0.2.1")), Ok(()));
        let key: Arc<str> = "k".into();
        assert!((0..10_000).all(|_| limits.take(&key).is_ok()), "no limit");
    }
}
