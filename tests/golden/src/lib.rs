//! Journals of every released format, replayed for ever.
