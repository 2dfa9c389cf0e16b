//! Bodies and fetches on the network: only where the policy allows, and only after what came before is durable.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use abide_core::journal::Entry;
use abide_host::{Egress, EgressPolicy, FetchError, FetchRequest, FetchResponse, Host, HttpClient};
use common::Case;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Longer than any answer takes, on the slowest of machines.
const LONG: Duration = Duration::from_secs(180);

/// A server that answers each connection by what `answer` makes of the request's first line, and closes it in good order.
async fn serve(answer: fn(&str, SocketAddr) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(n) => request.extend_from_slice(&buffer[..n]),
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let answer =
                    answer(&text, address).replacen("\r\n", "\r\nconnection: close\r\n", 1);
                let _ = stream.write_all(answer.as_bytes()).await;
                if text.contains("/silent") {
                    std::future::pending::<()>().await;
                }
                // What is left unread would reset the connection, and the answer with it.
                let _ = stream.shutdown().await;
                while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
            });
        }
    });
    address
}

fn page(request: &str, address: SocketAddr) -> String {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let redirect =
        |to: String| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
    let body = |text: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    match path {
        "/moved" => redirect("/here".into()),
        "/sign-in" => redirect("/here?back=https://example.com/there".into()),
        "/round" => redirect("/round".into()),
        "/inside" => redirect(format!("http://127.0.0.2:{}/", address.port())),
        "/other" => redirect(format!("http://localhost:{}/headers", address.port())),
        "/headers" => body(&request.to_ascii_lowercase().contains("secret").to_string()),
        "/large" => body(&"x".repeat(10_000)),
        "/silent" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab".into(),
        path => body(path),
    }
}

fn allowing(rules: &[String]) -> EgressPolicy {
    rules
        .iter()
        .fold(EgressPolicy::public_only(), |policy, rule| {
            policy.allow(rule.parse().expect("a rule"))
        })
}

async fn fetch(policy: &EgressPolicy, url: String) -> Result<FetchResponse, FetchError> {
    fetch_within(LONG, policy, url).await
}

async fn fetch_within(
    timeout: Duration,
    policy: &EgressPolicy,
    url: String,
) -> Result<FetchResponse, FetchError> {
    let request = FetchRequest {
        method: "GET".into(),
        url,
        headers: vec![
            ("authorization".into(), "secret".into()),
            ("x-api-key".into(), "another secret".into()),
        ],
        body: None,
        timeout,
        max_response_bytes: 1_000,
    };
    HttpClient::new()
        .expect("a client")
        .fetch(&Egress::new(policy.clone()), request)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_follows_redirects_within_the_policy() {
    let address = serve(page).await;
    let here = allowing(&[address.to_string()]);
    let response = fetch(&here, format!("http://{address}/moved"))
        .await
        .expect("a response");
    assert_eq!((response.status, &*response.body), (200, &b"/here"[..]));
    assert_eq!(response.url, format!("http://{address}/here"));

    let back = fetch(&here, format!("http://{address}/sign-in")).await;
    let body = back.expect("a response").body;
    assert_eq!(body, "/here?back=https://example.com/there");

    let round = fetch(&here, format!("http://{address}/round")).await;
    assert!(matches!(round, Err(FetchError::Http(_))), "{round:?}");
    let inside = fetch(&here, format!("http://{address}/inside")).await;
    assert!(matches!(inside, Err(FetchError::Denied(_))), "{inside:?}");

    let both = allowing(&[address.to_string(), format!("localhost:{}", address.port())]);
    let other = fetch(&both, format!("http://{address}/other"))
        .await
        .expect("a response");
    assert_eq!(
        &*other.body, b"false",
        "a secret does not follow to another host"
    );
    let same = fetch(&both, format!("http://{address}/headers"))
        .await
        .expect("a response");
    assert_eq!(&*same.body, b"true");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_is_refused_bounded_and_ended() {
    let address = serve(page).await;
    let denied = fetch(&EgressPolicy::public_only(), format!("http://{address}/")).await;
    assert!(matches!(denied, Err(FetchError::Denied(_))), "{denied:?}");
    for form in [
        "0x7f.1",
        "2130706433",
        "127.1",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0.0.0.0",
    ] {
        let refused = fetch(
            &EgressPolicy::public_only(),
            format!("http://{form}:{}/", address.port()),
        )
        .await;
        assert!(refused.is_err(), "{form}: {refused:?}");
    }
    let here = allowing(&[address.to_string()]);
    assert_eq!(
        fetch(&here, format!("http://{address}/large")).await,
        Err(FetchError::TooLarge(1_000))
    );
    let short = Duration::from_millis(500);
    let silent = fetch_within(short, &here, format!("http://{address}/silent")).await;
    assert!(matches!(silent, Err(FetchError::Timeout(_))), "{silent:?}");
    for url in [
        "ftp://example.com/",
        "http://user:secret@example.com/",
        "nothing",
        "http://",
    ] {
        let invalid = fetch(&here, url.into()).await;
        assert!(
            matches!(invalid, Err(FetchError::Invalid(_))),
            "{url}: {invalid:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_s_first_request_waits_for_what_came_before() {
    let address = serve(page).await;
    let mut config = common::small();
    config.egress = allowing(&[address.to_string()]);
    let host = Host::new(config).expect("a host");
    let data = format!(r#"{{"url":"http://{address}/hello"}}"#);
    let case = Case::on(&host, &common::guest(), "get", &data).await;
    assert_eq!(case.output().await.as_deref(), Ok("[200,\"/hello\"]"));
    assert_eq!(case.node.record.lock().expect("not poisoned").barriers, 1);

    let closed = Case::on(common::host(), &common::guest(), "get", &data).await;
    let error = closed.output().await.expect_err("refused");
    assert!(error.contains("--allow-net"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_send_more_requests_than_a_guest_may_hold_resources() {
    let address = serve(page).await;
    let mut config = common::small();
    config.egress = allowing(&[address.to_string()]);
    let host = Host::new(config).expect("a host");
    // A guest's table has 1,000 places; each step sends one request, with options.
    let data = format!(r#"{{"n":1100,"url":"http://{address}/"}}"#);
    let case = Case::on(
        &host,
        &common::shared_guest("bench"),
        "compare-sequence",
        &data,
    )
    .await;
    assert_eq!(case.output().await.as_deref(), Ok("604450"));
    let failed = case
        .entries()
        .into_iter()
        .find(|entry| matches!(entry, Entry::BodyFailed { .. }));
    assert_eq!(failed, None, "no step needed a second attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_code_has_no_network() {
    let case = Case::new("get-workflow", r#"{"url":"http://example.com/"}"#).await;
    let output = case.output().await.expect("the refusal");
    assert!(output.contains("move this into a step"), "{output}");
    assert!(
        case.lines()
            .iter()
            .any(|line| line.contains("move this into a step"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_takes_too_long_is_ended() {
    let case = Case::new("slow", r#"{"ms":60000,"timeout_ms":50}"#).await;
    let error = case.output().await.expect_err("timed out");
    assert!(
        error.contains("took longer than its limit of 0.05 s"),
        "{error}"
    );
}
