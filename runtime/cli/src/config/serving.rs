//! Settings of the sockets: TLS, other origins, and what clients may take.

use std::path::PathBuf;
use std::time::Duration;

use abide_server::http::{ServeConfig, TlsFiles};
use clap::{Args, ValueHint};

/// The least that all bodies together may have: one of the largest that a route takes, and then some.
const LEAST_BODY_MEMORY: u64 = 80 << 20;

/// How the server meets its clients.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serving {
    /// Serve HTTPS with this certificate: PEM, the server's own first. It is read again when it changes; needs `tls_key`.
    #[arg(
        long,
        value_name = "FILE",
        env = "ABIDE_TLS_CERT",
        hide_env_values = true,
        value_hint = ValueHint::FilePath
    )]
    tls_cert: Option<PathBuf>,
    /// The private key of `tls_cert`: PEM, not encrypted.
    #[arg(
        long,
        value_name = "FILE",
        env = "ABIDE_TLS_KEY",
        hide_env_values = true,
        value_hint = ValueHint::FilePath
    )]
    tls_key: Option<PathBuf>,
    /// An origin whose pages may call the API from a browser, like `https://app.example.com`; `*` is any. Without it none may. Repeatable.
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "ABIDE_CORS_ORIGINS",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = origin
    )]
    cors_origins: Vec<String>,
    /// How long a client may keep its connection waiting, with a request, with taking an answer, or between requests: `1s` to `1h`.
    #[arg(
        long,
        value_name = "TIME",
        env = "ABIDE_CLIENT_TIMEOUT",
        hide_env_values = true,
        default_value = "30s",
        value_parser = client_timeout
    )]
    client_timeout: Duration,
    /// What the bodies of all requests that are under way may hold in memory together: at least `80MiB`. More are told to come again.
    #[arg(
        long,
        value_name = "SIZE",
        env = "ABIDE_BODY_MEMORY",
        hide_env_values = true,
        default_value = "256MiB",
        value_parser = body_memory
    )]
    body_memory: Size,
    /// Requests a second that one key may make, after a burst of twice as many; 0 is no limit. More are told to come again.
    #[arg(
        long,
        value_name = "COUNT",
        env = "ABIDE_RATE_LIMIT",
        hide_env_values = true,
        default_value = "0",
        value_parser = clap::value_parser!(u32).range(0..=1_000_000)
    )]
    pub(crate) rate_limit: u32,
    /// The most connections at once; further ones wait. It is never more than half of the files that the process may open.
    #[arg(
        long,
        value_name = "COUNT",
        env = "ABIDE_MAX_CONNECTIONS",
        hide_env_values = true,
        default_value = "65536",
        value_parser = clap::value_parser!(u32).range(1..=65_536)
    )]
    max_connections: u32,
}

impl Serving {
    /// What the server is told.
    pub(crate) fn config(&self) -> ServeConfig {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        ServeConfig {
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            cors_origins: self.cors_origins.clone(),
            client_timeout: self.client_timeout,
            body_memory_bytes: self.body_memory.0,
            max_connections: usize::try_from(self.max_connections).ok(),
            ..ServeConfig::default()
        }
    }

    /// What is wrong with these settings together.
    pub(super) fn contradiction(&self) -> Option<String> {
        let (given, missing) = match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => ("tls_cert", "tls_key"),
            (None, Some(_)) => ("tls_key", "tls_cert"),
            _ => return None,
        };
        Some(format!(
            "{given} is set, but {missing} is not: TLS needs both"
        ))
    }
}

/// As browsers write it: scheme, host and port, and nothing after them.
fn origin(text: &str) -> Result<String, String> {
    let right = || {
        let (scheme, host) = text.split_once("://")?;
        let url = reqwest::Url::parse(text).ok()?;
        let is_bare = !host.is_empty() && !host.contains(['/', '?', '#', '@']);
        (matches!(scheme, "http" | "https") && url.has_host() && is_bare).then_some(())
    };
    if text == "*" || right().is_some() {
        return Ok(text.to_owned());
    }
    Err("write an origin as browsers do, like https://app.example.com, with nothing after the host and port; or *".to_owned())
}

fn client_timeout(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| (Duration::from_secs(1)..=Duration::from_hours(1)).contains(time))
        .ok_or_else(|| "write a time with its unit, 1s to 1h, like 30s".to_owned())
}

/// A number of bytes, which people write with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(usize);

fn body_memory(text: &str) -> Result<Size, String> {
    bytes(text)
        .filter(|bytes| *bytes >= LEAST_BODY_MEMORY)
        .and_then(|bytes| usize::try_from(bytes).ok().map(Size))
        .ok_or_else(|| "write a size with its unit, at least 80MiB, like 256MiB or 1GiB".to_owned())
}

/// `512KiB`, `256MiB`, `1GiB`, or a number of bytes.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.get(digits.len()..)?.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        for right in ["*", "https://app.example.com", "http://localhost:3000"] {
            assert_eq!(origin(right).as_deref(), Ok(right));
        }
        for wrong in [
            "",
            "app.example.com",
            "https://",
            "https://a/",
            "https://a/b",
            "ftp://a",
            "https://u@a",
            "null",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(body_memory("256MiB"), Ok(Size(256 << 20)));
        assert_eq!(body_memory("1 GiB"), Ok(Size(1 << 30)));
        assert_eq!(body_memory("100000000"), Ok(Size(100_000_000)));
        for wrong in ["", "MiB", "1MiB", "256MB", "-1", "99999999999GiB"] {
            assert!(body_memory(wrong).is_err(), "{wrong}");
        }
        assert_eq!(client_timeout("30s"), Ok(Duration::from_secs(30)));
        assert!(client_timeout("30").is_err() && client_timeout("2h").is_err());
    }
}
