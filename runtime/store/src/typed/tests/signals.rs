//! Signals: who waits, and what is kept.

use abide_core::state::{BufferedSignal, Read, Registration, Write};

use super::{Fixture, register, unregister, wait};

#[test]
fn taking_over_a_signal_leaves_the_new_wait() {
    let mut f = Fixture::new();
    let signal = Registration::Signal {
        name: "go".to_owned(),
        replace: true,
        due_ms: 500,
    };
    f.write(&[register(1, 0, &signal)]);
    f.write(&[register(2, 0, &signal), unregister(1, 0, &signal)]);
    assert_eq!(f.view().signal_wait("go").unwrap(), Some(wait(2, 0)));
}

#[test]
fn signals_of_a_name_are_kept_in_order_and_one_of_an_earlier_version_comes_first() {
    let mut f = Fixture::new();
    let kept = |until_ms| BufferedSignal {
        data: "1".into(),
        until_ms,
    };
    for (name, number) in [("go", 7), ("go", 0), ("go", 9), ("gone", 8)] {
        f.write(&[Write::PutSignal {
            name: name.to_owned(),
            number,
            signal: kept(5),
        }]);
    }
    let numbers = |f: &Fixture, after, limit| -> Vec<u128> {
        let found = f.view().signals("go", after, limit).unwrap();
        found.into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers(&f, None, 9), [0, 7, 9]);
    assert_eq!(numbers(&f, Some(0), 1), [7]);
    f.write(&[Write::DeleteSignal {
        name: "go".to_owned(),
        number: 7,
    }]);
    assert_eq!(numbers(&f, None, 9), [0, 9]);
    assert_eq!(f.view().signals("go", Some(9), 9).unwrap(), []);
}
