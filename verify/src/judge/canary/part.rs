//! One comparison of a check, in words.

use reports::record::Verdict;
use serde_json::Value as Json;

use super::estimate::Side;
use crate::judge::words;

/// What one comparison comes to.
#[derive(Debug, Clone)]
pub(in crate::judge) struct Part {
    /// What is compared, such as a workload or a phase: short.
    pub(in crate::judge) what: String,
    pub(in crate::judge) verdict: Verdict,
    /// What was measured, with what is certain of it.
    pub(in crate::judge) measured: String,
    /// Why it is so, or what is missing: a sentence.
    pub(in crate::judge) why: String,
    /// When it was first broken, in seconds.
    pub(in crate::judge) since: Option<f64>,
    /// The figures.
    pub(in crate::judge) row: Json,
}

impl Part {
    /// A comparison that says nothing, with the reason.
    pub(in crate::judge) fn open(what: &str, why: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            verdict: Verdict::Inconclusive,
            measured: "unknown".to_owned(),
            why: why.into(),
            since: None,
            row: Json::Null,
        }
    }
}

/// The verdict of a comparison that breaks above its bound, with what is missing
/// where there is none. `rate` is how many requests of the version under test came a
/// second.
pub(in crate::judge) fn verdict(side: Side, rate: f64) -> (Verdict, String) {
    match side {
        Side::Above => (Verdict::Violated, String::new()),
        Side::Below => (Verdict::Held, String::new()),
        Side::Open(Some(more)) => {
            let more = more.ceil().max(1.0);
            let time = if rate > 0.0 {
                format!(", about {} at this rate", words::seconds((more / rate).ceil()))
            } else {
                String::new()
            };
            let requests = words::plural(more as u64, "more request");
            (Verdict::Inconclusive, format!(" It needs {requests} of the new version{time}."))
        }
        Side::Open(None) => {
            let why = " It lies so close to the bound that no number of requests is foreseen.";
            (Verdict::Inconclusive, why.to_owned())
        }
    }
}
