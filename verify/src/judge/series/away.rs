//! When faults kept processes away, so that there is nothing to sample of them:
//! from their end until they are started again. Who is only paused is there.

use reports::record::FaultRecord;
use scenarios::plan::{Plan, ProbeKind};

use crate::history::History;
use crate::judge::faults::whole_by;
use crate::judge::window::Span;

/// Who is asked to end has this time, in seconds, before the fault is injected.
const GRACE: f64 = 10.0;

/// The processes that a fault kept away, and when each had no samples.
pub(super) struct Away(Vec<(String, Span)>);

impl Away {
    pub(super) fn of(&self, label: &str) -> Vec<Span> {
        self.0.iter().filter(|(name, _)| name == label).map(|&(_, span)| span).collect()
    }

    /// When everybody of these was away, if this fault kept all of them away.
    pub(super) fn of_all<'a>(&self, labels: impl Iterator<Item = &'a str>) -> Option<Span> {
        labels.map(|label| self.of(label).first().copied()).try_fold(None, |all, one| {
            let (all, one): (Option<Span>, Span) = (all, one?);
            let joint = |all: Span| Span { from: all.from.max(one.from), to: all.to.min(one.to) };
            Some(Some(all.map_or(one, joint)))
        })?
    }
}

/// What faults kept away of the processes that a probe watches. A sample may have
/// been due up to one `gap` before the fault was written down, and the first one
/// behind it comes within a run of samples that is `unbroken`.
pub(super) fn away(
    plan: &Plan,
    history: &History,
    kind: Option<&ProbeKind>,
    gap: f64,
    unbroken: f64,
) -> Vec<Away> {
    let Some(ProbeKind::Process { role }) = kind else { return Vec::new() };
    let faults = plan.faults.iter().filter_map(|fault| {
        let is_ours = fault.kind.ends_processes() && fault.kind.role() == Some(role);
        let known = history.fault(&fault.name);
        let known = known.filter(|_| is_ours)?;
        let injected = known.injected?;
        // Who never came back is missing from when it should have been there on.
        let over = injected + fault.kind.lasts().as_secs_f64();
        let end = known.healed.map_or(over, |healed| healed.min(whole_by(fault, injected)));
        let span = |name: &str| {
            let ended = history.processes.iter().filter(|turn| turn.process == name);
            let ended = ended.map(|turn| turn.at);
            let ended = ended.filter(|at| (injected - GRACE - gap..injected).contains(at));
            let from = ended.fold(injected, f64::min) - gap;
            Span { from, to: end + unbroken }
        };
        Some(Away(names(known).map(|name| (name.to_owned(), span(name))).collect()))
    });
    faults.collect()
}

/// The names of the victims: `worker-1` of `worker-1 (pid 17@4)`.
fn names(known: &FaultRecord) -> impl Iterator<Item = &str> {
    known.victims.iter().map(|victim| victim.split(" (pid ").next().unwrap_or(victim))
}

/// How much of a hole these spans leave, in seconds.
pub(super) fn left(hole: Span, spans: &[Span]) -> f64 {
    let mut spans = spans.to_vec();
    spans.sort_by(|a, b| a.from.total_cmp(&b.from));
    let (mut left, mut at) = (0.0, hole.from);
    for span in spans {
        left += (span.from.min(hole.to) - at).max(0.0);
        at = at.max(span.to);
    }
    left + (hole.to - at).max(0.0)
}
