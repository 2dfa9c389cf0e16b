//! Shows the text of its event in every place where a run can show text.

use abide_sdk::prelude::*;

#[derive(Serialize, Deserialize)]
pub(crate) struct Mirrored {
    text: String,
    /// The run fails in the end, with an error that is made of the text.
    #[serde(default)]
    fails: bool,
    /// The run waits in the end, for an event and under a condition that are made of the text.
    #[serde(default)]
    waits: bool,
}

/// Steps, inputs, outputs, logs, errors, children, events, signals, waits: all of them called as the text says.
#[abide::function(
    id = "mirror",
    name = "Mirror <b>\"text\"</b> & 'more'",
    on = "shop/mirror.*",
    retries = 0
)]
pub(crate) async fn mirror(ctx: Context, event: Event<Mirrored>) -> Result<Value> {
    let Mirrored { text, fails, waits } = event.data;
    // Ids and names may be 256 characters long, texts any.
    let id: String = text.chars().take(200).collect();
    log::info!("{text}");
    let said = text.clone();
    let shown: Value = ctx
        .step(id.clone())
        .with_input(json!({"text": text, &text: [&text]}))
        .run(async move |input: Value| {
            log::error!("{said}");
            println!("{said}");
            Ok(input)
        })
        .await?;
    let failure = |text: &str| {
        let failure = Error::non_retriable(text).named(text);
        failure.with_data(json!({"text": text}))
    };
    let caught = text.clone();
    let caught = ctx
        .step("caught")
        .run(async move { Err::<(), _>(failure(&caught)) })
        .await;
    let name = caught.err().map(|error| error.name().to_owned());
    let child: Value = ctx
        .invoke(format!("child {id}"), "reflection")
        .data(&json!({"text": text}))
        .await?;
    let told = NewEvent::new("shop/reflected").data(&json!({"text": text}));
    ctx.send_event(format!("told {id}"), told).await?;
    ctx.send_signal("signal", id.clone())
        .data(&text)
        .ttl("1 h")
        .await?;
    if waits {
        ctx.wait_for_event::<Value>(format!("wait {id}"))
            .event(format!("shop/{id}"))
            .when(format!("async.data.text == {}", json!(text)))
            .timeout("7 days")
            .await?;
    }
    if fails {
        return Err(failure(&text));
    }
    Ok(json!({"text": text, "shown": shown, "name": name, "child": child}))
}

/// What it is told.
#[abide::function(id = "reflection", concurrency(limit = 5, key = "event.data.text"))]
pub(crate) async fn reflection(_: Context, event: Event<Value>) -> Result<Value> {
    Ok(event.data)
}
