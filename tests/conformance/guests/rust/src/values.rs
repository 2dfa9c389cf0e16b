//! Steps and values.

use abide_sdk::prelude::*;

use crate::Number;

#[abide::function(id = "run", on = "conformance/run", retries = 0)]
pub(crate) async fn run(ctx: Context) -> Result<Value> {
    let first = ctx.step("first").run(async { Ok(1) }).await?;
    let second = ctx.step("second").run(async move { Ok(first + 1) }).await?;
    Ok(json!({"first": first, "second": second}))
}

#[abide::function(id = "context", on = "conformance/context", retries = 0)]
pub(crate) async fn context(ctx: Context, event: Event) -> Result<Value> {
    Ok(json!({
        "app": ctx.app_id(),
        "function": ctx.function_id(),
        "runIdLength": ctx.run_id().len(),
        "attempt": ctx.attempt(),
        "maxAttempts": ctx.max_attempts(),
        "event": event,
        "events": ctx.events::<Value>()?.len(),
    }))
}

#[abide::function(id = "values", on = "conformance/values", retries = 0)]
pub(crate) async fn values(ctx: Context) -> Result<Vec<Value>> {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(""),
        json!([]),
        json!({}),
        json!({"a": [1, {"b": null}]}),
    ];
    let mut results = Vec::new();
    for value in values {
        results.push(ctx.step("value").run(async move { Ok(value) }).await?);
    }
    Ok(results)
}

#[abide::function(id = "nothing", on = "conformance/nothing", retries = 0)]
pub(crate) async fn nothing(ctx: Context) -> Result<()> {
    ctx.step("nothing").run(async { Ok(()) }).await?;
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
}

#[abide::function(id = "unicode", on = "conformance/unicode", retries = 0)]
pub(crate) async fn unicode(ctx: Context, event: Event<Text>) -> Result<Value> {
    let text = event.data.text.clone();
    let echoed = ctx.step("größe 🧭").run(async move { Ok(text) }).await?;
    Ok(json!({"same": echoed == event.data.text, "echoed": echoed}))
}

#[abide::function(id = "numbers", on = "conformance/numbers", retries = 0)]
pub(crate) async fn numbers(ctx: Context, event: Event) -> Result<Value> {
    let data = event.data;
    let all = data.clone();
    let same: Value = ctx.step("same").run(async move { Ok(all) }).await?;
    let number = |name: &str| data[name].as_f64().unwrap_or(f64::NAN);
    Ok(json!({
        "same": same,
        "sum": number("max") + number("min"),
        "tenths": number("tenth") + 0.2,
        "third": 1.0 / 3.0,
        "negativeZero": number("zero").recip().is_infinite() && number("zero").is_sign_negative(),
        "odd": data["odd"],
    }))
}

#[abide::function(id = "large", on = "conformance/large", retries = 0)]
pub(crate) async fn large(ctx: Context, event: Event<Text>) -> Result<Value> {
    let text = event.data.text;
    let text = ctx.step("echo").run(async move { Ok(text) }).await?;
    let more = ctx.step("more").run(async move { Ok(text + "b") }).await?;
    Ok(json!({"length": more.len(), "text": more}))
}

#[abide::function(
    id = "keys",
    on = "conformance/keys",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn keys(ctx: Context) -> Result<Value> {
    let told = ctx.step("told").run_with(|execution| async move {
        if execution.attempt < 1 {
            return Err(Error::retriable("once more").named("Again"));
        }
        Ok(json!({
            "attempt": execution.attempt,
            "maxAttempts": execution.max_attempts,
            "idempotencyKey": execution.idempotency_key,
            "stepKey": execution.step_key,
        }))
    });
    Ok(told.await?)
}

#[derive(Serialize, Deserialize)]
struct Side {
    n: i64,
}

#[abide::function(id = "step-input", on = "conformance/step-input", retries = 0)]
pub(crate) async fn step_input(ctx: Context, event: Event<Number>) -> Result<i64> {
    let side = Side { n: event.data.n };
    let square = ctx.step("square").with_input(side);
    Ok(square
        .run(|side| async move { Ok(side.n * side.n) })
        .await?)
}

#[abide::function(id = "loop", on = "conformance/loop", retries = 0)]
pub(crate) async fn looping(ctx: Context) -> Result<Vec<i64>> {
    let mut squares = Vec::new();
    for i in 0..5 {
        squares.push(ctx.step("item").run(async move { Ok(i * i) }).await?);
    }
    Ok(squares)
}

#[abide::function(id = "many", on = "conformance/many", retries = 0)]
pub(crate) async fn many(ctx: Context) -> Result<i64> {
    let mut sum = 0;
    for i in 0..100 {
        sum += ctx.step("add").run(async move { Ok(i) }).await?;
    }
    Ok(sum)
}

#[abide::function(id = "helper", on = "conformance/helper", retries = 0)]
pub(crate) async fn helper(ctx: Context) -> Result<[String; 3]> {
    let x = load_and_store(&ctx, "x").await?;
    let (y, z) = try_join!(load_and_store(&ctx, "y"), load_and_store(&ctx, "z"))?;
    Ok([x, y, z])
}

async fn load_and_store(ctx: &Context, name: &'static str) -> Result<String> {
    let loaded = ctx.step("load").run(async { Ok(name.to_owned()) }).await?;
    ctx.sleep("pause", "1s").await?;
    Ok(ctx.step("store").run(async { Ok(loaded + "!") }).await?)
}

#[abide::function(
    id = "nested-operation",
    on = "conformance/nested-operation",
    retries = 0
)]
pub(crate) async fn nested_operation(ctx: Context) -> Result<Value> {
    let inside = ctx.clone();
    let outer = ctx.step("outer").run(async move {
        let inner = inside.step("inner").run(async { Ok(1) });
        Ok(inner.await?)
    });
    let error = crate::error_of(outer.await)?;
    Ok(json!({"name": error.name()}))
}
