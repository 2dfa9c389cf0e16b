//! The server that runs, if one does: whether it is reached, how it is, and its keys; else whether its port is free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Finding;
use crate::cli::Server;
use crate::client::{Client, ClientError};

/// A key that ends within this time is told.
const SOON: Duration = Duration::from_secs(14 * 86_400);

#[derive(Deserialize)]
struct Health {
    status: String,
    version: String,
    #[serde(default)]
    failure: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    data: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    name: String,
    status: String,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

/// Where the settings let the server listen, and how.
pub(super) struct Expected {
    pub(super) listen: Option<SocketAddr>,
    pub(super) tls: bool,
}

impl Expected {
    /// The server that is meant: the one that was named, else the one that the settings describe.
    fn server(&self, named: &Server) -> Server {
        let mut server = named.clone();
        if let Some(listen) = self.listen.filter(|_| !named.is_named()) {
            let mut reached = listen;
            if listen.ip().is_unspecified() {
                reached.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            let scheme = if self.tls { "https" } else { "http" };
            if let Ok(url) = format!("{scheme}://{reached}").parse() {
                server.url = url;
            }
        }
        server
    }
}

pub(super) async fn look(named: &Server, expected: &Expected) -> Vec<Finding> {
    let server = &expected.server(named);
    let client = match server.client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::error(
                "server",
                error.to_string(),
                "mend --url or the key",
            )];
        }
    };
    match client.health("health").await {
        Err(ClientError::Unreachable { url, why }) => {
            vec![nobody(&url, &why, expected)]
        }
        Err(error) => vec![Finding::error(
            "server",
            format!("{} says: {error}", server.url),
            "look into its log; if another program answers there, choose another port with --listen",
        )],
        Ok(text) => match client.parse::<Health>(&text) {
            Ok(health) => {
                let mut findings = vec![of_health(server, &health)];
                findings.extend(keys(&client).await);
                findings
            }
            Err(error) => vec![Finding::error(
                "server",
                error.to_string(),
                "choose another port with --listen, or name the server with --url",
            )],
        },
    }
}

fn of_health(server: &Server, health: &Health) -> Finding {
    let said = format!(
        "{} answers: {}, version {}",
        server.url, health.status, health.version
    );
    match health.failure.as_deref() {
        Some(failure) => Finding::error("server", failure, "mend the cause and start it again"),
        None if health.version != env!("CARGO_PKG_VERSION") => Finding::warning(
            "server",
            said,
            format!(
                "this is abide {}: use the same version for both",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        None if health.status == "ok" => Finding::ok("server", said),
        None => Finding::warning("server", said, "wait until it has started or stopped"),
    }
}

/// Nobody answers: then its port should be free.
fn nobody(url: &str, why: &str, expected: &Expected) -> Finding {
    let said = format!("nobody answers at {url} ({why})");
    match expected
        .listen
        .map(|listen| (listen, TcpListener::bind(listen)))
    {
        Some((listen, Err(_))) if expected.tls => Finding::warning(
            "port",
            format!("{said}, but something listens on {listen}"),
            "if it is the server: name it as its certificate does, with --url https://NAME:PORT",
        ),
        Some((listen, Err(error))) => Finding::error(
            "port",
            format!("{said}, and nobody can listen on {listen}: {error}"),
            "`ss -ltnp` says who has it; stop that process, or choose another with --listen",
        ),
        Some((listen, Ok(_))) => {
            Finding::ok("port", format!("{said}; {listen} is free for a server"))
        }
        None => Finding::ok("server", said),
    }
}

async fn keys(client: &Client) -> Vec<Finding> {
    match client.get(&["api", "v1", "keys"], &[]).await {
        Ok(text) => match client.parse::<Keys>(&text) {
            Ok(keys) => of_keys(&keys.data, Utc::now()),
            Err(error) => vec![unknown(&error)],
        },
        Err(error) => vec![unknown(&error)],
    }
}

fn unknown(error: &ClientError) -> Finding {
    Finding::ok("keys", format!("not looked at: {error}"))
}

fn of_keys(keys: &[Key], now: DateTime<Utc>) -> Vec<Finding> {
    let live: Vec<_> = keys.iter().filter(|key| key.status == "live").collect();
    if live.is_empty() {
        return vec![Finding::warning(
            "keys",
            "there are none",
            "make one for each sender and each operator: `abide keys --help`",
        )];
    }
    let named = |wanted: &dyn Fn(&Key) -> bool| {
        let names: Vec<_> = live
            .iter()
            .filter(|key| wanted(key))
            .map(|key| &*key.name)
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut findings = Vec::new();
    let ends_soon = |key: &Key| {
        key.expires_at
            .is_some_and(|at| (at - now).to_std().unwrap_or_default() < SOON)
    };
    findings.extend(named(&ends_soon).map(|names| {
        Finding::warning(
            "keys",
            format!("these expire within two weeks: {names}"),
            "make new ones, hand them out, and revoke these",
        )
    }));
    findings.extend(named(&|key| key.last_used_at.is_none()).map(|names| {
        Finding::warning(
            "keys",
            format!("these were never used: {names}"),
            "revoke those that nobody needs: `abide keys --help`",
        )
    }));
    if findings.is_empty() {
        findings.push(Finding::ok("keys", format!("{} in use", live.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn key(name: &str, status: &str, expires_in_days: Option<i64>, used: bool) -> Key {
        let now = DateTime::UNIX_EPOCH;
        Key {
            name: name.to_owned(),
            status: status.to_owned(),
            expires_at: expires_in_days.map(|days| now + chrono::Duration::days(days)),
            last_used_at: used.then_some(now),
        }
    }

    #[test]
    fn keys_that_end_or_are_not_used_are_named() {
        let of = |keys: &[Key]| of_keys(keys, DateTime::UNIX_EPOCH);
        assert!(of(&[])[0].found.contains("none"));
        assert!(
            of(&[key("gone", "revoked", None, true)])[0]
                .found
                .contains("none")
        );
        let sound = [
            key("a", "live", Some(90), true),
            key("b", "live", None, true),
        ];
        assert_eq!(of(&sound)[0].level, Level::Ok);
        let found = of(&[
            key("a", "live", Some(3), true),
            key("b", "live", None, false),
        ]);
        assert!(
            found[0].found.ends_with(": a") && found[1].found.ends_with(": b"),
            "{found:?}"
        );
    }

    #[test]
    fn a_taken_port_is_told_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let mut expected = Expected {
            listen: Some(address),
            tls: false,
        };
        let found = nobody("http://x", "refused", &expected);
        assert_eq!((found.check, found.level), ("port", Level::Error));
        expected.tls = true;
        assert_eq!(
            nobody("https://x", "unknown issuer", &expected).level,
            Level::Warning
        );
        drop(taken);
        assert_eq!(nobody("http://x", "refused", &expected).level, Level::Ok);
    }
}
