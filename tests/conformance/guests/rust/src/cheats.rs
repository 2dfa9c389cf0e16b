//! Workflow code that tries to learn what replay could not repeat.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use abide_sdk::prelude::*;

use crate::Service;

/// What the clock shows, in milliseconds.
pub(crate) fn clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

#[abide::function(id = "clock", on = "conformance/clock", retries = 0)]
pub(crate) async fn clock(ctx: Context) -> Result<Value> {
    let a = clock_ms();
    for turn in 0..1_000_000 {
        black_box(turn);
    }
    let b = clock_ms();
    let work = ctx.step("work").run(async {
        // Time that passes in a body must not be seen by the workflow.
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    });
    work.await?;
    ctx.sleep("hour", "1h").await?;
    Ok(json!({"spin": b - a, "hour": clock_ms() - a}))
}

#[abide::function(id = "body-clock", on = "conformance/body-clock", retries = 0)]
pub(crate) async fn body_clock(ctx: Context) -> Result<bool> {
    let measure = ctx.step("measure").run(async {
        let a = clock_ms();
        // A body's clock runs while it sleeps: that is what is measured.
        std::thread::sleep(Duration::from_millis(50));
        Ok(clock_ms() - a >= 50)
    });
    Ok(measure.await?)
}

/// The standard library draws a new key for every map.
fn random() -> String {
    RandomState::new().hash_one("x").to_string()
}

/// Records what the workflow code saw: replay compares the input.
async fn observe(ctx: &Context, id: &str, seen: &str) -> Result<String> {
    let step = ctx.step(id).with_input(seen.to_owned());
    Ok(step.run(|seen| async { Ok(seen) }).await?)
}

#[abide::function(id = "randomness", on = "conformance/randomness", retries = 0)]
pub(crate) async fn randomness(ctx: Context) -> Result<Value> {
    let a = random();
    observe(&ctx, "observe", &a).await?;
    let mine = ctx.step("observe-body").run(async { Ok(random()) }).await?;
    ctx.sleep("rest", "1s").await?;
    let b = random();
    let kept = observe(&ctx, "observe-again", &b).await?;
    Ok(json!({"kept": kept == b, "moves": a != b, "body": mine != a}))
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

#[abide::function(id = "globals", on = "conformance/globals", retries = 0)]
pub(crate) async fn globals(ctx: Context) -> Result<Vec<u32>> {
    let touch = || {
        ctx.step("touch").run(async {
            COUNTER.fetch_add(10, Ordering::Relaxed);
            Ok(())
        })
    };
    let look = || COUNTER.load(Ordering::Relaxed);
    COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut seen = vec![look()];
    touch().await?;
    seen.push(look());
    ctx.sleep("rest", "1s").await?;
    seen.push(look());
    touch().await?;
    seen.push(look());
    Ok(seen)
}

#[abide::function(id = "captured", on = "conformance/captured", retries = 0)]
pub(crate) async fn captured(ctx: Context) -> Result<Value> {
    let n = Rc::new(Cell::new(0));
    let inside = Rc::clone(&n);
    let change = ctx.step("change").run(async move {
        inside.set(inside.get() + 1);
        Ok(inside.get())
    });
    let returned = change.await?;
    let before = n.get();
    ctx.sleep("rest", "1s").await?;
    Ok(json!({"returned": returned, "seen": [before, n.get()]}))
}

#[abide::function(id = "environment", on = "conformance/environment", retries = 0)]
pub(crate) async fn environment(ctx: Context) -> Result<Value> {
    let read = || std::env::var("CONFORMANCE_VARIABLE").ok();
    let body = ctx.step("read").run(async move { Ok(read()) }).await?;
    Ok(json!({"body": body, "workflow": read()}))
}

#[abide::function(id = "network", on = "conformance/network", retries = 0)]
pub(crate) async fn network(ctx: Context, event: Event<Service>) -> Result<Value> {
    let asked = http::get(event.data.url + "/ok").send().await;
    let refused = asked.is_err() && TcpStream::connect("127.0.0.1:9").is_err();
    ctx.sleep("rest", "1s").await?;
    Ok(json!({"refused": refused}))
}

/// The keys of a new map, as they come.
fn keys() -> String {
    let map: HashMap<String, u32> = (0..20).map(|n| (format!("key-{n}"), n)).collect();
    let keys: Vec<String> = map.into_keys().collect();
    keys.join(",")
}

#[abide::function(id = "hash-order", on = "conformance/hash-order", retries = 0)]
pub(crate) async fn hash_order(ctx: Context) -> Result<Value> {
    let order = observe(&ctx, "observe", &keys()).await?;
    ctx.sleep("rest", "1s").await?;
    let again = keys();
    let kept = observe(&ctx, "observe-again", &again).await?;
    Ok(json!({"count": order.split(',').count(), "kept": kept == again}))
}

/// Where a new value lies.
fn place() -> String {
    format!("{:p}", black_box(&*Box::new(0_u64)))
}

#[abide::function(id = "addresses", on = "conformance/addresses", retries = 0)]
pub(crate) async fn addresses(ctx: Context) -> Result<bool> {
    observe(&ctx, "observe", &place()).await?;
    let waste = ctx.step("waste").run(async {
        std::mem::forget(black_box(vec![1_u8; 100_000]));
        Ok(())
    });
    waste.await?;
    let other = place();
    let kept = observe(&ctx, "observe-again", &other).await?;
    ctx.sleep("rest", "1s").await?;
    Ok(kept == other)
}
