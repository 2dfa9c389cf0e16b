use abide_sdk::prelude::*;

#[abide::function(id = "drip", retries = 21)]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
