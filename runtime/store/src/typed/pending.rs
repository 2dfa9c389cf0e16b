//! What stands in queues and what is watched, row after row: for whoever counts it.

use abide_core::state::Registration;
use bytes::Bytes;
use std::ops::Bound;

use crate::{
    backend::Direction,
    codec,
    error::Result,
    keys::{Prefix, Tag},
    view::View,
};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub enum PendingRow {
    /// A run stands in a lane.
    Queued,
    /// This is watched for a run.
    Watched(Box<Registration>),
}

impl View {
    /// Such rows by their keys, after `after`, at most `limit`.
    pub fn pending_rows(
        &self,
        after: Option<&Bytes>,
        limit: usize,
    ) -> Result<Vec<(Bytes, PendingRow)>> {
        let mut found = Vec::new();
        for tag in [Tag::Queued, Tag::Registration] {
            let mut range = Prefix::tag(tag).range();
            if let Some(after) = after {
                if after.first() > Some(&(tag as u8)) {
                    continue;
                }
                if after.first() == Some(&(tag as u8)) {
                    range.start = Bound::Excluded(after.clone());
                }
            }
            let left = limit - found.len();
            found.extend(self.collect(&range, Direction::Forward, left, |key, row| {
                let row = match tag {
                    Tag::Queued => PendingRow::Queued,
                    _ => PendingRow::Watched(Box::new(codec::decode(key, row)?)),
                };
                Ok((Bytes::copy_from_slice(key), row))
            })?);
        }
        Ok(found)
    }
}
