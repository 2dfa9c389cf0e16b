//! Seeded simulation: years of faults in minutes, the same every time.
