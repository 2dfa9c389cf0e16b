use abide_sdk::prelude::*;

#[abide::function(id = "drip")]
async fn drip(ctx: Context) {}

fn main() {}
