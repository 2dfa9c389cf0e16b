//! What flow control reads: controls, lanes, and the events of runs that have several.
//!
//! Lanes and controls are named by texts of which a key may hold only the digest; then the row names them.

use std::ops::Bound;

use abide_core::{
    ids::{EventId, FunctionId, RunId},
    state::{Control, ControlKey, ControlKind, LaneKey, Place},
};
use bytes::Bytes;

use crate::{
    backend::Direction,
    codec::{self, ControlRow, QueuedRow},
    error::Result,
    keys::{Key, Prefix, Tag, Text},
    typed::read::{past, unexpected},
    view::View,
};

impl View {
    /// The events of a run that has several, or of one that is to be created; a gap in them is damage.
    pub(crate) fn events_of(&self, run: RunId) -> Result<Vec<EventId>> {
        let range = Prefix::tag(Tag::RunEvent).id(run.0).range();
        self.numbered(&range, |key| match key {
            Key::RunEvent { first, .. } => Some(first),
            _ => None,
        })
    }

    pub(super) fn control_of(&self, key: &ControlKey) -> Result<Option<Control>> {
        let row = self.record::<ControlRow>(&Key::control(key))?;
        Ok(row.map(|(_, control)| control))
    }

    pub(super) fn controls_after(
        &self,
        kind: ControlKind,
        after: Option<&ControlKey>,
        limit: usize,
    ) -> Result<Vec<(ControlKey, Control)>> {
        let mut range = Prefix::tag(Tag::Control).kind(kind).range();
        if let Some(after) = after {
            range.start = Bound::Excluded(Key::control(after).encode());
        }
        self.records(&range, limit, |key, (named, control): ControlRow| {
            let key = match named {
                Some(key) => key,
                None => control_key(key)?,
            };
            Some((key, control))
        })
    }

    /// From lane to lane: the number of runs in one does not matter.
    pub(super) fn lane_heads(
        &self,
        after: Option<&LaneKey>,
        past_function: bool,
        limit: usize,
    ) -> Result<Vec<(LaneKey, Place)>> {
        let mut range = Prefix::tag(Tag::Queued).range();
        if let Some(after) = after {
            let function = Prefix::tag(Tag::Queued).function(&after.function);
            let seen = if past_function {
                function
            } else {
                function.text(&after.lane)
            };
            range.start = past(seen);
        }
        let mut heads = Vec::new();
        while heads.len() < limit {
            let Some((key, row)) = self.rows(&range, Direction::Forward, 1)?.pop() else {
                break;
            };
            let head = lane_head(&key, &row)?;
            range.start = past(lane(&head.0));
            heads.push(head);
        }
        Ok(heads)
    }

    pub(super) fn places(
        &self,
        of: &LaneKey,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>> {
        let mut range = lane(of).range();
        if let Some(after) = after {
            range.start = Bound::Excluded(Key::queued(of, after).encode());
        }
        self.keys(&range, limit, |key| match key {
            Key::Queued { place, .. } => Some(place),
            _ => None,
        })
    }
}

/// The rows of a lane.
fn lane(lane: &LaneKey) -> Prefix {
    Prefix::tag(Tag::Queued)
        .function(&lane.function)
        .text(&lane.lane)
}

fn lane_head(key: &Bytes, row: &Bytes) -> Result<(LaneKey, Place)> {
    let named = codec::decode::<QueuedRow>(key, row)?;
    let Some(Key::Queued {
        app,
        function,
        lane,
        place,
    }) = Key::decode(key)
    else {
        return Err(unexpected(key));
    };
    let in_key = || {
        Some(LaneKey {
            function: function_id(app, function)?,
            lane: plain(lane)?.into(),
        })
    };
    let lane = named.or_else(in_key).ok_or_else(|| unexpected(key))?;
    Ok((lane, place))
}

/// The control that a key names, if it says so itself.
pub(super) fn control_key(key: Key<'_>) -> Option<ControlKey> {
    let Key::Control {
        kind,
        app,
        function,
        key,
    } = key
    else {
        return None;
    };
    Some(ControlKey {
        kind,
        function: function_id(app, function)?,
        key: plain(key)?,
    })
}

fn function_id(app: Text<'_>, function: Text<'_>) -> Option<FunctionId> {
    Some(FunctionId::new(plain(app)?, plain(function)?))
}

fn plain(text: Text<'_>) -> Option<String> {
    match text {
        Text::Plain(text) => Some(text.into_owned()),
        Text::Digest(_) => None,
    }
}
