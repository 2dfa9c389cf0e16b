//! Where guests may connect to.
//!
//! Public addresses only, unless a rule names the host. What counts is the address that a name resolved to, in whatever
//! form it is written: an IPv4 address inside an IPv6 one is judged as the IPv4 address that it leads to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::http_client::Idle;

/// One app's way outside: what it may connect to, and its connections that wait for the next request. Clones share them.
#[derive(Clone, Default)]
pub struct Egress {
    pub(crate) policy: EgressPolicy,
    pub(crate) idle: Idle,
}

impl Egress {
    /// A way outside without connections.
    pub fn new(policy: EgressPolicy) -> Self {
        Self {
            policy,
            idle: Idle::default(),
        }
    }
}

/// Which connections are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allowed: Vec<AllowRule>,
}

impl EgressPolicy {
    /// Public addresses only.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Also what `rule` names, wherever it leads.
    #[must_use]
    pub fn allow(mut self, rule: AllowRule) -> Self {
        self.allowed.push(rule);
        self
    }

    /// Whether a connection to `host` (as the URL names it) at `address` and `port` is allowed; if not, why.
    pub fn check(&self, host: &str, address: IpAddr, port: u16) -> Result<(), String> {
        if self
            .allowed
            .iter()
            .any(|rule| rule.covers(host, address, port))
        {
            return Ok(());
        }
        match closed(address) {
            None => Ok(()),
            Some(kind) => Err(format!(
                "{host} is the {kind} address {address}, and only public addresses may be reached; to allow it, name it in the \
                 app's abide.toml (`[net]`, `allow = [\"{host}:{port}\"]`), or start the node with --allow-net {host}:{port}"
            )),
        }
    }
}

/// `HOST` or `HOST:PORT`, where the host is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    host: String,
    port: Option<u16>,
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST or HOST:PORT, for example 127.0.0.1:9000, localhost or [::1]:9000")]
pub struct InvalidRule(String);

impl AllowRule {
    fn covers(&self, host: &str, address: IpAddr, port: u16) -> bool {
        if self.port.is_some_and(|allowed| allowed != port) {
            return false;
        }
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.');
        self.host.eq_ignore_ascii_case(host)
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|allowed| innermost(allowed) == innermost(address))
    }
}

impl FromStr for AllowRule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let invalid = || InvalidRule(text.chars().take(100).collect());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(invalid)?;
            host.parse::<Ipv6Addr>().map_err(|_| invalid())?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or_else(invalid)?),
            };
            (host, port)
        } else if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port {
            Some(port) => Some(
                port.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(invalid)?,
            ),
            None => None,
        };
        let known = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(known) {
            return Err(invalid());
        }
        Ok(Self {
            host: host.trim_end_matches('.').to_owned(),
            port,
        })
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.contains(':'), self.port) {
            (true, Some(port)) => write!(f, "[{}]:{port}", self.host),
            (false, Some(port)) => write!(f, "{}:{port}", self.host),
            (_, None) => f.write_str(&self.host),
        }
    }
}

/// Why an address is not public, if it is not.
fn closed(address: IpAddr) -> Option<&'static str> {
    match innermost(address) {
        IpAddr::V4(address) => closed_v4(address),
        IpAddr::V6(address) => closed_v6(address),
    }
}

/// The IPv4 address that an IPv6 address leads to, if it does: mapped, compatible, NAT64, 6to4.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 =
        |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        // ::ffff:a.b.c.d (mapped), ::ffff:0:a.b.c.d (translated), 64:ff9b::a.b.c.d (NAT64), 2002:a.b.c.d:: (6to4)
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, _, _, _, _, _] => v4(high, low),
        // ::a.b.c.d (compatible), but not :: and ::1
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        _ => address,
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Some("unspecified"),
        (10, ..) | (192, 168, _) => Some("private"),
        (172, b, _) if b & 0xf0 == 16 => Some("private"),
        (100, b, _) if b & 0xc0 == 64 => Some("carrier-grade NAT"),
        (127, ..) => Some("loopback"),
        (169, 254, _) => Some("link-local"),
        (192, 0, 0) => Some("protocol assignment"),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some("documentation"),
        (192, 88, 99) => Some("6to4 relay"),
        (198, 18 | 19, _) => Some("benchmarking"),
        (224..=239, ..) => Some("multicast"),
        (240.., ..) => Some("reserved"),
        _ => None,
    }
}

