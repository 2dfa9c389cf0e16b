//! Tricks with the instance's own memory: what a body leaves there, where things lie, in which order they come out.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use abide_sdk::prelude::*;

use crate::record::{Findings, Observer, Pace};

static COUNTER: AtomicU32 = AtomicU32::new(0);
/// Filled by whoever asks first, with what only a body can know.
static FIRST_ASKED: LazyLock<u128> = LazyLock::new(|| {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_nanos())
});
thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
}

/// A body changes globals; the workflow code reads them, and even starts an operation that depends on them.
#[abide::function(id = "globals", on = "cheats/globals")]
pub(crate) async fn globals(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    for _ in 0..2 {
        let touch = ctx.step("touch").run(async {
            LOCAL.set(LOCAL.get() + 1);
            let nanos = *FIRST_ASKED;
            Ok(json!({"count": COUNTER.fetch_add(1, Ordering::Relaxed) + 1, "lazy": nanos != 0}))
        });
        observer.body(touch.await?);
        if COUNTER.load(Ordering::Relaxed) > 0 {
            ctx.step("tainted").run(async { Ok(()) }).await?;
        }
        let seen = json!({"counter": COUNTER.load(Ordering::Relaxed), "local": LOCAL.get()});
        observer.record(&ctx, seen).await?;
    }
    observer.rest(&ctx, &event).await?;
    observer
        .record(&ctx, json!(FIRST_ASKED.to_string()))
        .await?;
    Ok(observer.findings())
}

/// A body changes what it captured; the workflow code, and a later body, read it.
#[abide::function(id = "captured", on = "cheats/captured")]
pub(crate) async fn captured(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    let shared = Rc::new(Cell::new(0));
    for _ in 0..2 {
        let inside = Rc::clone(&shared);
        let change = ctx.step("change").run(async move {
            inside.set(inside.get() + 1);
            Ok(json!(inside.get()))
        });
        observer.body(change.await?);
    }
    // Without an input of the step that would give it away: what does a body get that is handed the variable's content?
    let content = shared.get();
    observer.body(
        ctx.step("later")
            .run(async move { Ok(json!({"handed": content})) })
            .await?,
    );
    observer.record(&ctx, json!(shared.get())).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, json!(shared.get())).await?;
    Ok(observer.findings())
}

/// Addresses tell what was allocated before, by a body for example.
#[abide::function(id = "addresses", on = "cheats/addresses")]
pub(crate) async fn addresses(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    for size in [1_000, 100_000] {
        let waste = ctx.step("waste").run(async move {
            let memory = black_box(vec![1_u8; size]);
            let length = memory.len();
            std::mem::forget(memory);
            Ok(json!(length))
        });
        observer.body(waste.await?);
        let place = Box::new(size);
        observer
            .record(&ctx, json!(format!("{:p}", black_box(&*place))))
            .await?;
        observer.rest(&ctx, &event).await?;
    }
    Ok(observer.findings())
}

/// The order of a hash map decides which steps there are, and in which order.
#[abide::function(id = "hash-order", on = "cheats/hash-order")]
pub(crate) async fn hash_order(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    let map: HashMap<String, u32> = (0..20).map(|n| (format!("key-{n}"), n)).collect();
    for (key, n) in &map {
        let n = *n;
        ctx.step(key.clone()).run(async move { Ok(n) }).await?;
    }
    observer.rest(&ctx, &event).await?;
    let fresh: HashSet<u32> = (0..20).collect();
    observer
        .record(
            &ctx,
            json!([
                map.values().collect::<Vec<_>>(),
                fresh.iter().collect::<Vec<_>>()
            ]),
        )
        .await?;
    Ok(observer.findings())
}

/// The bits of a NaN may differ between processors, unless somebody takes care.
#[abide::function(id = "floats", on = "cheats/floats")]
pub(crate) async fn floats(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let mut observer = Observer::default();
    observer.record(&ctx, nan_bits()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, nan_bits()).await?;
    Ok(observer.findings())
}

fn nan_bits() -> Value {
    let (zero, other) = (black_box(0.0_f64), black_box(0.0_f64));
    let infinity = black_box(f64::INFINITY);
    let odd = f64::from_bits(black_box(0x7ff4_dead_beef_0001));
    let doubles = [
        zero / other,
        -(zero / other),
        infinity - black_box(infinity),
        infinity * zero,
        black_box(-1.0_f64).sqrt(),
        odd + 1.0,
        odd * odd,
        black_box(odd).min(1.0),
    ];
    let small = f32::from_bits(black_box(0x7fa1_2345));
    let singles = [small + 1.0, black_box(0.0_f32) / black_box(0.0_f32)];
    let doubles = doubles.map(|number| format!("{:016x}", number.to_bits()));
    let singles = singles.map(|number| format!("{:08x}", number.to_bits()));
    json!({"f64": doubles, "f32": singles})
}
