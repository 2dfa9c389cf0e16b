//! The points of one range: a ring of them, of which the last one still changes.

use std::collections::VecDeque;

use super::measure::{Kind, MEASURES, Measure, Range};
use crate::metrics::Durations;

/// The values of one point, by the places of the measures; what is not known is no number.
pub(super) type Values = [f32; MEASURES];

/// Everything that was counted up to one time, and how much there was of everything then.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Of measures that count: how often so far. Of levels: how much now.
    pub(super) values: [f64; MEASURES],
    pub(super) runs: Durations,
    pub(super) syncs: Durations,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            values: [0.0; MEASURES],
            runs: Durations::default(),
            syncs: Durations::default(),
        }
    }
}

/// One point: the number of its time since 1970, in steps of the range, and its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) slot: u64,
    pub(super) values: Values,
}

/// The point that still changes.
#[derive(Debug)]
struct Open {
    slot: u64,
    /// What a former process had of it.
    base: Values,
    /// What had been counted when it began.
    since: Reading,
    /// The sum of levels, and how many there were.
    levels: [f64; MEASURES],
    readings: f64,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ring {
    range: Range,
    points: VecDeque<Point>,
    open: Option<Open>,
    last: Reading,
}

impl Ring {
    pub(super) fn new(range: Range) -> Self {
        Self {
            range,
            points: VecDeque::new(),
            open: None,
            last: Reading::default(),
        }
    }

    pub(super) fn range(&self) -> Range {
        self.range
    }

    /// Takes the points of a former process, in any order, but none of times that are still to come: its clock was ahead. What this process
    /// has measured already goes before.
    pub(super) fn restore(&mut self, mut points: Vec<Point>, now_ms: u64) {
        let own = self.points.front().map_or(u64::MAX, |point| point.slot);
        let present = now_ms / self.range.step_ms();
        points.retain(|point| point.slot < own && point.slot <= present);
        points.sort_by_key(|point| point.slot);
        points.dedup_by_key(|point| point.slot);
        points.extend(self.points.drain(..));
        self.points = points.into();
    }

    /// What was measured in the time that ends now.
    pub(super) fn measure(&mut self, now_ms: u64, reading: &Reading) {
        // Just after the end of a step, that step is meant.
        let slot = now_ms.saturating_sub(Range::Hour.step_ms() / 2) / self.range.step_ms();
        if self.open.as_ref().is_none_or(|open| open.slot < slot) {
            let stored = self.points.back().filter(|point| point.slot == slot);
            self.open = Some(Open {
                slot,
                base: stored.map_or([f32::NAN; MEASURES], |point| point.values),
                since: self.last.clone(),
                levels: [0.0; MEASURES],
                readings: 0.0,
            });
        }
        self.last = reading.clone();
        let Some(open) = &mut self.open else { return };
        for (sum, value) in open.levels.iter_mut().zip(reading.values) {
            *sum += value;
        }
        open.readings += 1.0;
        let point = Point {
            slot: open.slot,
            values: open.values(reading),
        };
        match self
            .points
            .back_mut()
            .filter(|last| last.slot >= point.slot)
        {
            Some(last) => *last = point,
            None => self.points.push_back(point),
        }
        let first = (point.slot + 1).saturating_sub(self.range.points() as u64);
        while self.points.front().is_some_and(|it| it.slot < first) {
            self.points.pop_front();
        }
    }

    /// The values of a measure, oldest first, up to the latest point or to now; none where nothing was measured. And the first one's slot.
    pub(super) fn values(&self, measure: Measure, now_ms: u64) -> (u64, Vec<Option<f64>>) {
        let present = (now_ms / self.range.step_ms()).saturating_sub(1);
        let latest = self.points.back().map_or(0, |point| point.slot);
        let latest = latest.max(present);
        let first = (latest + 1).saturating_sub(self.range.points() as u64);
        let mut values = vec![None; usize::try_from(latest + 1 - first).unwrap_or(0)];
        for point in &self.points {
            let place = point.slot.checked_sub(first).map(usize::try_from);
            if let Some(Ok(place)) = place
                && let Some(value) = values.get_mut(place)
            {
                let stored = f64::from(point.values[measure.place()]);
                *value = stored.is_finite().then_some(stored);
            }
        }
        (first, values)
    }

    /// The points at and after this slot.
    pub(super) fn from(&self, slot: u64) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.slot >= slot)
    }
}

