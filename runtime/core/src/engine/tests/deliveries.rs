//! Deliveries count once, for as long as they are remembered, and whatever happens in between.

use super::world::World;
use super::{program, run, wait};
use crate::DAY_MS;
use crate::engine::{Answer, Delivery, Input};
use crate::event::NewEvent;
use crate::ids::EventId;
use crate::limits::Limits;
use crate::operation::Operation;
use crate::schema::Schemas;
use crate::state::RunStatus::{Completed, Waiting};

fn delivery(source: &str, id: &str, name: &str) -> Input {
    let event = NewEvent {
        name: name.into(),
        ..NewEvent::default()
    };
    let limits = Limits::default();
    let delivery = Delivery::check(
        source.into(),
        id.into(),
        event,
        &limits,
        &Schemas::default(),
    );
    Input::Delivery {
        delivery: Box::new(delivery.expect("a right event")),
        reply: 0,
    }
}

fn deliver(world: &mut World, source: &str, id: &str, name: &str) -> (EventId, bool) {
    world.input(delivery(source, id, name));
    world.settle();
    match world.answers.last() {
        Some(Answer::Delivered { event, repeated }) => (*event, *repeated),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repeated_delivery_is_no_event() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    let (first, repeated) = deliver(&mut world, "stripe", "evt_1", "start/f");
    assert!(!repeated);
    assert_eq!(
        deliver(&mut world, "stripe", "evt_1", "start/f"),
        (first, true)
    );
    assert_eq!((world.runs().len(), world.state.events.len()), (1, 1));
    // Ids are their source's own.
    let (other, repeated) = deliver(&mut world, "github", "evt_1", "start/f");
    assert!(other != first && !repeated);
    assert_eq!(world.status(), [Completed, Completed]);
    world.check_quiet();
}

#[test]
fn a_repeated_delivery_satisfies_no_wait() {
    let waiting = Operation::WaitForEvent(wait("paid", DAY_MS));
    let mut world = World::new(&[("f", program(vec![vec![("w", waiting)]]))]);
    deliver(&mut world, "stripe", "evt_1", "paid");
    world.event("start/f", "{}");
    deliver(&mut world, "stripe", "evt_1", "paid");
    assert_eq!(world.status(), [Waiting]);
    deliver(&mut world, "stripe", "evt_2", "paid");
    assert_eq!(world.status(), [Completed]);
}

#[test]
fn a_delivery_is_remembered_across_a_crash_and_for_seven_days() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    let (first, _) = deliver(&mut world, "stripe", "evt_1", "start/f");
    world.crash();
    assert_eq!(
        deliver(&mut world, "stripe", "evt_1", "start/f"),
        (first, true)
    );
    world.advance(7 * DAY_MS - 1);
    assert_eq!(
        deliver(&mut world, "stripe", "evt_1", "start/f"),
        (first, true)
    );
    world.advance(1);
    let (later, repeated) = deliver(&mut world, "stripe", "evt_1", "start/f");
    assert!(later != first && !repeated);
    assert_eq!(world.runs().len(), 2);
}
