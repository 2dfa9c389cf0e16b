use abide_sdk::prelude::*;

#[abide::function(id = "no-period", debounce(key = "event.data.id"))]
async fn no_period(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "one", batch_events(max_size = 1, timeout = "10s"))]
async fn one(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-timeout", batch_events(max_size = 100))]
async fn no_timeout(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "beside", batch_events(max_size = 100, timeout = "10s"), debounce = "5s")]
async fn beside(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "beside-too", singleton = skip, batch_events(max_size = 100, timeout = "10s"))]
async fn beside_too(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
