use abide_sdk::prelude::*;

#[abide::function(id = "nothing", concurrency = 0)]
async fn nothing(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-limit", concurrency(key = "event.data.shop"))]
async fn no_limit(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-key", concurrency(limit = 5, scope = env))]
async fn no_key(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "unit", concurrency(limit = 5, per = event))]
async fn unit(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "three", concurrency = 1, concurrency(limit = 2, key = "event.data.shop"), concurrency = 3)]
async fn three(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
