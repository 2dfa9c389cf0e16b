//! Versions of the guest `program`, without building it again.

/// What the component contains, up to the digit of its version.
const MARK: &[u8] = b"abide-sim-version:";

/// The component as this version (0 to 9) of itself: one that executes the step [`version_step`](super::version_step) before anything else. Nothing if it is not that
/// guest.
pub fn version(component: &[u8], version: u8) -> Option<Vec<u8>> {
    let mut places = component.windows(MARK.len() + 1).enumerate();
    let found = |(at, window): (usize, &[u8])| {
        let (mark, digit) = window.split_at(MARK.len());
        (mark == MARK && digit[0].is_ascii_digit()).then_some(at + MARK.len())
    };
    let digit = places.find_map(found)?;
    if version > 9 || places.any(|place| found(place).is_some()) {
        return None;
    }
    let mut changed = component.to_vec();
    changed[digit] = b'0' + version;
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digit_of_the_only_mark_is_replaced() {
        let component = b"code abide-sim-version:0 more".to_vec();
        let second = version(&component, 1).expect("it has a mark");
        assert_eq!(second, b"code abide-sim-version:1 more");
        assert_eq!(version(b"something else", 1), None);
        assert_eq!(version(&[component.clone(), component].concat(), 1), None);
    }
}
