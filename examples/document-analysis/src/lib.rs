//! Documents are analysed page by page: fairly among tenants, with progress that others can follow, and not a page longer than somebody wants it.

use abide_sdk::prelude::*;

/// Data of `document/uploaded`.
#[derive(Deserialize)]
struct Upload {
    tenant: String,
    document: String,
    pages: u32,
    /// How long a page takes, in milliseconds.
    #[serde(default = "three_seconds")]
    page_ms: u64,
}

fn three_seconds() -> u64 {
    3_000
}

/// Data of `document/analysis.progressed`.
#[derive(Serialize, Deserialize)]
struct Progress {
    document: String,
    percent: u32,
}

#[derive(Serialize)]
struct Outcome {
    tenant: String,
    document: String,
    words: u32,
}

#[abide::function(
    id = "analyse",
    name = "Analyse a document",
    on = "document/uploaded",
    // Two pages at a time for each tenant, so that one who uploads a library does not keep the others waiting…
    concurrency(limit = 2, key = "event.data.tenant"),
    // …and twenty in all, because that is how many the model takes.
    concurrency = 20,
    // Either ends the run where it is, a page in the middle of its analysis included. `matching` compares the member of both events.
    cancel_on(event = "document/cancelled", matching = "data.document"),
    cancel_on(event = "document/deleted", matching = "data.document")
)]
async fn analyse(ctx: Context, event: Event<Upload>) -> Result<Outcome> {
    let Upload {
        tenant,
        document,
        pages,
        page_ms,
    } = event.data;

    let mut words = 0;
    for page in 1..=pages {
        words += ctx
            .step(format!("page-{page}"))
            .timeout("2m")
            .run(async move { Ok(count_words(page, page_ms)) })
            .await?;

        // Sent exactly once, like every event of a run: a progress bar never goes backwards.
        let progress = Progress {
            document: document.clone(),
            percent: page * 100 / pages,
        };
        ctx.send_event(
            format!("progress-{page}"),
            NewEvent::new("document/analysis.progressed").data(&progress),
        )
        .await?;
    }
    Ok(Outcome {
        tenant,
        document,
        words,
    })
}

/// In place of the model. A body may wait on the clock; workflow code uses `ctx.sleep`.
fn count_words(page: u32, page_ms: u64) -> u32 {
    std::thread::sleep(std::time::Duration::from_millis(page_ms));
    200 + page
}

/// Whoever follows the progress: here a record that a web page would read.
#[abide::function(
    id = "show-progress",
    on = "document/analysis.progressed",
    // One at a time for a document, in the order in which they came: an old percentage never overwrites a new one.
    concurrency(limit = 1, key = "event.data.document", per = run)
)]
async fn show_progress(ctx: Context, event: Event<Progress>) -> Result<u32> {
    let Progress { document, percent } = event.data;
    ctx.step("update")
        .run_with(move |exec| update(exec, document, json!({"percent": percent})))
        .await?;
    Ok(percent)
}

/// Data of `abide/function.cancelled`: which run it was, and the event that had started it.
#[derive(Deserialize)]
struct Cancelled {
    event: Event<Upload>,
}

/// A cancelled run executes nothing any more. What is to be put in order after it is another run's work.
#[abide::function(
    id = "tidy-up",
    on(
        "abide/function.cancelled",
        if = "event.data.function_id == 'document-analysis/analyse'"
    )
)]
async fn tidy_up(ctx: Context, event: Event<Cancelled>) -> Result<String> {
    let document = event.data.event.data.document;
    let record = document.clone();
    ctx.step("update")
        .run_with(|exec| update(exec, record, json!({"percent": null, "cancelled": true})))
        .await?;
    Ok(document)
}

async fn update(exec: Execution, document: String, fields: Value) -> Result<()> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    http::patch(format!("{base}/records/documents/{document}"))
        .header("idempotency-key", exec.step_key)
        .json(&fields)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

abide::app!(analyse, show_progress, tidy_up);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    fn upload() -> Value {
        json!({"tenant": "acme", "document": "d-1", "pages": 2, "page_ms": 0})
    }

    #[test]
    fn every_page_is_told() {
        let mut run = Run::of::<analyse>(event("document/uploaded", upload()));
        assert_eq!(run.execute("page-1"), Ok(json!(201)));
        let told = run.asked("progress-1")["events"][0].clone();
        assert_eq!(told["name"], "document/analysis.progressed");
        assert_eq!(told["data"], json!({"document": "d-1", "percent": 50}));
        run.complete("progress-1", ["1"]);
        run.execute("page-2").unwrap();
        run.complete("progress-2", ["2"]);
        let outcome = json!({"tenant": "acme", "document": "d-1", "words": 403});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn a_tenant_has_two_places() {
        let limits = &config_of::<analyse>()["concurrency"];
        assert_eq!(limits[0], json!({"limit": 2, "key": "event.data.tenant"}));
    }

    #[test]
    fn what_was_cancelled_is_marked() {
        let uploaded = json!({"id": "e-1", "name": "document/uploaded", "ts": 1_767_225_600_000_u64, "data": upload()});
        let data = json!({"function_id": "document-analysis/analyse", "event": uploaded});
        let mut run = Run::of::<tidy_up>(event("abide/function.cancelled", data));
        run.complete("update", ());
        assert_eq!(run.output(), Some(Ok(json!("d-1"))));
    }
}
