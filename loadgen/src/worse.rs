//! How much worse a later run may be than an earlier one: conditions such as
//! `p99 worse by 10%`, `rate worse by 100/s` or `errors worse by 1%`.
//!
//! A time is worse when it is longer, a rate when it is lower, a share of errors when it is
//! greater. What is allowed of times and rates is a share of the earlier value or an amount;
//! of errors it is points of all operations. Two runs are never quite alike, so a condition
//! says by how much.

use std::fmt;
use std::str::FromStr;

use scenarios::units::{Rate, Share, Span, Unit};

use crate::compare::Comparison;

/// A condition that a later run must not meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Worse {
    text: String,
    /// What the figure is of: a kind of latency, or a workload. Without one, all.
    pub of: Option<String>,
    /// The figure.
    pub figure: Figure,
    /// By how much it may be worse.
    pub by: By,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A quantile of a latency, from 0 to 1: `p99`.
    Quantile(f64),
    /// The typical latency: `typical`.
    Typical,
    /// The mean of a latency: `mean`.
    Mean,
    /// The longest latency: `max`.
    Max,
    /// The share of operations without success: `errors`.
    Errors,
    /// Operations answered in a second: `rate`.
    Rate,
    /// What the checks of a run come to: `checks`.
    Checks,
}

/// By how much a figure may be worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum By {
    /// By this share of the earlier value.
    Share(f64),
    /// By this much, in the unit of the figure: seconds, operations a second, or parts of 1.
    Amount(f64),
}

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It is not: what was asked for holds.
    No,
    /// Nobody can tell from so much data.
    Unknown,
    /// It is.
    Yes,
}

impl Met {
    /// The word that stands before it in a report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::No => "ok",
            Self::Unknown => "unknown",
            Self::Yes => "worse",
        }
    }
}

impl Worse {
    /// By how much the figure may be worse than this value, in its unit.
    #[must_use]
    pub fn allowed(&self, before: f64) -> f64 {
        match self.by {
            By::Share(share) => share * before.abs(),
            By::Amount(amount) => amount,
        }
    }

    /// By how much the later of two values is worse, in its unit; less than 0 if it is better.
    #[must_use]
    pub fn worse(&self, before: f64, now: f64) -> f64 {
        if self.figure == Figure::Rate { before - now } else { now - before }
    }

    /// Whether a comparison meets it: certainly, certainly not, or neither.
    #[must_use]
    pub fn judge(&self, comparison: &Comparison) -> Met {
        let (low, high) = comparison.interval;
        let (low, high) = if self.figure == Figure::Rate { (-high, -low) } else { (low, high) };
        let allowed = self.allowed(comparison.medians.0);
        if !(low.is_finite() && high.is_finite()) {
            Met::Unknown
        } else if low > allowed {
            Met::Yes
        } else if high <= allowed {
            Met::No
        } else {
            Met::Unknown
        }
    }

    /// What the figure is measured in.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        match self.figure {
            Figure::Errors => Unit::Share,
            Figure::Rate => Unit::PerSecond,
            Figure::Checks => Unit::Count,
            _ => Unit::Seconds,
        }
    }
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const HELP: &str = "write one such as 'p99 worse by 10%', 'p50 worse by 5ms', \
                    'rate worse by 100/s', 'errors worse by 1%' or 'checks worse'";

impl FromStr for Worse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, by) = match words[..] {
            [name, "worse"] => (name, None),
            [name, "worse", "by", by] => (name, Some(by)),
            _ => return Err(format!("{text:?} is no condition; {HELP}")),
        };
        let (of, figure) =
            named(name).ok_or_else(|| format!("{text:?}: {name:?} is no figure; {HELP}"))?;
        let by = match (figure, by) {
            (Figure::Checks, None) => By::Amount(0.0),
            (Figure::Checks, Some(_)) => {
                return Err(format!("{text:?}: checks are worse or not; write 'checks worse'"));
            }
            (_, None) => {
                return Err(format!("{text:?}: say by how much, as no two runs are alike; {HELP}"));
            }
            (figure, Some(by)) => amount(figure, by)
                .map_err(|why| format!("{text:?}: {by:?} cannot be used: {why}; {HELP}"))?,
        };
        Ok(Self { text: words.join(" "), of, figure, by })
    }
}

