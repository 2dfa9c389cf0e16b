//! Too often: a key beyond its rate, and an address that sends wrong keys without end.

use std::net::{IpAddr, Ipv4Addr};

use abide_server::admin::{NewKey, Principal, Role};
use abide_server::http::{self, HttpConfig, Peer};
use abide_server::{NodeConfig, Site, SiteConfig, Storage};
use abide_store::MemoryDisk;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// A server whose keys may make a request a second, two in a row, and a key.
async fn limited(folder: &tempfile::TempDir) -> (Router, String) {
    let mut node = NodeConfig::new(folder.path());
    node.storage = Storage::Simulated(MemoryDisk::new(), folder.path().to_owned());
    let site = Site::open(SiteConfig::new(node)).await.expect("it opens");
    let wanted = NewKey {
        name: "reader".into(),
        role: Role::Read,
        environment: None,
        expires_in: None,
    };
    let made = site.keys().create(wanted, &Principal::server()).await;
    let key = made.expect("it is made").1.expose().to_owned();
    let config = HttpConfig {
        rate_per_key: 1,
        ..HttpConfig::default()
    };
    (http::site_router(site, config), key)
}

async fn ask(router: &Router, path: &str, key: &str, from: IpAddr) -> Response<Body> {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .extension(Peer(from))
        .body(Body::empty())
        .expect("a request");
    router.clone().oneshot(request).await.expect("an answer")
}

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

#[tokio::test]
async fn a_key_beyond_its_rate_is_told_when_to_come_again_in_the_dialect_of_the_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let (router, key) = limited(&folder).await;
    // However slow the machine is, some of so many come within a second.
    for (path, says) in [
        ("/api/v1/apps", "\"rate_limited\""),
        ("/v1/events", "\"error\""),
    ] {
        let refused = loop {
            let answer = ask(&router, path, &key, ADDRESS).await;
            if answer.status() != StatusCode::OK {
                break answer;
            }
        };
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        let text = refused
            .into_body()
            .collect()
            .await
            .expect("text")
            .to_bytes();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn an_address_that_sends_wrong_keys_is_refused_after_a_while_and_right_keys_from_there_are_not()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let (router, key) = limited(&folder).await;
    let wrong = async |from| {
        ask(&router, "/api/v1/apps", "abide_sk_wrong", from)
            .await
            .status()
    };
    assert_eq!(wrong(ADDRESS).await, StatusCode::UNAUTHORIZED);
    while wrong(ADDRESS).await == StatusCode::UNAUTHORIZED {}
    assert_eq!(wrong(ADDRESS).await, StatusCode::TOO_MANY_REQUESTS);
    let right = ask(&router, "/api/v1/apps", &key, ADDRESS).await;
    assert_eq!(right.status(), StatusCode::OK);
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    assert_eq!(wrong(other).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_clients_that_went_away_left_behind_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = NodeConfig::new(folder.path());
    config.storage = Storage::Simulated(MemoryDisk::new(), folder.path().to_owned());
    config.max_queued_bytes = 1 << 20;
    let kin = abide_host::Host::new(config.host.clone()).expect("a host");
    // A node that decides nothing unless it is told to.
    let (node, mut steps) = abide_server::Node::open_stepped(config, &kin).expect("it opens");
    let router = http::router(node, HttpConfig::default());
    let event = format!(
        r#"{{"name":"a","data":{{"x":"{}"}}}}"#,
        "x".repeat(300 << 10)
    );
    let send = || {
        let request = Request::post("/e/key").body(Body::from(event.clone()));
        router.clone().oneshot(request.expect("a request"))
    };
    for _ in 0..3 {
        let mut asked = Box::pin(send());
        assert!(futures::poll!(asked.as_mut()).is_pending());
        drop(asked);
    }
    let refused = send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    while steps.has_turn() || steps.has_group() {
        steps.turn(10).expect("it decides");
        steps.commit().expect("it commits");
    }
    let mut taken = Box::pin(send());
    assert!(futures::poll!(taken.as_mut()).is_pending(), "there is room");
}
