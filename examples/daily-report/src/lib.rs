//! A report on every working day, at seven in the morning where the company is, and never two of them at once.

use abide_sdk::prelude::*;

/// Data of `report/asked`. A tick of the schedule has others, and no `date`.
#[derive(Deserialize)]
struct Request {
    date: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Order {
    /// In cents.
    total: u64,
}

#[derive(Serialize)]
struct Report {
    date: String,
    orders: usize,
    revenue: u64,
}

const REGIONS: [&str; 3] = ["north", "south", "west"];

#[abide::function(
    id = "report",
    name = "Yesterday's sales",
    // Seven o'clock in Berlin, in summer and in winter. If no machine ran at seven, `last` makes up for the latest missed report
    // as soon as one does; `none` would leave it out, `all` would make up for every one.
    cron("TZ=Europe/Berlin 0 7 * * MON-FRI", catchup = last),
    // …and whenever somebody asks: also how you try it out without waiting for the morning.
    on = "report/asked",
    // While the report of a day is being made, no second one of that day begins: it is skipped, and recorded so. Ticks have no `date`, and
    // share the key `null`: a report that takes until the next morning is not joined by another.
    singleton(skip, key = "event.data.date")
)]
async fn report(ctx: Context, event: Event<Request>) -> Result<Report> {
    // The event's time, not "now": it is the tick's, so a report that is made late, or again, is still the same day's.
    let date = event.data.date.unwrap_or_else(|| day_before(event.ts));

    let reads = REGIONS.map(|region| {
        ctx.step(format!("read-{region}"))
            .run(orders(region.to_owned()))
    });
    let orders: Vec<Order> = try_join_all(reads).await?.into_iter().flatten().collect();
    let report = Report {
        date,
        orders: orders.len(),
        revenue: orders.iter().map(|order| order.total).sum(),
    };

    let (path, content) = (format!("/exports/sales-{}", report.date), json!(report));
    ctx.step("store")
        .run_with(|exec| call(exec, "PUT", path, content))
        .await?;
    let mail = json!({
        "to": "management@example.com",
        "subject": format!("{}: {} orders", report.date, report.orders),
    });
    ctx.step("mail")
        .run_with(|exec| call(exec, "POST", "/emails".to_owned(), mail))
        .await?;
    Ok(report)
}

/// `2026-03-01` for any time on the second.
fn day_before(time: Timestamp) -> String {
    let yesterday = time - std::time::Duration::from_hours(24);
    yesterday.to_string()[..10].to_owned()
}

async fn orders(region: String) -> Result<Vec<Order>> {
    http::get(service(&format!("/users/{region}/orders"))?)
        .send()
        .await?
        .error_for_status()?
        .json()
}

async fn call(exec: Execution, method: &'static str, path: String, body: Value) -> Result<()> {
    http::request(method, service(&path)?)
        .header("idempotency-key", exec.step_key)
        .json(&body)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

/// The URL of something that the stand-in service offers.
fn service(path: &str) -> Result<String> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    Ok(format!("{base}{path}"))
}

abide::app!(report);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    fn finish(mut run: Run) -> Value {
        run.complete("read-south", json!([{"total": 500}]));
        run.complete("read-north", json!([{"total": 1000}, {"total": 250}]));
        run.complete("read-west", json!([]));
        run.complete("store", ());
        run.complete("mail", ());
        run.output().unwrap().unwrap()
    }

    #[test]
    fn a_tick_reports_on_the_day_before_it() {
        // The test's events are of 2026-01-01T00:00:00Z.
        let tick = json!({"cron": "TZ=Europe/Berlin 0 7 * * MON-FRI", "function_id": "daily-report/report"});
        let run = Run::of::<report>(event("inngest/scheduled.timer", tick));
        let expected = json!({"date": "2025-12-31", "orders": 3, "revenue": 1750});
        assert_eq!(finish(run), expected);
    }

    #[test]
    fn whoever_asks_names_the_day() {
        let run = Run::of::<report>(event("report/asked", json!({"date": "2026-03-02"})));
        assert_eq!(finish(run)["date"], "2026-03-02");
    }

    #[test]
    fn it_is_made_on_working_days_and_by_one_run_at_a_time() {
        let config = config_of::<report>();
        assert_eq!(
            config["singleton"],
            json!({"mode": "skip", "key": "event.data.date"})
        );
        let triggers = config["triggers"].as_array().unwrap();
        let schedule = json!({"cron": "TZ=Europe/Berlin 0 7 * * MON-FRI", "catchup": "last"});
        assert!(triggers.contains(&schedule), "{triggers:?}");
    }
}
