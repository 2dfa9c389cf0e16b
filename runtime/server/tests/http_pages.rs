//! The dashboard's pages over a node without anything, with a little of everything, and with what hostile senders and authors leave.

mod http_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use abide_core::event::{EventSource, NewEvent};
use abide_core::function::options::{CronTrigger, EventTrigger};
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::ids::{Digest, EventId};
use abide_core::state::{App, Deployed, EventSchema, Write};
use abide_server::http::HttpConfig;
use axum::http::{Method, StatusCode};

use http_support::{Answer, Served, T0, request, three_runs};

/// Markup, an attribute's end, and characters that hide or turn text around.
const HOSTILE: &str = "x\"'><script>alert(1)</script>\u{202e}\u{1b}[31m";

const PAGES: [&str; 12] = [
    "/events",
    "/events/new",
    "/functions",
    "/apps",
    "/schemas",
    "/webhooks",
    "/notifications",
    "/keys",
    "/environments",
    "/audit",
    "/settings",
    "/",
];

fn app(id: &str, event: &str) -> Write {
    let functions = ["pay", "mail"].map(|function| FunctionConfig {
        id: function.into(),
        name: Some(HOSTILE.into()),
        triggers: vec![
            Trigger::Event(EventTrigger {
                event: event.into(),
                if_expr: (function == "mail").then(|| "event.data.id > 100".to_owned()),
            }),
            Trigger::Cron(CronTrigger {
                schedule: "0 6 * * MON".into(),
                jitter_ms: None,
                catchup: abide_core::function::options::Catchup::Last,
            }),
        ],
        ..FunctionConfig::default()
    });
    Write::PutApp(Arc::new(App {
        id: id.into(),
        current: Deployed {
            digest: Digest([7; 32]),
            at_ms: T0 - 1,
            bytes: 5_000_000,
            functions: functions.to_vec(),
            schemas: vec![EventSchema {
                event: event.into(),
                v: None,
                schema: format!(
                    r#"{{"type":"object","properties":{{"id":{{"type":"integer","description":{}}}}}}}"#,
                    serde_json::to_string(HOSTILE).expect("it serialises")
                )
                .into(),
            }],
        },
        variables: BTreeMap::from([("TOKEN".to_owned(), "s3cret-value".to_owned())]),
        allow_net: vec![HOSTILE.into()],
        deployments: 1,
    }))
}

fn hostile_event() -> Write {
    let event = NewEvent {
        name: HOSTILE.into(),
        data: Some(
            format!(
                "{{\"<b>\":{}}}",
                serde_json::to_string(HOSTILE).expect("it serialises")
            )
            .into(),
        ),
        id: Some(HOSTILE.into()),
        v: Some(HOSTILE.into()),
        ..NewEvent::default()
    };
    let id = EventId((u128::from(T0) << 80) | 0x4d);
    Write::PutEvent(Arc::new(event.accept(id, T0, EventSource::Api)))
}

async fn page(served: &Served, path: &str) -> String {
    let answer = served.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'"),
        "{path}"
    );
    assert!(
        !answer.text.contains("style=\""),
        "{path} has an inline style"
    );
    answer.text
}

async fn form(served: &Served, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs);
    let body = body.finish();
    let mut request = request(Method::POST, path, body);
    let form = "application/x-www-form-urlencoded"
        .parse()
        .expect("a value");
    request.headers_mut().insert("content-type", form);
    served.call(request).await
}

#[tokio::test]
async fn pages_of_an_empty_node_teach_the_next_command() {
    let served = Served::empty().await;
    for path in PAGES {
        let text = page(&served, path).await;
        let taught = text.contains("data-testid=\"empty\"");
        assert_eq!(
            taught,
            !["/events/new", "/settings"].contains(&path),
            "{path}"
        );
    }
    assert!(page(&served, "/events").await.contains("abide send"));
    assert!(page(&served, "/functions").await.contains("abide deploy"));
    for absent in [
        "/apps/none",
        "/functions/no/ne",
        "/events/01KB1Z7Q0N0C9M2Q8R5T3V7X1Y",
    ] {
        let answer = served.get(absent).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{absent}");
        assert!(answer.text.contains("data-testid=\"fault\""), "{absent}");
    }
}

