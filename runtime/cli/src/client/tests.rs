//! The client against a tiny server.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};

use super::*;

async fn client(router: Router) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::new(&url.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn refusals_come_in_the_servers_own_words() {
    let problem = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no run X","code":"no_such_run"}"#;
    let router = Router::new()
        .route("/problem", get((StatusCode::NOT_FOUND, problem)))
        .route(
            "/inngest",
            get((
                StatusCode::BAD_REQUEST,
                r#"{"ids":[],"status":400,"error":"event 0: name: missing"}"#,
            )),
        )
        .route(
            "/busy",
            get((
                StatusCode::SERVICE_UNAVAILABLE,
                [("retry-after", "2")],
                r#"{"error":"overloaded","status":503}"#,
            )),
        )
        .route(
            "/html",
            get((StatusCode::BAD_GATEWAY, "<html>\nbad gateway</html>")),
        );
    let client = client(router).await;
    let refused = async |path| client.get(&[path], &[]).await.unwrap_err().to_string();
    assert_eq!(refused("problem").await, "there is no run X");
    assert_eq!(refused("inngest").await, "event 0: name: missing");
    assert_eq!(refused("busy").await, "overloaded (try again in 2 s)");
    assert!(
        refused("html")
            .await
            .ends_with("answered 502 Bad Gateway: <html> bad gateway</html>")
    );
}

#[tokio::test]
async fn nobody_there_is_told_with_what_to_do() {
    let url = "http://127.0.0.1:1".to_owned();
    let error = Client::new(&url.parse().unwrap())
        .unwrap()
        .get(&["health"], &[])
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&url)
            && text.contains("refused")
            && text.contains("abide dev")
            && text.contains("ABIDE_URL"),
        "{text}"
    );
}

#[tokio::test]
async fn ids_and_filters_are_encoded_and_a_path_of_the_base_is_kept() {
    let router = Router::new().fallback(async |uri: Uri| uri.to_string());
    let client = client(router).await;
    let base: Url = format!("{}/behind/proxy/", client.base()).parse().unwrap();
    let client = Client::new(&base).unwrap();
    let seen = client
        .get(
            &["runs", "a/b ?"],
            &[("function", "shop/pay"), ("x", "1&2")],
        )
        .await
        .unwrap();
    assert_eq!(
        seen,
        "/behind/proxy/runs/a%2Fb%20%3F?function=shop%2Fpay&x=1%262"
    );
}

#[tokio::test]
async fn events_are_sent_as_they_are() {
    let receive = async |headers: HeaderMap, body: String| {
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(body, r#"{"name":"a"}"#);
        r#"{"ids":["01E"],"status":200}"#
    };
    let client = client(Router::new().route("/e/{key}", post(receive))).await;
    let ids = client
        .send_events("k", r#"{"name":"a"}"#.to_owned())
        .await
        .unwrap();
    assert_eq!(ids, ["01E"]);
}

#[tokio::test]
async fn an_answer_of_something_else_is_told_apart() {
    let client = client(Router::new().route("/e/{key}", post("hello"))).await;
    let error = client.send_events("k", "{}".to_owned()).await.unwrap_err();
    assert!(
        error.to_string().contains("is it an Abide server"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_with_the_way_out() {
    let authority = in_words("invalid peer certificate: other(othererror(causedasendentity))");
    assert!(authority.contains("CA:FALSE"), "{authority}");
    let unknown = in_words("invalid peer certificate: unknownissuer");
    assert!(unknown.contains("--ca-cert"), "{unknown}");
    assert_eq!(in_words("connection refused"), "connection refused");
}
