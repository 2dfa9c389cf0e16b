//! How points survive a restart: as blocks of twenty, each a record of the admin store.
//!
//! ```text
//! id     = seconds of the step (five digits), '-', number of the block (twelve digits)
//! record = {"m": names of the measures, "p": base64 of the points}
//! point  = place in the block (u8), a float of four bytes for each measure, least significant byte first
//! ```
//! Names are stored so that another version, which may know others, reads what it knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::measure::{MEASURES, Measure, Range};
use super::ring::{Point, Values};
use crate::admin::AdminRecord;

/// Points of a block: a record stays below the size at which the store gives it a file of its own.
const BLOCK: u64 = 20;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    #[serde(rename = "m")]
    measures: Vec<String>,
    #[serde(rename = "p")]
    points: String,
}

impl AdminRecord for Block {
    const KIND: &'static str = "series";
}

/// The first slot of the block that a slot is in.
pub(super) fn first_of(slot: u64) -> u64 {
    slot / BLOCK * BLOCK
}

fn id(range: Range, slot: u64) -> String {
    format!("{:05}-{:012}", range.step_ms() / 1_000, slot / BLOCK)
}

/// Whether the record with this id holds nothing that a range still shows.
pub(super) fn is_past(id: &str, now_ms: u64) -> bool {
    let Some((range, block)) = place_of(id) else {
        return true;
    };
    let behind = (block + 1) * BLOCK + range.points() as u64;
    behind < now_ms / range.step_ms()
}

fn place_of(id: &str) -> Option<(Range, u64)> {
    let (seconds, block) = id.split_once('-')?;
    let step_ms = seconds.parse::<u64>().ok()?.checked_mul(1_000)?;
    let range = Range::ALL
        .into_iter()
        .find(|range| range.step_ms() == step_ms)?;
    let block: u64 = block.parse().ok()?;
    // Beyond any time that there is.
    (block < 1 << 40).then_some((range, block))
}

/// The blocks of points that are in order, with their ids.
pub(super) fn blocks<'a>(
    range: Range,
    points: impl Iterator<Item = &'a Point>,
) -> Vec<(String, Block)> {
    let mut blocks: Vec<(u64, Vec<u8>)> = Vec::new();
    for point in points {
        let first = first_of(point.slot);
        if blocks.last().is_none_or(|(block, _)| *block != first) {
            blocks.push((first, Vec::new()));
        }
        if let Some((_, bytes)) = blocks.last_mut() {
            bytes.push(u8::try_from(point.slot - first).unwrap_or(0));
            bytes.extend(point.values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    let record = |bytes: Vec<u8>| Block {
        measures: Measure::ALL.map(|it| it.name().to_owned()).to_vec(),
        points: STANDARD_NO_PAD.encode(bytes),
    };
    blocks
        .into_iter()
        .map(|(first, bytes)| (id(range, first), record(bytes)))
        .collect()
}

/// The points of a block; none of one that cannot be read: it is only missed in a chart.
pub(super) fn points(id: &str, block: &Block) -> Option<(Range, Vec<Point>)> {
    let (range, number) = place_of(id)?;
    let bytes = STANDARD_NO_PAD.decode(&block.points).ok()?;
    let known: Vec<_> = block
        .measures
        .iter()
        .map(|name| Measure::of_name(name))
        .collect();
    let points = bytes.chunks_exact(1 + 4 * known.len()).filter_map(|point| {
        let (&place, values) = point.split_first()?;
        let mut own: Values = [f32::NAN; MEASURES];
        for (measure, value) in known.iter().zip(values.chunks_exact(4)) {
            if let (Some(measure), Ok(value)) = (measure, value.try_into()) {
                own[measure.place()] = f32::from_le_bytes(value);
            }
        }
        (u64::from(place) < BLOCK).then_some(Point {
            slot: number * BLOCK + u64::from(place),
            values: own,
        })
    });
    Some((range, points.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(slot: u64) -> Point {
        let mut values = [0.0; MEASURES];
        values[3] = 1.5;
        Point { slot, values }
    }

    #[test]
    fn points_come_back_as_they_were() {
        let all: Vec<_> = [39, 40, 59, 61].map(point).to_vec();
        let blocks = blocks(Range::Day, all.iter());
        let ids: Vec<_> = blocks.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "00060-000000000001",
                "00060-000000000002",
                "00060-000000000003"
            ]
        );
        let mut back = Vec::new();
        for (id, block) in &blocks {
            let (range, points) = points(id, block).expect("it is one of ours");
            assert_eq!(range, Range::Day);
            back.extend(points);
        }
        assert_eq!(back, all);
    }

    #[test]
    fn a_full_block_fits_a_row() {
        let all: Vec<_> = (0..BLOCK).map(point).collect();
        let blocks = blocks(Range::Hour, all.iter());
        assert_eq!(blocks.len(), 1);
        let row = serde_json::to_vec(&blocks[0].1).expect("it is JSON");
        assert!(row.len() + 200 < abide_store::SPILL_ABOVE, "{}", row.len());
    }

    #[test]
    fn what_another_version_wrote_is_read_as_far_as_it_is_known() {
        let mut bytes = vec![7];
        for value in [1.0_f32, 2.0] {
            bytes.extend(value.to_le_bytes());
        }
        let block = Block {
            measures: vec!["of_the_future".into(), "events".into()],
            points: STANDARD_NO_PAD.encode(bytes),
        };
        let (_, found) = points("00010-000000000001", &block).expect("it can be read");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].slot, BLOCK + 7);
        let values = found[0].values;
        assert!((values[Measure::Events.place()] - 2.0).abs() < f32::EPSILON);
        assert!(values[Measure::Steps.place()].is_nan());
        for id in [
            "",
            "00010",
            "00011-1",
            "00010-x",
            "00010-99999999999999999999",
        ] {
            assert!(points(id, &block).is_none(), "{id}");
            assert!(is_past(id, 0));
        }
        let broken = Block {
            points: "*".into(),
            ..block
        };
        assert!(points("00010-000000000001", &broken).is_none());
    }

    #[test]
    fn blocks_go_when_no_point_of_theirs_is_shown() {
        let newest_ms = (BLOCK + 360) * 10_000;
        assert!(!is_past("00010-000000000000", newest_ms));
        assert!(is_past("00010-000000000000", newest_ms + 10_000));
    }
}
