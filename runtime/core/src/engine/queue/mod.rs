//! The queue: which runs may start, and which steps may execute, under the limits of their functions.
