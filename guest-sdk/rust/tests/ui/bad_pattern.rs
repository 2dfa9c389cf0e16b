use abide_sdk::prelude::*;

#[abide::function(id = "drip", on = "user/*/created")]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
