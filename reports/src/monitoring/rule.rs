//! A check as a rule, or why it is none.

use scenarios::Plan;
use scenarios::plan::check::{Bound, Check, CheckKind};
use scenarios::units::{Span, Unit};

use super::promql::{self, Counter, Known, Made};

/// Something that Prometheus can watch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    /// The value that is watched.
    pub(super) value: String,
    /// The greatest value that holds, and the least.
    pub(super) max: Option<f64>,
    pub(super) min: Option<f64>,
    /// How long a breach must last.
    pub(super) lasting: Option<Span>,
    /// What the value is measured in.
    pub(super) unit: Unit,
    /// What the value is made of.
    pub(super) inputs: Inputs,
}

/// The samples that the value of a rule is made of, by their selectors.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Inputs {
    /// They are the value.
    Level(Made),
    /// They rise by the value in a second.
    Rate(String),
    /// They rise by the value in the window of speeds.
    Rise(String),
    /// The first rise by the value while the second rise by one.
    Ratio(String, String),
}

impl Rule {
    /// Holds exactly while the bound is broken.
    pub(super) fn broken(&self) -> String {
        let side = |sign: &str, limit: f64| format!("{} {sign} {limit}", self.value);
        let sides = [self.max.map(|max| side(">", max)), self.min.map(|min| side("<", min))];
        sides.into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }

    /// What holds, in words.
    pub(super) fn bound(&self) -> String {
        let show = |value: f64| self.unit.show(value);
        match (self.min.map(show), self.max.map(show)) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => "anything".to_owned(),
        }
    }
}

/// The rule of a check.
///
/// # Errors
/// Why there is none.
pub(super) fn of(plan: &Plan, check: &Check) -> Result<Rule, String> {
    let rule = |value: String, max: f64, unit: Unit, inputs: Inputs| {
        Ok(Rule { value, max: Some(max), min: None, lasting: None, unit, inputs })
    };
    let counted = |series: &str| -> Result<Counter, String> {
        match promql::of(plan, series)? {
            Known::Counter(counter) => Ok(counter),
            Known::Level(_) => Err(format!("{series} is no counter there")),
        }
    };
    match &check.kind {
        CheckKind::Bound(bound) => bounded(plan, bound),
        CheckKind::Speed(speed) => {
            let counter = counted(&speed.series)?;
            let inputs = Inputs::Rate(counter.selector());
            rule(counter.rate(), speed.max.0, Unit::PerSecond, inputs)
        }
        CheckKind::Absence(absence) => {
            let counter = counted(&absence.series)?;
            rule(counter.rise(), 0.0, Unit::Count, Inputs::Rise(counter.selector()))
        }
        CheckKind::Ratio(ratio) => {
            let (of, to) = (counted(&ratio.of)?, counted(&ratio.to)?);
            let value = format!("{} / {}", of.rate(), to.rate());
            let (max, min) = (Some(ratio.max.0), ratio.min.map(|min| min.0));
            let inputs = Inputs::Ratio(of.selector(), to.selector());
            Ok(Rule { value, max, min, lasting: None, unit: Unit::Share, inputs })
        }
        kind @ (CheckKind::Growth(_)
        | CheckKind::Trend(_)
        | CheckKind::Latency(_)
        | CheckKind::Canary(_)
        | CheckKind::Effects(_)
        | CheckKind::Aggregate(_)
        | CheckKind::EndToEnd(_)
        | CheckKind::Answers(_)
        | CheckKind::Order(_)
        | CheckKind::Drain(_)
        | CheckKind::Recovery(_)
        | CheckKind::Equal(_)
        | CheckKind::Schema(_)
        | CheckKind::Rollout(_)) => Err(format!("{} check: needs a run", kind.word())),
    }
}

fn bounded(plan: &Plan, bound: &Bound) -> Result<Rule, String> {
    let (value, made) = match promql::of(plan, &bound.series)? {
        Known::Level(level) => (level.expression, level.made),
        Known::Counter(counter) => (counter.total(), Made::One(counter.selector())),
    };
    let unit = bound.max.or(bound.min).map_or(Unit::Count, |quantity| quantity.unit);
    let value_of = |quantity: Option<scenarios::units::Quantity>| quantity.map(|q| q.value);
    let (max, min) = (value_of(bound.max), value_of(bound.min));
    Ok(Rule { value, max, min, lasting: bound.lasting, unit, inputs: Inputs::Level(made) })
}
