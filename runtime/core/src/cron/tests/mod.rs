//! Stories about schedules.
