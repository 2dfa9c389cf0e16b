//! Schedules: ticks that start runs, at most one run a tick.
