//! Who is guilty of a rise: the labels of a series that grew the most or, for a
//! total of the broker, the connections or clients that did.

use std::collections::BTreeMap;

use reports::record::Evidence;
use scenarios::plan::Plan;
use serde_json::{Value, json};

use super::opinion::evidence;
use super::series::Series;
use super::window::Span;
use super::words;
use crate::history::History;

/// How many of the guilty are named in a finding.
const NAMED: usize = 5;

/// Labels that grew, those that grew the most first.
pub(super) struct Guilty {
    grown: Vec<Grown>,
    /// When the value after was seen at the latest.
    at: f64,
}

struct Grown {
    label: String,
    before: f64,
    after: f64,
}

impl Guilty {
    /// Compares the last value of each label in `before` with that in the last
    /// quarter of `until`. A label that was not there before grew from 0.
    pub(super) fn of(
        series: &str,
        plan: &Plan,
        history: &History,
        before: Span,
        until: Span,
    ) -> Self {
        // `broker.channels` is a total; `broker.connection_channels` beside it
        // has the same figure of each connection.
        let (probe, total) = series.rsplit_once('.').unwrap_or(("", series));
        let part = ["connection", "client"].into_iter().find_map(|part| {
            let name = format!("{probe}.{part}_{total}");
            history.samples.has(&name).then(|| (format!("{part} "), name))
        });
        let (word, name) = part.unwrap_or_else(|| (String::new(), series.to_owned()));
        let series = Series::of(plan, history, &name);
        let last = |span: Span| {
            let mut last = BTreeMap::new();
            for sample in series.within(span).iter().filter(|sample| !sample.label.is_empty()) {
                last.insert(sample.label.to_string(), sample.value);
            }
            last
        };
        let known = last(before);
        let quarter = until.to - until.seconds() / 4.0;
        let mut grown: Vec<Grown> = last(Span { from: quarter, to: until.to })
            .into_iter()
            .map(|(label, after)| {
                let before = known.get(&label).copied().unwrap_or(0.0);
                Grown { label: format!("{word}{label}"), before, after }
            })
            .filter(|grown| grown.after > grown.before)
            .collect();
        grown.sort_by(|a, b| b.rise().total_cmp(&a.rise()).then_with(|| a.label.cmp(&b.label)));
        Self { grown, at: until.to }
    }

    /// The first of them, for a finding.
    pub(super) fn evidence(&self) -> impl Iterator<Item = Evidence> {
        self.grown.iter().take(NAMED).map(|grown| {
            let seen = format!("{} → {}", words::number(grown.before), words::number(grown.after));
            evidence(grown.label.clone(), seen, Some(self.at))
        })
    }

    /// All of them, for the evidence file.
    pub(super) fn rows(&self) -> Vec<Value> {
        let row = |grown: &Grown| json!({ "label": grown.label, "before": grown.before, "after": grown.after });
        self.grown.iter().map(row).collect()
    }
}

impl Grown {
    fn rise(&self) -> f64 {
        self.after - self.before
    }
}
