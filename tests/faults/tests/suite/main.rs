//! The fault matrix, as far as it needs no root and no patience: `cargo xtask faults` plays the rest.

use std::collections::BTreeSet;

use abide_faults::matrix::{Needs, Played, rows, table};

/// Plays the row of this name.
fn row(name: &str) {
    let row = rows().into_iter().find(|row| row.name == name);
    let row = row.unwrap_or_else(|| panic!("there is no row {name}"));
    match row.play() {
        Ok(Played::Passed) => {}
        Ok(other) => panic!("{name}: {other:#?}"),
        Err(error) => panic!("{name}: {error:#}"),
    }
}

/// One test for each row of this name, and the list of them.
macro_rules! matrix {
    (anywhere: [$($any:ident),* $(,)?] preload: [$($preload:ident),* $(,)?]) => {
        $(#[test] fn $any() { row(stringify!($any)); })*
        $(
            #[test]
            #[cfg_attr(
                not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
                ignore = "the library to preload is for Linux"
            )]
            fn $preload() { row(stringify!($preload)); }
        )*
        const TESTED: &[(&str, Needs)] = &[
            $((stringify!($any), Needs::Nothing),)*
            $((stringify!($preload), Needs::Preload),)*
        ];
    };
}

matrix! {
    anywhere: [
        any_file_is_missing,
        a_store_of_which_bits_flipped,
        a_component_that_is_damaged,
        caches_that_are_stale_or_foreign,
        an_old_witness,
        an_old_log,
        two_processes_on_one_directory,
        a_directory_that_is_moved_while_it_is_served,
        a_directory_that_is_removed_while_it_is_served,
    ]
    preload: [
        a_disk_that_fills_up_while_serving,
        a_full_disk_during_a_compaction,
        a_disk_without_room_for_caches,
        a_disk_without_room_for_a_component,
        an_error_when_the_log_is_written,
        an_error_when_the_log_is_synced,
        an_error_when_the_log_is_handed_to_the_disk,
        an_error_when_the_witness_is_written,
        a_payload_that_cannot_be_written,
        a_payload_that_cannot_be_synced,
        a_payload_that_cannot_be_named,
        a_payload_that_finds_no_descriptor,
        code_that_finds_no_descriptor,
        short_writes,
        interrupted_calls,
        connections_that_break_before_they_are_accepted,
        an_error_when_the_log_is_read,
        a_full_disk_at_open,
        an_error_when_opening_is_synced,
        a_directory_that_may_not_be_opened,
        a_file_system_that_became_read_only,
        no_descriptors_at_open,
        a_file_system_that_becomes_read_only_while_serving,
        a_clock_that_is_set_back,
        a_clock_that_jumps_ahead_and_back,
        a_leap_second,
        a_clock_that_was_set_back_between_two_lives,
        a_clock_that_begins_at_1970,
        no_descriptors_for_connections,
        no_memory_for_instances,
        a_disk_that_becomes_slow,
        a_balancer_that_asks_while_the_disk_fails,
        a_doctor_on_a_slow_disk,
    ]
}

#[test]
fn every_row_that_each_change_can_afford_has_a_test() {
    let tested: BTreeSet<_> = TESTED
        .iter()
        .map(|(name, needs)| (*name, format!("{needs:?}")))
        .collect();
    let rows: BTreeSet<_> = rows()
        .iter()
        .filter(|row| matches!(row.needs, Needs::Nothing | Needs::Preload))
        .map(|row| (row.name, format!("{:?}", row.needs)))
        .collect();
    assert_eq!(tested, rows);
}

#[test]
fn the_document_shows_the_rows_as_they_are() {
    let path = abide_e2e::repository().join("docs/reliability.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let shown = text
        .split_once("a test compares it with the rows -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of the matrix -->"))
        .map(|(shown, _)| shown);
    assert!(
        shown == Some(&*table()),
        "docs/reliability.md does not hold the table that `cargo xtask faults --table` prints:\n{}",
        table()
    );
}
