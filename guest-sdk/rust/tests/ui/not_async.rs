use abide_sdk::prelude::*;

#[abide::function(id = "drip", on = "user/signed.up")]
fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
