//! How messages leave: as a request, or to the standard input of a program.
//!
//! Requests go where the steps of apps may go without a rule of their own: to public addresses, and to those that the server was started
//! with `--allow-net` for. Redirects are not followed, so that whoever answers cannot send the message elsewhere. A program is started only
//! if the server was started with its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use abide_host::{Egress, FetchError, FetchRequest, HttpClient};

use super::alert::{From, Message};
use super::command;
use super::record::NotificationRecord;
use super::settings::{Format, Target};
use crate::Node;
use crate::webhooks::{Provider, Secrets, Settings as WebhookSettings, Webhook};

/// How long a webhook may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The largest answer that is read: nothing of it is used.
const MOST_ANSWER_BYTES: usize = 1 << 20;

/// Delivers messages. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Courier {
    http: HttpClient,
    way_out: Egress,
    programs: Arc<[PathBuf]>,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// The environment.
    pub(crate) environment: &'a str,
    /// The notification's name.
    pub(crate) name: &'a str,
    /// The notification.
    pub(crate) record: &'a NotificationRecord,
    /// The time, which is signed.
    pub(crate) now_ms: u64,
}

impl Courier {
    /// These programs may be started.
    pub(super) fn new(node: &Node, programs: Vec<PathBuf>) -> Self {
        Self {
            http: node.inner.host.http().clone(),
            way_out: node.inner.way_out(),
            programs: programs.into(),
        }
    }

    /// Whether this program may be started.
    pub(crate) fn may_start(&self, program: &Path) -> bool {
        self.programs.iter().any(|it| it == program)
    }

    /// Delivers a message once; why not, in one sentence without secrets.
    pub(crate) async fn deliver(
        &self,
        sender: Sender<'_>,
        message: &Message,
    ) -> Result<(), String> {
        let from = From {
            environment: sender.environment,
            notification: sender.name,
        };
        match &sender.record.settings.target {
            Target::Webhook { url, format } => {
                let body = match format {
                    Format::Standard => message.json(from),
                    Format::Slack => message.slack(from),
                };
                self.post(url, sender, &message.id, body.to_string()).await
            }
            Target::Command { program, arguments } => {
                if !self.may_start(program) {
                    return Err(format!(
                        "this server may not start {}: start it with --notify-commands {0}",
                        program.display()
                    ));
                }
                command::run(program, arguments, message.json(from).to_string()).await
            }
        }
    }

    async fn post(
        &self,
        url: &str,
        sender: Sender<'_>,
        id: &str,
        body: String,
    ) -> Result<(), String> {
        // As browsers write it: names in other alphabets, spaces in paths.
        let url = reqwest::Url::parse(url).map_err(|_| "the URL cannot be parsed")?;
        let request = FetchRequest {
            method: "POST".into(),
            url: url.into(),
            headers: headers(sender, id, &body),
            body: Some(body.into()),
            timeout: ANSWER,
            max_response_bytes: MOST_ANSWER_BYTES,
        };
        let answer = self.http.fetch_once(&self.way_out, request).await;
        let answer = answer.map_err(|error| match error {
            FetchError::Timeout(_) => format!("no answer within {} s", ANSWER.as_secs()),
            FetchError::Denied(why) => denied(&why),
            other => other.to_string(),
        })?;
        match answer.status {
            200..300 => Ok(()),
            status @ 300..400 => Err(format!(
                "the answer was {status}, and redirects are not followed"
            )),
            status => Err(format!("the answer was {status}")),
        }
    }
}

/// The policy speaks to authors of apps, whose own rules do not count here.
fn denied(why: &str) -> String {
    let (why, _) = why.split_once("; to allow it").unwrap_or((why, ""));
    format!("{why}; to allow it, start the server with --allow-net and its name")
}

