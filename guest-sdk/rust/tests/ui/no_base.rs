use abide_sdk::prelude::*;

#[abide::function(id = "drip", backoff(constant, max = "1 m"))]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
