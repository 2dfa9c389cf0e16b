//! An app for Abide. Change it while `abide dev` runs: it is built and deployed again.

use abide_sdk::prelude::*;

/// Data of the event that starts the function.
#[derive(Deserialize)]
struct Visit {
    name: String,
    /// How long to wait before the farewell.
    #[serde(default = "one_day")]
    stay: String,
}

fn one_day() -> String {
    "1 day".to_owned()
}

#[derive(Serialize)]
struct Visited {
    greeting: String,
    farewell: String,
}

#[abide::function(id = "welcome", on = "visitor/arrived")]
async fn welcome(ctx: Context, event: Event<Visit>) -> Result<Visited> {
    let Visit { name, stay } = event.data;

    // A step's body may use the network, the clock and the environment. Its result is recorded: it is never done again.
    let guest = name.clone();
    let greeting = ctx
        .step("greet")
        .run_with(|exec| async move {
            log::info!("attempt {} to greet {guest}", exec.attempt);
            Ok(format!("Hello, {guest}!"))
        })
        .await?;

    // Costs nothing while it lasts, and survives restarts and deploys.
    ctx.sleep("stay", stay).await?;

    let farewell = ctx.step("part").run(async move { Ok(format!("Goodbye, {name}!")) }).await?;
    Ok(Visited { greeting, farewell })
}

abide::app!(welcome);

#[cfg(test)]
mod tests {
    use super::*;
    use abide_sdk::testing::{Run, event};

    #[test]
    fn a_visitor_is_greeted_and_parted_from_a_day_later() {
        let mut run = Run::of::<welcome>(event("visitor/arrived", json!({"name": "Ada"})));
        assert_eq!(run.execute("greet"), Ok(json!("Hello, Ada!")));
        assert_eq!(run.asked("stay"), json!({"kind": "sleep", "ms": 86_400_000}));
        run.complete("stay", json!(null));
        run.execute("part").unwrap();
        let visited = json!({"greeting": "Hello, Ada!", "farewell": "Goodbye, Ada!"});
        assert_eq!(run.output(), Some(Ok(visited)));
    }
}
