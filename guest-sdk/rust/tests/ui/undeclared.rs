use abide_sdk::prelude::*;

async fn drip(_ctx: Context) -> Result<()> {
    Ok(())
}

abide::app!(drip);

fn main() {}
