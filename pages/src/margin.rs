//! How far what was measured is from its bound.

use scenarios::units::Unit;

use crate::frame::Measure;
use crate::words::figure;
use crate::{Markup, markup};

/// A measured value and its bound, all in the same unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// What was measured.
    pub observed: f64,
    /// What it must reach, if anything.
    pub least: Option<f64>,
    /// What it may reach, if anything.
    pub most: Option<f64>,
    /// The unit of all of them.
    pub unit: Unit,
}

impl Margin {
    /// The distance drawn as how much of the bound is used up, and in words; nothing without
    /// a bound or a finite value.
    #[must_use]
    pub fn drawn(&self) -> Markup {
        let Some((words, share)) = self.distance() else { return Markup::default() };
        let class = if share > 1.0 { "over" } else { "within" };
        markup!(
            "<span class=\"margin {}\"><i style=\"width:{:.1}%\"></i></span><small>{}</small>",
            class,
            (share * 100.0).clamp(0.0, 100.0),
            words
        )
    }

    /// The distance in words, and the share of the bound that was used up.
    fn distance(&self) -> Option<(String, f64)> {
        let observed = Some(self.observed).filter(|value| value.is_finite())?;
        let unit = Measure::Of(self.unit);
        let (bound, side) = match (self.least, self.most) {
            (Some(least), Some(most)) if observed - least < most - observed => (least, -1.0),
            (_, Some(most)) => (most, 1.0),
            (Some(least), None) => (least, -1.0),
            (None, None) => return None,
        };
        let left = (bound - observed) * side;
        let share = if side > 0.0 {
            if bound > 0.0 { observed / bound } else { f64::from(observed > bound) * 2.0 }
        } else if observed > 0.0 {
            bound / observed
        } else {
            f64::from(bound > 0.0) * 2.0
        };
        let words = if left < 0.0 && bound != 0.0 && side > 0.0 {
            format!("{}× the bound", figure(Unit::Count, share))
        } else if left < 0.0 {
            format!("{} beyond the bound", unit.show(-left))
        } else if left == 0.0 {
            "at the bound".to_owned()
        } else {
            format!("{} left", unit.show(left))
        };
        Some((words, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_bound_is_said() {
        let most = |observed, most| {
            let margin = Margin { observed, least: None, most: Some(most), unit: Unit::Seconds };
            margin.distance()
        };
        assert_eq!(most(0.25, 0.5), Some(("250ms left".to_owned(), 0.5)));
        assert_eq!(most(0.1, 0.05), Some(("2× the bound".to_owned(), 2.0)));
        assert_eq!(most(0.0, 0.0), Some(("at the bound".to_owned(), 0.0)));
        assert_eq!(most(f64::NAN, 1.0), None);
        let least =
            Margin { observed: 80.0, least: Some(100.0), most: None, unit: Unit::PerSecond };
        assert_eq!(least.distance(), Some(("20/s beyond the bound".to_owned(), 1.25)));
    }
}
