//! A map for numbers that are given out in rising order, and whose entries mostly go in that order too: tickets and tasks.
//!
//! A queue with gaps: small code, and every access takes the same short time however many entries there are.

use std::collections::VecDeque;

pub(crate) struct Numbered<T> {
    /// The number of the first place.
    first: u64,
    places: VecDeque<Option<T>>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            first: 0,
            places: VecDeque::new(),
        }
    }
}

impl<T> Numbered<T> {
    /// Puts an entry at a number, normally one that is higher than all before it.
    pub(crate) fn insert(&mut self, number: u64, entry: T) {
        if self.places.is_empty() {
            self.first = number;
        }
        // A number below the first has no place any more.
        let Some(distance) = number.checked_sub(self.first) else {
            return;
        };
        while self.places.len() as u64 <= distance {
            self.places.push_back(None);
        }
        if let Some(place) = self.place(number) {
            *place = Some(entry);
        }
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.place(number)?.as_mut()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let entry = self.place(number)?.take();
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
        entry
    }

    fn place(&mut self, number: u64) -> Option<&mut Option<T>> {
        let distance = number.checked_sub(self.first)?;
        self.places.get_mut(usize::try_from(distance).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_and_go_in_any_order() {
        let mut map = Numbered::default();
        for number in [3, 4, 7] {
            map.insert(number, number * 10);
        }
        assert_eq!(map.remove(4), Some(40));
        assert_eq!(map.remove(4), None);
        for gone_or_never in [0, 5, 100] {
            assert_eq!(map.get_mut(gone_or_never), None);
        }
        assert_eq!(map.remove(3), Some(30));
        assert_eq!(map.get_mut(7), Some(&mut 70));
        assert_eq!(map.remove(7), Some(70));
        map.insert(9, 90);
        assert_eq!(map.get_mut(9), Some(&mut 90));
    }
}
