//! A small table: what the large one shows must show here, too.

use super::{Window, cases, count};

/// Few looks, so that a debug build is done in seconds.
const WINDOW: Window = Window { rate: 500.0, step: 20, look: 20 };

#[test]
fn versions_that_are_the_same_raise_no_alarm() {
    for case in cases().iter().filter(|case| case.is_sound) {
        let counts = count(case, WINDOW, 4, 7);
        assert_eq!((counts.runs, counts.violated), (4, 0), "{}: {counts:?}", case.name);
    }
}

#[test]
fn a_version_that_is_much_worse_does() {
    for name in ["slow-p95", "slow-15-percent", "errors-for-one-caller", "wrong-split"] {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        let counts = count(&case, WINDOW, 4, 7);
        assert_eq!((counts.runs, counts.violated), (4, 4), "{name}: {counts:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_runs() {
    let case = cases().into_iter().find(|case| case.name == "errors-1-percent").unwrap();
    assert_eq!(count(&case, WINDOW, 6, 3), count(&case, WINDOW, 6, 3));
}
