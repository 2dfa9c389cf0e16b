//! Internal events: what the platform itself tells about runs.
