use abide_sdk::prelude::*;

#[abide::function(id = "drip")]
async fn drip<T>(ctx: Context, event: Event<T>) -> Result<()> {
    Ok(())
}

fn main() {}
