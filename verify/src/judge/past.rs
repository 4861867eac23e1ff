//! A run against the runs before it: whether a figure is worse than their median by more than
//! it may be, and by more than it wanders from run to run.
//!
//! Runs of one scenario differ without any change: how much, the past says
//! ([`crate::stats::spread`]). What is worse by more than a condition allows, and yet lies
//! within the noise, is neither a regression nor the proof that there is none.

use loadgen::worse::{Met, Worse};
use scenarios::units::Unit;

use super::words::{points, share};
use crate::stats::spread::Spread;

/// The fewest runs that say how far a figure wanders.
pub const FEWEST: usize = 5;

/// Whether a figure of a run meets a condition, by the same figure of earlier runs. What is
/// within `noise` standard deviations of their median is noise.
#[must_use]
pub fn judge(worse: &Worse, past: Option<&Spread>, now: Option<f64>, noise: f64) -> Met {
    let (Some(past), Some(now)) = (past, now.filter(|now| now.is_finite())) else {
        return Met::Unknown;
    };
    if past.count < FEWEST {
        return Met::Unknown;
    }
    let by = worse.worse(past.median, now);
    if by <= worse.allowed(past.median) {
        Met::No
    } else if by <= noise * past.deviation {
        Met::Unknown
    } else {
        Met::Yes
    }
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// A share of 1, whose changes are points.
    Share,
    /// Anything else, whose changes are shares of the median.
    Of(Unit),
}

/// `1.24s, +12.7%; the median of 10 runs is 1.1s, noise ±3.1%`: a figure of a run against the
/// same figure of earlier runs, of which `noise` standard deviations are noise.
#[must_use]
pub fn told(measure: &Measure, past: Option<&Spread>, now: Option<f64>, noise: f64) -> String {
    let show = |value| match measure {
        Measure::Share => share(value),
        Measure::Of(unit) => unit.show(value),
    };
    let Some(now) = now else { return "the run has no such figure".to_owned() };
    let Some(past) = past else {
        return format!("{}; no earlier run has such a figure", show(now));
    };
    let (change, wide) = (now - past.median, noise * past.deviation);
    let sign = if change < 0.0 { "−" } else { "+" };
    let (by, noise) = match (measure, past.median) {
        (Measure::Share, _) => (points(change.abs()), points(wide)),
        (Measure::Of(_), 0.0) => (show(change.abs()), show(wide)),
        (Measure::Of(_), median) => {
            let share = |value: f64| share(value / median.abs());
            (share(change.abs()), share(wide))
        }
    };
    let few = if past.count < FEWEST { format!(", too few of {FEWEST}") } else { String::new() };
    let runs = if past.count == 1 { "1 run".to_owned() } else { format!("{} runs", past.count) };
    format!(
        "{}, {sign}{by}; the median of {runs}{few} is {}, noise ±{noise}",
        show(now),
        show(past.median)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worse(text: &str) -> Worse {
        text.parse().unwrap()
    }

    #[test]
    fn noise_is_no_regression_and_no_proof() {
        let past = Spread::of(&[9.0, 10.0, 10.0, 11.0, 10.5]).unwrap();
        let p99 = worse("p99 worse by 10%");
        let of = |now| judge(&p99, Some(&past), Some(now), 3.0);
        assert_eq!([10.5, 11.5, 14.0].map(of), [Met::No, Met::Unknown, Met::Yes]);
        let rate = worse("rate worse by 10%");
        assert_eq!(judge(&rate, Some(&past), Some(14.0), 3.0), Met::No);
        assert_eq!(judge(&rate, Some(&past), Some(5.0), 3.0), Met::Yes);
    }

    #[test]
    fn no_data_never_passes() {
        let few = Spread::of(&[1.0; 4]);
        let p99 = worse("p99 worse by 10%");
        assert_eq!(judge(&p99, None, Some(1.0), 3.0), Met::Unknown);
        assert_eq!(judge(&p99, few.as_ref(), Some(1.0), 3.0), Met::Unknown);
        let past = Spread::of(&[1.0; 5]);
        assert_eq!(judge(&p99, past.as_ref(), None, 3.0), Met::Unknown);
        assert_eq!(judge(&p99, past.as_ref(), Some(f64::NAN), 3.0), Met::Unknown);
    }

    fn past() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.1_f64..100.0, FEWEST..20)
    }

    proptest! {
        /// A run that is no worse than the median of its past is no regression.
        #[test]
        fn the_middle_of_the_past_is_no_regression(past in past(), by in 0.0_f64..50.0) {
            let past = Spread::of(&past).unwrap();
            for figure in ["p99", "rate"] {
                let worse = worse(&format!("{figure} worse by {by}%"));
                prop_assert_eq!(judge(&worse, Some(&past), Some(past.median), 3.0), Met::No);
            }
        }

        /// A worse run is never judged more mildly; nor is one of which less is allowed, or
        /// of which less counts as noise.
        #[test]
        fn worse_is_never_judged_more_mildly(
            past in past(), now in 0.1_f64..200.0, more in 0.0_f64..100.0,
            by in 0.0_f64..50.0, noise in 0.0_f64..5.0,
        ) {
            let past = Spread::of(&past).unwrap();
            let condition = |by: f64| worse(&format!("p99 worse by {by}%"));
            let met = judge(&condition(by), Some(&past), Some(now), noise);
            prop_assert!(judge(&condition(by), Some(&past), Some(now + more), noise) >= met);
            prop_assert!(judge(&condition(by / 2.0), Some(&past), Some(now), noise) >= met);
            prop_assert!(judge(&condition(by), Some(&past), Some(now), noise / 2.0) >= met);
        }

        /// Another unit of the figure changes nothing.
        #[test]
        fn the_unit_does_not_matter(past in past(), now in 0.1_f64..200.0, scale in 0.01_f64..100.0) {
            let condition = worse("p99 worse by 10%");
            let scaled: Vec<f64> = past.iter().map(|figure| figure * scale).collect();
            let one = judge(&condition, Spread::of(&past).as_ref(), Some(now), 3.0);
            let other = judge(&condition, Spread::of(&scaled).as_ref(), Some(now * scale), 3.0);
            prop_assert_eq!(one, other);
        }
    }
}
