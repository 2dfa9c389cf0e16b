//! The gate: who comes in, what for, and to which environment.

mod environments;
mod hostile;
#[path = "../http_support/mod.rs"]
mod http_support;
mod metrics;
mod pages;
mod sessions;

use std::time::Duration;

use abide_server::admin::{NewKey, Principal, Role};
use abide_server::http::{self, Access, HttpConfig};
use abide_server::{NodeConfig, Site, SiteConfig, Storage};
use abide_store::MemoryDisk;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use http_support::Answer;
use serde_json::{Value, json};
use tower::Service;

/// A server with the environments `default` and `blue`.
struct Guarded {
    site: Site,
    router: Router,
    _directory: tempfile::TempDir,
}

impl Guarded {
    async fn with(access: Access) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut node = NodeConfig::new(directory.path());
        node.storage = Storage::Simulated(MemoryDisk::new(), directory.path().to_owned());
        let site = Site::open(SiteConfig::new(node)).await.expect("it opens");
        site.create("blue").await.expect("it is made");
        let config = HttpConfig {
            access,
            ..HttpConfig::default()
        };
        let router = http::site_router(site.clone(), config);
        Self {
            site,
            router,
            _directory: directory,
        }
    }

    async fn key(&self, role: Role, environment: Option<&str>) -> String {
        let wanted = NewKey {
            name: format!("{role}"),
            role,
            environment: environment.map(Into::into),
            expires_in: None,
        };
        let made = self.site.keys().create(wanted, &Principal::server()).await;
        made.expect("it is made").1.expose().to_owned()
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a right request");
        let answer = self
            .router
            .clone()
            .call(request)
            .await
            .expect("it never fails");
        let (head, body) = answer.into_parts();
        // A stream goes on for as long as somebody listens.
        let streams = head
            .headers
            .get("content-type")
            .is_some_and(|it| it == "text/event-stream");
        let bytes = if streams {
            bytes::Bytes::new()
        } else {
            body.collect().await.expect("the body is whole").to_bytes()
        };
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).expect("it is text"),
        }
    }

    async fn get(&self, path: &str, key: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        self.call(Method::GET, path, &[("authorization", &bearer)], "")
            .await
    }

    async fn post(&self, path: &str, key: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        self.call(Method::POST, path, &[("authorization", &bearer)], body)
            .await
    }
}

/// Every route that the API's description names, with a path that fits it.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(http::openapi()).expect("it is JSON");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for name in item.as_object().expect("methods").keys() {
            let Ok(method) = name.to_uppercase().parse::<Method>() else {
                continue;
            };
            let filled = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part });
            routes.push((method, filled.collect::<Vec<_>>().join("/")));
        }
    }
    assert!(routes.len() > 40, "{} routes", routes.len());
    routes
}

