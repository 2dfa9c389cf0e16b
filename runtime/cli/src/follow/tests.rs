//! Following, against a tiny server that plays scripts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;

use super::*;
use crate::client::model::Status;

fn run(id: &str, status: &str) -> String {
    format!(r#"{{"run_id":"{id}","function_id":"a/{id}","status":"{status}"}}"#)
}

fn message(id: &str, status: &str) -> String {
    format!("event: run\ndata: {}\n\n", run(id, status))
}

/// A server whose event has started these runs; the n-th opened stream says the n-th of `streams`.
async fn server(runs: &[&str], streams: Vec<String>) -> Client {
    let runs: Vec<_> = runs.iter().map(|id| run(id, "Queued")).collect();
    let event = format!(
        r#"{{"event_id":"E","name":"n","runs":[{}]}}"#,
        runs.join(",")
    );
    let opened = AtomicUsize::new(0);
    let stream = {
        let opened = Arc::new(opened);
        async move || {
            let nth = opened.fetch_add(1, Ordering::SeqCst);
            let text = streams.get(nth).cloned().unwrap_or_default();
            ([("content-type", "text/event-stream")], text)
        }
    };
    let router = Router::new()
        .route("/api/v1/events/E", get(async move || event))
        .route("/api/v1/events/E/stream", get(stream));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::new(&url.parse().unwrap()).unwrap()
}

async fn followed(client: &Client, timeout: Duration) -> (Result<Followed>, Vec<String>) {
    let mut story = Vec::new();
    let seen = |seen: Seen<'_>| match seen {
        Seen::Run(run) => story.push(format!("{} {}", run.run_id, run.status)),
        Seen::Lost(_) => story.push("lost".to_owned()),
        Seen::Back => story.push("back".to_owned()),
    };
    let result = follow(client, &["E".to_owned()], Instant::now() + timeout, seen).await;
    (result, story)
}

const LONG: Duration = Duration::from_secs(180);

#[tokio::test]
async fn runs_are_followed_until_all_have_ended() {
    let stream = message("r1", "Running") + &message("r2", "Failed") + &message("r1", "Completed");
    let client = server(&["r1", "r2"], vec![stream]).await;
    let (result, story) = followed(&client, LONG).await;
    let Followed::Ended(runs) = result.unwrap() else {
        panic!("timed out")
    };
    assert_eq!(
        runs.iter().map(|run| run.status).collect::<Vec<_>>(),
        [Status::Completed, Status::Failed]
    );
    assert_eq!(story, ["r1 Running", "r2 Failed", "r1 Completed"]);
}

#[tokio::test]
async fn an_event_that_started_nothing_is_done_at_once() {
    let client = server(&[], vec![]).await;
    let (result, story) = followed(&client, LONG).await;
    assert!(
        matches!(result.unwrap(), Followed::Ended(runs) if runs.is_empty()) && story.is_empty()
    );
}

#[tokio::test]
async fn a_broken_stream_is_opened_again_and_the_state_read_anew() {
    let streams = vec![
        message("r1", "Running"),
        String::new(),
        message("r1", "Running") + &message("r1", "Completed"),
    ];
    let client = server(&["r1"], streams).await;
    let (result, story) = followed(&client, LONG).await;
    assert!(matches!(result.unwrap(), Followed::Ended(_)));
    assert_eq!(story.last().unwrap(), "r1 Completed");
}

#[tokio::test]
async fn when_time_is_up_the_runs_are_told_as_they_stand() {
    // On a slow machine little is heard in the first of these times.
    for ms in [400, 4_000, 40_000] {
        let client = server(&["r1"], vec![message("r1", "Sleeping")]).await;
        let (result, _) = followed(&client, Duration::from_millis(ms)).await;
        let Followed::TimedOut(runs) = result.unwrap() else {
            panic!("nothing has ended");
        };
        if runs
            .first()
            .is_some_and(|run| run.status == Status::Sleeping)
        {
            return;
        }
    }
    panic!("the run's state was never told");
}

#[tokio::test]
async fn a_server_that_stays_away_is_not_reachable() {
    let client = Client::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
    let (result, story) = followed(&client, Duration::from_secs(2)).await;
    let error = result.err().unwrap();
    assert!(
        matches!(error.downcast_ref(), Some(ClientError::Unreachable { .. })),
        "{error}"
    );
    assert_eq!(story, ["lost"]);
}

#[tokio::test]
async fn a_run_that_two_events_started_is_told_once() {
    let stream = message("r1", "Running") + &message("r1", "Completed");
    let client = server(&["r1"], vec![stream.clone(), stream]).await;
    let mut told = 0;
    let events = ["E".to_owned(), "E".to_owned()];
    let deadline = Instant::now() + LONG;
    let result = follow(&client, &events, deadline, |_| told += 1).await;
    assert!(matches!(result.unwrap(), Followed::Ended(runs) if runs.len() == 1));
    assert_eq!(told, 2);
}
