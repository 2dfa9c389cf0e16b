//! A run that kills the process: it is paused at the third death, and the fourth start is healthy.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use abide_crash::door::Door;
use abide_crash::kill::on_runtime;
use abide_e2e::{Server, guest};
use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// How long anything may take.
const SOON: Duration = Duration::from_secs(180);

/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The world outside: it kills whoever asks for the order `poison`.
#[derive(Default)]
struct World {
    /// The process, while it is to be killed.
    victim: Option<u32>,
    deaths: u32,
    /// The attempts that asked for `poison`.
    asked: Vec<u64>,
}

type Shared = Arc<Mutex<World>>;

async fn asked(State(world): State<Shared>, Json(report): Json<Value>) -> &'static str {
    if report["key"] == "poison" {
        let mut world = world.lock();
        world.asked.push(report["attempt"].as_u64().unwrap_or(99));
        if let Some(victim) = world.victim.take() {
            world.deaths += 1;
            let killed = Command::new("kill")
                .args(["-9", &victim.to_string()])
                .status();
            killed.expect("there is a `kill`");
        }
    }
    "seen"
}

async fn listen(world: Shared) -> Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/", post(asked)).with_state(world);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn start(data: &std::path::Path) -> Result<(Server, Door)> {
    let data = data.to_owned();
    let server = tokio::task::spawn_blocking(move || Server::try_serve(&data, [] as [&str; 0]));
    let server = server.await??;
    let door = Door::socket(server.url())?;
    Ok((server, door))
}

/// The run of an event, once it stands at one of these.
async fn stands(door: &Door, event: &str, at: &[&str]) -> Result<Value> {
    let looked = async {
        loop {
            let shown = door.get(&format!("/api/v1/events/{event}")).await?;
            if let Some(run) = shown.json["runs"][0]["run_id"].as_str() {
                let run = door.get(&format!("/api/v1/runs/{run}")).await?.json;
                if run["status"]
                    .as_str()
                    .is_some_and(|status| at.contains(&status))
                {
                    return anyhow::Ok(run);
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let looked = tokio::time::timeout(SOON, looked).await;
    looked.with_context(|| format!("the run of {event} is never {at:?}"))?
}

async fn ended(server: &mut Server) -> Result<()> {
    let ended = async {
        while server.is_alive() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let ended = tokio::time::timeout(SOON, ended).await;
    ended.context("nobody killed the process")
}

async fn story() -> Result<()> {
    let world = Shared::default();
    let witness = listen(world.clone()).await?;
    let data = tempfile::tempdir()?;
    let (mut server, door) = start(data.path()).await?;
    let wasm = std::fs::read(guest("ledger"))?;
    let query = format!("var=WITNESS_URL=http://{witness}/&allow_net={witness}");
    let reply = door.deploy("ledger", wasm, &query).await?;
    ensure!(reply.status == 200, "{}", reply.json);
    let sleeper = json!({"name": "ledger/sleep", "data": {"key": "good", "seed": 1, "count": 3, "sleep_ms": 1_500}});
    let body = serde_json::to_vec(&json!([sleeper]))?;
    let good = door.call(Method::POST, "/e/crash", &[], body).await?;
    let good = good.json["ids"][0].as_str().context("an id")?.to_owned();
    world.lock().victim = Some(server.pid());
    let poison =
        json!({"name": "ledger/sequence", "data": {"key": "poison", "seed": 1, "count": 1}});
    let body = serde_json::to_vec(&json!([poison]))?;
    let seed = [("x-inngest-event-id-seed", "1700000000000,AAECAwQFBgcICQ==")];
    // It may die before it answers: the seed names the event.
    let _ = door
        .call(Method::POST, "/e/crash", &seed, body.clone())
        .await;
    ended(&mut server).await?;
    for _ in 0..2 {
        // Perhaps it is killed before it listens.
        if let Some(mut server) = start_hunted(data.path(), &world).await? {
            ended(&mut server).await?;
        }
    }
    ensure!(world.lock().deaths == 3, "{} deaths", world.lock().deaths);
    let (server, door) = start(data.path()).await?;
    let again = door.call(Method::POST, "/e/crash", &seed, body).await?;
    let poison = again.json["ids"][0].as_str().context("an id")?.to_owned();
    let run = stands(&door, &poison, &["Paused", "Completed", "Failed"]).await?;
    ensure!(run["status"] == "Paused", "{run}");
    let reason = run["paused_reason"].as_str().unwrap_or_default();
    ensure!(
        reason.contains("3 times in a row") && reason.contains("abide runs resume"),
        "{run}"
    );
    ensure!(
        server.output().contains("3 times in a row"),
        "the log: {}",
        server.output()
    );
    stands(&door, &good, &["Completed"]).await?;
    ensure!(world.lock().asked == [0, 1, 2], "{:?}", world.lock().asked);
    // Whoever thinks that it is cured lets it go on.
    let path = format!(
        "/api/v1/runs/{}/resume",
        run["run_id"].as_str().unwrap_or_default()
    );
    let resumed = door.call(Method::POST, &path, &[], Vec::new()).await?;
    ensure!(resumed.status == 200, "{}", resumed.json);
    stands(&door, &poison, &["Completed"]).await?;
    ensure!(
        world.lock().asked == [0, 1, 2, 3],
        "{:?}",
        world.lock().asked
    );
    Ok(())
}

/// Starts it as the next victim; `None` if it was killed before it listened.
async fn start_hunted(data: &std::path::Path, world: &Shared) -> Result<Option<Server>> {
    let data = data.to_owned();
    let world = world.clone();
    let started = tokio::task::spawn_blocking(move || {
        let starting = Server::spawn_serve(&data, [] as [&str; 0])?;
        world.lock().victim = Some(starting.pid());
        anyhow::Ok(starting.ready(SOON).ok())
    });
    started.await?
}

#[test]
fn a_run_that_kills_the_process_is_paused_at_the_third_death_and_the_fourth_start_is_healthy() {
    match on_runtime(story()) {
        Ok(Ok(())) => {}
        Ok(Err(error)) | Err(error) => panic!("{error:#}"),
    }
}