fn closed_v6(address: Ipv6Addr) -> Option<&'static str> {
    let s = address.segments();
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // Translation prefixes of private networks, discard, ORCHID, Teredo, benchmarking, documentation.
        [0x64, 0xff9b, ..] => Some("local NAT64"),
        [0x100, 0, 0, _, ..] => Some("discard"),
        [0x2001, second, ..] if second < 0x200 => Some("protocol assignment"),
        [0x2001, 0xdb8, ..] => Some("documentation"),
        [0x3fff, second, ..] if second < 0x1000 => Some("documentation"),
        [0x5f00, ..] => Some("segment routing"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some("private (unique local)"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
        [first, ..] if first & 0xffc0 == 0xfec0 => Some("site-local"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("multicast"),
        // Everything global lies in 2000::/3.
        [first, ..] if first & 0xe000 != 0x2000 => Some("reserved"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> Option<&'static str> {
        closed(address.parse().expect("an address"))
    }

    #[test]
    fn only_public_addresses_are_open() {
        for open in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "2606:4700::1111",
            "2a00::1",
            "2001:4860::8888",
        ] {
            assert_eq!(kind(open), None, "{open}");
        }
        let table = [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("169.254.169.254", "link-local"),
            ("198.18.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("fd00::1", "private (unique local)"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "documentation"),
            ("2001::1", "protocol assignment"),
            ("64:ff9b:1::1", "local NAT64"),
            ("4000::1", "reserved"),
        ];
        for (address, expected) in table {
            assert_eq!(kind(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_judged_as_what_it_is() {
        for (address, expected) in [
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:10.0.0.1", Some("private")),
            ("::ffff:0:192.168.0.1", Some("private")),
            ("::127.0.0.1", Some("loopback")),
            ("64:ff9b::a9fe:a9fe", Some("link-local")),
            ("2002:7f00:1::", Some("loopback")),
            ("2002:c0a8:101::1", Some("private")),
            ("::ffff:8.8.8.8", None),
            ("64:ff9b::808:808", None),
            ("2002:808:808::1", None),
        ] {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn a_rule_opens_what_it_names_and_nothing_else() {
        let policy = EgressPolicy::public_only()
            .allow("localhost:9000".parse().expect("a rule"))
            .allow("10.0.0.7".parse().expect("a rule"))
            .allow("[::1]:80".parse().expect("a rule"));
        let check = |host: &str, address: &str, port| {
            policy
                .check(host, address.parse().expect("an address"), port)
                .is_ok()
        };
        assert!(check("localhost", "127.0.0.1", 9000));
        assert!(check("LOCALHOST.", "::1", 9000));
        assert!(!check("localhost", "127.0.0.1", 9001));
        assert!(!check("127.0.0.1", "127.0.0.1", 9000));
        assert!(check("intern.example", "10.0.0.7", 443));
        assert!(check("10.0.0.7", "::ffff:10.0.0.7", 443));
        assert!(!check("10.0.0.8", "10.0.0.8", 443));
        assert!(check("[::1]", "::1", 80));
        assert!(!check("[::1]", "::1", 81));
        assert!(check("example.com", "93.184.216.34", 80));
        assert!(!check("rebind.example", "127.0.0.1", 80));
    }

    #[test]
    fn a_refusal_says_how_to_allow_it() {
        let refused =
            EgressPolicy::default().check("db.local", IpAddr::from([192, 168, 0, 9]), 5432);
        let message = refused.expect_err("private");
        assert!(message.contains("--allow-net db.local:5432"), "{message}");
    }

    #[test]
    fn rules_are_read_and_written() {
        for text in [
            "localhost",
            "localhost:1",
            "10.0.0.1:80",
            "[::1]:80",
            "::1",
            "a-b_c.example:65535",
        ] {
            let rule: AllowRule = text.parse().expect(text);
            assert_eq!(rule.to_string().parse::<AllowRule>(), Ok(rule), "{text}");
        }
        for text in [
            "",
            ":80",
            "host:",
            "host:0",
            "host:70000",
            "http://x",
            "[::1",
            "[x]:1",
            "a b",
        ] {
            assert!(text.parse::<AllowRule>().is_err(), "{text}");
        }
    }
}
