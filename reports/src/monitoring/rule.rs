//! A check as a rule, or why it is none.

use scenarios::Plan;
use scenarios::plan::check::{Bound, Check, CheckKind};
use scenarios::units::{Span, Unit};

use super::promql::{self, Counter, Known};

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
    let rule = |value: String, max: f64, unit: Unit| {
        Ok(Rule { value, max: Some(max), min: None, lasting: None, unit })
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
            rule(counted(&speed.series)?.rate(), speed.max.0, Unit::PerSecond)
        }
        CheckKind::Absence(absence) => rule(counted(&absence.series)?.rise(), 0.0, Unit::Count),
        CheckKind::Ratio(ratio) => {
            let value = format!("{} / {}", counted(&ratio.of)?.rate(), counted(&ratio.to)?.rate());
            let (max, min) = (Some(ratio.max.0), ratio.min.map(|min| min.0));
            Ok(Rule { value, max, min, lasting: None, unit: Unit::Share })
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
    let value = match promql::of(plan, &bound.series)? {
        Known::Level(value) => value,
        Known::Counter(counter) => counter.total(),
    };
    let unit = bound.max.or(bound.min).map_or(Unit::Count, |quantity| quantity.unit);
    let value_of = |quantity: Option<scenarios::units::Quantity>| quantity.map(|q| q.value);
    let (max, min) = (value_of(bound.max), value_of(bound.min));
    Ok(Rule { value, max, min, lasting: bound.lasting, unit })
}