impl Open {
    #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    fn values(&self, reading: &Reading) -> Values {
        let (runs, syncs) = (
            reading.runs.since(&self.since.runs),
            reading.syncs.since(&self.since.syncs),
        );
        let ms = |durations: &Durations, part| {
            let us = durations.quantile_us(part);
            us.map_or(f64::NAN, |us| us / 1_000.0)
        };
        Measure::ALL.map(|measure| {
            let place = measure.place();
            let base = f64::from(self.base[place]);
            let value = match measure {
                Measure::RunDurationP50 => ms(&runs, 0.5),
                Measure::RunDurationP95 => ms(&runs, 0.95),
                Measure::RunDurationP99 => ms(&runs, 0.99),
                Measure::SyncP50 => ms(&syncs, 0.5),
                Measure::SyncP99 => ms(&syncs, 0.99),
                _ if measure.kind() == Kind::Level => self.levels[place] / self.readings,
                _ => {
                    let earlier = if base.is_nan() { 0.0 } else { base };
                    earlier + reading.values[place] - self.since.values[place]
                }
            };
            let value = if value.is_nan() { base } else { value };
            value as f32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Histogram;

    /// 2026-01-01T00:00:00Z, the start of an hour.
    const T0: u64 = 1_767_225_600_000;

    fn reading(events: f64, backlog: f64) -> Reading {
        let mut reading = Reading::default();
        reading.values[Measure::Events.place()] = events;
        reading.values[Measure::Backlog.place()] = backlog;
        reading
    }

    fn last(ring: &Ring, measure: Measure, now_ms: u64, most: usize) -> Vec<Option<f64>> {
        let (_, values) = ring.values(measure, now_ms);
        values[values.len() - most..].to_vec()
    }

    #[test]
    fn counts_are_what_was_added_and_levels_are_averages() {
        let mut ring = Ring::new(Range::Day);
        for (second, events, backlog) in [
            (10, 5.0, 2.0),
            (20, 5.0, 4.0),
            (60, 9.0, 6.0),
            (70, 10.0, 1.0),
        ] {
            ring.measure(T0 + second * 1_000, &reading(events, backlog));
        }
        let now = T0 + 70_000;
        assert_eq!(last(&ring, Measure::Events, now, 2), [Some(9.0), Some(1.0)]);
        assert_eq!(
            last(&ring, Measure::Backlog, now, 2),
            [Some(4.0), Some(1.0)]
        );
        assert_eq!(last(&ring, Measure::SyncP50, now, 1), [None]);
    }

    #[test]
    fn time_without_a_process_is_a_gap_and_old_points_go() {
        let mut ring = Ring::new(Range::Hour);
        ring.measure(T0 + 10_000, &reading(1.0, 0.0));
        ring.measure(T0 + 40_000, &reading(4.0, 0.0));
        let now = T0 + 40_000;
        let expected = [Some(1.0), None, None, Some(3.0)];
        assert_eq!(last(&ring, Measure::Events, now, 4), expected);
        ring.measure(T0 + 3_620_000, &reading(4.0, 0.0));
        let (first, values) = ring.values(Measure::Events, T0 + 3_620_000);
        assert_eq!(values.len(), 360);
        assert_eq!(first, T0 / 10_000 + 2);
        assert_eq!(values[0..2], [None, Some(3.0)]);
    }

    #[test]
    fn a_point_goes_on_where_a_former_process_left_it() {
        let mut before = Ring::new(Range::Month);
        before.measure(T0 + 60_000, &reading(7.0, 3.0));
        let mut ring = Ring::new(Range::Month);
        ring.restore(before.from(0).copied().collect(), T0 + 120_000);
        // The new process counts from nothing.
        ring.measure(T0 + 120_000, &reading(2.0, 5.0));
        let now = T0 + 120_000;
        assert_eq!(last(&ring, Measure::Events, now, 1), [Some(9.0)]);
        assert_eq!(last(&ring, Measure::Backlog, now, 1), [Some(5.0)]);
    }

    #[test]
    fn quantiles_are_of_what_ended_within_the_point() {
        let mut ring = Ring::new(Range::Hour);
        let histogram = Histogram::default();
        let mut now = Reading::default();
        histogram.observe_ms(5_000);
        now.runs = histogram.read();
        ring.measure(T0 + 10_000, &now);
        histogram.observe_ms(1);
        now.runs = histogram.read();
        ring.measure(T0 + 20_000, &now);
        let found = last(&ring, Measure::RunDurationP50, T0 + 20_000, 2);
        assert!(found[0] > Some(4_000.0), "{found:?}");
        assert!(found[1] < Some(1.1), "{found:?}");
    }
}
