//! The fault matrix: a real node on a real disk that fails.
