use abide_sdk::prelude::*;

#[abide::function(id = "drip", retries = 3, retries = 4)]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
