//! One e-mail with everything that happened to a user in a while, in place of one for every little thing; what is urgent goes out at once.

use abide_sdk::prelude::*;

/// Data of `notification/created`.
#[derive(Deserialize)]
struct Notification {
    user: String,
    text: String,
    #[serde(default)]
    urgent: bool,
}

#[derive(Serialize)]
struct Outcome {
    user: String,
    subject: String,
    lines: Vec<String>,
}

#[abide::function(
    id = "notify",
    name = "Notify a user",
    on = "notification/created",
    // A batch for every user. In production: 100 events, some minutes.
    batch_events(max_size = 10, timeout = "3s", key = "event.data.user", if = "event.data.urgent != true"),
    // The mail provider wants no more than five requests at a time from us.
    concurrency = 5
)]
async fn notify(ctx: Context, events: Vec<Event<Notification>>) -> Result<Outcome> {
    // An urgent one came alone; otherwise all of them are of one user, in the order in which they came.
    let first = &events[0].data;
    let user = first.user.clone();
    let subject = match (first.urgent, events.len()) {
        (true, _) => format!("Urgent: {}", first.text),
        (false, 1) => first.text.clone(),
        (false, many) => format!("{many} things happened"),
    };
    let lines: Vec<String> = events.into_iter().map(|event| event.data.text).collect();

    let mail = json!({
        "to": format!("{user}@example.com"),
        "subject": subject,
        "text": lines.join("\n"),
    });
    ctx.step("send-mail")
        .run_with(|exec| send(exec, mail))
        .await?;
    Ok(Outcome {
        user,
        subject,
        lines,
    })
}

async fn send(exec: Execution, mail: Value) -> Result<()> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    http::post(format!("{base}/emails"))
        .header("idempotency-key", exec.step_key)
        .json(&mail)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

abide::app!(notify);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    #[test]
    fn what_came_together_is_one_mail() {
        let note = |text| event("notification/created", json!({"user": "ada", "text": text}));
        let mut run = Run::of::<notify>([note("a comment"), note("a like"), note("a follower")]);
        assert_eq!(run.pending(), ["send-mail"]);
        run.complete("send-mail", ());
        let outcome = json!({"user": "ada", "subject": "3 things happened", "lines": ["a comment", "a like", "a follower"]});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn what_is_urgent_says_so() {
        let data = json!({"user": "ada", "text": "new sign-in", "urgent": true});
        let mut run = Run::of::<notify>(event("notification/created", data));
        run.complete("send-mail", ());
        let output = run.output().unwrap().unwrap();
        assert_eq!(output["subject"], "Urgent: new sign-in");
    }
}
