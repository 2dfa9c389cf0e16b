use abide_sdk::prelude::*;

#[abide::function(id = "drip")]
async fn drip(ctx: Context) -> Result<usize> {
    let name = String::from("Ada");
    let length = ctx.step("measure").run(async { Ok(name.len()) }).await?;
    Ok(length + name.len())
}

fn main() {}