/// Signed as Standard Webhooks has it, where there is a secret.
fn headers(sender: Sender<'_>, id: &str, body: &str) -> Vec<(String, String)> {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        (
            "user-agent".to_owned(),
            concat!("abide/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
    ];
    // These settings are right by themselves.
    let webhook = Webhook::compile(sender.name, &WebhookSettings::of(Provider::Standard));
    if let (Some(secret), Ok(webhook)) = (sender.record.secret.clone(), webhook) {
        let secrets = Secrets::of(secret);
        let sample = webhook.sample(&secrets, Some(body.to_owned()), id, sender.now_ms);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            if let Some(value) = sample.headers.get(name).and_then(|it| it.to_str().ok()) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use abide_host::EgressPolicy;
    use http::HeaderMap;
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::webhooks::Received;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW_MS: u64 = 1_700_000_000_000;

    fn record(target: &serde_json::Value) -> NotificationRecord {
        let settings = json!({"target": target, "rules": [{"on": "run_failed"}]});
        let wanted = super::super::Wanted {
            settings: serde_json::from_value(settings).expect("settings"),
            secret: super::super::check_secret(SECRET).ok(),
            enabled: true,
        };
        NotificationRecord::new(wanted, 0)
    }

    fn courier(rules: &[String], programs: &[&str]) -> Courier {
        let policy = rules
            .iter()
            .fold(EgressPolicy::public_only(), |policy, rule| {
                policy.allow(rule.parse().expect("a rule"))
            });
        Courier {
            http: HttpClient::new().expect("a client"),
            way_out: Egress::new(policy),
            programs: programs.iter().map(PathBuf::from).collect(),
        }
    }

    async fn tell(courier: &Courier, record: &NotificationRecord) -> Result<(), String> {
        let sender = Sender {
            environment: "default",
            name: "page",
            record,
            now_ms: NOW_MS,
        };
        let message = Message::test("ntf_1".into(), NOW_MS);
        courier.deliver(sender, &message).await
    }

    /// Takes one request, and answers it.
    async fn receiver(
        answer: &'static str,
    ) -> (String, tokio::task::JoinHandle<(HeaderMap, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens").to_string();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut bytes = Vec::new();
            let (headers, rest) = loop {
                let mut part = [0; 1_024];
                let count = stream.read(&mut part).await.expect("a request");
                bytes.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, _)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let mut headers = HeaderMap::new();
                for line in head.lines().skip(1) {
                    let (name, value) = line.split_once(": ").expect("a header");
                    let name: http::HeaderName = name.parse().expect("a name");
                    headers.insert(name, value.parse().expect("a value"));
                }
                let length = headers["content-length"].to_str().expect("text");
                let length: usize = length.parse().expect("a number");
                let rest = bytes[head.len() + 4..].to_vec();
                if rest.len() >= length {
                    break (headers, rest);
                }
            };
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream
                .write_all(answer.as_bytes())
                .await
                .expect("it is sent");
            (headers, rest)
        });
        (address, task)
    }

    #[tokio::test]
    async fn a_message_is_signed_so_that_a_receiver_of_standard_webhooks_takes_it() {
        let (address, request) = receiver("204 No Content").await;
        let target = json!({"kind": "webhook", "url": format!("http://{address}/hook?a=b")});
        let told = tell(&courier(&[address], &[]), &record(&target)).await;
        assert_eq!(told, Ok(()));
        let (headers, body) = request.await.expect("it came");
        assert_eq!(headers["webhook-id"], "ntf_1");
        let webhook = Webhook::compile("in", &WebhookSettings::of(Provider::Standard));
        let webhook = webhook.expect("settings");
        let secrets = Secrets::of(super::super::check_secret(SECRET).expect("a secret"));
        let received = webhook.receive(&secrets, &headers, &body, NOW_MS);
        let Ok(Received::Event { event, delivery }) = received else {
            panic!("{received:?}");
        };
        assert_eq!(delivery.as_deref(), Some("ntf_1"));
        assert!(event.name.ends_with("test"), "{}", event.name);
        let mut changed = body.clone();
        changed[10] ^= 1;
        assert!(
            webhook
                .receive(&secrets, &headers, &changed, NOW_MS)
                .is_err()
        );
    }

    #[tokio::test]
    async fn what_is_refused_is_told_without_the_path_of_the_address() {
        for (answer, says) in [
            ("503 Busy", "the answer was 503"),
            (
                "307 Elsewhere\r\nlocation: http://127.0.0.1:1/",
                "redirects are not followed",
            ),
        ] {
            let (address, request) = receiver(answer).await;
            let target = json!({"kind": "webhook", "url": format!("http://{address}/secret")});
            let error = tell(&courier(&[address], &[]), &record(&target)).await;
            let error = error.expect_err(says);
            assert!(error.contains(says) && !error.contains("secret"), "{error}");
            request.await.expect("it came");
        }
        let target = json!({"kind": "webhook", "url": "http://127.0.0.1:1/secret"});
        let error = tell(&courier(&[], &[]), &record(&target)).await;
        let error = error.expect_err("it is not allowed");
        assert!(
            error.contains("--allow-net") && !error.contains("/secret"),
            "{error}"
        );
        assert!(!error.contains("abide.toml"), "{error}");
    }

    #[tokio::test]
    async fn a_program_is_started_only_if_the_server_was_started_with_it() {
        let target = json!({"kind": "command", "program": "/bin/sh", "arguments": ["-c", "grep -q '\"type\":\"test\"'"]});
        let record = record(&target);
        let refused = tell(&courier(&[], &["/bin/shell"]), &record).await;
        let refused = refused.expect_err("it is not allowed");
        assert!(refused.contains("--notify-commands /bin/sh"), "{refused}");
        assert_eq!(tell(&courier(&[], &["/bin/sh"]), &record).await, Ok(()));
    }
}
