use abide_sdk::prelude::*;

#[abide::function(id = "no-period", throttle(limit = 10))]
async fn no_period(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-limit", rate_limit(period = "1m"))]
async fn no_limit(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "burst", rate_limit(limit = 1, period = "1m", burst = 5))]
async fn burst(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "limit", throttle(limit = 0, period = "1m"))]
async fn limit(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "empty-key", throttle(limit = 1, period = "1m", key = " "))]
async fn empty_key(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "twice", throttle(limit = 1, limit = 2, period = "1m"))]
async fn twice(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
