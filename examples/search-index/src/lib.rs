//! Keeps a search index up to date, without writing it once for every keystroke: changes of one kind of thing are collected until it has
//! been quiet, and indexed together.

use std::collections::BTreeMap;

use abide_sdk::prelude::*;

/// Data of `catalog/entity.changed`.
#[derive(Clone, Serialize, Deserialize)]
struct Change {
    /// What kind of thing changed: `product`, `article`…
    kind: String,
    id: String,
    title: String,
}

#[derive(Serialize)]
struct Outcome {
    kind: String,
    /// How many changes there were, and how many things they left to write.
    changes: usize,
    written: usize,
}

#[abide::function(
    id = "reindex",
    name = "Reindex what changed",
    on = "catalog/entity.changed",
    // Each kind on its own: a busy stream of products does not hold up the articles. A stream that never pauses is
    // indexed every 10 seconds all the same. In production: minutes.
    debounce(period = "2s", key = "event.data.kind", timeout = "10s"),
    retries = 6
)]
async fn reindex(ctx: Context, events: Vec<Event<Change>>) -> Result<Outcome> {
    let changes = events.len();
    let kind = events[0].data.kind.clone();

    // Oldest first, so that the last change of a thing is the one that stays.
    let mut latest = BTreeMap::new();
    for event in events {
        latest.insert(event.data.id.clone(), event.data);
    }

    // One step for each document: when the index fails half-way, those that were written are not written again.
    let writes = latest.into_values().map(|change| {
        ctx.step(format!("write-{}", change.id))
            .run_with(|exec| write(exec, change))
    });
    let written = try_join_all(writes).await?.len();

    Ok(Outcome {
        kind,
        changes,
        written,
    })
}

async fn write(exec: Execution, change: Change) -> Result<()> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    let url = format!("{base}/records/search-{}/{}", change.kind, change.id);
    http::patch(url)
        .header("idempotency-key", exec.step_key)
        .json(&json!({"title": change.title}))
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

abide::app!(reindex);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    #[test]
    fn the_last_change_of_a_thing_is_written_once() {
        let change = |id, title| {
            let data = json!({"kind": "product", "id": id, "title": title});
            event("catalog/entity.changed", data)
        };
        let mut run = Run::of::<reindex>([
            change("p-1", "Lamp"),
            change("p-2", "Desk"),
            change("p-1", "Desk lamp"),
        ]);
        assert_eq!(run.pending(), ["write-p-1", "write-p-2"]);
        run.complete("write-p-1", ());
        run.complete("write-p-2", ());
        let outcome = json!({"kind": "product", "changes": 3, "written": 2});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn kinds_are_collected_on_their_own() {
        assert_eq!(config_of::<reindex>()["debounce"]["key"], "event.data.kind");
    }
}
