//! Tricks with clocks and randomness.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use abide_sdk::prelude::*;

use crate::record::{Findings, Observer, Pace};

/// What all clocks say, and how much a busy loop moves them.
fn clocks(began: Instant) -> Value {
    let spin = Instant::now();
    let turns = (0..100_000_u64).fold(0, |sum: u64, n| std::hint::black_box(sum.wrapping_add(n)));
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    json!({
        "wall_ns": wall.to_string(),
        "since_began_ns": began.elapsed().as_nanos().to_string(),
        "spin_ns": spin.elapsed().as_nanos().to_string(),
        "turns": turns,
    })
}

/// The wall clock and the monotonic one, between operations. They stand at the last completion: `spin_ns` is "0".
#[abide::function(id = "clock", on = "cheats/clock")]
pub(crate) async fn clock(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    let began = Instant::now();
    observer.record(&ctx, clocks(began)).await?;
    observer.record(&ctx, clocks(began)).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, clocks(began)).await?;
    Ok(observer.findings())
}

/// Lets the host's timers run without an operation. Either nothing is waited for, or the attempt fails with an error that names
/// the right way; the host must not hang.
#[abide::function(id = "sleep-outside", on = "cheats/sleep-outside", retries = 0)]
pub(crate) async fn sleep_outside(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    let look = || {
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(50));
        json!(began.elapsed().as_nanos().to_string())
    };
    observer.record(&ctx, look()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

/// All sources of randomness that WASI has.
fn random() -> Value {
    use wasip2::random::{insecure, insecure_seed, random};
    let (low, high) = insecure_seed::insecure_seed();
    json!({
        "secure": random::get_random_u64().to_string(),
        "bytes": random::get_random_bytes(8),
        "insecure": insecure::get_insecure_random_u64().to_string(),
        "insecure_bytes": insecure::get_insecure_random_bytes(8),
        "seed": [low.to_string(), high.to_string()],
        "hash": RandomState::new().hash_one("x").to_string(),
    })
}

/// Random numbers, before and after a body has drawn some. They follow from the run's id; a body's do not.
#[abide::function(id = "randomness", on = "cheats/randomness")]
pub(crate) async fn randomness(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    observer.record(&ctx, random()).await?;
    for _ in 0..2 {
        observer.body(ctx.step("draw").run(async { Ok(random()) }).await?);
    }
    observer.record(&ctx, random()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, random()).await?;
    Ok(observer.findings())
}

/// The control: a body's clock is real and moves.
#[abide::function(id = "body-clock", on = "cheats/body-clock")]
pub(crate) async fn body_clock(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    let body = ctx.step("body").run(async {
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        Ok(json!({"moved": began.elapsed() >= Duration::from_millis(5)}))
    });
    observer.body(body.await?);
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, clocks(Instant::now())).await?;
    Ok(observer.findings())
}
