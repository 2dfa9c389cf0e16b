//! Taking more than one's share: time, memory, stack; and ending the instance by force.

use std::hint::black_box;

use crate::Trick;
use crate::bindings::abide::durable::types::RunContext;
use crate::sdk::{Outcome, failure, step};

pub(crate) const TRICKS: &[Trick] = &[
    ("loop-workflow", |_| endless()),
    ("loop-body", |_| step("loop", endless)),
    ("loop-after-step", |_| {
        step("fine", || Ok("1".to_owned())).and_then(|_| endless())
    }),
    ("memory-workflow", |_| Ok(hoard())),
    ("memory-body", |_| step("hoard", || Ok(hoard()))),
    ("table-of-boxes", |_| Ok(boxes())),
    ("recursion-workflow", |_| Ok(descend(0).to_string())),
    ("recursion-body", |_| {
        step("descend", || Ok(descend(0).to_string()))
    }),
    ("panic-workflow", |_| {
        panic!("the workflow panics on purpose")
    }),
    ("panic-body", |_| {
        step("panic", || panic!("the body panics on purpose"))
    }),
    ("panic-body-caught", panic_caught),
    ("abort-workflow", |_| std::process::abort()),
    ("abort-body", |_| step("abort", || std::process::abort())),
    ("exit-workflow", |_| std::process::exit(0)),
    ("exit-body", |_| step("exit", || std::process::exit(0))),
    ("out-of-bounds-workflow", |_| Ok(wild_read().to_string())),
];

fn endless() -> Outcome {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Allocates without end, and touches every page.
fn hoard() -> String {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Small pieces instead of large ones, with a doubling list between them.
fn boxes() -> String {
    let mut boxes: Vec<Box<[u64; 16]>> = Vec::new();
    loop {
        boxes.push(black_box(Box::new([7; 16])));
    }
}

fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == u64::MAX {
        return depth;
    }
    descend(depth + 1) + frame[usize::from(depth.is_multiple_of(2))]
}

/// The workflow survives its body's trap as a failed step.
fn panic_caught(_: &RunContext) -> Outcome {
    match step("panic", || panic!("the body panics on purpose")) {
        Ok(_) => Err(failure("NotFailed", "the step should have failed")),
        Err(error) => Ok(format!("{:?}", error.name)),
    }
}

/// Reads beyond the end of the memory.
fn wild_read() -> u8 {
    let address = black_box(usize::MAX - 1);
    // SAFETY: none. The address is never inside the memory; the read must trap, and that is what is tested.
    unsafe { std::ptr::read_volatile(std::ptr::without_provenance::<u8>(address)) }
}
