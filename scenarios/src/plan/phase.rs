//! Phases: the stretches of a run, and the instants at which they begin.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// One stretch of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What the checks call it: `baseline`, `load`.
    pub name: String,
    /// How long it lasts; whole seconds, so that per-second figures belong to
    /// exactly one phase.
    #[serde(rename = "for")]
    pub length: Span,
    /// Whether `--duration` changes the length of this phase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stretch: bool,
}

/// Where each phase begins and ends, as time since the start of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    spans: Vec<(String, Duration, Duration)>,
}

impl Timeline {
    /// Lays the phases one behind the other.
    #[must_use]
    pub fn new(phases: &[Phase]) -> Self {
        let mut at = Duration::ZERO;
        let spans = phases
            .iter()
            .map(|phase| {
                let from = at;
                at += phase.length.0;
                (phase.name.clone(), from, at)
            })
            .collect();
        Self { spans }
    }

    /// The half-open span `[from, to)` of the named phase.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<(Duration, Duration)> {
        self.spans.iter().find(|(n, ..)| n == name).map(|&(_, from, to)| (from, to))
    }

    /// Every phase with its half-open span, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Duration, Duration)> {
        self.spans.iter().map(|(name, from, to)| (name.as_str(), *from, *to))
    }

    /// The length of the whole run.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.spans.last().map_or(Duration::ZERO, |&(_, _, to)| to)
    }
}
