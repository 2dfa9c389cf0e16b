//! Real guests whose steps count against a limit: a body executes once its slot was granted, and gives it back.

mod common;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use abide_core::journal::{Entry, OpNumber};
use abide_core::machine::{Arrival, Position};
use abide_host::{Exit, Mailbox};
use common::Case;

/// The engine's part: it has so many slots, and grants them in the order in which they are asked for.
struct Slots {
    limit: usize,
    held: BTreeSet<OpNumber>,
    waiting: VecDeque<OpNumber>,
    /// Grants altogether, and the most at once.
    granted: usize,
    most: usize,
}

impl Slots {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            held: BTreeSet::new(),
            waiting: VecDeque::new(),
            granted: 0,
            most: 0,
        }
    }

    fn take_in(&mut self, case: &Case, mailbox: &Mailbox) {
        let news = std::mem::take(&mut case.node.record.lock().expect("not poisoned").gate);
        for (op, asked) in news {
            if asked {
                self.waiting.push_back(op);
            } else {
                self.held.remove(&op);
                self.waiting.retain(|waiting| *waiting != op);
            }
        }
        while self.held.len() < self.limit
            && let Some(op) = self.waiting.pop_front()
        {
            self.held.insert(op);
            self.granted += 1;
            self.most = self.most.max(self.held.len());
            // One that leaves memory right now is gone: it asks again when it is executed again.
            let _ = mailbox.arrive(op, Arrival::Granted);
        }
    }
}

/// Executes a gated run to its end. `evict`: whether it leaves memory when it first waits for slots.
async fn finish(function: &str, data: &str, slots: &mut Slots, mut evict: bool) -> Case {
    let mut case = Case::new(function, data).await;
    let mut info = (*case.info).clone();
    info.gated = true;
    case.info = Arc::new(info);
    let (mut mailbox, mut task) = case.execute();
    loop {
        tokio::select! {
            exit = &mut task => match exit.expect("no panic") {
                Exit::Evicted { .. } => {
                    slots.held.clear();
                    slots.waiting.clear();
                    case.node.record.lock().expect("not poisoned").gate.clear();
                    (mailbox, task) = case.execute();
                }
                Exit::Over => return case,
                exit => panic!("{exit:?}"),
            },
            () = case.node.changed.notified() => {
                if evict && case.position() == Some(Position::Gated) {
                    evict = false;
                    mailbox.evict().expect("it is executed");
                } else {
                    slots.take_in(&case, &mailbox);
                }
            }
        }
    }
}

/// The most bodies that executed at once, as the journal has it.
fn most_at_once(case: &Case) -> usize {
    let mut executing = BTreeSet::new();
    let mut most = 0;
    for entry in case.entries() {
        match entry {
            Entry::BodyStarted { op, .. } => {
                executing.insert(op);
            }
            Entry::Completed { op, .. } | Entry::BodyFailed { op, .. } => {
                executing.remove(&op);
            }
            _ => {}
        }
        most = most.max(executing.len());
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_bodies_under_a_limit_of_one_execute_one_after_the_other() {
    let mut slots = Slots::new(1);
    let case = finish("parallel", r#"{"n":4,"ms":30}"#, &mut slots, false).await;
    case.ended().expect("an output");
    assert_eq!(most_at_once(&case), 1);
    assert_eq!((slots.granted, case.replays().await), (4, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_two_lets_two_bodies_execute_at_once() {
    let mut slots = Slots::new(2);
    let case = finish("parallel", r#"{"n":6,"ms":100}"#, &mut slots, false).await;
    case.ended().expect("an output");
    // That a body began is recorded with what happens next: the journal may show fewer at once, and never more.
    assert!(most_at_once(&case) <= 2);
    assert_eq!((slots.most, slots.granted), (2, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn sequential_steps_ask_and_give_back_one_by_one() {
    let mut slots = Slots::new(1);
    let case = finish("sequence", r#"{"n":5}"#, &mut slots, false).await;
    assert_eq!(case.ended().as_deref(), Ok("10"));
    assert_eq!(slots.granted, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_only_waits_for_slots_can_leave_memory() {
    let mut slots = Slots::new(1);
    let case = finish("parallel", r#"{"n":3,"ms":10}"#, &mut slots, true).await;
    case.ended().expect("an output");
    assert_eq!(most_at_once(&case), 1);
    assert_eq!(case.replays().await, None);
}
