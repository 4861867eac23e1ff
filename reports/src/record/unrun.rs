//! The record of a run that did not take place, so that whoever waits for reports
//! gets some.

use std::collections::BTreeMap;

use super::{Finding, Record, Run, SCHEMA, Verdict};

/// The name of the finding that says why a run did not take place.
pub const UNRUN: &str = "run-took-place";

impl Record {
    /// The record of a run that did not take place, or came to no verdict: one finding,
    /// inconclusive, that says why. `kind` is one word for what kept it: `usage`,
    /// `environment`, `interrupted`.
    #[must_use]
    pub fn unrun(run: Run, kind: &str, why: &str) -> Self {
        let first = why.lines().find(|line| !line.trim().is_empty()).unwrap_or(kind);
        Self {
            schema: SCHEMA,
            run,
            verdict: Verdict::Inconclusive,
            headline: format!("no verdict ({kind}): {}", first.trim()),
            advice: None,
            findings: vec![Finding {
                title: "the run took place".to_owned(),
                measured: "no verdict".to_owned(),
                bound: "a verdict".to_owned(),
                why: why.to_owned(),
                ..Finding::plain(UNRUN.to_owned(), kind, Verdict::Inconclusive)
            }],
            steps: Vec::new(),
            advised: Vec::new(),
            workloads: Vec::new(),
            courses: Vec::new(),
            effects: Vec::new(),
            faults: Vec::new(),
            deployments: Vec::new(),
            roll_backs: Vec::new(),
            past: None,
            phases: Vec::new(),
            series: Vec::new(),
            tables: Vec::new(),
            host: None,
            warnings: Vec::new(),
            left_out: Vec::new(),
            params: BTreeMap::new(),
            targets: BTreeMap::new(),
        }
    }
}
