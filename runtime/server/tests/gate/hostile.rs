//! Requests that no client of ours sends: names that none can have, clients that go away, forms of other times.

use std::time::Duration;

use super::*;

const JAVA: &str = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
const SECRET: &str = r#"{"name":"github","provider":"github","secret":"a-long-secret"}"#;
/// HMAC-SHA-256 of `{}` with the secret.
const RIGHT: &str = "sha256=2d3b8cd8b4f6c2737b13a5ba28db4ceca659bfde4d027a46f2818e37b09bb314";
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn a_provider_that_says_it_accepts_pages_is_a_program_all_the_same() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let made = served.post("/api/v1/webhooks", &admin, SECRET).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let send = async |signature: &str| {
        let headers = [
            ("accept", JAVA),
            ("content-type", "application/json"),
            ("x-github-event", "push"),
            ("x-github-delivery", "1"),
            ("x-hub-signature-256", signature),
        ];
        let path = "/hooks/github";
        served.call(Method::POST, path, &headers, "{}").await
    };
    let taken = send(RIGHT).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text);
    let forged = send(&format!("sha256={}", "0".repeat(64))).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
    assert_eq!(forged.json()["code"], "invalid_signature");
    let event = [
        ("accept", JAVA),
        ("ce-specversion", "1.0"),
        ("ce-type", "a/b"),
        ("ce-source", "/x"),
        ("ce-id", "1"),
    ];
    let refused = served
        .call(Method::POST, "/cloudevents/wrong", &event, "")
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.json()["code"], "key_refused");
}

#[tokio::test]
async fn a_name_that_no_webhook_can_have_is_none_that_there_is() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let long = "x".repeat(400);
    for name in [long.as_str(), "a%00b", "A", "a%20b", "%F0%9F%98%80"] {
        for path in [format!("/hooks/{name}"), format!("/hooks/blue/{name}")] {
            let answer = served.call(Method::POST, &path, &[], "{}").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
            assert_eq!(answer.json()["code"], "no_such_webhook", "{name}");
        }
        for verb in ["enable", "disable", "test"] {
            let path = format!("/api/v1/webhooks/{name}/{verb}");
            let answer = served.post(&path, &admin, "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{verb} {name}");
        }
        let bearer = format!("Bearer {admin}");
        let key = [("authorization", bearer.as_str())];
        let path = format!("/api/v1/webhooks/{name}");
        let answer = served.call(Method::DELETE, &path, &key, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn pages_heed_no_idempotency_key_so_that_nothing_of_them_is_stored() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "1")];
    let mut made = Vec::new();
    for _ in 0..2 {
        let path = "/keys/create";
        let page = served
            .call(Method::POST, path, &headers, "name=a&role=send")
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert_eq!(page.header("idempotency-replayed"), "");
        let (_, rest) = page.text.split_once("abide_ek_").expect("a key");
        made.push(rest[..64].to_owned());
    }
    assert_ne!(made[0], made[1], "a page with a key was kept");
}

#[tokio::test]
async fn a_change_goes_on_and_is_recorded_when_its_client_goes_away() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let request = Request::delete("/api/v1/environments/blue?force=true")
        .header("authorization", format!("Bearer {admin}"))
        .body(Body::empty())
        .expect("a right request");
    let mut router = served.router.clone();
    let mut asked = Box::pin(router.call(request));
    assert!(futures::poll!(asked.as_mut()).is_pending());
    drop(asked);
    let done = async {
        loop {
            let lines = served
                .get("/api/v1/audit?scope=server", &admin)
                .await
                .json();
            if lines["data"][0]["outcome"] == "done" {
                return lines["data"][0]["subject"].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let subject = tokio::time::timeout(Duration::from_mins(2), done).await;
    assert_eq!(subject.expect("it is recorded"), "blue");
    assert!(served.site.environment("blue").is_none());
    let again = served.site.create("blue").await;
    assert!(again.is_ok(), "it is gone whole");
}

#[tokio::test]
async fn a_form_is_for_the_environment_that_its_page_showed() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let body = format!("key={admin}");
    let signed_in = served.call(Method::POST, "/sign-in", &[OWN], &body).await;
    let session = signed_in.header("set-cookie");
    let session = session.split(';').next().unwrap_or_default();
    let shows = |environment: &str| format!("{session}; abide_environment={environment}");
    let blue = shows("blue");
    for path in [
        "/keys",
        "/schemas",
        "/webhooks",
        "/notifications",
        "/events/new",
        "/environments",
    ] {
        let cookie = [("cookie", blue.as_str())];
        let page = served.call(Method::GET, path, &cookie, "").await.text;
        let forms = page.matches("method=\"post\"").count();
        let bound = page.matches("?of-environment=blue\"").count();
        assert!(forms > 2 && forms == bound, "{path}: {page}");
    }
    let path = "/keys/create?of-environment=blue";
    let create = async |environment: &str| {
        let cookie = shows(environment);
        let headers = [("cookie", cookie.as_str()), OWN];
        let form = "name=a&role=read";
        served.call(Method::POST, path, &headers, form).await
    };
    let refused = create("default").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(
        refused.text.contains("environment_changed"),
        "{}",
        refused.text
    );
    let keys = served.get("/api/v1/keys?environment=blue", &admin).await;
    assert_eq!(keys.json()["data"], json!([]));
    assert_eq!(create("blue").await.status, StatusCode::OK);
    let keys = served.get("/api/v1/keys?environment=blue", &admin).await;
    assert_eq!(keys.json()["data"][0]["environment"], "blue");
    // What a browser remembers is of no environment.
    let headers = [("cookie", blue.as_str()), OWN];
    let path = "/preferences?of-environment=default";
    let chosen = served.call(Method::POST, path, &headers, "environment=default");
    assert_eq!(chosen.await.status, StatusCode::SEE_OTHER);
}