/// A figure by its name, with what it is of in front: `service.p99`, `publish.p99.9`.
fn named(name: &str) -> Option<(Option<String>, Figure)> {
    if let Some(figure) = figure(name) {
        return Some((None, figure));
    }
    let mut dots = name.match_indices('.');
    dots.find_map(|(dot, _)| {
        let (of, rest) = (&name[..dot], &name[dot + 1..]);
        let figure = figure(rest).filter(|_| !of.is_empty())?;
        Some((Some(of.to_owned()), figure))
    })
}

fn figure(name: &str) -> Option<Figure> {
    Some(match name {
        "typical" => Figure::Typical,
        "mean" => Figure::Mean,
        "max" => Figure::Max,
        "errors" => Figure::Errors,
        "rate" => Figure::Rate,
        "checks" => Figure::Checks,
        _ => {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            Figure::Quantile(Some(percent / 100.0).filter(|part| *part > 0.0 && *part < 1.0)?)
        }
    })
}

fn amount(figure: Figure, by: &str) -> Result<By, String> {
    let told = |error: &dyn fmt::Display| error.to_string();
    let share = by.strip_suffix('%').map(|_| by.parse::<Share>().map_err(|e| told(&e)));
    match (figure, share) {
        // A share of a share would be read as points by half of all readers.
        (Figure::Errors, Some(share)) => Ok(By::Amount(share?.0)),
        (Figure::Errors, None) => Err("errors are worse by points of all operations".to_owned()),
        (_, Some(share)) => Ok(By::Share(share?.0)),
        (Figure::Rate, None) => Ok(By::Amount(by.parse::<Rate>().map_err(|e| told(&e))?.0)),
        (_, None) => {
            let Span(time) = by.parse().map_err(|error| told(&error))?;
            Ok(By::Amount(time.as_secs_f64()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worse(text: &str) -> Worse {
        text.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn conditions_are_read() {
        let p99 = worse("p99 worse by 10%");
        assert_eq!((p99.of.clone(), p99.by), (None, By::Share(0.1)));
        assert_eq!(p99.figure, Figure::Quantile(0.99));
        let of = worse("publish.p99.9 worse by 5ms");
        assert_eq!((of.of.as_deref(), of.by), (Some("publish"), By::Amount(0.005)));
        assert!(matches!(of.figure, Figure::Quantile(at) if (at - 0.999).abs() < 1e-9));
        assert_eq!(worse("a.b.errors worse by 1%").of.as_deref(), Some("a.b"));
        assert_eq!(worse("rate  worse by 100/s").to_string(), "rate worse by 100/s");
        assert_eq!(worse("checks worse").figure, Figure::Checks);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("", "is no condition"),
            ("p99<50ms", "is no condition"),
            ("p99 worse", "say by how much"),
            ("p999 worse by 1%", "is no figure"),
            (".p99 worse by 1%", "is no figure"),
            ("p99 worse by 5", "cannot be used"),
            ("errors worse by 5ms", "points of all operations"),
            ("checks worse by 1%", "worse or not"),
        ] {
            let why = text.parse::<Worse>().unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.1_f64..10.0, 1..60)
    }

    proptest! {
        /// No figure is worse both ways round, and what is worse by much is worse by less.
        #[test]
        fn nothing_is_worse_both_ways(a in values(), b in values(), by in 0.0_f64..50.0) {
            for figure in ["p99", "rate"] {
                let condition = worse(&format!("{figure} worse by {by}%"));
                let there = condition.judge(&Comparison::of(&a, &b).unwrap());
                let back = condition.judge(&Comparison::of(&b, &a).unwrap());
                prop_assert!(there != Met::Yes || back != Met::Yes);
                let less = worse(&format!("{figure} worse by {}%", by / 2.0));
                prop_assert!(less.judge(&Comparison::of(&a, &b).unwrap()) >= there);
            }
        }

        /// A run is never worse than itself.
        #[test]
        fn a_run_is_not_worse_than_itself(a in values(), by in 0.0_f64..50.0) {
            let condition = worse(&format!("p50 worse by {by}%"));
            prop_assert_ne!(condition.judge(&Comparison::of(&a, &a).unwrap()), Met::Yes);
        }
    }
}
