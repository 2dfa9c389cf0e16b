use abide_sdk::prelude::*;

#[abide::function(id = "drip", on("user/signed.up", when = "event.data.n > 1"))]
async fn drip(ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
