//! The scheduler against a scripted host: what it asks, in which order, and when it asks for news.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::bindings::types::{
    self, Execution, Failure, News, Operation, RetryAdvice, RunContext, Ticket,
};
use crate::context::Context;
use crate::error::Error;
use crate::function::Function;
use crate::host::Host;
use crate::runtime::Runtime;
use crate::{Either, join_all, race, select, try_join_all};

/// A host that answers `next` from a list and writes down everything that it is asked.
#[derive(Default)]
struct Script {
    news: RefCell<VecDeque<(Ticket, News)>>,
    said: RefCell<Vec<String>>,
    tickets: RefCell<Ticket>,
}

impl Script {
    fn say(&self, line: String) {
        self.said.borrow_mut().push(line);
    }
}

impl Host for Script {
    fn start(&self, id: &str, _operation: &Operation) -> Ticket {
        let mut tickets = self.tickets.borrow_mut();
        let ticket = *tickets;
        *tickets += 1;
        self.say(format!("start {ticket} {id}"));
        ticket
    }

    fn next(&self) -> (Ticket, News) {
        self.say("next".to_owned());
        self.news
            .borrow_mut()
            .pop_front()
            .expect("the script has news for every `next`")
    }

    fn finish(&self, ticket: Ticket, outcome: Result<String, Failure>) {
        self.say(match outcome {
            Ok(json) => format!("finish {ticket} {json}"),
            Err(failure) => format!("finish {ticket} {}: {}", failure.name, failure.message),
        });
    }

    fn cancel(&self, ticket: Ticket) {
        self.say(format!("cancel {ticket}"));
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a script is easier to read without references"
)]
fn done(ticket: Ticket, value: Value) -> (Ticket, News) {
    (ticket, News::Done(value.to_string()))
}

fn failed(ticket: Ticket, message: &str) -> (Ticket, News) {
    let (name, message) = ("Boom".to_owned(), message.to_owned());
    let failure = Failure {
        name,
        message,
        stack: None,
        data: None,
        retry: RetryAdvice::Retriable,
    };
    (ticket, News::Failed(failure))
}

fn execute(ticket: Ticket) -> (Ticket, News) {
    let execution = Execution {
        attempt: 2,
        max_attempts: 5,
        idempotency_key: "run/step/2".to_owned(),
        step_key: "run/step".to_owned(),
        input: None,
    };
    (ticket, News::Execute(execution))
}

/// Runs a workflow against the script, and compares its output and all that it asked of the host.
#[track_caller]
fn check<F, O>(
    workflow: impl Fn(Context) -> F + 'static,
    script: impl IntoIterator<Item = (Ticket, News)>,
    expected_output: Result<Value, &str>,
    expected_calls: &[&str],
) where
    F: Future<Output = Result<O, Error>> + 'static,
    O: serde::Serialize,
{
    let host = Rc::new(Script {
        news: RefCell::new(script.into_iter().collect()),
        ..Script::default()
    });
    let runtime = Runtime::new(Rc::clone(&host) as Rc<dyn Host>);
    let function = Function::new("under-test", workflow);
    let event = types::Event {
        id: "event-1".to_owned(),
        name: "test/started".to_owned(),
        data: r#"{"n":1}"#.to_owned(),
        user: None,
        ts: 1_000,
        v: None,
    };
    let run = RunContext {
        app_id: "app".to_owned(),
        function_id: "under-test".to_owned(),
        run_id: "run".to_owned(),
        attempt: 0,
        max_attempts: 5,
        events: vec![event.clone()],
        event,
    };
    let workflow = function.begin(Context::new(Rc::clone(&runtime), run));
    let output = runtime.drive(workflow);
    let output = output.map(|json| serde_json::from_str::<Value>(&json).unwrap());
    assert_eq!(
        output.map_err(|failure| failure.message),
        expected_output.map_err(str::to_owned)
    );
    assert_eq!(*host.said.borrow(), expected_calls);
}

