//! Everything that is known about a user, read from four places at once, put together and uploaded.

use abide_sdk::prelude::*;
use serde::de::DeserializeOwned;

/// Data of `user/export.requested`.
#[derive(Deserialize)]
struct Request {
    user_id: String,
}

#[derive(Serialize, Deserialize)]
struct Profile {
    name: String,
    email: String,
}

#[derive(Serialize)]
struct Outcome {
    user_id: String,
    export: String,
    orders: usize,
    sessions: usize,
    messages: usize,
}

#[abide::function(
    id = "export",
    name = "Export a user's data",
    on = "user/export.requested"
)]
async fn export(ctx: Context, event: Event<Request>) -> Result<Outcome> {
    let user_id = event.data.user_id;

    // Four steps at once: each is recorded on its own, so a crash repeats only what was not read yet.
    let (profile, orders, sessions, messages): (Profile, Vec<Value>, Vec<Value>, Vec<Value>) = try_join!(
        ctx.step("read-profile")
            .run(read(user_id.clone(), "profile")),
        ctx.step("read-orders").run(read(user_id.clone(), "orders")),
        ctx.step("read-sessions")
            .run(read(user_id.clone(), "sessions")),
        ctx.step("read-messages")
            .run(read(user_id.clone(), "messages")),
    )?;

    // Putting together touches nothing outside: plain workflow code.
    let name = format!("user-{user_id}");
    let outcome = Outcome {
        user_id,
        export: name.clone(),
        orders: orders.len(),
        sessions: sessions.len(),
        messages: messages.len(),
    };
    let everything =
        json!({"profile": profile, "orders": orders, "sessions": sessions, "messages": messages});

    ctx.step("upload")
        .timeout("1 minute")
        .run_with(|exec| async move {
            http::put(service(&format!("/exports/{name}"))?)
                .header("idempotency-key", exec.step_key)
                .json(&everything)
                .send()
                .await?
                .error_for_status()?;
            Ok(())
        })
        .await?;
    Ok(outcome)
}

async fn read<T: DeserializeOwned>(user_id: String, part: &'static str) -> Result<T> {
    http::get(service(&format!("/users/{user_id}/{part}"))?)
        .send()
        .await?
        .error_for_status()?
        .json()
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

abide::app!(export);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    #[test]
    fn the_parts_may_come_in_any_order() {
        let mut run = Run::of::<export>(event("user/export.requested", json!({"user_id": "u-7"})));
        assert_eq!(
            run.pending(),
            [
                "read-profile",
                "read-orders",
                "read-sessions",
                "read-messages"
            ]
        );
        run.complete("read-messages", json!([{}, {}]));
        run.complete("read-orders", json!([{}]));
        run.complete(
            "read-profile",
            json!({"name": "Ada", "email": "ada@example.com"}),
        );
        run.complete("read-sessions", json!([]));
        run.complete("upload", ());
        let outcome = json!({"user_id": "u-7", "export": "user-u-7", "orders": 1, "sessions": 0, "messages": 2});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn when_one_part_cannot_be_read_the_others_are_given_up() {
        let mut run = Run::of::<export>(event("user/export.requested", json!({"user_id": "u-7"})));
        run.fail("read-orders", Error::non_retriable("gone"));
        assert_eq!(
            run.cancelled(),
            ["read-profile", "read-sessions", "read-messages"]
        );
        assert_eq!(
            run.output().unwrap().unwrap_err().message,
            "step `read-orders`: gone"
        );
    }
}
