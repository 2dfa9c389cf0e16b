//! Sending, calling other functions, and requests.

use abide_sdk::Model;
use abide_sdk::prelude::*;

use crate::{Number, Service, caught, error_of};

#[abide::function(id = "send-signal", on = "conformance/send-signal", retries = 0)]
pub(crate) async fn send_signal(ctx: Context) -> Result<Option<Value>> {
    let signal = "conformance-self";
    ctx.send_signal("tell", signal)
        .data(&json!({"n": 7}))
        .await?;
    Ok(ctx.wait_for_signal("hear", signal).timeout("1h").await?)
}

#[abide::function(id = "send-event", on = "conformance/send-event", retries = 0)]
pub(crate) async fn send_event(ctx: Context) -> Result<usize> {
    let event = NewEvent::new("conformance/sent")
        .id("sent-once")
        .data(&json!({"n": 1}))
        .user(&json!({"id": "u1"}))
        .ts(Timestamp::from_millis(1_767_225_600_123))
        .version("1");
    let id = ctx.send_event("one", event).await?;
    Ok([id].len())
}

#[abide::function(id = "send-events", on = "conformance/send-events", retries = 0)]
pub(crate) async fn send_events(ctx: Context) -> Result<usize> {
    let sent = || NewEvent::new("conformance/sent");
    let events = [
        sent().data(&json!({"n": 0})),
        sent().data(&json!({"n": 1})),
        sent(),
    ];
    Ok(ctx.send_events("many", events).await?.len())
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Twice {
    twice: i64,
}

#[abide::function(id = "invoke", on = "conformance/invoke", retries = 0)]
pub(crate) async fn invoke(ctx: Context, event: Event<Number>) -> Result<Value> {
    let once: Twice = ctx
        .invoke("call", "callee")
        .data(&json!({"n": event.data.n}))
        .await?;
    let again: Twice = ctx
        .invoke("again", "conformance/callee")
        .data(&json!({"n": once.twice}))
        .await?;
    Ok(json!({"answer": again.twice}))
}

#[abide::function(id = "callee", retries = 0)]
pub(crate) async fn callee(ctx: Context, event: Event<Number>) -> Result<Twice> {
    let n = event.data.n;
    let twice = ctx.step("double").run(async move { Ok(n * 2) }).await?;
    Ok(Twice { twice })
}

#[abide::function(id = "invoke-failed", on = "conformance/invoke-failed", retries = 0)]
pub(crate) async fn invoke_failed(ctx: Context) -> Result<Value> {
    let error = error_of(ctx.invoke::<Value>("call", "callee-fails").await)?;
    Ok(json!({"name": error.name(), "data": error.data::<Value>()}))
}

#[abide::function(id = "callee-fails", retries = 0)]
pub(crate) async fn callee_fails(_ctx: Context) -> Result<()> {
    let error = Error::non_retriable("no luck").named("CalleeBroke");
    Err(error.with_data(json!({"code": 7})))
}

#[abide::function(id = "invoke-timeout", on = "conformance/invoke-timeout", retries = 0)]
pub(crate) async fn invoke_timeout(ctx: Context) -> Result<Value> {
    let call = ctx.invoke::<Value>("call", "callee-sleeps").timeout("1m");
    Ok(caught(&error_of(call.await)?))
}

#[abide::function(id = "callee-sleeps", retries = 0)]
pub(crate) async fn callee_sleeps(ctx: Context) -> Result<()> {
    ctx.sleep("hour", "1h").await?;
    Ok(())
}

#[abide::function(id = "fetch", on = "conformance/fetch", retries = 0)]
pub(crate) async fn fetch(ctx: Context, event: Event<Service>) -> Result<Value> {
    let url = event.data.url;
    let got = ctx.fetch("get", format!("{url}/ok?x=1")).await?;
    let posted = ctx
        .fetch("post", format!("{url}/echo"))
        .method("POST")
        .header("content-type", "application/json")
        .header("x-key", "k")
        .body(r#"{"n":1}"#)
        .timeout("10s")
        .await?;
    Ok(json!({
        "status": got.status(),
        "header": got.header("x-service"),
        "body": got.json::<Value>()?,
        "posted": posted.json::<Value>()?,
    }))
}

#[abide::function(
    id = "fetch-retry",
    on = "conformance/fetch-retry",
    retries = 3,
    backoff(constant, base = "1s")
)]
pub(crate) async fn fetch_retry(ctx: Context, event: Event<Service>) -> Result<Value> {
    let got = ctx.fetch("flaky", event.data.url + "/flaky").await?;
    got.json()
}

#[abide::function(id = "fetch-missing", on = "conformance/fetch-missing", retries = 0)]
pub(crate) async fn fetch_missing(ctx: Context, event: Event<Service>) -> Result<Value> {
    let got = ctx.fetch("missing", event.data.url + "/missing").await?;
    Ok(json!({"status": got.status(), "body": got.text()}))
}

#[abide::function(
    id = "fetch-failed",
    on = "conformance/fetch-failed",
    retries = 0,
    backoff(constant, base = "1s")
)]
pub(crate) async fn fetch_failed(ctx: Context, event: Event<Service>) -> Result<Value> {
    let broken = ctx.fetch("broken", event.data.url + "/broken").retries(1);
    Ok(json!({"name": error_of(broken.await)?.name()}))
}

#[abide::function(id = "ai-infer", on = "conformance/ai-infer", retries = 0)]
pub(crate) async fn ai_infer(ctx: Context, event: Event<Service>) -> Result<Value> {
    let said: Value = ctx
        .infer("ask", Model::openai("test-model"))
        .url(event.data.url + "/v1")
        .key_variable("AI_KEY")
        .body(&json!({"messages": [{"role": "user", "content": "hi"}]}))
        .await?;
    Ok(said["choices"][0]["message"]["content"].clone())
}

#[abide::function(id = "body-http", on = "conformance/body-http", retries = 0)]
pub(crate) async fn body_http(ctx: Context, event: Event<Service>) -> Result<Value> {
    let url = event.data.url + "/ok";
    let got = ctx.step("get").run(async move {
        let answer = http::get(url).send().await?;
        Ok(json!({"status": answer.status(), "body": answer.text()}))
    });
    Ok(got.await?)
}