#[test]
fn a_sequence_asks_for_news_once_a_step() {
    check(
        async |ctx: Context| {
            let one: u32 = ctx.step("one").run(async { Ok(0) }).await?;
            ctx.sleep("pause", "1 day").await?;
            Ok(one + 1)
        },
        [done(0, json!(41)), done(1, Value::Null)],
        Ok(json!(42)),
        &["start 0 one", "next", "start 1 pause", "next"],
    );
}

#[test]
fn a_run_without_operations_never_asks_for_news() {
    check(
        async |ctx: Context| Ok(ctx.run_id().to_owned()),
        [],
        Ok(json!("run")),
        &[],
    );
}

#[test]
fn all_branches_start_before_news_is_asked_for_and_go_on_as_it_comes() {
    check(
        async |ctx: Context| {
            let branch = async |name: &str| {
                let first: u32 = ctx.step(format!("{name}1")).run(async { Ok(0) }).await?;
                let second: u32 = ctx.step(format!("{name}2")).run(async { Ok(0) }).await?;
                Ok::<_, Error>(first + second)
            };
            let (a, b) = crate::join!(branch("a"), branch("b"));
            Ok((a?, b?))
        },
        [
            done(1, json!(10)),
            done(0, json!(1)),
            done(2, json!(20)),
            done(3, json!(2)),
        ],
        Ok(json!([3, 30])),
        &[
            "start 0 a1",
            "start 1 b1",
            "next",
            "start 2 b2",
            "next",
            "start 3 a2",
            "next",
            "next",
        ],
    );
}

#[test]
fn the_combinators_of_the_futures_crate_work() {
    use futures::FutureExt;
    use futures::stream::{FuturesUnordered, StreamExt};
    check(
        async |ctx: Context| {
            let mut all: FuturesUnordered<_> = ["a", "b", "c"]
                .iter()
                .map(|id| ctx.step(*id).run(async { Ok(0) }))
                .collect();
            let mut order: Vec<u32> = Vec::new();
            while let Some(value) = all.next().await {
                order.push(value?);
            }
            let mut slow = ctx.sleep("slow", "1 day").fuse();
            let mut fast = ctx.sleep("fast", "1 s").fuse();
            let winner = futures::select_biased! { _ = slow => "slow", _ = fast => "fast" };
            let (x, y) = futures::join!(ctx.sleep("x", "1 s"), ctx.sleep("y", "1 s"));
            x.and(y)?;
            Ok((order, winner))
        },
        [
            done(2, json!(3)),
            done(0, json!(1)),
            done(1, json!(2)),
            done(4, Value::Null),
            done(5, Value::Null),
            done(6, Value::Null),
        ],
        Ok(json!([[3, 1, 2], "fast"])),
        &[
            "start 0 a",
            "start 1 b",
            "start 2 c",
            "next",
            "next",
            "next",
            "start 3 slow",
            "start 4 fast",
            "next",
            "start 5 x",
            "start 6 y",
            "next",
            "next",
            "cancel 3",
        ],
    );
}

