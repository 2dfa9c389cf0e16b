use abide_sdk::prelude::*;

#[abide::function(id = "jitter", cron("0 9 * * *", jitter = "10m"))]
async fn jitter(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "pace", throttle(limit = 10, period = "8 days"))]
async fn pace(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "rate", rate_limit(limit = 10, period = "25h"))]
async fn rate(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "quiet", debounce = "500ms")]
async fn quiet(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "batch", batch_events(max_size = 100, timeout = "2h"))]
async fn batch(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "kept", retention = "10m")]
async fn kept(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "late", timeouts(start = "soon"))]
async fn late(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
