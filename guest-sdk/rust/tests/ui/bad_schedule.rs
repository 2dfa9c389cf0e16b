use abide_sdk::prelude::*;

#[abide::function(id = "four-fields", cron = "0 9 * *")]
async fn four_fields(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "no-zone", cron("TZ= 0 9 * * *"))]
async fn no_zone(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "catchup", cron("0 9 * * *", catchup = some))]
async fn catchup(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "member", cron("0 9 * * *", zone = "Europe/Berlin"))]
async fn member(_ctx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
