use abide_sdk::prelude::*;

struct Signup;

#[abide::function(id = "drip")]
async fn drip(_ctx: Context, _event: Event<Signup>) -> Result<()> {
    Ok(())
}

fn main() {}
