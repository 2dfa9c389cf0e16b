//! Each page has its row in the gate's table, and each row its page.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::Service;

use super::is_page;
use crate::admin::{NewKey, Principal, Role};
use crate::http::{HttpConfig, gate, site_router};
use crate::{NodeConfig, Site, SiteConfig, Storage};

async fn call(router: &Router, method: &str, path: &str, key: &str) -> (StatusCode, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("sec-fetch-site", "same-origin");
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Body::empty()).expect("a right request");
    let answer = router.clone().call(request).await.expect("it never fails");
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("it is whole");
    let text = String::from_utf8(body.to_bytes().to_vec()).expect("it is text");
    (status, text)
}

#[tokio::test]
async fn every_page_is_closed_to_strangers_and_has_a_role() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut node = NodeConfig::new(directory.path());
    let disk = abide_store::MemoryDisk::new();
    node.storage = Storage::Simulated(disk, directory.path().to_owned());
    let site = Site::open(SiteConfig::new(node)).await.expect("it opens");
    let wanted = NewKey {
        name: "admin".into(),
        role: Role::Admin,
        environment: None,
        expires_in: None,
    };
    let made = site.keys().create(wanted, &Principal::server()).await;
    let key = made.expect("it is made").1;
    let router = site_router(site, HttpConfig::default());
    let pages = gate::routes_in_table().filter(|(_, path, _)| is_page(path));
    let mut count = 0;
    for (method, pattern, closed) in pages {
        let parts = pattern.split('/');
        let parts = parts.map(|part| if part.starts_with('{') { "x" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let (status, _) = call(&router, method, &path, "").await;
        assert_eq!(
            status == StatusCode::SEE_OTHER,
            closed,
            "{method} {path}: {status}"
        );
        let (status, text) = call(&router, method, &path, key.expose()).await;
        for code in ["route_closed", "unknown_path", "method_not_allowed"] {
            assert!(!text.contains(code), "{method} {path}: {status} {text}");
        }
        count += 1;
    }
    assert!(count > 10, "{count} pages");
}
