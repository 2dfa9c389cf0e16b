//! A ledger through refusals, restarts and storms.

use super::*;
use crate::notify::alert::From;
use crate::notify::alert::tests::failed;

const MINUTE_MS: u64 = 60_000;

/// What the process does: it begins a message, stores the ledger, and sends.
fn send(ledger: &mut Ledger, now_ms: u64, id: &str) -> Option<Message> {
    ledger.begin(now_ms, MINUTE_MS, || id.to_owned());
    *ledger = stored(ledger);
    ledger.attempt(now_ms).cloned()
}

/// As it is in the next life.
fn stored(ledger: &Ledger) -> Ledger {
    let text = serde_json::to_string(ledger).expect("JSON");
    serde_json::from_str(&text).expect("it reads what it wrote")
}

fn count(message: &Message) -> u64 {
    let from = From {
        environment: "default",
        notification: "page",
    };
    message.json(from)["data"]["count"].as_u64().unwrap_or(0)
}

#[test]
fn a_failure_is_told_at_once_and_those_of_the_next_minute_together() {
    let mut ledger = Ledger::since(1_000);
    ledger.failed(&failed(1, "pay", 1_000), 1_001);
    ledger.failed(&failed(1, "pay", 1_000), 1_002);
    ledger.failed(&failed(7, "pay", 999), 1_002);
    let first = send(&mut ledger, 1_003, "a").expect("it is due");
    assert_eq!((count(&first), &*first.id), (1, "a"));
    ledger.delivered(1_004);
    for id in 2..5 {
        ledger.failed(&failed(id, "pay", 1_100), 1_101);
    }
    ledger.failed(&failed(9, "ship", 1_100), 1_101);
    assert_eq!(send(&mut ledger, 50_000, "b"), None);
    assert_eq!(ledger.next_ms(MINUTE_MS), Some(61_004));
    let second = send(&mut ledger, 61_004, "b").expect("it is due");
    assert_eq!((count(&second), &*second.id), (4, "b"));
}

#[test]
fn a_message_keeps_its_id_and_content_over_refusals_and_a_crash() {
    let mut ledger = Ledger::since(0);
    ledger.failed(&failed(1, "pay", 10), 10);
    let first = send(&mut ledger, 10, "a").expect("it is due");
    assert_eq!(
        ledger.refused(20, "the answer was 503".into()),
        Refused::Again
    );
    ledger.failed(&failed(2, "pay", 30), 30);
    assert_eq!(
        ledger.attempt(2_019),
        None,
        "the target is left alone for 2 s"
    );
    assert_eq!(ledger.next_ms(MINUTE_MS), Some(2_020));
    assert_eq!(send(&mut ledger, 2_020, "b").as_ref(), Some(&first));
    // The process dies before it knows what became of the attempt.
    let mut next = stored(&ledger).resumed(3_000);
    assert_eq!(next.attempt(3_000), Some(&first));
    next.delivered(3_001);
    assert_eq!((next.delivered_ms, &next.error), (Some(3_001), &None));
    let told: Vec<_> = stored(&next).told().collect();
    assert_eq!(
        (told.len(), &*told[0].id, &*told[0].kind),
        (1, "a", "run.failed")
    );
    assert_eq!(
        (told[0].attempts, told[0].over_ms, &told[0].reason),
        (2, Some(3_001), &None)
    );
    let second = send(&mut next, 70_000, "c").expect("what failed meanwhile");
    assert_eq!((count(&second), &*second.id), (1, "c"));
}

#[test]
fn what_was_noticed_is_not_noticed_again_in_the_next_life_and_the_rest_is() {
    let mut ledger = Ledger::since(1_000);
    ledger.failed(&failed(1, "pay", 50_000), 50_000);
    send(&mut ledger, 50_000, "a").expect("it is due");
    ledger.delivered(50_001);
    let mut next = stored(&ledger).resumed(60_000);
    assert_eq!(next.noticed_before_ms(), 40_000);
    for id in [1, 2, 1] {
        next.failed(&failed(id, "pay", 50_000), 60_001);
    }
    let told = send(&mut next, 110_001, "b").expect("run 2");
    assert_eq!(count(&told), 1);
    // Of a storm only the end is known by name.
    let mut storm = Ledger::since(0);
    for id in 0..2 * MOST_NOTICED as u64 {
        storm.failed(&failed(u128::from(id), "pay", 20_000 + id), 30_000);
    }
    assert_eq!(storm.noticed_before_ms(), 20_000 + MOST_NOTICED as u64);
    // A clock that was ahead when the process died hides nothing.
    assert_eq!(storm.resumed(5_000).through_ms, 5_000);
}

