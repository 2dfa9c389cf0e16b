use abide_sdk::prelude::*;

#[abide::function(id = "drip", backoff(exponential, base = "5 parsecs"))]
async fn drip(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
