use abide_sdk::prelude::*;

#[abide::function(id = "member", on_failure(handle, debounce = "5s"))]
async fn member(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "shape", on_failure = handle)]
async fn shape(_ctx: Context) -> Result<()> {
    Ok(())
}

async fn handle(_ctx: Context, _name: &str) -> Result<()> {
    Ok(())
}

fn main() {}