#[test]
fn a_message_is_not_tried_for_ever() {
    let mut ledger = Ledger::since(0);
    ledger.failed(&failed(1, "pay", 10), 10);
    let mut now_ms = 10;
    let mut attempts = 0;
    loop {
        send(&mut ledger, now_ms, "a").expect("it is due");
        attempts += 1;
        if ledger.refused(now_ms, "no".into()) == Refused::GivenUp {
            break;
        }
        now_ms = ledger.next_ms(MINUTE_MS).expect("it is tried again");
        assert_eq!(ledger.retry_ms(), Some(now_ms));
    }
    assert!((40..70).contains(&attempts), "{attempts} in a day");
    assert_eq!((ledger.waiting(), ledger.next_ms(MINUTE_MS)), (0, None));
    assert!(ledger.error.is_some());
    let told: Vec<_> = ledger.told().collect();
    assert_eq!((told.len(), told[0].attempts), (1, attempts));
    assert_eq!(
        (told[0].over_ms, told[0].reason.as_deref()),
        (Some(now_ms), Some("no"))
    );
}

#[test]
fn what_became_of_the_last_messages_is_kept_and_a_new_target_has_all_the_time_for_the_present_one()
{
    let mut ledger = Ledger::since(0);
    let mut now_ms = 0;
    for id in 1..=MOST_TOLD as u64 + 5 {
        now_ms += MINUTE_MS;
        ledger.failed(&failed(u128::from(id), "pay", now_ms), now_ms);
        send(&mut ledger, now_ms, &id.to_string()).expect("it is due");
        ledger.delivered(now_ms);
    }
    assert_eq!(ledger.told().count(), MOST_TOLD);
    assert_eq!(ledger.told().next().expect("the latest").id, "25");
    ledger.failed(&failed(99, "pay", now_ms), now_ms);
    let refused_ms = now_ms + MINUTE_MS;
    let message = send(&mut ledger, refused_ms, "z").expect("it is due");
    for _ in 0..5 {
        ledger.refused(refused_ms, "no".into());
    }
    let present = ledger.told().next().expect("the present one");
    assert_eq!(
        (&*present.id, present.attempts, present.over_ms),
        ("z", 5, None)
    );
    assert_eq!(present.reason.as_deref(), Some("no"));
    let moved_ms = refused_ms + GIVE_UP_MS;
    ledger.moved(moved_ms);
    assert_eq!(ledger.attempt(moved_ms), Some(&message), "at once");
    assert_eq!(
        ledger.refused(moved_ms + GIVE_UP_MS, "no".into()),
        Refused::Again
    );
    assert_eq!(
        ledger.next_ms(MINUTE_MS),
        Some(moved_ms + GIVE_UP_MS + 2_000)
    );
}

const AGE: Turn = Turn {
    rule: "backlog_age",
    wrong: Kind::BacklogAgeHigh,
    over: Kind::BacklogAgeRecovered,
};

#[test]
fn what_is_wrong_is_told_once_and_what_nobody_was_told_of_is_not_taken_back() {
    let facts = Facts::Age {
        age_s: 60,
        threshold_s: 30,
    };
    let mut ledger = Ledger::since(0);
    for now_ms in [10, 20] {
        ledger.turn(AGE, "shop/pay", true, facts, now_ms);
        ledger.turn(AGE, "shop/ship", true, facts, now_ms);
    }
    ledger.turn(AGE, "shop/ship", false, facts, 25);
    assert_eq!(ledger.waiting(), 1);
    let told = send(&mut ledger, 30, "a").expect("it is due");
    assert_eq!((told.alert.kind(), count(&told)), (Kind::BacklogAgeHigh, 1));
    ledger.delivered(31);
    assert_eq!(
        ledger.wrong_by("backlog_age").collect::<Vec<_>>(),
        ["shop/pay"]
    );
    // Over, wrong and over again within the time in which nothing is told: it is over.
    let mut ledger = stored(&ledger).resumed(32);
    ledger.turn(AGE, "shop/pay", true, facts, 33);
    assert_eq!(ledger.waiting(), 0, "it was told in an earlier life");
    for is_wrong in [false, true, false] {
        ledger.turn(AGE, "shop/pay", is_wrong, facts, 40);
    }
    let told = send(&mut ledger, 50, "b").expect("it is due");
    assert_eq!(
        (told.alert.kind(), count(&told)),
        (Kind::BacklogAgeRecovered, 1)
    );
    assert_eq!(ledger.firing(), []);
}

#[test]
fn a_notification_that_was_paused_begins_anew_and_remembers_its_target() {
    let mut ledger = Ledger::since(0);
    ledger.failed(&failed(1, "pay", 10), 10);
    send(&mut ledger, 10, "a");
    ledger.refused(20, "no".into());
    let ledger = stored(&ledger).restarted(500);
    assert_eq!((ledger.waiting(), ledger.noticed_before_ms()), (0, 500));
    assert!(ledger.error.is_some());
}
