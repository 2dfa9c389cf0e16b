//! Carries out the schedule: kills, orderly restarts, deploys. Watches that the process ends only when it is made to.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;

use crate::client::Question;
use crate::findings::Happening;
use crate::soak::World;

/// How often it is looked whether the process lives.
const LOOK: Duration = Duration::from_secs(1);

/// Carries out the plan, and returns when the time is over.
pub(crate) async fn carry_out(world: &World, plan: &[(Duration, Happening)]) -> Result<()> {
    let mut version = 1;
    for (at, what) in plan {
        wait_until(world, *at).await?;
        let began_s = world.findings.at_s();
        match what {
            Happening::Kill => {
                world.node.kill().await?;
                world.node.start().await?;
                world.findings.count("kills");
            }
            Happening::Restart => {
                world.node.stop().await?;
                world.node.census().await?;
                world.node.start().await?;
                world.findings.count("orderly restarts");
            }
            Happening::Deploy => {
                version += 1;
                deploy(world, version).await?;
                world.findings.count("deploys");
            }
        }
        world.findings.mark(began_s, *what);
    }
    wait_until(world, world.options.duration).await
}

/// Deploys this version of the app.
pub(crate) async fn deploy(world: &World, version: u64) -> Result<()> {
    let path = format!(
        "/api/v1/apps/soak?{}&var=VERSION={version}",
        world.witness.settings()
    );
    let question = Question {
        method: Method::PUT,
        headers: &[("content-type", "application/wasm")],
        body: world.component.version(version),
        ..Question::get(&path)
    };
    let reply = world.client.insist(&question).await;
    let reply = reply.context("the app is not deployed")?;
    if reply.status != 200 {
        bail!("the app is not deployed ({}): {}", reply.status, reply.json);
    }
    Ok(())
}

async fn wait_until(world: &World, at: Duration) -> Result<()> {
    loop {
        world.node.check_alive().await?;
        let left = at.saturating_sub(Duration::from_secs_f64(world.findings.at_s()));
        if left.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}
