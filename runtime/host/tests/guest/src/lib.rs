//! One function for each thing that the host must do.

#[allow(warnings)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit", world: "app" });
}
mod http;
mod sdk;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bindings::abide::durable::logging::{Level, log};
use bindings::abide::durable::types::{
    EventSchema, EventTrigger, Failure, FunctionConfig, NewEvent, Operation, RetryAdvice, RunContext, Trigger, WaitForEventOptions,
};
use bindings::exports::abide::durable::functions::Guest;
use sdk::{Outcome, Workflow, failure, number, text};

type Function = (&'static str, fn(&RunContext, &mut Workflow) -> Outcome);

static TOUCHED: AtomicU32 = AtomicU32::new(0);

const FUNCTIONS: &[Function] = &[
    ("sequence", |ctx, wf| {
        let mut sum = 0;
        for n in 0..number(ctx, "n", 10) {
            let result = wf.step("step", move |_| Ok(n.to_string()))?;
            sum += result.parse::<u64>().expect("a number");
        }
        Ok(sum.to_string())
    }),
    ("sleepy", |ctx, wf| {
        let mut seen = Vec::new();
        for n in 0..number(ctx, "n", 5) {
            println!("workflow before {n}");
            log(Level::Debug, &format!("round {n}"));
            let step = wf.step(&format!("step-{n}"), move |_| {
                println!("body {n}");
                eprintln!("warning {n}");
                Ok(n.to_string())
            })?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
            let random = wasip2::random::random::get_random_u64();
            seen.push(format!("[{step},{now},\"{random}\"]"));
            wf.sleep("nap", number(ctx, "sleep_ms", 86_400_000));
        }
        Ok(format!("[{}]", seen.join(",")))
    }),
    ("parallel", |ctx, wf| {
        let (n, ms) = (number(ctx, "n", 4), number(ctx, "ms", 100));
        let tickets: Vec<_> = (0..n)
            .map(|n| {
                wf.run("branch", None, move |_| {
                    if ms > 0 {
                        std::thread::sleep(Duration::from_millis(ms));
                    }
                    Ok(n.to_string())
                })
            })
            .collect();
        let results: Result<Vec<_>, _> = tickets.into_iter().map(|ticket| wf.wait(ticket)).collect();
        Ok(format!("[{}]", results?.join(",")))
    }),
    ("flaky-parallel", |ctx, wf| {
        let ms = number(ctx, "ms", 5);
        let branch = move |n: u64| {
            move |execution: &_| {
                let execution: &bindings::abide::durable::types::Execution = execution;
                // Branches end in another order than they begin in: that is what the case is about. The body is the work, nobody waits for a condition.
                std::thread::sleep(Duration::from_millis(ms * (1 + n % 3)));
                if execution.attempt == 0 && n % 2 == 0 {
                    panic!("the first attempt of branch {n}");
                }
                Ok(n.to_string())
            }
        };
        let tickets: Vec<_> = (0..number(ctx, "n", 4)).map(|n| wf.run("branch", None, branch(n))).collect();
        let results: Result<Vec<_>, _> = tickets.into_iter().map(|ticket| wf.wait(ticket)).collect();
        wf.sleep("nap", 1_000);
        wf.step("last", |_| Ok("null".into()))?;
        Ok(format!("[{}]", results?.join(",")))
    }),
    ("spin", |ctx, wf| {
        let ms = number(ctx, "ms", 100);
        let tickets: Vec<_> = (0..number(ctx, "n", 2)).map(|_| wf.run("spin", None, move |_| spin(ms))).collect();
        for ticket in tickets {
            wf.wait(ticket)?;
        }
        Ok("null".into())
    }),
    ("retry", |ctx, wf| {
        let failures = number(ctx, "failures", 2);
        let memory = Rc::new(Cell::new(0_u32));
        wf.step("flaky", move |execution| {
            memory.set(memory.get() + 1);
            if u64::from(execution.attempt) < failures {
                return Err(failure("not yet", RetryAdvice::Retriable));
            }
            // An attempt sees nothing of the attempts before it.
            Ok(format!("[{},{},\"{}\"]", execution.attempt, memory.get(), execution.idempotency_key))
        })
    }),
    ("tainted", |_, wf| {
        for n in 0..3 {
            wf.step("touch", |_| Ok(TOUCHED.fetch_add(1, Ordering::Relaxed).to_string()))?;
            if TOUCHED.load(Ordering::Relaxed) > 0 {
                wf.step("never", |_| Ok("null".into()))?;
            }
            wf.step(&format!("after-{n}"), |_| Ok("null".into()))?;
        }
        Ok(TOUCHED.load(Ordering::Relaxed).to_string())
    }),
    ("race", |ctx, wf| {
        let slow = wf.run("slow", None, |_| {
            std::thread::sleep(Duration::from_secs(3600));
            Ok("\"slow\"".into())
        });
        let nap = wf.ask("nap", &Operation::Sleep(number(ctx, "sleep_ms", 1_000)));
        let winner = wf.first(&[slow, nap]);
        wf.cancel(if winner == nap { slow } else { nap });
        wf.wait(winner)?;
        Ok(format!("\"{}\"", if winner == nap { "nap" } else { "slow" }))
    }),
    ("race-spin", |ctx, wf| {
        let slow = wf.run("slow", None, |_| spin(3_600_000));
        let nap = wf.ask("nap", &Operation::Sleep(number(ctx, "sleep_ms", 1_000)));
        let winner = wf.first(&[slow, nap]);
        wf.cancel(slow);
        wf.step("after", |_| Ok("null".into()))?;
        Ok(format!("\"{}\"", if winner == nap { "nap" } else { "slow" }))
    }),
    ("slow", |ctx, wf| {
        let ms = number(ctx, "ms", 60_000);
        let ticket = wf.run("slow", Some(number(ctx, "timeout_ms", 100)), move |_| {
            std::thread::sleep(Duration::from_millis(ms));
            Ok("null".into())
        });
        wf.wait(ticket)
    }),
    ("spin-workflow", |ctx, _| spin(number(ctx, "ms", 100))),
    ("panic-body", |_, wf| {
        wf.step("panic", |_| innermost_of_the_body())
    }),
    ("environment", |_, wf| {
        let read = || format!("{:?}", std::env::var("TEST_VARIABLE").unwrap_or_default());
        let body = wf.step("read", move |_| Ok(read()))?;
        Ok(format!("[{body},{}]", read()))
    }),
    ("thread-sleep", |_, wf| {
        wf.step("first", |_| Ok("1".into()))?;
        std::thread::sleep(Duration::from_millis(10));
        Ok("null".into())
    }),
    ("wait", |_, wf| {
        let wait = WaitForEventOptions {
            event: "test/wake".into(),
            timeout: 86_400_000,
            if_: None,
            match_: None,
            lookback: None,
        };
        let ticket = wf.ask("wait", &Operation::WaitForEvent(wait));
        wf.wait(ticket)
    }),
    ("get", |ctx, wf| {
        let url = text(ctx, "url");
        wf.step("get", move |_| http::get(&url).map_err(|e| failure(&e, RetryAdvice::NonRetriable)))
    }),
    ("get-workflow", |ctx, _| {
        let refused = http::get(&text(ctx, "url")).expect_err("only bodies may");
        Ok(format!("{refused:?}"))
    }),
    ("send-much", |ctx, wf| {
        let text = "x".repeat(number(ctx, "bytes", 1) as usize);
        for _ in 0..number(ctx, "n", 1) {
            let event = NewEvent {
                id: None,
                name: "test/much".into(),
                data: Some(format!("{{\"text\":\"{text}\"}}")),
                user: None,
                ts: None,
                v: None,
            };
            let ticket = wf.ask("send", &Operation::SendEvents(vec![event]));
            wf.wait(ticket)?;
        }
        Ok("null".into())
    }),
    ("different", |ctx, wf| {
        // Not deterministic on purpose: the host's tests change the event between replays.
        wf.step(&text(ctx, "id"), |_| Ok("1".into()))?;
        wf.sleep("nap", 1_000);
        Ok("null".into())
    }),
];

fn spin(ms: u64) -> Outcome {
    let began = std::time::Instant::now();
    let mut turns = 0_u64;
    while began.elapsed() < Duration::from_millis(ms) || ms >= 3_600_000 {
        for _ in 0..10_000 {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
        if began.elapsed().is_zero() && turns > 50_000_000_000 {
            break;
        }
    }
    Ok("null".into())
}

#[inline(never)]
fn innermost_of_the_body() -> Outcome {
    panic!("no money left")
}

struct App;

impl Guest for App {
    fn describe() -> Vec<FunctionConfig> {
        FUNCTIONS
            .iter()
            .map(|(id, _)| FunctionConfig {
                id: (*id).into(),
                name: None,
                triggers: vec![Trigger::Event(EventTrigger {
                    event: format!("test/{id}"),
                    if_: None,
                })],
                retries: None,
                backoff: None,
                concurrency: Vec::new(),
                throttle: None,
                rate_limit: None,
                debounce: None,
                batch_events: None,
                priority: None,
                idempotency: None,
                singleton: None,
                cancel_on: Vec::new(),
                timeouts: None,
                retention: None,
            })
            .collect()
    }

    fn event_schemas() -> Vec<EventSchema> {
        Vec::new()
    }

    fn run(ctx: RunContext) -> Result<String, Failure> {
        let found = FUNCTIONS.iter().find(|(id, _)| *id == ctx.function_id);
        let (_, function) = found.ok_or_else(|| failure("no such function", RetryAdvice::NonRetriable))?;
        function(&ctx, &mut Workflow::default())
    }
}

bindings::export!(App with_types_in bindings);
