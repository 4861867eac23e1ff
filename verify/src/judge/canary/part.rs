//! One comparison of a check, in words.

use reports::record::{EstimateRecord, Scale, Verdict};
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

    /// The figure with what is possible of it, as the row has it; none where nothing was
    /// estimated.
    pub(in crate::judge) fn estimate(&self) -> Option<EstimateRecord> {
        let number = |name: &str| self.row.get(name).and_then(Json::as_f64);
        let other = number("stable").or_else(|| number("baseline"));
        let more = number("more").map(|more| 1.0 + more);
        let (scale, value, most) = match (number("ratio"), number("seconds"), number("share")) {
            (Some(ratio), ..) => (Scale::Ratio, ratio, more),
            (_, Some(seconds), _) => (Scale::Seconds, seconds, None),
            (.., share) => {
                let share = share.or_else(|| number("above"))?;
                match other {
                    Some(other) => (Scale::Difference, share - other, number("max")),
                    None => (Scale::Share, share, number("max")),
                }
            }
        };
        Some(EstimateRecord {
            what: self.what.clone(),
            scale,
            value,
            low: number("low")?,
            high: number("high")?,
            least: number("min"),
            most,
            other,
            count: number("requests").or_else(|| number("operations"))?,
        })
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
