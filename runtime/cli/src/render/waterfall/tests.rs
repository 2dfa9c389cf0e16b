//! Waterfalls of fixed runs.

use super::*;

fn run(json: &str) -> Run {
    serde_json::from_str(json).unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:10Z".parse().unwrap()
}

fn completed() -> Run {
    run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","function_version":"5f2c0e6a91b3ffff","event_id":"01EVENT",
        "status":"Completed","queued_at":"2026-03-01T12:00:00.000Z","started_at":"2026-03-01T12:00:00.004Z",
        "ended_at":"2026-03-01T12:00:04.004Z","output":{"z":1,"a":"paid"},"error":null,"parent_run_id":null,"steps":[
        {"op":0,"id":"validate","kind":"run","status":"completed","attempts":[{"attempt":0,"started_at":"2026-03-01T12:00:00.004Z",
         "ended_at":"2026-03-01T12:00:00.016Z"}],"started_at":"2026-03-01T12:00:00.004Z","ended_at":"2026-03-01T12:00:00.016Z","result":true},
        {"op":1,"id":"a-step-with-a-very-long-name-indeed","kind":"run","status":"completed","attempts":[
         {"attempt":0,"started_at":"2026-03-01T12:00:00.016Z","ended_at":"2026-03-01T12:00:01.000Z","error":{"name":"Error","message":"the gateway\nis busy"},"retry_at":"2026-03-01T12:00:02.000Z"},
         {"attempt":1,"started_at":"2026-03-01T12:00:02.000Z","ended_at":"2026-03-01T12:00:03.000Z"}],
         "started_at":"2026-03-01T12:00:00.016Z","ended_at":"2026-03-01T12:00:03.000Z","result":{"id":"charge_5f2c","text":"abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz"}},
        {"op":2,"id":"pause","kind":"sleep","status":"completed","summary":"1s","started_at":"2026-03-01T12:00:03.000Z","ended_at":"2026-03-01T12:00:04.000Z","result":null}]}"#,
    )
}

#[test]
fn a_completed_run_shows_steps_attempts_and_results() {
    insta::assert_snapshot!(waterfall(Look::plain(80), &completed(), now()), @r#"
    ✓ shop/pay  Completed
      run       01RUN
      event     01EVENT
      version   5f2c0e6a91b3
      queued    2026-03-01 12:00:00.000 UTC (10s ago)
      started   4ms later
      took      4.00s

      ✓ validate                                 12ms  │█                          │
          → true
      ✓ a-step-with-a-very-long-name-…    ×2    2.98s  │███████······████████      │
          attempt 1 failed after 984ms: the gateway is busy; the next one after
          1.00s
          → {"id":"charge_5f2c","text":"abcdefghijklmnopqrstuvwxyz abcdefghijklmnop…
      ✓ pause                                   1.00s  │                    ░░░░░░░│
          1s

    output {"z":1,"a":"paid"}
    "#);
}

#[test]
fn a_replay_tells_what_it_kept_from_what_it_did() {
    let replayed = run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","status":"Completed","original_run_id":"01FIRST","queued_at":"2026-03-01T12:00:00.000Z",
        "started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z","steps":[
        {"op":0,"id":"validate","kind":"run","status":"completed","started_at":"2026-02-01T12:00:00.000Z","ended_at":"2026-02-01T12:00:02.000Z",
         "result":true,"carried_over":true},
        {"op":1,"id":"charge","kind":"run","status":"completed","started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z",
         "result":7,"input":{"amount":5},"input_replaced":true}]}"#,
    );
    let text = waterfall(Look::plain(60), &replayed, now());
    assert!(
        text.contains("kept from the run that this one replays"),
        "{text}"
    );
    assert!(
        text.contains(r#"input, given by an operator: {"amount":5}"#),
        "{text}"
    );
    // The bars are of this run's time only.
    let line = |step: &str| {
        text.lines()
            .find(|line| line.contains(step))
            .unwrap_or_default()
    };
    assert!(!line("validate").contains('█'), "{text}");
    assert!(line("charge").contains("│█"), "{text}");
}

#[test]
fn a_waiting_run_says_what_it_waits_for() {
    let waiting = run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","status":"Waiting","queued_at":"2026-03-01T12:00:00.000Z",
        "started_at":"2026-03-01T12:00:00.000Z","waiting_for":"waits for `payment/approved`, until 2026-03-02T12:00:00.000Z","steps":[
        {"op":0,"id":"approval","kind":"wait-for-event","status":"waiting","summary":"payment/approved","started_at":"2026-03-01T12:00:01.000Z"}]}"#,
    );
    insta::assert_snapshot!(waterfall(Look::plain(60), &waiting, now()), @r#"
    ◷ shop/pay  Waiting
      run       01RUN
      queued    2026-03-01 12:00:00.000 UTC (10s ago)
      started   0ms later

      ◷ approval         9.00s…  │  ░░░░░░░░░░░░░░░░░░░░░░░░░░░│
          payment/approved

    it waits for `payment/approved`, until 2026-03-02T12:00:00.000Z
    "#);
}

