use abide_sdk::prelude::*;

#[abide::function(id = "drip", retires = 3)]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
