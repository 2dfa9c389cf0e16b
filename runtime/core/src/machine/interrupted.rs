//! Attempts at bodies that reached outside and of whose end nothing is known: the process died, or the run was stopped.
//!
//! Whether their effect happened cannot be known, so that they count as failed, and a step without retries never reaches outside twice.
//! The journal alone says which attempts these are: one that reached outside, and nothing after it. What follows depends on the step's
//! retry policy, which the workflow code gives again; so it is decided when the code asks for the operation, and nothing is written
//! before. Bodies that never reached outside are none of this file's business: they execute again, and nobody can tell.

use super::{Announced, Machine, OpState, TwinCursor};
use crate::journal::{Entry, OpNumber, Outcome, interrupted};

impl Machine {
    /// The body that executes here is about to reach outside. The next progress says so, and must be durable before it does.
    pub fn body_reaches_out(&mut self, cursor: &TwinCursor) {
        if let Some(op) = cursor.executing()
            && let OpState::Executing { reaches_out, .. } = &mut self.op_mut(op).state
        {
            *reaches_out = true;
        }
    }

    /// Counts an attempt as failed if it was interrupted: the next one is due at once, or the step fails.
    pub(super) fn settle_interrupted(&mut self, op: OpNumber, now_ms: u64) {
        let record = self.op_mut(op);
        if record.state != OpState::BodyDue {
            return;
        }
        let Some(started_ms) = record.reached_out_ms.take() else {
            return;
        };
        let attempt = record.attempt;
        let attempts = attempt + 1;
        if attempts < self.body_policy(op).max_attempts {
            self.op_mut(op).attempt = attempts;
            self.entries.push(Entry::BodyInterrupted {
                op,
                attempt,
                started_ms,
                at_ms: now_ms,
            });
            return;
        }
        // It began then, which is what the journal says of a step's last attempt.
        self.op_mut(op).state = OpState::Executing {
            started_ms,
            announced: Announced::ReachedOut,
            reaches_out: true,
        };
        let failure = self.bounded(interrupted(attempt));
        self.complete(op, Outcome::Failed(failure), attempts, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Arrival, Change, Next, Now, Phase, RunInfo, TwinNext};
    use super::*;
    use crate::failure::{Failure, Origin, RetryAdvice};
    use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
    use crate::operation::{Operation, RunOptions};
    use crate::retry::RetryPolicy;
    use crate::state::Registration;

    /// A run with one step, and its journal as a disk keeps it.
    struct Life {
        machine: Machine,
        disk: Vec<Entry>,
        step: Operation,
        now_ms: u64,
    }

    impl Life {
        fn new(retries: u32) -> Self {
            let step = Operation::Run(RunOptions {
                retries: Some(retries),
                ..RunOptions::default()
            });
            Self::over(Vec::new(), step, 1_000)
        }

        fn over(disk: Vec<Entry>, step: Operation, now_ms: u64) -> Self {
            let info = RunInfo {
                run: RunId(7),
                function: FunctionId::new("app", "f"),
                digest: Digest([0; 32]),
                policy: RetryPolicy::default(),
                limits: crate::limits::Limits::default(),
                event: "{}".into(),
                gated: false,
                input: None,
                schemas: Arc::default(),
                logged: crate::state::Logged::default(),
            };
            let machine =
                Machine::load(Arc::new(info), disk.clone(), now_ms).expect("its own journal");
            Self {
                machine,
                disk,
                step,
                now_ms,
            }
        }

        /// The workflow code goes on until it waits.
        fn ask(&mut self) -> Next {
            let ids = &mut IdGenerator::new(1);
            let now = Now {
                ms: self.now_ms,
                ids,
            };
            let step = self.step.clone();
            self.machine.start("charge", step, now).expect("a step");
            self.machine.next().expect("no stop")
        }

        /// A twin takes the body, if there is one to take.
        fn body(&mut self) -> Option<(TwinCursor, u32)> {
            let mut twin = self.machine.twin();
            let step = self.step.clone();
            let started = self.machine.twin_start(&mut twin, "charge", &step);
            started.expect("the same operation");
            match self.machine.twin_next(&mut twin, self.now_ms) {
                Ok(TwinNext::Execute(_, execution)) => Some((twin, execution.attempt)),
                Ok(TwinNext::Blocked) => None,
                other => panic!("{other:?}"),
            }
        }

        /// What happened is written down; the new entries.
        fn flush(&mut self) -> Vec<Entry> {
            let progress = self.machine.take_progress();
            let entries = progress.map_or_else(Vec::new, |progress| progress.entries);
            self.disk.extend(entries.iter().cloned());
            entries
        }

        /// The process dies, and is started again a second later.
        fn death(self) -> Self {
            Self::over(self.disk, self.step, self.now_ms + 1_000)
        }
    }

    /// A life in which the step's body reached outside, and nothing else is known of it.
    fn reached_out(retries: u32) -> Life {
        let mut life = Life::new(retries);
        assert_eq!(life.ask(), Next::Blocked);
        let (twin, attempt) = life.body().expect("it is due");
        assert_eq!(attempt, 0);
        life.machine.body_reaches_out(&twin);
        let entries = life.flush();
        assert!(matches!(
            entries[..],
            [
                Entry::AttemptStarted { .. },
                Entry::OperationStarted { .. },
                Entry::BodyReachedOut { attempt: 0, .. }
            ]
        ));
        life
    }

    #[test]
    fn an_attempt_that_reached_outside_is_followed_by_the_next_at_once() {
        let mut life = reached_out(1).death();
        assert_eq!(life.ask(), Next::Blocked);
        let (twin, attempt) = life.body().expect("the next attempt waits for no timer");
        assert_eq!(attempt, 1);
        life.machine.body_reaches_out(&twin);
        assert!(matches!(
            life.flush()[..],
            [
                Entry::BodyInterrupted {
                    attempt: 0,
                    started_ms: 1_000,
                    at_ms: 2_000,
                    ..
                },
                Entry::BodyReachedOut { attempt: 1, .. }
            ]
        ));
        // It was the last one.
        let mut life = life.death();
        assert!(matches!(life.ask(), Next::News(0, Outcome::Failed(_))));
        assert!(life.body().is_none());
    }

    #[test]
    fn a_step_without_retries_never_reaches_outside_twice_and_its_failure_can_be_caught() {
        let mut life = reached_out(0).death();
        let Next::News(0, Outcome::Failed(failure)) = life.ask() else {
            panic!("the step failed");
        };
        assert_eq!(failure.origin, Origin::Interrupted);
        assert!(
            failure.message.contains("step `charge`") && failure.message.contains("is not known"),
            "{failure}"
        );
        assert!(matches!(
            life.flush()[..],
            [Entry::Completed {
                attempts: 1,
                started_ms: 1_000,
                at_ms: 2_000,
                ..
            }]
        ));
        // It is told the same again, whatever happens.
        let mut life = life.death();
        assert_eq!(life.ask(), Next::News(0, Outcome::Failed(failure)));
    }

    #[test]
    fn what_follows_from_a_death_is_the_same_when_the_next_death_comes_before_it_is_written() {
        let mut life = reached_out(1).death();
        life.ask();
        let mut life = life.death();
        life.ask();
        assert_eq!(life.body().expect("due").1, 1);
        let mut life = reached_out(0).death();
        life.ask();
        let mut life = life.death();
        assert!(matches!(life.ask(), Next::News(0, Outcome::Failed(_))));
    }

    #[test]
    fn an_attempt_that_only_began_executes_again_under_its_number() {
        let mut life = Life::new(0);
        life.ask();
        life.body().expect("due");
        assert!(matches!(
            life.flush()[..],
            [.., Entry::BodyStarted { attempt: 0, .. }]
        ));
        let mut life = life.death();
        assert_eq!(life.ask(), Next::Blocked);
        assert_eq!(life.body().expect("due").1, 0);
    }

    #[test]
    fn a_body_that_was_announced_before_it_reaches_outside_is_announced_again() {
        let mut life = Life::new(3);
        life.ask();
        let (mut twin, _) = life.body().expect("due");
        life.flush();
        life.machine.body_reaches_out(&twin);
        assert!(matches!(
            life.flush()[..],
            [Entry::BodyReachedOut { attempt: 0, .. }]
        ));
        // A failure that is known is a failure as ever: with a delay, and the next attempt starts without a past.
        let failure = Failure {
            retry: RetryAdvice::After(5_000),
            ..Failure::platform(Origin::Guest, "busy")
        };
        life.machine.body_failed(&mut twin, failure, 1_000);
        assert!(matches!(
            life.flush()[..],
            [Entry::BodyFailed {
                retry_at_ms: 6_000,
                ..
            }]
        ));
        let mut life = life.death();
        assert_eq!(life.ask(), Next::Blocked);
        assert_eq!(life.machine.phase(), Phase::Parked);
        life.now_ms = 6_000;
        life.machine.arrive(0, Arrival::Due, 6_000);
        assert_eq!(life.machine.next(), Ok(Next::Blocked));
        let (twin, attempt) = life.body().expect("due");
        assert_eq!(attempt, 1);
        life.machine.body_reaches_out(&twin);
        life.flush();
        // A death now: the timer of the retry is still there, and must neither bring an attempt nor stay.
        let mut life = life.death();
        life.machine.arrive(0, Arrival::Due, life.now_ms);
        assert_eq!(life.ask(), Next::Blocked);
        let (mut twin, attempt) = life.body().expect("due");
        assert_eq!(attempt, 2);
        let finished = life
            .machine
            .twin_finish(&mut twin, 0, Ok("1".into()), life.now_ms);
        assert_eq!(finished, Ok(()));
        let progress = life.machine.take_progress().expect("it is done");
        assert_eq!(progress.changes, [(0, Change::Unregister)]);
    }

    #[test]
    fn a_twin_that_is_given_up_after_its_body_reached_outside_costs_an_attempt() {
        for (reaches_out, expected) in [(true, 1), (false, 0)] {
            let mut life = Life::new(1);
            life.ask();
            let (mut twin, _) = life.body().expect("due");
            if reaches_out {
                life.machine.body_reaches_out(&twin);
            }
            life.flush();
            life.machine.body_abandoned(&mut twin, 1_000);
            assert_eq!(life.body().expect("due").1, expected);
        }
    }

    #[test]
    fn a_later_attempt_at_the_workflow_code_takes_over_an_interrupted_body() {
        for retries in [0, 1] {
            let mut life = reached_out(retries);
            let failure = Failure::platform(Origin::Guest, "another branch failed");
            life.machine.returned(Err(failure), 1_500).expect("it ends");
            life.flush();
            let mut life = life.death();
            let next = life.ask();
            if retries == 0 {
                assert!(matches!(next, Next::News(0, Outcome::Failed(_))));
                let progress = life.machine.take_progress();
                life.disk.extend(progress.expect("an end").entries);
                let mut life = life.death();
                assert!(matches!(life.ask(), Next::News(0, Outcome::Failed(_))));
                continue;
            }
            assert_eq!(next, Next::Blocked);
            assert_eq!(life.body().expect("due").1, 1);
            // Whatever was written is a journal that can be read.
            life.flush();
            life.death().ask();
        }
    }

    #[test]
    fn a_journal_in_which_an_attempt_reaches_outside_twice_is_refused() {
        let life = reached_out(3);
        let mut entries = life.disk.clone();
        entries.push(entries[2].clone());
        let loaded = Machine::load(life.machine.info().clone(), entries, 2_000);
        let problem = loaded.expect_err("no machine writes that").problem;
        assert!(problem.contains("second time"), "{problem}");
        let mut entries = life.disk;
        entries.push(Entry::BodyInterrupted {
            op: 0,
            attempt: 3,
            started_ms: 1_000,
            at_ms: 1_000,
        });
        let loaded = Machine::load(life.machine.info().clone(), entries, 2_000);
        let problem = loaded.expect_err("attempt 0 is due").problem;
        assert!(problem.contains("attempt 3"), "{problem}");
    }

    #[test]
    fn a_retry_timer_is_asked_for_by_failures_only() {
        let mut life = reached_out(2).death();
        life.ask();
        let progress = life.machine.take_progress().expect("an entry");
        let timers = |(_, change): &(OpNumber, Change)| {
            matches!(
                change,
                Change::Register {
                    registration: Registration::Retry { .. },
                    ..
                }
            )
        };
        assert!(!progress.changes.iter().any(timers));
    }
}
