use abide_sdk::prelude::*;

#[abide::function(on = "user/signed.up")]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
