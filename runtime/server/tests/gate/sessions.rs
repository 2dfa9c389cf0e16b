//! The dashboard behind keys: signing in and out, what a session lets a browser do, and what no page of another site makes it do.

use abide_server::admin::Role;
use abide_server::http::Access;
use axum::http::{Method, StatusCode};

use super::Guarded;
use super::http_support::Answer;

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Cookies as a browser keeps them.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    let mut lines = lines.map(|line| line.to_str().expect("it is text"));
    let line = lines.rfind(|line| line.starts_with(&format!("{name}=")))?;
    Some(line.split(';').next().unwrap_or_default().to_owned())
}

async fn sign_in(served: &Guarded, key: &str) -> Answer {
    let body = format!("key={key}&next=%2Fruns%3Fstatus%3DFailed");
    served.call(Method::POST, "/sign-in", &[OWN], &body).await
}

async fn session(served: &Guarded, role: Role, environment: Option<&str>) -> String {
    let key = served.key(role, environment).await;
    let answer = sign_in(served, &key).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    cookie(&answer, "abide_session").expect("a session")
}

async fn get(served: &Guarded, path: &str, cookie: &str) -> Answer {
    served
        .call(Method::GET, path, &[("cookie", cookie)], "")
        .await
}

async fn post(served: &Guarded, path: &str, cookie: &str, body: &str) -> Answer {
    let headers = [("cookie", cookie), OWN];
    served.call(Method::POST, path, &headers, body).await
}

#[tokio::test]
async fn a_key_opens_a_session_which_ends_when_it_is_signed_out() {
    let served = Guarded::with(Access::Keys).await;
    let html = [("accept", "text/html,*/*")];
    for (path, to) in [
        ("/", "/sign-in"),
        (
            "/runs?status=Failed",
            "/sign-in?next=%2Fruns%3Fstatus%3DFailed",
        ),
        ("/nothing", "/sign-in?next=%2Fnothing"),
    ] {
        let answer = served.call(Method::GET, path, &html, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.header("location"), to);
    }
    let form = served.call(Method::GET, "/sign-in", &html, "").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(
        form.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let key = served.key(Role::Operate, Some("blue")).await;
    let answer = sign_in(&served, &key).await;
    assert_eq!(answer.header("location"), "/runs?status=Failed");
    let line = answer.header("set-cookie");
    assert!(
        line.contains("HttpOnly; SameSite=Strict") && !line.contains("Secure"),
        "{line}"
    );
    assert!(
        !line.contains(&key),
        "the key itself is not kept in the browser"
    );
    let cookie = cookie(&answer, "abide_session").expect("a session");
    let page = get(&served, "/runs", &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("blue") && page.text.contains("Sign out"),
        "{}",
        page.text
    );
    assert_eq!(
        get(&served, "/api/v1/runs", &cookie).await.status,
        StatusCode::OK
    );
    let unknown = served
        .call(Method::GET, "/nothing", &[("cookie", &cookie), html[0]], "")
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.text.contains("<!DOCTYPE html>"), "{}", unknown.text);
    let out = post(&served, "/sign-out", &cookie, "").await;
    assert_eq!(out.header("location"), "/sign-in");
    let page = get(&served, "/runs", &cookie).await;
    assert_eq!(page.header("location"), "/sign-in?next=%2Fruns");
    assert_eq!(
        get(&served, "/api/v1/runs", &cookie).await.status,
        StatusCode::UNAUTHORIZED
    );
    let form = get(&served, "/sign-in", &cookie).await;
    assert!(form.text.contains("session is over"), "{}", form.text);
}

