//! Branches side by side, races, losers.

use std::cell::RefCell;

use abide_sdk::prelude::*;

#[abide::function(id = "parallel", on = "conformance/parallel", retries = 0)]
pub(crate) async fn parallel(ctx: Context) -> Result<i64> {
    let (a, b, c) = try_join!(
        ctx.step("a").run(async { Ok(1) }),
        ctx.step("b").run(async { Ok(2) }),
        ctx.step("c").run(async { Ok(3) }),
    )?;
    Ok(ctx.step("sum").run(async move { Ok(a + b + c) }).await?)
}

#[abide::function(
    id = "parallel-branches",
    on = "conformance/parallel-branches",
    retries = 0
)]
pub(crate) async fn parallel_branches(ctx: Context) -> Result<Vec<&'static str>> {
    let trace = RefCell::new(Vec::new());
    let step = async |id: &'static str| {
        ctx.step(id).run(async { Ok(0) }).await?;
        trace.borrow_mut().push(id);
        Ok::<_, Error>(())
    };
    let left = async {
        step("a1").await?;
        ctx.sleep("a", "2s").await?;
        step("a2").await
    };
    let right = async {
        step("b1").await?;
        ctx.sleep("b", "1s").await?;
        step("b2").await
    };
    try_join!(left, right)?;
    Ok(trace.take())
}

#[abide::function(
    id = "repeat-parallel",
    on = "conformance/repeat-parallel",
    retries = 0
)]
pub(crate) async fn repeat_parallel(ctx: Context) -> Result<Vec<i64>> {
    let same = (0..3).map(|n| ctx.step("same").run(async move { Ok(n) }));
    Ok(try_join_all(same).await?)
}

#[abide::function(id = "settled", on = "conformance/settled", retries = 0)]
pub(crate) async fn settled(ctx: Context) -> Result<Value> {
    let (good, bad, rest) = join!(
        ctx.step("good").run(async { Ok(1) }),
        ctx.step("bad")
            .run(async { Err::<(), _>(Error::retriable("no").named("Bad")) }),
        ctx.sleep("rest", "1s"),
    );
    rest?;
    Ok(json!([good?, crate::error_of(bad)?.name(), null]))
}

#[abide::function(id = "race-cancelled", on = "conformance/race-cancelled", retries = 0)]
pub(crate) async fn race_cancelled(ctx: Context) -> Result<Value> {
    let slow = ctx.sleep("slow", "1h");
    let fast = ctx.step("fast").run(async { Ok("won".to_owned()) });
    // What loses is dropped, and with that given up.
    let winner = match select(slow, fast).await {
        Either::First(slept) => slept.map(|()| "slept".to_owned()),
        Either::Second(won) => won,
    };
    ctx.sleep("after", "2h").await?;
    Ok(json!({"winner": winner?}))
}

#[abide::function(id = "race-left", on = "conformance/race-left", retries = 0)]
pub(crate) async fn race_left(ctx: Context) -> Result<Value> {
    let mut slow = ctx.sleep("slow", "1h").start();
    let fast = ctx.step("fast").run(async { Ok("won".to_owned()) });
    let winner = match select(&mut slow, fast).await {
        Either::First(slept) => slept.map(|()| "slept".to_owned()),
        Either::Second(won) => won,
    };
    ctx.sleep("after", "2h").await?;
    Ok(json!({"winner": winner?}))
}

#[abide::function(id = "race-body", on = "conformance/race-body", retries = 0)]
pub(crate) async fn race_body(ctx: Context) -> Result<String> {
    let slow = ctx.step("slow").run(async {
        // The loser: it is ended where it sleeps.
        std::thread::sleep(Duration::from_mins(1));
        Ok("late".to_owned())
    });
    let fast = ctx.step("fast").run(async { Ok("won".to_owned()) });
    Ok(race([slow, fast]).await?)
}

#[abide::function(id = "left-behind", on = "conformance/left-behind", retries = 0)]
pub(crate) async fn left_behind(ctx: Context) -> Result<&'static str> {
    let _forgotten = ctx.sleep("forgotten", "1h").start();
    Ok("done")
}
