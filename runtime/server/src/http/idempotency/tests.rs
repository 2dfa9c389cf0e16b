//! What becomes of a request whose answer was lost with the process.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::admin::{Admin, Keys};
use crate::http::gate::{Caller, routes_in_table};
use crate::{Node, NodeConfig};

struct World {
    api: Api,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let node = Node::open(NodeConfig::new(directory.path())).await;
        let admin = Admin::in_memory();
        let node = node.expect("the node opens");
        let api = Api {
            notifications: crate::notify::Notifications::idle(&node),
            node,
            config: Arc::default(),
            environment: "default".into(),
            keys: Keys::none(admin.clone()),
            admin,
            site: None,
            measured: crate::http::gate::new_http_metrics(),
            under_way: Arc::default(),
            forgotten_before: Arc::default(),
        };
        Self {
            api,
            _directory: directory,
        }
    }

    fn routes(&self) -> Router {
        crate::http::routes(self.api.clone()).layer(axum::Extension(Caller::Anybody))
    }

    /// As if the process had died between doing and recording: what was done stays, and what was answered is not known.
    async fn forget_answers(&self) {
        let admin = &self.api.admin;
        let all = admin.list::<Remembered>("default").await.expect("a list");
        for it in all {
            let record = Remembered {
                answer: None,
                ..it.record
            };
            let put = admin.put("default", &it.id, &record);
            put.await.expect("it is stored");
        }
    }

    async fn ask(&self, router: &Router, path: &str, body: &str) -> (u16, Value) {
        let request = Request::post(path).header(HEADER, "one");
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body");
        let json = serde_json::from_slice(&bytes.to_bytes()).unwrap_or_default();
        (status, json)
    }

    /// Asks twice, with a crash in between that forgets the answer.
    async fn twice(&self, path: &str, body: &str) -> [Value; 2] {
        let router = self.routes();
        let (status, first) = self.ask(&router, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {first}");
        self.forget_answers().await;
        let (status, again) = self.ask(&router, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {again}");
        [first, again]
    }

    async fn count(&self, path: &str) -> usize {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = self.routes().oneshot(request).await.expect("an answer");
        let bytes = response.into_body().collect().await.expect("a body");
        let json: Value = serde_json::from_slice(&bytes.to_bytes()).expect("JSON");
        json["data"].as_array().map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn what_a_lost_answer_told_of_is_told_again_and_not_done_twice() {
    let world = World::new().await;
    let job = r#"{"action":"replay","filter":{}}"#;
    let [first, again] = world.twice("/api/v1/jobs", job).await;
    assert_eq!(first["job_id"], again["job_id"]);
    assert_eq!(world.count("/api/v1/jobs").await, 1);

    let [first, again] = world
        .twice("/v1/signals", r#"{"signal":"go","ttl_ms":60000}"#)
        .await;
    assert_eq!(first["data"], again["data"]);

    let [first, again] = world.twice("/e/any", r#"{"name":"a"}"#).await;
    assert_eq!(first["ids"], again["ids"]);
    assert_eq!(world.count("/api/v1/events").await, 1);

    let webhook = r#"{"name":"w","provider":"github","secret":"a-long-secret"}"#;
    let [first, again] = world.twice("/api/v1/webhooks", webhook).await;
    assert_eq!(first, again);
    assert_eq!(world.count("/api/v1/webhooks").await, 1);

    let [first, again] = world.twice("/api/v1/webhooks/w/test", "").await;
    assert_eq!(first["id"], again["id"], "{first} {again}");
    assert_eq!(world.count("/api/v1/events").await, 2);

    // The secret before stays good: the repetition does not count as another change.
    let secret = r#"{"secret":"another-long-secret"}"#;
    let [first, again] = world.twice("/api/v1/webhooks/w/secret", secret).await;
    assert_eq!(
        first["previous_secret_until"], again["previous_secret_until"],
        "{first} {again}"
    );
    world.api.node.shutdown().await;
}

#[tokio::test]
async fn a_webhook_of_somebody_else_is_not_taken_for_ones_own() {
    let world = World::new().await;
    let webhook = r#"{"name":"w","provider":"stripe","secret":"whsec_long"}"#;
    let router = world.routes();
    let request = Request::post("/api/v1/webhooks").body(Body::from(webhook));
    let made = router.clone().oneshot(request.expect("a request")).await;
    assert_eq!(made.expect("an answer").status(), StatusCode::CREATED);
    let (status, refused) = world.ask(&router, "/api/v1/webhooks", webhook).await;
    assert_eq!((status, &refused["code"]), (409, &"webhook_exists".into()));
    world.api.node.shutdown().await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice_by_a_handler_that_cannot_tell() {
    let world = World::new().await;
    let breaks = async || StatusCode::INTERNAL_SERVER_ERROR;
    let router = Router::new()
        .route("/api/v1/things", post(breaks))
        .layer(axum::middleware::from_fn_with_state(
            world.api.clone(),
            once,
        ))
        .with_state(world.api.clone());
    assert_eq!(world.ask(&router, "/api/v1/things", "{}").await.0, 500);
    let (status, told) = world.ask(&router, "/api/v1/things", "{}").await;
    assert_eq!(
        (status, &told["code"]),
        (409, &"idempotency_unknown".into())
    );
    world.api.node.shutdown().await;
}

#[test]
fn every_route_that_heeds_the_header_can_be_asked_again() {
    let ours = ["/api/", "/v1/", "/e/", "/cloudevents/"];
    let heeded = routes_in_table().filter(|(method, path, _)| {
        let method = method.parse().expect("a method");
        heeds(&method, path) && ours.iter().any(|it| path.starts_with(it))
    });
    let mut missing: Vec<_> = heeded
        .map(|(_, path, _)| path)
        .filter(|path| !REPEATABLE.contains(path))
        .collect();
    missing.dedup();
    assert!(
        missing.is_empty(),
        "say of each whether its handler knows what it did: {missing:?}"
    );
}
