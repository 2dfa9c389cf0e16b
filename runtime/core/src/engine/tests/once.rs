//! Requests that their sender names have their effect once, whatever happens in between.

use super::world::{World, guest_error};
use super::{program, run};
use crate::DAY_MS;
use crate::engine::{Answer, Input};
use crate::failure::RetryAdvice;
use crate::operation::{Operation, SendSignal, WaitForSignal};
use crate::state::RunStatus::{Completed, Failed, Waiting};
use crate::state::{JobAction, RunFilter};

impl World {
    fn once(&mut self, request: &str, input: Input) -> Answer {
        self.input(Input::Once {
            request: request.into(),
            input: Box::new(input),
            reply: 0,
        });
        self.settle();
        self.answers.last().cloned().expect("an answer")
    }
}

fn job() -> Input {
    Input::StartJob {
        action: JobAction::Replay,
        filter: RunFilter::default(),
        interval_us: None,
        reply: 0,
    }
}

fn signal(ttl_ms: u64) -> Input {
    Input::Signal {
        signal: SendSignal {
            signal: "go".into(),
            data: None,
            ttl_ms: Some(ttl_ms),
        },
        reply: 0,
    }
}

#[test]
fn a_job_that_was_started_before_a_crash_is_the_one_that_is_answered_after_it() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    let Answer::Job(first) = world.once("one", job()) else {
        panic!("{:?}", world.answers);
    };
    world.crash();
    assert_eq!(world.once("one", job()), Answer::DoneBefore(Some(first.id)));
    assert_eq!(world.state.jobs.len(), 1);
    assert!(matches!(world.once("two", job()), Answer::Job(_)));
    world.advance(2 * DAY_MS);
    assert!(matches!(world.once("one", job()), Answer::Job(_)));
    assert_eq!(world.state.jobs.len(), 3);
}

#[test]
fn a_run_is_replayed_once_and_a_refusal_leaves_the_request_undone() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::NonRetriable)));
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Failed]);
    let original = world.runs()[0].id;
    let replay = || Input::Replay {
        run: original,
        from_step: None,
        reply: 0,
    };
    world.deploy(&[], 2);
    assert!(matches!(world.once("one", replay()), Answer::Refused(_)));
    world.deploy(&[("f", program(vec![vec![("a", run())]]))], 3);
    world.bodies(|_, _| Ok("1".into()));
    let Answer::Replayed(new) = world.once("one", replay()) else {
        panic!("{:?}", world.answers);
    };
    world.crash();
    assert_eq!(world.once("one", replay()), Answer::DoneBefore(Some(new)));
    assert_eq!(world.status(), [Failed, Completed]);
    world.check_quiet();
}

#[test]
fn a_signal_reaches_one_run_and_one_that_was_lost_may_be_sent_again() {
    let waiting = |id| {
        let wait = WaitForSignal {
            signal: "go".into(),
            timeout_ms: DAY_MS,
            replace: false,
        };
        program(vec![vec![(id, Operation::WaitForSignal(wait))]])
    };
    let mut world = World::new(&[("f", waiting("w"))]);
    assert_eq!(world.once("one", signal(0)), Answer::Signalled(None));
    world.event("start/f", "{}");
    let first = world.runs()[0].id;
    assert_eq!(world.once("one", signal(0)), Answer::Signalled(Some(first)));
    world.event("start/f", "{}");
    world.crash();
    assert_eq!(
        world.once("one", signal(0)),
        Answer::DoneBefore(Some(first))
    );
    assert_eq!(world.status(), [Completed, Waiting]);
    // One that is kept has been sent, although it has reached nobody yet.
    world.once("two", signal(0));
    assert_eq!(world.status(), [Completed, Completed]);
    assert_eq!(world.once("three", signal(DAY_MS)), Answer::Signalled(None));
    assert_eq!(
        world.once("three", signal(DAY_MS)),
        Answer::DoneBefore(None)
    );
    world.event("start/f", "{}");
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed, Completed, Completed, Waiting]);
}
