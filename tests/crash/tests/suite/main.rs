//! Crash tests that are short enough for every change. `cargo xtask crash --cycles N` does the same for as long as one likes.

mod kill;
mod poison;
mod power;
mod schedules;
mod virtual_time;