#[test]
fn a_step_that_is_tried_again_says_when_and_where_it_failed() {
    let retrying = run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","status":"Sleeping","waiting_for":"next attempt 2 of 5 of `charge` at 2026-03-01T12:00:20.000Z: Busy: 503","steps":[
        {"op":0,"id":"charge","kind":"run","status":"retrying","started_at":"2026-03-01T12:00:00.000Z","attempts":[
         {"attempt":0,"started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z","error":{"name":"Busy","message":"503",
          "stack":"  at charge (src/pay.ts:22:24)\n  at b\n  at c\n  at d"},"retry_at":"2026-03-01T12:00:20.000Z"}]}]}"#,
    );
    insta::assert_snapshot!(waterfall(Look::plain(60), &retrying, now()), @r#"
    ◷ shop/pay  Sleeping
      run       01RUN

      ↻ charge         10.0s…  │████···························│
          attempt 1 failed after 1.00s: Busy: 503; the next one
          after 19.0s
            at charge (src/pay.ts:22:24)
            at b
            at c

    next attempt 2 of 5 of `charge` at 2026-03-01T12:00:20.000Z: Busy: 503
    "#);
}

#[test]
fn a_failed_run_shows_the_error_with_its_stack() {
    let failed = run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","status":"Failed","queued_at":"2026-03-01T12:00:00.000Z",
        "started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z","parent_run_id":"01PARENT",
        "error":{"name":"CardDeclined","message":"the card was declined","stack":"at charge\nat pay"},"steps":[
        {"op":0,"id":"charge","kind":"run","status":"failed","started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z",
         "error":{"name":"CardDeclined","message":"the card was declined"}}]}"#,
    );
    insta::assert_snapshot!(waterfall(Look::plain(60), &failed, now()), @r#"
    ✗ shop/pay  Failed
      run       01RUN
      parent    01PARENT
      queued    2026-03-01 12:00:00.000 UTC (10s ago)
      started   0ms later
      took      1.00s

      ✗ charge          1.00s  │███████████████████████████████│
          ✗ CardDeclined: the card was declined

    error CardDeclined: the card was declined
      at charge
      at pay
    "#);
}

#[test]
fn lines_fit_every_width_and_steps_that_share_a_moment_do_no_harm() {
    let mut odd = completed();
    for step in &mut odd.steps {
        step.started_at = odd.started_at;
        step.ended_at = odd.started_at;
    }
    for width in [48, 60, 80, 120, 160] {
        for run in [completed(), odd.clone()] {
            let text = waterfall(Look::plain(width), &run, now());
            let steps = text
                .lines()
                .filter(|line| line.contains('│') || line.starts_with("      "));
            assert!(steps.clone().count() > 3);
            assert!(
                steps.clone().all(|line| columns(line) <= width),
                "{width}:\n{text}"
            );
        }
    }
}

#[test]
fn a_run_of_which_little_is_known_is_drawn_all_the_same() {
    let bare = run(
        r#"{"run_id":"01RUN","function_id":"a/b","status":"Dreaming","steps":[{"op":0,"id":"x","status":"odd"}]}"#,
    );
    let text = waterfall(Look::plain(60), &bare, now());
    assert!(text.contains("Unknown") && text.contains('x'), "{text}");
}

#[test]
fn where_the_time_went_is_shown_where_it_is_asked_for_and_known() {
    let run = run(
        r#"{"run_id":"01RUN","function_id":"shop/pay","status":"Completed","queued_at":"2026-03-01T12:00:00.000Z",
        "started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z",
        "timings":{"queue_ms":0,"execution":{"replay_us":0,"guest_us":1500,"host_us":820000,"sync_us":900}},"steps":[
        {"op":0,"id":"charge","kind":"run","status":"completed","started_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:00.900Z",
         "result":7,"timings":{"queue_us":40,"replay_us":310,"guest_us":1240,"host_us":820000,"sync_us":900}},
        {"op":1,"id":"pause","kind":"sleep","status":"completed","summary":"100 ms","started_at":"2026-03-01T12:00:00.900Z",
         "ended_at":"2026-03-01T12:00:01.000Z","timings":null}]}"#,
    );
    insta::assert_snapshot!(waterfall_with_timings(Look::plain(60), &run, now()), @r"
    ✓ shop/pay  Completed
      run       01RUN
      queued    2026-03-01 12:00:00.000 UTC (10s ago)
      started   0ms later
      took      1.00s
      spent     guest 1.50ms, host 820ms, sync 900µs

      ✓ charge          900ms  │████████████████████████████   │
          → 7
          queue 40µs, replay 310µs, guest 1.24ms, host 820ms,
          sync 900µs
      ✓ pause           100ms  │                           ░░░░│
          100ms
    ");
    let without = waterfall(Look::plain(60), &run, now());
    assert!(!without.contains("guest"), "{without}");
}
