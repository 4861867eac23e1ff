//! Canary: the version under test keeps its bounds, and does as well as the stable
//! version at the same time.
//!
//! Every figure is a share (of requests that fail, that take longer than a bound or
//! than the stable version's quantile, that a version got) with a *confidence
//! sequence* ([`crate::stats::share`]), an interval that holds at every look. So
//! looking at each second, stopping early and promoting early cost no certainty. A
//! figure is *violated* where its interval lies beyond the bound, *held* where it lies
//! within, and *inconclusive* between: then it says how many more requests it needs.
//! Neighbours that resemble each other count as fewer ([`crate::stats::blocks`]).
//!
//! All canary checks of a scenario share one probability of error, 1 − `confidence`,
//! in equal parts (Bonferroni): so many checks, workloads, phases and callers as there
//! are, all of them together raise a false alarm with at most that probability.
//!
//! With the stable version at hand only what it does not suffer, too, is held against
//! the version under test: `share.rs`, `latency.rs` and `times.rs` say how.

mod callers;
pub mod estimate;
pub(super) mod latency;
pub(super) mod part;
pub(super) mod share;
mod split;
mod stretches;
pub mod times;

use reports::record::Verdict;
use scenarios::plan::Plan;
use scenarios::plan::check::{Canary, CheckKind, Figure};
use scenarios::units::Unit;

use self::part::Part;
use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::window::Window;
use super::words;
use crate::history::History;

pub use latency::{Compared, LEAST_EFFECT_OF_RANKS};

pub(super) fn judge(check: &Canary, plan: &Plan, history: &History) -> Opinion {
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let bound = bound(&check.figure);
    if let Some(missing) = &window.missing {
        return Opinion::inconclusive(&bound, missing.clone());
    }
    let error = (1.0 - check.confidence.0) / checks(plan) as f64;
    let parts = match &check.figure {
        Figure::Share(share) => share::parts(share, plan, history, &window, error),
        Figure::Latency(latency) => latency::parts(latency, history, &window, error),
        Figure::Split(split) => split::parts(split, &check.phases, plan, history, &window, error),
        Figure::Callers(callers) => callers::parts(callers, plan, history, error),
    };
    sum_up(&bound, parts)
}

/// How many canary checks share the probability of error.
fn checks(plan: &Plan) -> usize {
    let canary = |kind: &CheckKind| matches!(kind, CheckKind::Canary(_));
    plan.checks.iter().filter(|check| canary(&check.kind)).count().max(1)
}

fn bound(figure: &Figure) -> String {
    match figure {
        Figure::Share(share) => {
            let max = share.max.map(|max| format!("at most {}", words::share(max.0)));
            let more =
                share.more.map(|more| format!("at most {} above stable", words::points(more.0)));
            max.into_iter().chain(more).collect::<Vec<_>>().join(", ")
        }
        Figure::Latency(latency) => {
            let of = match latency.quantile {
                Some(quantile) => words::share(quantile.0),
                None => "typically".to_owned(),
            };
            let max = latency.max.map(|max| {
                format!("{of} within {}", words::show(Unit::Seconds, max.as_secs_f64()))
            });
            let allowed = latency::allowed(latency);
            let above = allowed.map(|allowed| format!("{of} at most {allowed} above stable"));
            max.into_iter().chain(above).collect::<Vec<_>>().join(", ")
        }
        Figure::Split(split) => {
            let shares: Vec<String> =
                split.shares.iter().map(|share| words::share(share.0)).collect();
            format!("{} of the traffic, ± {} of it", words::list(&shares), split.tolerance)
        }
        Figure::Callers(callers) => {
            format!("no caller with more than {} failed", words::share(callers.max.0))
        }
    }
}

/// The worst of the parts wins.
pub(super) fn sum_up(bound: &str, parts: Vec<Part>) -> Opinion {
    let worst = parts.iter().map(|part| part.verdict).max_by_key(|verdict| match verdict {
        Verdict::Violated => 2,
        Verdict::Inconclusive => 1,
        Verdict::Held => 0,
    });
    let Some(worst) = worst else {
        return Opinion::inconclusive(bound, "There is nothing to compare.");
    };
    let decisive: Vec<&Part> = parts.iter().filter(|part| part.verdict == worst).collect();
    let measured = decisive.first().map_or_else(String::new, |part| part.measured.clone());
    let mut why: Vec<&str> = decisive.iter().take(2).map(|part| part.why.as_str()).collect();
    let further = format!("{} further ones.", decisive.len().saturating_sub(2));
    if decisive.len() > 2 {
        why.push(&further);
    }
    let why = why.join(" ");
    let since = decisive.iter().filter_map(|part| part.since).reduce(f64::min);
    let seen = decisive.iter().map(|part| evidence(&part.what, &part.measured, part.since));
    let rest = parts.iter().filter(|part| part.verdict != worst);
    let seen: Vec<_> =
        seen.chain(rest.map(|part| evidence(&part.what, &part.measured, part.since))).collect();
    let opinion = match worst {
        Verdict::Violated => Opinion::violated(bound, measured, why).since(since),
        Verdict::Held => Opinion::held(bound, measured, why),
        Verdict::Inconclusive => Opinion::doubtful(bound, measured, why),
    };
    let estimates = parts.iter().filter_map(Part::estimate).collect();
    let rows = match worst {
        Verdict::Violated => Rows::listed(parts.into_iter().map(|part| part.row)),
        Verdict::Held | Verdict::Inconclusive => Rows::default(),
    };
    Opinion { estimates, ..opinion.evidence(seen).rows(rows) }
}