/// Routes that ask nobody for a key; those of webhooks verify by themselves.
fn is_open(path: &str) -> bool {
    [
        "/api/openapi.json",
        "/health",
        "/ready",
        "/hooks/",
        "/docs/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}

#[tokio::test]
async fn every_route_is_closed_to_strangers_and_has_a_role() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    for (method, path) in routes() {
        let answer = served.call(method.clone(), &path, &[], "").await;
        if is_open(&path) {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert!(
                answer
                    .header("www-authenticate")
                    .starts_with("Bearer realm=\"abide\""),
                "{path}"
            );
        }
        let bearer = format!("Bearer {admin}");
        let answer = served
            .call(method.clone(), &path, &[("authorization", &bearer)], "")
            .await;
        assert!(
            !answer.text.contains("route_closed") && answer.status != StatusCode::UNAUTHORIZED,
            "{method} {path} has no row in the table of roles: {}",
            answer.text
        );
    }
    for path in ["/nothing", "/api/v1/nothing", "/v1/nothing", "/e", "/dev"] {
        let answer = served.call(Method::GET, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(
            served.get(path, &admin).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_key_that_lets_nobody_in_is_refused_in_the_dialect_of_the_path() {
    let served = Guarded::with(Access::Keys).await;
    let event = r#"{"name":"a/b"}"#;
    let answer = served.call(Method::POST, "/e/wrong", &[], event).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.json(),
        json!({"ids": [], "status": 401, "error": "Event key not found"})
    );
    let answer = served.get("/v1/events", "wrong").await;
    assert_eq!(answer.json()["status"], 401);
    assert!(
        answer.json()["error"]
            .as_str()
            .is_some_and(|text| text.contains("unknown"))
    );
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    let answer = served.get("/api/v1/runs", "abide_sk_12").await;
    assert_eq!(answer.json()["code"], "key_refused");
    assert!(answer.text.contains("checksum"), "{}", answer.text);
    assert!(!answer.text.contains("abide_sk_12"), "no key is said back");
    let answer = served.call(Method::GET, "/api/v1/runs", &[], "").await;
    assert_eq!(answer.json()["code"], "key_missing");
}

#[tokio::test]
async fn a_role_does_what_it_may_and_is_told_what_is_missing() {
    let served = Guarded::with(Access::Keys).await;
    let event = r#"{"name":"a/b"}"#;
    let send = served.key(Role::Send, Some("default")).await;
    let answer = served
        .call(Method::POST, &format!("/e/{send}"), &[], event)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        served.post("/e/any", &send, event).await.status,
        StatusCode::OK
    );
    for path in ["/api/v1/events", "/v1/events", "/api/v1/keys"] {
        assert_eq!(
            served.get(path, &send).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    let read = served.key(Role::Read, Some("default")).await;
    assert_eq!(
        served.get("/api/v1/events", &read).await.json()["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let run = "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel";
    let answer = served.post(run, &read, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "role_missing");
    assert!(
        answer.text.contains("`operate`") && answer.text.contains("`read`"),
        "{}",
        answer.text
    );
    assert_eq!(
        served.post(&format!("/e/{read}"), "", event).await.status,
        StatusCode::FORBIDDEN
    );
    for (role, status) in [
        (Role::Operate, 404),
        (Role::Deploy, 403),
        (Role::Admin, 404),
    ] {
        let key = served.key(role, Some("default")).await;
        assert_eq!(served.post(run, &key, "").await.status, status, "{role}");
    }
    let deploy = served.key(Role::Deploy, Some("default")).await;
    assert_eq!(
        served.get("/api/v1/keys", &deploy).await.status,
        StatusCode::FORBIDDEN
    );
    // An admin of one environment is no admin of the server.
    let admin = served.key(Role::Admin, Some("blue")).await;
    let answer = served
        .post("/api/v1/environments", &admin, r#"{"name":"green"}"#)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let everywhere = json!({"name": "x", "role": "admin", "all_environments": true}).to_string();
    let answer = served.post("/api/v1/keys", &admin, &everywhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let listed = served.get("/api/v1/environments", &admin).await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["name"], "blue");
    assert_eq!(
        served
            .get("/api/v1/audit?scope=server", &admin)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn keys_are_made_shown_once_used_and_revoked_over_the_api() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let wanted = json!({"name": "site", "role": "read", "expires_in_s": 60}).to_string();
    let made = served.post("/api/v1/keys", &admin, &wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let signing = text(&made, "inngest_signing_key");
    assert_eq!(made["environment"], "default");
    for key in [&key, &signing] {
        assert_eq!(served.get("/v1/events", key).await.status, StatusCode::OK);
    }
    let listed = served.get("/api/v1/keys", &admin).await;
    assert!(!listed.text.contains(&key) && listed.text.contains(&id));
    let shown = served
        .get(&format!("/api/v1/keys/{id}"), &admin)
        .await
        .json();
    assert_eq!(shown["status"], "live");
    assert!(shown["last_used_at"].is_string());
    // It hides in another environment.
    let blue = served.key(Role::Admin, Some("blue")).await;
    assert_eq!(
        served
            .get(&format!("/api/v1/keys/{id}"), &blue)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let revoke = format!("/api/v1/keys/{id}/revoke");
    assert_eq!(
        served.post(&revoke, &blue, "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        served.post(&revoke, &admin, "").await.json()["status"],
        "revoked"
    );
    let refused = served.get("/v1/events", &key).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.text.contains("revoked"));
    for (body, code) in [
        (json!({"name": "", "role": "read"}), "invalid_key"),
        (json!({"name": "a", "role": "root"}), "invalid_body"),
        (
            json!({"name": "a", "role": "read", "expires_in_s": 0}),
            "invalid_key",
        ),
        (
            json!({"name": "a", "role": "read", "expires": 1}),
            "invalid_body",
        ),
    ] {
        let answer = served.post("/api/v1/keys", &admin, &body.to_string()).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_change_leaves_a_line_in_the_audit_log_whether_it_worked_or_not() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let schema = r#"{"required":["id"]}"#;
    let bearer = format!("Bearer {admin}");
    let put = [
        ("authorization", bearer.as_str()),
        ("x-abide-environment", "blue"),
    ];
    let answer = served
        .call(Method::PUT, "/api/v1/schemas/a/b", &put, schema)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = served
        .post("/api/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/stop", &admin, "")
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let lines = |headers: Vec<(&'static str, String)>, path: &'static str| {
        let served = &served;
        let bearer = bearer.clone();
        async move {
            let mut all = vec![("authorization", bearer.as_str())];
            all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = served.call(Method::GET, path, &all, "").await;
            answer.json()["data"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        }
    };
    let blue = lines(
        vec![("x-abide-environment", "blue".into())],
        "/api/v1/audit",
    )
    .await;
    assert_eq!(blue.len(), 1, "{blue:?}");
    assert_eq!(blue[0]["action"], "PUT /api/v1/schemas/{*event}");
    assert_eq!(blue[0]["subject"], "a/b");
    assert_eq!(
        (&blue[0]["who"], &blue[0]["outcome"]),
        (&json!("admin"), &json!("done"))
    );
    let default = lines(vec![], "/api/v1/audit").await;
    assert_eq!(default.len(), 1, "{default:?}");
    assert!(
        default[0]["outcome"]
            .as_str()
            .is_some_and(|it| it.contains("refused: 404"))
    );
    let name = r#"{"name":"green"}"#;
    assert_eq!(
        served
            .post("/api/v1/environments", &admin, name)
            .await
            .status,
        StatusCode::CREATED
    );
    let of_server = lines(vec![], "/api/v1/audit?scope=server").await;
    assert_eq!(of_server[0]["subject"], "green");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_does() {
    let served = Guarded::with(Access::Keys).await;
    let operate = served.key(Role::Operate, None).await;
    let sent = served
        .post("/e/k", &operate, r#"{"name":"a/b"}"#)
        .await
        .json();
    let id = sent["ids"][0].as_str().expect("an id").to_owned();
    let key = served.key(Role::Read, None).await;
    let request = Request::get(format!("/api/v1/events/{id}/stream"))
        .header("authorization", format!("Bearer {key}"))
        .body(Body::empty())
        .expect("a right request");
    let answer = served
        .router
        .clone()
        .call(request)
        .await
        .expect("it never fails");
    assert_eq!(answer.status(), StatusCode::OK);
    let listed = served.site.keys().list(None);
    let listening = listed
        .iter()
        .find(|it| it.role == Role::Read)
        .expect("the key");
    served.site.keys().revoke(listening).await.expect("revoked");
    let ended = tokio::time::timeout(Duration::from_secs(60), answer.into_body().collect());
    ended.await.expect("it ends").expect("in order");
}

#[tokio::test]
async fn a_server_that_asks_for_no_keys_lets_in_whoever_is_no_foreign_page() {
    let served = Guarded::with(Access::Loopback).await;
    let event = r#"{"name":"a/b"}"#;
    for headers in [
        &[][..],
        &[("authorization", "Bearer ")],
        &[
            ("authorization", "Bearer anything"),
            ("x-inngest-env", "some-branch"),
        ],
        &[
            ("host", "localhost:8288"),
            ("origin", "http://localhost:3000"),
        ],
    ] {
        let answer = served
            .call(Method::POST, "/e/NO_EVENT_KEY_SET", headers, event)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{headers:?} {}", answer.text);
    }
    for headers in [
        &[("host", "evil.example")][..],
        &[("host", "127.0.0.1"), ("origin", "https://evil.example")],
        &[("host", "127.0.0.1"), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = served.call(Method::POST, "/e/x", headers, event).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let blue = [("x-abide-environment", "blue")];
    let answer = served.call(Method::GET, "/api/v1/events", &blue, "").await;
    assert_eq!(answer.json()["data"], json!([]));
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
        .to_owned()
}

#[tokio::test]
async fn forged_webhook_requests_of_one_address_are_bounded_and_right_ones_are_not() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    let webhook = r#"{"name":"github","provider":"github","secret":"a-long-secret"}"#;
    let made = served.post("/api/v1/webhooks", &admin, webhook).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let send = async |address: [u8; 4], path: &str, signature: &str| {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", "1")
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .header("x-hub-signature-256", signature)
            .extension(http::Peer(address.into()));
        let request = request.body(Body::from("{}")).expect("a right request");
        let answer = served.router.clone().call(request).await;
        answer.expect("it never fails")
    };
    // HMAC-SHA-256 of `{}` with the secret.
    let right = "sha256=2d3b8cd8b4f6c2737b13a5ba28db4ceca659bfde4d027a46f2818e37b09bb314";
    let forged = format!("sha256={}", "0".repeat(64));
    let attacker = [192, 0, 2, 1];
    for n in 0..50 {
        let answer = send(attacker, "/hooks/github", &forged).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{n}");
        let answer = send(attacker, "/hooks/none", &forged).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{n}");
    }
    // A second's refill may let one more through.
    send(attacker, "/hooks/github", &forged).await;
    let mut answer = send(attacker, "/hooks/github", &forged).await;
    for _ in 0..100 {
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        answer = send(attacker, "/hooks/github", &forged).await;
    }
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    let other = send([192, 0, 2, 2], "/hooks/github", &forged).await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        send(attacker, "/hooks/github", right).await.status(),
        StatusCode::OK
    );
    let events = served.get("/api/v1/events", &admin).await.json();
    assert_eq!(
        events["data"][0]["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "{events}"
    );
}
