//! Everybody is served, and those who pay for it wait less: one queue in which a plan is worth time.

use abide_sdk::prelude::*;

/// Data of `render/requested`.
#[derive(Deserialize)]
struct Request {
    video: String,
    /// `free`, `premium` or `enterprise`.
    plan: String,
    /// How long rendering takes, in milliseconds; the example's events make it short.
    #[serde(default = "one_second")]
    takes_ms: u64,
}

fn one_second() -> u64 {
    1_000
}

#[derive(Serialize)]
struct Outcome {
    video: String,
    plan: String,
}

#[abide::function(
    id = "render",
    name = "Render a video",
    on = "render/requested",
    // One renderer: whatever comes while it works waits in the queue…
    concurrency = 1,
    // …as if it had come so many seconds earlier. Priority is time, not class: a free request overtakes premium ones that come
    // two minutes after it, so nobody waits for ever.
    priority = "event.data.plan == 'enterprise' ? 600 : event.data.plan == 'premium' ? 120 : 0"
)]
async fn render(ctx: Context, event: Event<Request>) -> Result<Outcome> {
    let Request {
        video,
        plan,
        takes_ms,
    } = event.data;
    ctx.step("render")
        .run(async move {
            // In place of the renderer. A body may wait on the clock: it is the workflow code that must not.
            std::thread::sleep(std::time::Duration::from_millis(takes_ms));
            Ok(())
        })
        .await?;
    Ok(Outcome { video, plan })
}

abide::app!(render);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    #[test]
    fn a_video_is_rendered_in_one_step() {
        let data = json!({"video": "v-1", "plan": "free"});
        let mut run = Run::of::<render>(event("render/requested", data));
        run.complete("render", ());
        let outcome = json!({"video": "v-1", "plan": "free"});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn one_at_a_time() {
        assert_eq!(config_of::<render>()["concurrency"][0]["limit"], 1);
    }
}
