//! A new workspace is filled from an archive: a coordinator hands the parts to workers, waits for all of them, and does what can only be done at the end.

use abide_sdk::prelude::*;

/// Data of `workspace/created`.
#[derive(Deserialize)]
struct Workspace {
    workspace: String,
    parts: Vec<String>,
}

/// What a worker is given, and what it gives back.
#[derive(Serialize, Deserialize)]
struct Part {
    workspace: String,
    part: String,
}

#[derive(Serialize, Deserialize)]
struct Loaded {
    rows: u32,
}

#[derive(Serialize)]
struct Outcome {
    workspace: String,
    rows: u32,
    missing: Vec<String>,
}

#[abide::function(id = "bootstrap", name = "Fill a workspace", on = "workspace/created")]
async fn bootstrap(ctx: Context, event: Event<Workspace>) -> Result<Outcome> {
    let Workspace { workspace, parts } = event.data;

    // Fan out: every worker is a run of its own, with retries, a history and a place on the dashboard. While they work, this run waits
    // without a thread or memory, for hours if need be.
    let workers = parts.iter().map(|part| {
        let data = Part {
            workspace: workspace.clone(),
            part: part.clone(),
        };
        ctx.invoke::<Loaded>(format!("load-{part}"), "load-part")
            .data(&data)
            .timeout("2 hours")
    });

    // Fan in. `join_all` waits for the failed ones too; `try_join_all` would give up at the first failure.
    let results = join_all(workers).await;
    let (mut rows, mut missing) = (0, Vec::new());
    for (part, result) in parts.into_iter().zip(results) {
        match result {
            Ok(loaded) => rows += loaded.rows,
            Err(error) => {
                log::warn!("{part} is missing: {error}");
                missing.push(part);
            }
        }
    }

    // Post-processing: once everything is there that will be.
    let record = format!("workspaces/{workspace}");
    let ready = json!({"rows": rows, "missing": missing, "ready": missing.is_empty()});
    ctx.step("open-workspace")
        .run_with(|exec| write(exec, record, ready))
        .await?;
    Ok(Outcome {
        workspace,
        rows,
        missing,
    })
}

#[abide::function(
    id = "load-part",
    name = "Load one part of a workspace",
    // No trigger: it runs when it is invoked. Three at a time, however many workspaces are being filled; the others queue.
    concurrency = 3,
    retries = 2,
    backoff(constant, base = "1s")
)]
async fn load_part(ctx: Context, event: Event<Part>) -> Result<Loaded> {
    let Part { workspace, part } = event.data;
    let name = part.clone();
    let rows = ctx.step("read").run(async move { read(&name) }).await?;
    ctx.step("write")
        .run_with(move |exec| write(exec, format!("{workspace}/{part}"), json!({"rows": rows})))
        .await?;
    Ok(Loaded { rows })
}

/// In place of the archive: a part takes a third of a second, and has a hundred rows for every letter of its name.
fn read(part: &str) -> Result<u32> {
    std::thread::sleep(std::time::Duration::from_millis(300));
    if part.starts_with("broken") {
        return Err(Error::non_retriable(format!("{part} cannot be read")).named("BrokenPart"));
    }
    u32::try_from(part.len() * 100).map_err(Error::from)
}

async fn write(exec: Execution, record: String, fields: Value) -> Result<()> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    http::patch(format!("{base}/records/{record}"))
        .header("idempotency-key", exec.step_key)
        .json(&fields)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

abide::app!(bootstrap, load_part);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    #[test]
    fn the_workspace_opens_when_all_workers_are_done_even_if_one_failed() {
        let data = json!({"workspace": "w-1", "parts": ["users", "broken-files", "pages"]});
        let mut run = Run::of::<bootstrap>(event("workspace/created", data));
        assert_eq!(
            run.pending(),
            ["load-users", "load-broken-files", "load-pages"]
        );
        run.complete("load-pages", json!({"rows": 500}));
        run.fail("load-broken-files", Error::non_retriable("broken"));
        assert_eq!(run.pending(), ["load-users"], "the others are waited for");
        run.complete("load-users", json!({"rows": 500}));
        run.complete("open-workspace", ());
        let outcome = json!({"workspace": "w-1", "rows": 1000, "missing": ["broken-files"]});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn a_worker_reads_and_writes() {
        let data = json!({"workspace": "w-1", "part": "users"});
        let mut run = Run::of::<load_part>(event("abide/function.invoked", data));
        assert_eq!(run.execute("read"), Ok(json!(500)));
        run.complete("write", ());
        assert_eq!(run.output(), Some(Ok(json!({"rows": 500}))));
    }

    #[test]
    fn three_workers_at_a_time() {
        assert_eq!(config_of::<load_part>()["concurrency"][0]["limit"], 3);
    }
}
