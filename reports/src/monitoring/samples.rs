//! Samples that give a rule the value that is wanted, in the notation of promtool: a
//! sample a minute.

use std::collections::BTreeMap;

use scenarios::plan::probe::matchers::{How, Selector};

use super::promql::{Made, WINDOW_SECONDS};
use super::rule::{Inputs, Rule};

/// A series and its samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// `metric{label="value"}`.
    pub(super) name: String,
    /// `5+0x20`: the first sample, by how much each is greater than the one before, and
    /// how many follow.
    pub(super) samples: String,
}

/// The series by which a rule has this value from the second minute on, for so many
/// minutes; nothing where nobody knows which ones, or no samples give it.
pub(super) fn giving(rule: &Rule, value: f64, minutes: u64) -> Option<Vec<Series>> {
    let level = |selector: &str, value: f64| series(selector, None, value, 0.0, minutes);
    let rising = |selector: &str, a_minute: f64| {
        // Counters do not fall.
        (a_minute >= 0.0).then(|| series(selector, None, 0.0, a_minute, minutes))?
    };
    match &rule.inputs {
        Inputs::Level(Made::One(selector)) => Some(vec![level(selector, value)?]),
        Inputs::Level(Made::Both(first, second)) => {
            Some(vec![level(first, value)?, level(second, 0.0)?])
        }
        Inputs::Level(Made::Quotient(first, second)) => {
            Some(vec![level(first, value)?, level(second, 1.0)?])
        }
        Inputs::Level(Made::Buckets(selector, _)) if value > 0.0 => {
            // All values lie in one narrow bucket, so every quantile is there.
            let bucket = |le: &str, a_minute: f64| {
                series(selector, Some(("le", le)), 0.0, a_minute, minutes)
            };
            Some(vec![
                bucket(&(value * 0.999).to_string(), 0.0)?,
                bucket(&value.to_string(), 60.0)?,
                bucket("+Inf", 60.0)?,
            ])
        }
        Inputs::Level(Made::Buckets(..) | Made::Unknown) => None,
        Inputs::Rate(selector) => Some(vec![rising(selector, value * 60.0)?]),
        Inputs::Rise(selector) => Some(vec![rising(selector, value * 60.0 / WINDOW_SECONDS)?]),
        Inputs::Ratio(of, to) => Some(vec![rising(of, value * 60.0)?, rising(to, 60.0)?]),
    }
}

/// Over how many seconds the samples of a rule are looked at.
pub(super) fn window(rule: &Rule) -> u64 {
    match rule.inputs {
        Inputs::Level(Made::Buckets(_, over)) => over,
        Inputs::Level(_) => 0,
        _ => WINDOW_SECONDS as u64,
    }
}

/// A series that a selector selects, with one label more.
fn series(
    selector: &str,
    label: Option<(&str, &str)>,
    first: f64,
    rise: f64,
    minutes: u64,
) -> Option<Series> {
    let selector = Selector::of(selector).filter(|selector| !selector.name.is_empty())?;
    let mut labels = labels(&selector)?;
    labels.extend(label.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={}", super::quoted(value))).collect();
    let name = match labels.is_empty() {
        true => selector.name,
        false => format!("{}{{{}}}", selector.name, labels.join(",")),
    };
    Some(Series { name, samples: format!("{}+{}x{minutes}", short(first), short(rise)) })
}

/// The same without the digits that multiplying leaves.
fn short(value: f64) -> f64 {
    let short = (value * 1e9).round() / 1e9;
    if (short - value).abs() <= value.abs() * 1e-9 { short } else { value }
}

/// Labels that all matchers of a selector take.
fn labels(selector: &Selector) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for matcher in selector.matchers.list() {
        let value = match matcher.how {
            How::Is => matcher.value.clone(),
            How::Matches => example(&matcher.value),
            // A series may be without the label.
            How::IsNot | How::MatchesNot => continue,
        };
        labels.entry(matcher.label.clone()).or_insert(value);
    }
    let passes = selector.matchers.filter().passes(|label| labels.get(label).map(String::as_str));
    passes.then_some(labels)
}

/// A text that a plain expression matches: the first of its alternatives, where `.`, `.*`
/// and `[0-9]+` are the only parts that are not text. Of others it is only a try.
fn example(expression: &str) -> String {
    let first = expression.split('|').next().unwrap_or_default();
    let first = first.trim_matches(|c| "^$()".contains(c));
    let first = first.replace("[0-9]+", "0").replace("\\d+", "0");
    let first = first.replace(".*", "").replace(".+", "x");
    let mut out = String::with_capacity(first.len());
    let mut rest = first.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.extend(rest.next()),
            '.' => out.push('x'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(selector: &str) -> Option<String> {
        series(selector, None, 1.0, 0.0, 2).map(|series| series.name)
    }

    #[test]
    fn a_selector_selects_what_is_made_for_it() {
        assert_eq!(named("up").as_deref(), Some("up"));
        let stream = r#"lag{stream=~"msg:stream:[0-9]+",group="w",host!="a"}"#;
        assert_eq!(named(stream).as_deref(), Some(r#"lag{group="w",stream="msg:stream:0"}"#));
        assert_eq!(named(r#"a{b=~"x\\.y|z"}"#).as_deref(), Some(r#"a{b="x.y"}"#));
        assert_eq!(named(r#"a{b=~"5.."}"#).as_deref(), Some(r#"a{b="5xx"}"#));
        assert_eq!(named(r#"a{b=~"worker.*"}"#).as_deref(), Some(r#"a{b="worker"}"#));
        // Nobody knows what this one matches, and no test is better than a wrong one.
        assert_eq!(named(r#"a{b=~"[a-f]{3}"}"#), None);
        assert_eq!(named(r#"{job="x"}"#), None);
    }
}
