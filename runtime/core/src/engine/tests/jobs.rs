//! One thing done to many runs.

use super::world::{World, guest_error};
use super::{program, run};
use crate::HOUR_MS;
use crate::engine::{Answer, Input};
use crate::failure::RetryAdvice;
use crate::ids::RunId;
use crate::operation::{Invoke, Operation};
use crate::state::{Job, JobAction, JobState, RunFilter, RunStatus};

use RunStatus::{Cancelled, Completed, Failed, Sleeping, Waiting};

impl World {
    fn start_job(
        &mut self,
        action: JobAction,
        filter: RunFilter,
        interval_us: Option<u64>,
    ) -> Answer {
        self.input(Input::StartJob {
            action,
            filter,
            interval_us,
            reply: 0,
        });
        self.answers.last().cloned().expect("an answer")
    }

    fn only_job(&self) -> &Job {
        self.state.jobs.values().next().expect("a job")
    }
}

fn cancel() -> JobAction {
    JobAction::Cancel {
        reason: "by the job".into(),
    }
}

fn statuses(statuses: &[RunStatus]) -> RunFilter {
    RunFilter {
        statuses: statuses.to_vec(),
        ..RunFilter::default()
    }
}

#[test]
fn failed_runs_are_a_queue_of_dead_letters() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::NonRetriable)));
    for n in 0..5 {
        world.event("start/f", &format!("{{\"n\":{n}}}"));
    }
    assert_eq!(world.status(), [Failed; 5]);
    let lost = world.runs()[4].event;
    world.state.events.remove(&lost);
    world.bodies(|_, _| Ok("1".into()));
    let filter = RunFilter {
        if_expr: Some("event.data.n != 1".into()),
        ..statuses(&[Failed])
    };
    world.start_job(JobAction::Replay, filter, Some(1_000_000));
    world.settle();
    assert_eq!(world.only_job().done, 1, "one a second");
    world.crash();
    world.advance(1_000);
    assert_eq!(world.only_job().done, 2, "a crash loses no place");
    world.advance(10_000);
    let job = world.only_job();
    assert_eq!(
        (job.state, job.examined, job.done),
        (JobState::Finished, 5, 3)
    );
    let replayed: Vec<_> = world.runs().iter().filter_map(|run| run.original).collect();
    let runs: Vec<_> = world.runs().iter().map(|run| run.id).collect();
    assert_eq!(replayed, [runs[0], runs[2], runs[3]]);
    assert!(
        world.status()[5..]
            .iter()
            .all(|status| *status == Completed)
    );
    assert_eq!(world.engine.next_due_ms(), None, "nothing is left to do");
}

#[test]
fn a_run_that_is_cancelled_with_its_parent_is_cancelled_once() {
    let invoke = Operation::Invoke(Invoke {
        function: "child".into(),
        data: None,
        timeout_ms: None,
    });
    let parent = program(vec![vec![("i", invoke)]]);
    let child = program(vec![vec![("nap", Operation::Sleep(HOUR_MS))]]);
    let mut world = World::new(&[("f", parent), ("child", child)]);
    world.event("start/f", "{}");
    world.event("start/child", "{}");
    assert_eq!(world.status(), [Waiting, Sleeping, Sleeping]);
    world.start_job(cancel(), RunFilter::default(), None);
    world.settle();
    assert_eq!(world.status(), [Cancelled; 3]);
    let job = world.only_job();
    assert_eq!(
        (job.examined, job.done),
        (3, 2),
        "the child went with its parent"
    );
    world.check_quiet();
}

#[test]
fn jobs_and_timers_take_turns() {
    let nap = program(vec![vec![("nap", Operation::Sleep(HOUR_MS))]]);
    let mut world = World::new(&[("f", nap)]);
    for _ in 0..700 {
        world.event("start/f", "{}");
    }
    world.now_ms += HOUR_MS;
    let only_old = RunFilter {
        until_ms: Some(0),
        ..RunFilter::default()
    };
    world.start_job(cancel(), only_old, None);
    let examined = |world: &World| world.only_job().examined;
    world.input(Input::Tick);
    assert_eq!(examined(&world), 256);
    world.input(Input::Tick);
    assert_eq!(examined(&world), 256, "it is the timers' turn");
    world.input(Input::Tick);
    assert_eq!(examined(&world), 512);
    world.settle();
    assert!(world.status().iter().all(|status| *status == Completed));
    assert_eq!(world.only_job().state, JobState::Finished);
}

#[test]
fn a_job_that_is_stopped_does_nothing_more_and_says_how_far_it_came() {
    let nap = program(vec![vec![("nap", Operation::Sleep(HOUR_MS))]]);
    let mut world = World::new(&[("f", nap)]);
    for _ in 0..3 {
        world.event("start/f", "{}");
    }
    world.start_job(cancel(), RunFilter::default(), Some(10_000_000));
    world.settle();
    let job = world.only_job().id;
    world.input(Input::StopJob { job, reply: 0 });
    let Some(Answer::Job(stopped)) = world.answers.last().cloned() else {
        panic!("it stands so");
    };
    assert_eq!((stopped.state, stopped.done), (JobState::Stopped, 1));
    world.crash();
    world.advance(60_000);
    assert_eq!(world.status(), [Cancelled, Sleeping, Sleeping]);
    // Again: it stays as it was.
    world.input(Input::StopJob { job, reply: 0 });
    assert_eq!(world.answers.last(), Some(&Answer::Job(stopped)));
    let job = RunId(1);
    world.input(Input::StopJob { job, reply: 0 });
    assert_eq!(world.answers.last(), Some(&Answer::NoSuchJob));
}

#[test]
fn a_job_that_can_do_nothing_is_refused() {
    let mut world = World::new(&[]);
    let mut reason =
        |action, filter, interval_us| match world.start_job(action, filter, interval_us) {
            Answer::Refused(reason) => reason,
            other => panic!("expected a refusal, got {other:?}"),
        };
    let live = reason(JobAction::Replay, statuses(&[Sleeping, Waiting]), None);
    assert!(
        live.contains("only runs that have ended can be replayed"),
        "{live}"
    );
    let ended = reason(cancel(), statuses(&[Completed]), None);
    assert!(ended.contains("Completed is an end"), "{ended}");
    let broken = RunFilter {
        if_expr: Some("event.data.".into()),
        ..RunFilter::default()
    };
    assert!(reason(cancel(), broken, None).starts_with("if: "));
    let empty = RunFilter {
        since_ms: Some(5),
        until_ms: Some(5),
        ..RunFilter::default()
    };
    assert!(reason(cancel(), empty, None).contains("no time lies between"));
    assert!(reason(cancel(), RunFilter::default(), Some(u64::MAX)).contains("rate"));
    assert!(world.state.jobs.is_empty());
}
