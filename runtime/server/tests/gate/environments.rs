//! Environments over the API: made, filled, removed, and reached by the keys that belong to them.

use super::*;

#[tokio::test]
async fn environments_are_made_filled_and_removed_with_their_keys() {
    let served = Guarded::with(Access::Keys).await;
    let admin = served.key(Role::Admin, None).await;
    for (name, status) in [
        ("green", 201),
        ("green", 409),
        ("Green", 400),
        ("..", 400),
        ("default", 409),
    ] {
        let body = json!({ "name": name }).to_string();
        assert_eq!(
            served
                .post("/api/v1/environments", &admin, &body)
                .await
                .status,
            status,
            "{name}"
        );
    }
    let key = served.key(Role::Operate, Some("green")).await;
    assert_eq!(
        served
            .post("/e/any", &key, r#"{"name":"a/b"}"#)
            .await
            .status,
        StatusCode::OK
    );
    let events = served.get("/api/v1/events", &key).await.json();
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1));
    let bearer = format!("Bearer {admin}");
    let remove = async |path: &str| {
        served
            .call(Method::DELETE, path, &[("authorization", &bearer)], "")
            .await
    };
    let kept = remove("/api/v1/environments/green").await;
    assert_eq!(
        kept.json()["code"],
        "environment_not_empty",
        "{}",
        kept.text
    );
    assert_eq!(
        remove("/api/v1/environments/default?force=true")
            .await
            .status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        remove("/api/v1/environments/green?force=true").await.status,
        StatusCode::OK
    );
    assert_eq!(
        remove("/api/v1/environments/green").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        served.get("/api/v1/events", &key).await.status,
        StatusCode::UNAUTHORIZED
    );
    // One of the same name begins empty.
    assert_eq!(
        served
            .post("/api/v1/environments", &admin, r#"{"name":"green"}"#)
            .await
            .status,
        StatusCode::CREATED
    );
    let again = served.key(Role::Read, Some("green")).await;
    let events = served.get("/api/v1/events", &again).await.json();
    assert_eq!(events["data"], json!([]));
}

#[tokio::test]
async fn a_key_reaches_its_own_environment_whatever_the_headers_say() {
    let served = Guarded::with(Access::Keys).await;
    let blue = served.key(Role::Operate, Some("blue")).await;
    let everywhere = served.key(Role::Operate, None).await;
    let named = |value: &str| json!({ "name": format!("{value}/x") }).to_string();
    assert_eq!(
        served.post("/e/k", &blue, &named("blue")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        served
            .post("/e/k", &everywhere, &named("default"))
            .await
            .status,
        StatusCode::OK
    );
    let see = async |key: &str, header: (&str, &str)| {
        let bearer = format!("Bearer {key}");
        served
            .call(
                Method::GET,
                "/api/v1/events",
                &[("authorization", &bearer), header],
                "",
            )
            .await
    };
    let none = ("x-nothing", "x");
    for (key, header, seen) in [
        (&blue, none, "blue/x"),
        (&blue, ("x-inngest-env", "default"), "blue/x"),
        (&blue, ("x-abide-environment", "blue"), "blue/x"),
        (&everywhere, none, "default/x"),
        (&everywhere, ("x-abide-environment", "blue"), "blue/x"),
        (&everywhere, ("x-inngest-env", "blue"), "blue/x"),
        (&everywhere, ("x-inngest-env", "a-branch"), "default/x"),
    ] {
        let answer = see(key, header).await;
        let data = answer.json()["data"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(data.len(), 1, "{header:?} {}", answer.text);
        assert_eq!(data[0]["name"], seen, "{header:?}");
    }
    assert_eq!(
        see(&blue, ("x-abide-environment", "default")).await.json()["code"],
        "other_environment"
    );
    assert_eq!(
        see(&everywhere, ("x-abide-environment", "nowhere"))
            .await
            .json()["code"],
        "no_such_environment"
    );
}

#[tokio::test]
async fn a_stranger_at_the_hooks_does_not_learn_which_environments_there_are() {
    let served = Guarded::with(Access::Keys).await;
    let ask = async |environment: &str| {
        let path = format!("/hooks/{environment}/none");
        let answer = served.call(Method::POST, &path, &[], "{}").await;
        (answer.status, answer.text)
    };
    let (status, text) = ask("blue").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    assert_eq!(ask("nowhere").await, (status, text));
}
