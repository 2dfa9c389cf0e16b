use abide_sdk::prelude::*;

#[abide::function(id = "nothing", cancel_on(event = "order/cancelled"))]
async fn nothing(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "both", cancel_on(event = "order/cancelled", matching = "data.id", all))]
async fn both(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "pattern", cancel_on(event = "order/*", all))]
async fn pattern(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-event", cancel_on(all))]
async fn no_event(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "mode", singleton = wait)]
async fn mode(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-timeouts", timeouts())]
async fn no_timeouts(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "priority", priority = "")]
async fn priority(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "path", cancel_on(event = "order/cancelled", matching = "event.data.id"))]
async fn path(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
