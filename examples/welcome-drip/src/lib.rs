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

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    fn run_until_the_wait() -> Run {
        let signup = json!({"user_id": "u-1", "email": "ada@example.com", "name": "Ada"});
        let mut run = Run::of::<welcome>(event("user/signed.up", signup));
        run.complete("send-welcome", ());
        run.complete("mark-welcomed", ());
        assert_eq!(
            run.asked("let-them-start"),
            json!({"kind": "sleep", "ms": 259_200_000})
        );
        run.complete("let-them-start", ());
        run
    }

    #[test]
    fn whoever_finished_onboarding_gets_no_reminder() {
        let mut run = run_until_the_wait();
        let finished = json!({
            "id": "e-2", "name": "user/onboarding.finished", "ts": 1_767_225_700_000_u64, "data": {"user_id": "u-1"},
        });
        run.complete("onboarding-finished", finished);
        let outcome = json!({"user_id": "u-1", "onboarded": true, "reminded": false});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn whoever_did_not_is_reminded_after_a_week() {
        let mut run = run_until_the_wait();
        assert_eq!(
            run.asked("onboarding-finished")["timeout_ms"],
            json!(604_800_000)
        );
        run.time_out("onboarding-finished");
        run.complete("send-reminder", ());
        run.complete("mark-reminded", ());
        let outcome = json!({"user_id": "u-1", "onboarded": false, "reminded": true});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn a_body_without_the_service_says_what_is_missing() {
        let signup = json!({"user_id": "u-1", "email": "ada@example.com", "name": "Ada"});
        let mut run = Run::of::<welcome>(event("user/signed.up", signup));
        let failure = run.execute("send-welcome").unwrap_err();
        assert_eq!(
            (failure.name.as_str(), failure.retriable),
            ("NotConfigured", false)
        );
    }
}
