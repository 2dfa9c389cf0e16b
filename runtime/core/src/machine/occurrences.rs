//! Which repeat of its id an operation is: what makes the key of every step unique in its run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::journal::step_key;

/// The ids that one instance has used in one attempt.
#[derive(Debug, Default)]
pub(super) struct Occurrences(BTreeMap<Arc<str>, u32>);

impl Occurrences {
    /// The occurrence of the next operation with this id: 0, 1, 2… A number whose key somebody has used as an id of its own
    /// (`a:1` beside a second `a`) is passed over.
    pub(super) fn next(&mut self, id: &Arc<str>) -> u32 {
        let mut occurrence = self.0.get(id).copied().unwrap_or(0);
        while self.is_taken(id, occurrence) {
            occurrence += 1;
        }
        self.0.insert(id.clone(), occurrence + 1);
        occurrence
    }

    fn is_taken(&self, id: &str, occurrence: u32) -> bool {
        if occurrence > 0 {
            return self.0.contains_key(step_key(id, occurrence).as_str());
        }
        // `a:1` is taken if `a` came twice before.
        let Some((base, number)) = id.rsplit_once(':') else {
            return false;
        };
        let Ok(number) = number.parse::<u32>() else {
            return false;
        };
        step_key(base, number) == *id && self.0.get(base).is_some_and(|next| *next > number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_operations_share_a_key() {
        let mut occurrences = Occurrences::default();
        let ids = ["a", "a", "a:1", "b:1", "b", "b", "a", "a:x", "a:01", "a:1"];
        let keys = ids.map(|id| step_key(id, occurrences.next(&id.into())));
        assert_eq!(
            keys,
            [
                "a", "a:1", "a:1:1", "b:1", "b", "b:2", "a:2", "a:x", "a:01", "a:1:2"
            ]
        );
    }
}
