//! A set of small numbers: the minutes, hours, days or months at which a field of a schedule matches.
//!
//! One bit per number, so that "the next one from here" is one instruction and a schedule owns no memory.

/// Numbers below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Values(u64);

impl Values {
    /// All numbers from `first` to `last`.
    pub(super) fn range(first: u32, last: u32) -> Self {
        (first..=last).collect()
    }

    pub(super) fn insert(&mut self, value: u32) {
        debug_assert!(value < u64::BITS, "{value}");
        self.0 |= 1 << value;
    }

    pub(super) fn contains(self, value: u32) -> bool {
        self.0.checked_shr(value).unwrap_or(0) & 1 == 1
    }

    /// How many there are.
    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The least that is at least `value`.
    pub(super) fn first_from(self, value: u32) -> Option<u32> {
        let rest = self.0 & u64::MAX.checked_shl(value).unwrap_or(0);
        (rest != 0).then(|| rest.trailing_zeros())
    }

    /// The greatest that is at most `value`.
    pub(super) fn last_until(self, value: u32) -> Option<u32> {
        let unused = (u64::BITS - 1).saturating_sub(value);
        let rest = self.0 & (u64::MAX >> unused);
        (rest != 0).then(|| u64::BITS - 1 - rest.leading_zeros())
    }

    /// The numbers in both sets.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The numbers in either set.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The numbers, ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |value| self.contains(*value))
    }
}

impl FromIterator<u32> for Values {
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        let mut set = Self::default();
        for value in values {
            set.insert(value);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_on_both_sides() {
        let set: Values = [0, 7, 59].into_iter().collect();
        assert_eq!(
            [0, 1, 7, 8, 59, 60, 99].map(|value| set.first_from(value)),
            [Some(0), Some(7), Some(7), Some(59), Some(59), None, None]
        );
        assert_eq!(
            [0, 6, 7, 58, 59, 99].map(|value| set.last_until(value)),
            [Some(0), Some(0), Some(7), Some(7), Some(59), Some(59)]
        );
        assert_eq!(Values::range(1, 3).last_until(0), None);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 7, 59]);
        assert!(!set.contains(64));
    }
}
