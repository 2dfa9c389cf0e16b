//! What handlers are handed: several events, a failure, an input that an operator replaced.

use abide_sdk::prelude::*;
use abide_sdk::testing::{Run, event};

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: String,
    #[serde(default)]
    total: u64,
}

fn order(id: &str, total: u64) -> Order {
    Order {
        id: id.to_owned(),
        total,
    }
}

/// The ids of the orders, the one of `event` first.
async fn ids(ctx: Context, event: Event<Order>) -> Result<Vec<String>> {
    let events = ctx.events::<Order>()?.into_iter();
    Ok(std::iter::once(event.data.id)
        .chain(events.map(|event| event.data.id))
        .collect())
}

#[test]
fn a_batch_hands_over_all_its_events_and_the_first_as_the_event() {
    let batch = Function::new("batch", ids).batch_events(Batch::new(10, "1m"));
    let run = Run::start(
        &batch,
        [event("order", order("a", 1)), event("order", order("b", 1))],
    );
    assert_eq!(run.output(), Some(Ok(json!(["a", "a", "b"]))));
}

#[test]
fn a_handler_takes_all_events_as_an_argument_if_it_likes() {
    let all = async |_: Context, events: Vec<Event<Order>>| {
        Ok::<_, Error>(
            events
                .into_iter()
                .map(|event| event.data.id)
                .collect::<Vec<_>>(),
        )
    };
    let batch = Function::new("batch", all).batch_events(Batch::new(10, "1m"));
    let run = Run::start(
        &batch,
        [event("order", order("a", 1)), event("order", order("b", 1))],
    );
    assert_eq!(run.output(), Some(Ok(json!(["a", "b"]))));

    let broken = Run::start(
        &batch,
        [event("order", order("a", 1)), event("order", json!({}))],
    );
    let failure = broken.output().unwrap().unwrap_err();
    assert_eq!(
        (failure.name.as_str(), failure.retriable),
        ("InvalidEvent", false)
    );
}

#[test]
fn a_debounced_function_gets_the_newest_event_and_all_of_them() {
    let debounced = Function::new("debounced", ids).debounce(Debounce::new("5s"));
    let mut late = event("order", order("late", 1));
    late.ts += 1_000;
    let run = Run::start(&debounced, [late, event("order", order("early", 1))]);
    assert_eq!(run.output(), Some(Ok(json!(["late", "early", "late"]))));
}

#[abide::function(id = "charge", on = "order/created", on_failure(refund, retries = 10))]
async fn charge(ctx: Context, event: Event<Order>) -> Result<String> {
    let order = event.data;
    let charge = ctx.step("charge").with_input(order).run(async |order| {
        if order.total == 0 {
            return Err(Error::non_retriable("nothing to pay").named("NothingToPay"));
        }
        Ok(format!("{} paid {}", order.id, order.total))
    });
    Ok(charge.await?)
}

async fn refund(ctx: Context, failure: FunctionFailure<Order>) -> Result<String> {
    let FunctionFailure {
        function_id,
        error,
        event,
        ..
    } = failure;
    let told = format!(
        "{function_id} of {}: {} ({})",
        event.data.id, error.message, error.name
    );
    Ok(ctx.step("tell").run(async move { Ok(told) }).await?)
}

#[test]
fn a_step_works_on_its_input_unless_an_operator_has_put_another_in_its_place() {
    let mut run = Run::of::<charge>(event("order/created", order("o-7", 30)));
    let asked = run.asked("charge");
    assert_eq!(
        asked,
        json!({"kind": "run", "input": {"id": "o-7", "total": 30}})
    );
    assert_eq!(run.execute("charge"), Ok(json!("o-7 paid 30")));

    let mut replayed = Run::of::<charge>(event("order/created", order("o-7", 0)));
    let repaired = replayed.execute_with_input("charge", order("o-7", 25));
    assert_eq!(repaired, Ok(json!("o-7 paid 25")));
    assert_eq!(replayed.output(), Some(Ok(json!("o-7 paid 25"))));
}

#[test]
fn an_input_of_another_shape_fails_the_step_for_good_and_says_what_was_expected() {
    let mut run = Run::of::<charge>(event("order/created", order("o-7", 30)));
    let failure = run
        .execute_with_input("charge", json!({"total": 30}))
        .unwrap_err();
    assert_eq!(
        (failure.name.as_str(), failure.retriable),
        ("InvalidInput", false)
    );
    assert!(
        failure.message.contains("missing field `id`"),
        "{}",
        failure.message
    );
}

#[test]
fn a_failure_handler_is_told_what_failed_and_for_which_event() {
    let error = Error::non_retriable("nothing to pay").named("NothingToPay");
    let mut run = Run::after_failure_of::<charge>(event("order/created", order("o-7", 0)), error);
    run.execute("tell").unwrap();
    let told = json!("test/charge of o-7: nothing to pay (NothingToPay)");
    assert_eq!(run.output(), Some(Ok(told)));
}
