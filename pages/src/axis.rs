//! Axes: a range of values and ticks at round values.

use scenarios::units::Unit;

use crate::words::figure;

/// A range of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
}

/// Lengths of time between the ticks of a time axis, in seconds.
const TIMES: [f64; 22] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
];

impl Axis {
    /// Round values within the range, `step` apart; a bounded number of them.
    #[must_use]
    pub fn ticks(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 100.0) as u32;
        (0..=count).map(|n| (first + f64::from(n)) * step).collect()
    }

    /// The step of a time axis that gives at most `most` ticks.
    #[must_use]
    pub fn time_step(&self, most: f64) -> f64 {
        let least = (self.high - self.low) / most;
        TIMES.into_iter().find(|step| *step >= least).unwrap_or(least)
    }
}

/// The round step that divides a range into at most `most` parts: 1, 2, 2.5 or 5
/// times a power of ten; of bytes, a power of two.
#[must_use]
pub fn value_step(range: f64, most: f64, unit: Unit) -> f64 {
    let least = range / most;
    let scale = match unit {
        Unit::Bytes if least >= 1_048_576.0 => 1_048_576.0,
        Unit::Bytes if least >= 1024.0 => 1024.0,
        _ => 1.0,
    };
    let power = 10_f64.powf((least / scale).log10().floor());
    // A count has no halves.
    let parts: &[f64] =
        if unit == Unit::Count && power <= 1.0 { &[1.0, 2.0, 5.0] } else { &[1.0, 2.0, 2.5, 5.0] };
    let step = parts.iter().find(|part| **part * power * scale >= least * (1.0 - 1e-9));
    let step = step.copied().unwrap_or(10.0) * power * scale;
    if unit == Unit::Count && range >= 1.0 { step.max(1.0) } else { step }
}

/// The label of a tick: as short as it can be, since all have one column.
#[must_use]
pub fn label(unit: Unit, value: f64) -> String {
    let size = value.abs();
    let shrunk =
        |scale: f64, suffix: &str| format!("{}{suffix}", figure(Unit::Count, value / scale));
    match unit {
        _ if value == 0.0 => "0".to_owned(),
        Unit::Bytes if size >= 1_073_741_824.0 => shrunk(1_073_741_824.0, "GiB"),
        Unit::Count | Unit::PerSecond if size >= 1e6 => {
            let (scale, suffix) = if size >= 1e9 { (1e9, "G") } else { (1e6, "M") };
            let per = if unit == Unit::PerSecond { "/s" } else { "" };
            shrunk(scale, &format!("{suffix}{per}"))
        }
        _ => figure(unit, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (range, unit, step) in [
            (4_012.0, Unit::Count, 1_000.0),
            (3.0, Unit::Count, 1.0),
            (0.0123, Unit::Seconds, 0.0025),
            (1.0, Unit::Share, 0.2),
            (120.0 * 1_048_576.0, Unit::Bytes, 25.0 * 1_048_576.0),
            (10.0, Unit::Count, 2.0),
        ] {
            assert!((value_step(range, 5.0, unit) - step).abs() < 1e-9 * step, "{range}");
        }
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(Unit::Seconds, 0.0), "0");
        assert_eq!(label(Unit::Count, 125e6), "125M");
        assert_eq!(label(Unit::PerSecond, 2.5e6), "2.5M/s");
        assert_eq!(label(Unit::Bytes, 8.0 * 1_073_741_824.0), "8GiB");
        assert_eq!(label(Unit::Count, 40_000.0), "40,000");
    }

    #[test]
    fn ticks_stay_inside() {
        let axis = Axis { low: -3.0, high: 140.0 };
        assert_eq!(axis.ticks(axis.time_step(6.0)), [0.0, 30.0, 60.0, 90.0, 120.0]);
    }
}
