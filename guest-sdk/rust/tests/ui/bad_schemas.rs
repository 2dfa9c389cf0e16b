use abide_sdk::prelude::*;

#[abide::function(id = "drip", on = "user/signed.up")]
async fn drip(_ctx: Context) -> Result<()> {
    Ok(())
}

abide::app!(drip; shapes: [EventSchema::new("user/signed.up", json!({}))]);

fn main() {}
