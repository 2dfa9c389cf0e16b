//! Metrics: whose key is shown what.

use abide_server::admin::Role;
use abide_server::http::Access;
use axum::http::{Method, StatusCode};

use crate::Guarded;

#[tokio::test]
async fn a_key_is_shown_the_metrics_of_the_environments_that_it_is_for() {
    let guarded = Guarded::with(Access::Keys).await;
    let everywhere = guarded.key(Role::Read, None).await;
    let blue = guarded.key(Role::Read, Some("blue")).await;
    let sender = guarded.key(Role::Send, None).await;

    let all = guarded.get("/metrics", &everywhere).await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    for line in [
        "abide_events_total{environment=\"default\",source=\"api\"} 0\n",
        "abide_events_total{environment=\"blue\",source=\"api\"} 0\n",
        "# TYPE abide_http_requests_total counter\n",
        "process_resident_memory_bytes ",
    ] {
        assert!(all.text.contains(line), "{line} is not in:\n{}", all.text);
    }

    let own = guarded.get("/metrics", &blue).await;
    assert_eq!(own.status, StatusCode::OK);
    assert!(own.text.contains("environment=\"blue\""));
    for word in ["default", "abide_http_", "process_", "abide_disk_"] {
        assert!(!own.text.contains(word), "{word} is in:\n{}", own.text);
    }

    let refused = guarded.get("/metrics", &sender).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let stranger = guarded.call(Method::GET, "/metrics", &[], "").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    // What was refused is counted, too.
    let all = guarded.get("/metrics", &everywhere).await;
    for line in [
        "abide_http_problems_total{code=\"role_missing\"} 1\n",
        "abide_http_problems_total{code=\"key_missing\"} 1\n",
        "abide_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"4xx\"} 2\n",
    ] {
        assert!(all.text.contains(line), "{line} is not in:\n{}", all.text);
    }
}