#[tokio::test]
async fn a_session_is_over_when_its_key_is_revoked() {
    let served = Guarded::with(Access::Keys).await;
    let cookie = session(&served, Role::Read, None).await;
    assert_eq!(get(&served, "/runs", &cookie).await.status, StatusCode::OK);
    let key = served.site.keys().list(None).pop().expect("the key");
    served
        .site
        .keys()
        .revoke(&key)
        .await
        .expect("it is revoked");
    assert_eq!(
        get(&served, "/runs", &cookie).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        get(&served, "/api/v1/runs", &cookie).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_session_changes_nothing_but_by_forms_of_this_servers_pages() {
    let served = Guarded::with(Access::Keys).await;
    let cookie = session(&served, Role::Admin, None).await;
    // No route of the API takes it for a change.
    for path in [
        format!("/api/v1/runs/{RUN}/cancel"),
        "/api/v1/keys".into(),
        "/e/x".into(),
    ] {
        let answer = post(&served, &path, &cookie, "{}").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let form = format!("/runs/{RUN}/cancel");
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example"), ("host", "abide:8288")],
    ] {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers);
        let answer = served.call(Method::POST, &form, &all, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(
            answer.text.contains("data-code=\"foreign_page\""),
            "{}",
            answer.text
        );
        let answer = served
            .call(Method::POST, "/sign-in", headers, "key=x")
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let answer = post(&served, &form, &cookie, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), format!("/runs/{RUN}"));
    let flash = self::cookie(&answer, "abide_flash").expect("a message");
    let page = get(&served, "/runs", &format!("{cookie}; {flash}")).await;
    assert!(page.text.contains("role=\"alert\"") && page.text.contains("there is no run"));
    assert_eq!(
        self::cookie(&page, "abide_flash").as_deref(),
        Some("abide_flash=")
    );
    // What was refused is not told as done.
    let lines = get(&served, "/api/v1/audit", &cookie).await.json();
    let line = lines["data"]
        .as_array()
        .and_then(|it| it.iter().find(|it| it["subject"] == RUN));
    let outcome = line
        .and_then(|it| it["outcome"].as_str())
        .unwrap_or_default();
    assert!(outcome.starts_with("refused: 404"), "{lines}");
    let lines = get(&served, "/api/v1/audit?scope=server", &cookie).await;
    assert!(lines.text.contains("sign in"), "{}", lines.text);
}

#[tokio::test]
async fn a_role_is_shown_and_allowed_what_it_may() {
    let served = Guarded::with(Access::Keys).await;
    let send = served.key(Role::Send, None).await;
    let refused = sign_in(&served, &send).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(cookie(&refused, "abide_session").is_none());
    let wrong = sign_in(&served, "abide_sk_12").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("checksum") && !wrong.text.contains("abide_sk_12"));
    let read = session(&served, Role::Read, None).await;
    let operate = session(&served, Role::Operate, None).await;
    assert!(
        !get(&served, "/runs", &read)
            .await
            .text
            .contains("Cancel all")
    );
    assert!(
        get(&served, "/runs", &operate)
            .await
            .text
            .contains("Cancel all")
    );
    for path in [format!("/runs/{RUN}/cancel"), "/runs/bulk".into()] {
        let answer = post(&served, &path, &read, "action=cancel").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            answer.text.contains("data-code=\"role_missing\""),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_key_for_all_environments_chooses_one_and_others_cannot() {
    let served = Guarded::with(Access::Keys).await;
    let all = session(&served, Role::Read, None).await;
    let page = get(&served, "/runs", &all).await;
    assert!(page.text.contains("form-environment"), "{}", page.text);
    let chosen = post(
        &served,
        "/preferences",
        &all,
        "environment=blue&back=%2Fruns",
    )
    .await;
    assert_eq!(chosen.header("location"), "/runs");
    let environment = cookie(&chosen, "abide_environment").expect("it is remembered");
    let both = format!("{all}; {environment}");
    let page = get(&served, "/runs", &both).await;
    assert!(
        page.text.contains("value=\"blue\" selected"),
        "{}",
        page.text
    );
    let back = post(
        &served,
        "/preferences",
        &all,
        "theme=dark&back=https%3A%2F%2Fevil.example",
    )
    .await;
    assert_eq!(back.header("location"), "/");
    let own = session(&served, Role::Read, Some("default")).await;
    let page = get(&served, "/runs", &format!("{own}; {environment}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("blue"), "{}", page.text);
}

#[tokio::test]
async fn a_link_from_elsewhere_is_opened_again_by_this_servers_own_page() {
    let served = Guarded::with(Access::Keys).await;
    let headers = [("sec-fetch-site", "cross-site"), ("accept", "text/html")];
    let answer = served
        .call(Method::GET, "/runs?if=%22%3E", &headers, "")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.text.contains("content=\"0;url=/runs?if=%22%3E\""),
        "{}",
        answer.text
    );
}
