//! Cuts the power of a node: what its disk had not synced is lost, and what it was about to do never happens.
//!
//! A scenario follows from its seed as far as faults and orders go; threads and sockets are real, so that the same seed may take
//! another way. Many seeds make up for that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use abide_store::MemoryDisk;
use anyhow::{Context, Result, ensure};
use tokio::runtime::Handle;

use crate::life::{Folders, Life, keep_time};
use crate::records::{Counts, Records};
use crate::rng::Rng;
use crate::session::Session;
use crate::witness::Witness;

/// When virtual time begins: 2026-01-01.
const BEGIN_MS: u64 = 1_767_225_600_000;

/// Sleeps and retries are shorter than this, waits that must end by what they wait for longer.
const FARTHEST_MS: u64 = 600_000;

/// How long everything may take to end in the last life.
const SETTLE: Duration = Duration::from_secs(300);

/// The longest life before its power is cut, if no fault of the disk comes first.
const MOST_LIFE_MS: u64 = 250;

/// How long witness answers are held back at most.
const WITNESS_DELAY: Duration = Duration::from_millis(2);

/// What a scenario did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Power cuts.
    pub cuts: u64,
    /// Of these, by a fault of the disk in the middle of a commit.
    pub in_commit: u64,
    /// What was counted.
    pub counts: Counts,
    /// Broken rules.
    pub violations: Vec<String>,
}

/// One scenario. The witness runs on `outside`; scenarios share the compiled code in `code_cache`.
pub fn scenario(seed: u64, code_cache: &Path, outside: &Handle) -> Result<Summary> {
    let folders = Folders::sharing(code_cache)?;
    let mut rng = Rng::new(seed);
    let records = Arc::new(Records::default());
    let witness = outside.block_on(Witness::start(records.clone(), rng.fork(), WITNESS_DELAY))?;
    let session = Session::new(&records, format!("p{seed}"));
    let disk = MemoryDisk::new();
    let mut summary = Summary::default();
    let mut now_ms = BEGIN_MS;
    let lives = rng.within(2..6);
    for number in 0..lives {
        let faults = (rng.draw(), rng.within(3..60));
        let early = number > 0 && rng.chance(50);
        if early {
            disk.fail_at_random(faults.0, faults.1);
        }
        // A fault while it opens ends this life before it began.
        if let Some(life) = begin(&disk, &folders, now_ms, early)? {
            if number == 0 {
                deploy(&life, &witness)?;
            }
            disk.fail_at_random(faults.0, faults.1);
            summary.in_commit += u64::from(live(&life, &session, &mut rng));
            now_ms = life.node().clock().now_ms();
            life.end();
        }
        summary.cuts += 1;
        disk.fail_at_random(0, 0);
        outside.block_on(witness.drained())?;
    }
    let life = Life::begin(&disk, &folders, now_ms)
        .context("the node does not open after the last power cut")?;
    life.run(async {
        tokio::select! {
            () = session.settle(life.door(), SETTLE) => {}
            () = keep_time(life.node(), FARTHEST_MS) => {}
            reason = life.node().failed() => records.violated(format!("the node failed without a fault: {reason}")),
        }
        for _ in 0..4 {
            session.look_back(life.door(), &mut rng).await?;
        }
        anyhow::Ok(())
    })?;
    life.run(life.node().shutdown());
    life.end();
    summary.counts = records.counts();
    summary.violations = records.violations();
    Ok(summary)
}

fn begin(
    disk: &MemoryDisk,
    folders: &Folders,
    now_ms: u64,
    may_fail: bool,
) -> Result<Option<Life>> {
    match Life::begin(disk, folders, now_ms) {
        Ok(life) => Ok(Some(life)),
        Err(_) if may_fail => Ok(None),
        Err(error) => Err(error),
    }
}

fn deploy(life: &Life, witness: &Witness) -> Result<()> {
    let wasm = std::fs::read(abide_e2e::guest("ledger"))?;
    let query = format!(
        "var=WITNESS_URL={}&allow_net={}",
        witness.url(),
        witness.address()
    );
    let reply = life.run(life.door().deploy("ledger", wasm, &query))?;
    ensure!(
        reply.status == 200,
        "the guest is not deployed: {}",
        reply.json
    );
    Ok(())
}

/// Sends orders and looks at runs until the power fails; whether that happened in a commit.
fn live(life: &Life, session: &Session<'_>, rng: &mut Rng) -> bool {
    let (door, node) = (life.door(), life.node());
    let until = Duration::from_millis(rng.within(1..MOST_LIFE_MS));
    let mut sender = rng.fork();
    let mut watcher = rng.fork();
    let orders = sender.within(1..6);
    let send = async {
        for _ in 0..orders {
            if !session
                .order(door, node.clock().now_ms(), &mut sender)
                .await
            {
                break;
            }
            tokio::time::sleep(Duration::from_micros(sender.within(0..8_000))).await;
        }
        std::future::pending::<()>().await;
    };
    let watch = async {
        while session.observe(door, &mut watcher).await.is_ok() {
            tokio::time::sleep(Duration::from_micros(watcher.within(200..4_000))).await;
        }
        std::future::pending::<()>().await;
    };
    life.run(async {
        tokio::select! {
            () = send => false,
            () = watch => false,
            () = keep_time(node, FARTHEST_MS) => false,
            _ = node.failed() => true,
            () = tokio::time::sleep(until) => false,
        }
    })
}