#[test]
fn a_thousand_branches_come_back_in_the_order_in_which_they_were_given() {
    let backwards = (0..1000).rev().map(|ticket| done(ticket, json!(ticket)));
    let mut calls: Vec<String> = (0..1000).map(|n| format!("start {n} step-{n}")).collect();
    calls.extend((0..1000).map(|_| "next".to_owned()));
    check(
        async |ctx: Context| {
            let steps = (0..1000).map(|n| ctx.step(format!("step-{n}")).run(async { Ok(0) }));
            let values: Vec<u32> = try_join_all(steps).await?;
            Ok(values.is_sorted() && values.len() == 1000)
        },
        backwards,
        Ok(json!(true)),
        &calls.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn the_losers_of_a_race_are_cancelled() {
    check(
        async |ctx: Context| {
            let wait = ctx
                .wait_for_event::<Value>("answer")
                .event("answered")
                .timeout("1 day");
            match select(wait, ctx.sleep("patience", "1 h")).await {
                Either::First(_) => Ok("answered"),
                Either::Second(_) => Ok("timeout"),
            }
        },
        [done(1, Value::Null)],
        Ok(json!("timeout")),
        &["start 0 answer", "start 1 patience", "next", "cancel 0"],
    );
    check(
        async |ctx: Context| {
            let quotes = ["a", "b", "c"].map(|id| ctx.step(id).run(async { Ok(0) }));
            Ok(race(quotes).await?)
        },
        [done(1, json!(7))],
        Ok(json!(7)),
        &[
            "start 0 a",
            "start 1 b",
            "start 2 c",
            "next",
            "cancel 0",
            "cancel 2",
        ],
    );
}

#[test]
fn the_first_error_gives_the_other_branches_up() {
    check(
        async |ctx: Context| {
            let (a, b) =
                crate::try_join!(ctx.sleep("a", "1 s"), ctx.step("b").run(async { Ok(0) }))?;
            Ok((a, b))
        },
        [failed(1, "no luck")],
        Err("step `b`: no luck"),
        &["start 0 a", "start 1 b", "next", "cancel 0"],
    );
}

#[test]
fn an_operation_that_was_never_polled_is_never_started() {
    check(
        async |ctx: Context| {
            drop(ctx.sleep("never", "1 day"));
            Ok(())
        },
        [],
        Ok(Value::Null),
        &[],
    );
}

#[test]
fn start_begins_an_operation_before_it_is_awaited() {
    check(
        async |ctx: Context| {
            let wait = ctx
                .wait_for_signal::<u32>("wait", "number")
                .timeout("1 h")
                .start();
            ctx.send_event("ask", "number/asked").await?;
            Ok(wait.await?)
        },
        // The answer overtakes the confirmation of the question.
        [done(0, json!(5)), done(1, json!(["event-2"]))],
        Ok(json!(5)),
        &["start 0 wait", "start 1 ask", "next", "next"],
    );
}

#[test]
fn a_body_runs_when_it_is_asked_for_and_the_workflow_stands_still_meanwhile() {
    check(
        async |ctx: Context| {
            let polled = Rc::new(RefCell::new(0));
            let counted = Rc::clone(&polled);
            let body = ctx.step("work").run_with(|exec| async move {
                assert_eq!((exec.attempt, exec.is_last()), (2, false));
                Ok(exec.step_key)
            });
            let mut body = std::pin::pin!(body);
            let key = std::future::poll_fn(|cx| {
                *counted.borrow_mut() += 1;
                body.as_mut().poll(cx)
            })
            .await?;
            let polls = *polled.borrow();
            Ok((key, polls))
        },
        [execute(0), done(0, json!("recorded"))],
        Ok(json!(["recorded", 2])),
        &["start 0 work", "next", "finish 0 \"run/step\"", "next"],
    );
}

#[test]
fn a_failing_body_hands_in_its_failure_and_never_runs_twice() {
    check(
        async |ctx: Context| {
            let failing = async { Err(Error::non_retriable("card declined").named("Declined")) };
            let caught: Result<(), _> = ctx.step("pay").run(failing).await;
            Ok(caught.unwrap_err().name().to_owned())
        },
        [execute(0), execute(0), failed(0, "card declined")],
        Ok(json!("Boom")),
        &[
            "start 0 pay",
            "next",
            "finish 0 Declined: card declined",
            "next",
            "finish 0 NoBody: the host asked to execute operation 0, which has no body, or whose body ran already",
            "next",
        ],
    );
}

#[test]
fn a_body_that_uses_the_context_is_told_so() {
    check(
        async |ctx: Context| {
            let inner = ctx.clone();
            let body = async move { Ok(inner.sleep("inner", "1 s").await?) };
            Ok(ctx.step("outer").run(body).await?)
        },
        [execute(0), done(0, Value::Null)],
        Ok(Value::Null),
        &[
            "start 0 outer",
            "next",
            "finish 0 NestedOperation: step `inner`: a step's body cannot use the context: start operations in workflow code, and return from the body what they need",
            "next",
        ],
    );
}

#[test]
fn wrong_options_fail_the_operation_without_asking_the_host() {
    check(
        async |ctx: Context| Ok(ctx.sleep("pause", "3 dayz").await?),
        [],
        Err(
            "step `pause`: `3 dayz` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
        ),
        &[],
    );
    check(
        async |ctx: Context| {
            Ok(ctx
                .wait_for_event::<Value>("wait")
                .event("x")
                .await?
                .is_some())
        },
        [],
        Err("step `wait`: the wait does not say how long: call `.timeout(\"7 days\")`"),
        &[],
    );
}

#[test]
fn a_result_of_another_type_names_the_step() {
    check(
        async |ctx: Context| Ok(ctx.step("count").run(async { Ok(1_u8) }).await?),
        [done(0, json!("many"))],
        Err(
            "step `count`: its result is not a `u8`: invalid type: string \"many\", expected u8 at line 1 column 6",
        ),
        &["start 0 count", "next"],
    );
}

#[test]
fn a_wait_that_times_out_gives_none_and_a_null_signal_does_not() {
    check(
        async |ctx: Context| {
            let event = ctx
                .wait_for_event::<Value>("e")
                .event("x")
                .timeout("1 s")
                .await?;
            let none = ctx
                .wait_for_signal::<Value>("s", "x")
                .timeout("1 s")
                .await?;
            let null = ctx
                .wait_for_signal::<Value>("t", "x")
                .timeout("1 s")
                .await?;
            Ok((event.is_none(), none.is_none(), null.is_some()))
        },
        [(0, News::Empty), (1, News::Empty), done(2, Value::Null)],
        Ok(json!([true, true, true])),
        &[
            "start 0 e",
            "next",
            "start 1 s",
            "next",
            "start 2 t",
            "next",
        ],
    );
}

#[test]
fn spawned_branches_run_in_the_order_of_their_waking_and_end_with_the_run() {
    check(
        async |ctx: Context| {
            let branch = |id: &'static str| {
                let inner = ctx.clone();
                ctx.spawn(async move { inner.sleep(id, "1 s").await })
            };
            let (first, second, _third) = (branch("first"), branch("second"), branch("third"));
            ctx.sleep("main", "1 s").await?;
            second.await?;
            drop(first);
            Ok(())
        },
        [done(0, Value::Null), done(2, Value::Null)],
        Ok(Value::Null),
        &[
            "start 0 main",
            "start 1 first",
            "start 2 second",
            "start 3 third",
            "next",
            "next",
            "cancel 1",
            "cancel 3",
        ],
    );
}

#[test]
fn channels_between_branches_wake_them() {
    check(
        async |ctx: Context| {
            let (sender, receiver) = futures::channel::oneshot::channel();
            let sending = async {
                ctx.sleep("before", "1 s").await?;
                sender.send(7).ok();
                Ok::<_, Error>(())
            };
            let receiving = async { receiver.await.map_err(Error::from) };
            let (sent, number) = crate::join!(sending, receiving);
            sent?;
            number
        },
        [done(0, Value::Null)],
        Ok(json!(7)),
        &["start 0 before", "next"],
    );
}

#[test]
fn news_for_a_cancelled_operation_is_ignored() {
    check(
        async |ctx: Context| {
            drop(ctx.sleep("given-up", "1 day").start());
            let all = join_all([ctx.sleep("kept", "1 s")]).await;
            Ok(all.len())
        },
        [done(0, Value::Null), done(1, Value::Null)],
        Ok(json!(1)),
        &[
            "start 0 given-up",
            "cancel 0",
            "start 1 kept",
            "next",
            "next",
        ],
    );
}
