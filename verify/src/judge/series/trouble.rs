//! What a probe said of why it could not see, as far as it explains samples that are
//! missing.

use super::{ROUND, Series};
use crate::judge::window::Span;

impl<'a> Series<'a> {
    /// Why the probe could not see within a span or at its edges: what it said then, or
    /// said before without a sample from then on. What it said at another time explains
    /// nothing.
    pub(super) fn trouble(&self, span: Span) -> Option<&'a str> {
        let about = self.troubles.iter().rev().find(|trouble| {
            let at = trouble.at.unwrap_or(f64::NEG_INFINITY);
            let since = Span { from: at + ROUND * self.gap, to: span.from };
            at <= span.to + self.unbroken()
                && (at >= span.from - self.unbroken() || self.within(since).is_empty())
        });
        about.map(|trouble| trouble.why.as_str())
    }

    /// Adds what the probe said about the time of a span, and what to do.
    pub(in crate::judge) fn explain(&self, reason: &str, span: Span) -> String {
        match (self.trouble(span), &self.ended) {
            (Some(trouble), _) => format!("{reason}. Probe {} said: {trouble}", self.probe),
            (None, Some(ended)) => format!("{reason}; {ended}"),
            (None, None) => {
                format!("{reason}; see that probe {} reaches what it reads", self.probe)
            }
        }
    }
}
