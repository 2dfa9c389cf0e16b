//! A welcome e-mail when somebody signs up, and a reminder days later unless they finished onboarding by then.

use abide_sdk::prelude::*;

/// Data of `user/signed.up`.
#[derive(Deserialize)]
struct Signup {
    user_id: String,
    email: String,
    name: String,
    /// How long to leave the user alone. The example's event makes it short.
    #[serde(default = "three_days")]
    quiet_time: String,
    /// How long to wait for the end of onboarding after that.
    #[serde(default = "seven_days")]
    patience: String,
}

fn three_days() -> String {
    "3 days".to_owned()
}

fn seven_days() -> String {
    "7 days".to_owned()
}

/// Data of `user/onboarding.finished`, besides the `user_id` that it is matched by.
#[derive(Deserialize)]
struct Finished {
    #[serde(default)]
    steps: u32,
}

#[derive(Serialize)]
struct Outcome {
    user_id: String,
    onboarded: bool,
    reminded: bool,
}

#[abide::function(
    id = "welcome",
    name = "Welcome drip",
    on = "user/signed.up",
    retries = 4
)]
async fn welcome(ctx: Context, event: Event<Signup>) -> Result<Outcome> {
    let Signup {
        user_id,
        email,
        name,
        quiet_time,
        patience,
    } = event.data;

    let (to, subject) = (email.clone(), format!("Welcome, {name}!"));
    ctx.step("send-welcome")
        .run_with(|exec| send_mail(exec, to, subject))
        .await?;

    let id = user_id.clone();
    ctx.step("mark-welcomed")
        .run_with(|exec| update_user(exec, id, json!({"welcomed": true})))
        .await?;

    ctx.sleep("let-them-start", &quiet_time).await?;

    // Whoever finished during the quiet time counts as well: the wait looks back that far.
    let finished = ctx
        .wait_for_event::<Finished>("onboarding-finished")
        .event("user/onboarding.finished")
        .matching("data.user_id")
        .lookback(&quiet_time)
        .timeout(patience)
        .await?;
    if let Some(finished) = finished {
        log::info!(
            "{user_id} finished {} steps: no reminder",
            finished.data.steps
        );
        return Ok(Outcome {
            user_id,
            onboarded: true,
            reminded: false,
        });
    }

    ctx.step("send-reminder")
        .run_with(|exec| send_mail(exec, email, "Shall we finish setting up?".to_owned()))
        .await?;
    let id = user_id.clone();
    ctx.step("mark-reminded")
        .run_with(|exec| update_user(exec, id, json!({"reminded": true})))
        .await?;
    Ok(Outcome {
        user_id,
        onboarded: false,
        reminded: true,
    })
}

async fn send_mail(exec: Execution, to: String, subject: String) -> Result<()> {
    http::post(service("/emails")?)
        .header("idempotency-key", exec.step_key)
        .json(&json!({"to": to, "subject": subject}))
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

async fn update_user(exec: Execution, user_id: String, fields: Value) -> Result<()> {
    http::patch(service(&format!("/records/users/{user_id}"))?)
        .header("idempotency-key", exec.step_key)
        .json(&fields)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

/// The URL of something that the stand-in service offers. The environment is open in bodies only.
fn service(path: &str) -> Result<String> {
    let base = std::env::var("STAND_IN_URL").map_err(|_| {
        Error::non_retriable(
            "the variable STAND_IN_URL is not set: `abide dev` sets it when abide.toml says `stand-in = true`",
        )
        .named("NotConfigured")
    })?;
    Ok(format!("{base}{path}"))
}

abide::app!(welcome);
