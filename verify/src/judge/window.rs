//! The phases that a check judges, as spans of time.

use scenarios::plan::Plan;

use super::words;
use crate::history::History;

/// A half-open stretch of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Span {
    pub(super) fn seconds(self) -> f64 {
        self.to - self.from
    }

    /// The whole seconds that belong to the span.
    pub(super) fn whole_seconds(self) -> std::ops::Range<i64> {
        self.from.round() as i64..self.to.round() as i64
    }
}

/// The judged phases of a run.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// Each phase by its name, in order of time.
    pub(super) phases: Vec<(String, Span)>,
    /// The same with phases that follow each other joined.
    pub(super) spans: Vec<Span>,
    /// Why the phases are not all there, if they are not.
    pub(super) missing: Option<String>,
    /// The end of the plan's last phase.
    end: f64,
}

impl Window {
    /// The window of the named phases.
    pub(super) fn of<T: AsRef<str>>(plan: &Plan, history: &History, names: &[T]) -> Self {
        let mut missing = None;
        let mut phases = Vec::new();
        for name in names.iter().map(AsRef::as_ref) {
            let lasted = history.phase(name).map(|phase| Span { from: phase.from, to: phase.to });
            match lasted.filter(|span| span.seconds() > 0.0) {
                Some(span) => {
                    if let Some(short) = shortfall(plan, name, span) {
                        missing.get_or_insert(short);
                    }
                    phases.push((name.to_owned(), span));
                }
                None => {
                    missing.get_or_insert(format!(
                        "phase {name} did not take place; let the run come to its end"
                    ));
                }
            }
        }
        if phases.is_empty() && missing.is_none() {
            missing = Some("no phase is judged".to_owned());
        }
        phases.sort_by(|a, b| a.1.from.total_cmp(&b.1.from));
        let mut spans: Vec<Span> = Vec::new();
        for &(_, span) in &phases {
            match spans.last_mut() {
                // A millisecond of difference is rounding, not a gap.
                Some(last) if span.from <= last.to + 1e-3 => last.to = last.to.max(span.to),
                _ => spans.push(span),
            }
        }
        // Not of the last phase that was written down: a killed run goes on
        // behind that, in a phase whose end nobody wrote.
        let end = plan.timeline().end().as_secs_f64();
        Self { phases, spans, missing, end }
    }

    /// A window of phases as they are.
    #[cfg(test)]
    pub(super) fn made(phases: Vec<(String, Span)>) -> Self {
        let spans: Vec<Span> = phases.iter().map(|(_, span)| *span).collect();
        let end = spans.last().map_or(0.0, |span| span.to);
        Self { phases, spans, missing: None, end }
    }

    /// The window without some stretches of time.
    pub(super) fn without(mut self, stretches: &[(f64, f64)]) -> Self {
        for &(from, to) in stretches {
            let cut = |span: &Span| {
                if to <= span.from || from >= span.to {
                    return vec![*span];
                }
                let before = Span { from: span.from, to: from };
                let behind = Span { from: to, to: span.to };
                [before, behind].into_iter().filter(|part| part.seconds() > 1e-3).collect()
            };
            self.spans = self.spans.iter().flat_map(cut).collect();
        }
        self
    }

    /// From the start of the first span to the end of the last one.
    pub(super) fn whole(&self) -> Span {
        let from = self.spans.first().map_or(0.0, |span| span.from);
        Span { from, to: self.spans.last().map_or(from, |span| span.to) }
    }

    /// The length of all spans in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.spans.iter().map(|span| span.seconds()).sum()
    }

    /// Whether the run ends with this span, so that what a last sample shows
    /// behind it happened in it.
    pub(super) fn is_last(&self, span: Span) -> bool {
        span.to >= self.end - 1e-3
    }

    /// The names of the phases for a sentence.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.phases.iter().map(|(name, _)| name.as_str()).collect();
        words::list(&names)
    }
}

/// Whether a phase was cut short by more than a second.
fn shortfall(plan: &Plan, name: &str, span: Span) -> Option<String> {
    let planned = plan.phases.iter().find(|phase| phase.name == name)?.length.as_secs_f64();
    (span.seconds() < planned - 1.0).then(|| {
        format!(
            "phase {name} lasted {} of {}; let the run come to its end",
            words::seconds(span.seconds()),
            words::seconds(planned)
        )
    })
}