#[tokio::test]
async fn an_event_s_page_says_what_became_of_it_at_every_function() {
    let mut writes = three_runs();
    writes.push(app("shop", "order/placed"));
    let served = Served::with(&writes, HttpConfig::default()).await;
    let list = page(&served, "/events").await;
    assert!(
        list.contains("order/placed") && list.contains("event-row"),
        "{list}"
    );
    let event = page(&served, &format!("/events/{}", http_support::EVENT)).await;
    assert_eq!(
        event.matches("data-testid=\"match-row\"").count(),
        3,
        "{event}"
    );
    assert!(event.contains("it matches `order/placed`"), "{event}");
    let function = page(&served, "/functions/shop/pay").await;
    for part in [
        "at 06:00 on Monday",
        "retries",
        "data-testid=\"schedule\"",
        "run-row",
    ] {
        assert!(function.contains(part), "{part}");
    }
    let app = page(&served, "/apps/shop").await;
    assert!(app.contains("TOKEN") && app.contains("4.77 MiB"), "{app}");
    assert!(!app.contains("s3cret"), "values of variables are not shown");
}

#[tokio::test]
async fn whatever_senders_and_authors_write_stays_text() {
    let mut writes = three_runs();
    writes.push(app("shop", HOSTILE));
    writes.push(hostile_event());
    let served = Served::with(&writes, HttpConfig::default()).await;
    let id = EventId((u128::from(T0) << 80) | 0x4d);
    let own = ["/apps/shop", "/functions/shop/pay"].map(str::to_owned);
    let query = "x%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E";
    let more = [
        format!("/events/{id}"),
        format!("/events?name={query}"),
        format!("/events/new?name={query}"),
        format!("/events/new?as=json&name={query}&v={query}"),
    ];
    let all = PAGES.map(str::to_owned).into_iter().chain(own).chain(more);
    for path in all {
        let text = page(&served, &path).await;
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        assert!(!text.contains("<b>"), "{path}");
        assert!(
            !text.contains('\u{202e}') && !text.contains('\u{1b}'),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn nothing_is_done_in_bulk_to_the_runs_of_one_event() {
    let served = Served::with(&three_runs(), HttpConfig::default()).await;
    let event = "01KB1Z7Q0N0C9M2Q8R5T3V7X1Y";
    let path = format!("/runs/bulk?action=cancel&event={event}");
    let preview = served.get(&path).await;
    assert_eq!(preview.status, StatusCode::BAD_REQUEST, "{}", preview.text);
    let fields = [("action", "cancel"), ("event", event)];
    let started = form(&served, "/runs/bulk", &fields).await;
    assert_eq!(started.status, StatusCode::BAD_REQUEST, "{}", started.text);
    let jobs = served.get("/api/v1/jobs").await.json();
    assert_eq!(jobs["data"], serde_json::json!([]));
}

#[tokio::test]
async fn forms_send_events_pause_functions_and_invoke_them() {
    let mut writes = three_runs();
    writes.push(app("shop", "order/placed"));
    let served = Served::with(&writes, HttpConfig::default()).await;
    let sent = form(
        &served,
        "/events/send",
        &[("name", "a/b"), ("data", "{\"n\":1}")],
    )
    .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let event = page(&served, sent.header("location")).await;
    assert!(
        event.contains("No function listens for this name"),
        "{event}"
    );
    let wrong = form(&served, "/events/send", &[("name", "a/b"), ("data", "[")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(
        wrong.text.contains("must be a JSON object"),
        "{}",
        wrong.text
    );
    let typed = form(
        &served,
        "/events/send",
        &[("name", "order/placed"), ("data.id", "7")],
    )
    .await;
    let event = served
        .get(&format!("/api/v1{}", typed.header("location")))
        .await;
    assert_eq!(event.json()["data"]["id"], 7, "{}", event.text);

    let paused = form(&served, "/functions/shop/pay/pause", &[]).await;
    assert_eq!(paused.header("location"), "/functions/shop/pay");
    assert!(
        page(&served, "/functions")
            .await
            .contains("data-status=\"paused\"")
    );
    form(&served, "/functions/shop/pay/resume", &[]).await;
    assert!(
        !page(&served, "/functions")
            .await
            .contains("data-status=\"paused\"")
    );
    let invoked = form(
        &served,
        "/functions/shop/pay/invoke",
        &[("data", "{\"n\":1}")],
    )
    .await;
    assert!(
        invoked.header("location").starts_with("/runs/"),
        "{}",
        invoked.text
    );
}

#[tokio::test]
async fn forms_set_schemas_and_webhooks_and_never_show_a_secret() {
    let served = Served::with(&three_runs(), HttpConfig::default()).await;
    let schema = [
        ("event", "x/y"),
        ("schema", "{\"type\":\"object\",\"required\":[\"id\"]}"),
    ];
    form(&served, "/schemas/set", &schema).await;
    let refused = form(&served, "/events/send", &[("name", "x/y"), ("data", "{}")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    form(&served, "/schemas/delete", &[("event", "x/y")]).await;
    assert_eq!(
        served.get("/api/v1/schemas/x/y").await.status,
        StatusCode::NOT_FOUND
    );

    let hook = [
        ("name", "pay"),
        ("provider", "github"),
        ("secret", "it-is-a-secret-0123456789"),
    ];
    form(&served, "/webhooks/create", &hook).await;
    let webhooks = page(&served, "/webhooks").await;
    assert!(
        webhooks.contains("/hooks/pay") && !webhooks.contains("it-is-a-secret"),
        "{webhooks}"
    );
    let tested = form(&served, "/webhooks/pay/test", &[]).await;
    assert!(
        tested.header("location").starts_with("/events/"),
        "{}",
        tested.text
    );
    form(&served, "/webhooks/pay/disable", &[]).await;
    assert_eq!(
        served.get("/api/v1/webhooks/pay").await.json()["enabled"],
        false
    );
    form(&served, "/webhooks/pay/delete", &[]).await;
    assert_eq!(
        served.get("/api/v1/webhooks/pay").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_key_is_shown_once_when_it_is_made() {
    let served = Served::with(&three_runs(), HttpConfig::default()).await;
    let made = form(
        &served,
        "/keys/create",
        &[("name", "ci"), ("role", "deploy")],
    )
    .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(
        made.text.contains("data-testid=\"key-text\""),
        "{}",
        made.text
    );
    let keys = page(&served, "/keys").await;
    assert!(!keys.contains("key-text") && keys.contains("…"), "{keys}");
    let key = served.get("/api/v1/keys").await.json()["data"][0]["id"].clone();
    form(
        &served,
        &format!("/keys/{}/revoke", key.as_str().expect("an id")),
        &[],
    )
    .await;
    assert_eq!(
        served.get("/api/v1/keys").await.json()["data"][0]["status"],
        "revoked"
    );
}

#[tokio::test]
async fn the_overview_draws_what_was_measured_and_says_what_needs_attention() {
    let mut writes = three_runs();
    writes.push(app("shop", "order/placed"));
    let served = Served::with(&writes, HttpConfig::default()).await;
    served.node.measure_series().await;
    for path in ["/", "/?range=day", "/?range=month"] {
        let text = page(&served, path).await;
        assert_eq!(text.matches("<figure").count(), 8, "{path}");
        assert!(
            text.contains("<svg class=\"chart-drawing\""),
            "{path}: {text}"
        );
        assert!(text.contains("data-testid=\"calm\""), "{path}");
    }
    assert_eq!(
        served.get("/?range=year").await.status,
        StatusCode::BAD_REQUEST
    );
    form(&served, "/functions/shop/pay/pause", &[]).await;
    let paused = page(&served, "/").await;
    assert!(
        paused.contains("data-testid=\"attention\"") && paused.contains("function <bdi>shop/pay"),
        "{paused}"
    );
}
