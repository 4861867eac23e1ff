//! Ratio: one counter's rise over the phases is at most a share of another's,
//! and at least one where a least share is given.
//!
//! The bound is on the share that was observed, as operators mean it when they
//! say "below 1 %": one more than the bound allows breaks it, and what chance
//! could have done is no excuse, because the operations did fail. What a share
//! of zero proves is said with it: with n tries and no failure, less than 3/n
//! (95 % confidence, [`crate::stats::proportion`]). Operations that the generator itself never attempted are
//! not held against the system: where they alone break the bound there is no
//! verdict. Evidence: the worst seconds. Inconclusive when the reference rose by
//! less than `at_least`, when counts are missing, or when what happened at the
//! edge of a phase, or about a fall that nothing explains, decides.

use scenarios::plan::Plan;
use scenarios::plan::check::Ratio;
use serde_json::json;

use super::anomalies::Rows;
use super::counts::Counts;
use super::opinion::{Opinion, evidence};
use super::rising::Rising;
use super::window::Window;
use super::words;
use crate::history::History;
use crate::stats::proportion::rule_of_three;

pub(super) fn judge(check: &Ratio, plan: &Plan, history: &History) -> Opinion {
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let bound = match check.min {
        Some(min) => format!("{} to {}", words::share(min.0), words::share(check.max.0)),
        None => format!("at most {}", words::share(check.max.0)),
    };
    let inconclusive = |why: String| Opinion::inconclusive(&bound, why).drawn(&check.of, None);
    if let Some(missing) = &window.missing {
        return inconclusive(missing.clone());
    }
    let (of, to) = match (
        Rising::of(plan, history, &check.of, &window),
        Rising::of(plan, history, &check.to, &window),
    ) {
        (Ok(of), Ok(to)) => (of, to),
        (Err(why), _) | (_, Err(why)) => return inconclusive(why),
    };
    if to.total < check.at_least as f64 {
        return inconclusive(format!(
            "{} rose by only {} in {}; a verdict needs {}",
            check.to,
            words::number(to.total),
            window.names(),
            words::count(check.at_least)
        ));
    }
    let share = of.total / to.total;
    let (lowest, highest) =
        (of.least / to.most.max(f64::MIN_POSITIVE), of.most / to.least.max(f64::MIN_POSITIVE));
    let counted = format!("{} of {}", words::number(of.total), words::number(to.total));
    let measured = format!("{} ({counted})", words::share(share));
    let mut why = format!("{} rose by {counted} of {} in {}.", check.of, check.to, window.names());
    if of.total <= 0.0 {
        let most = words::share(rule_of_three(to.total));
        why.push_str(&format!(" With 95 % confidence the share is below {most}."));
    }
    let dropped = dropped(check, history, &window);
    let is_sure = check.min.is_none_or(|min| highest < min.0 || lowest >= min.0)
        && (highest <= check.max.0 || lowest > check.max.0);
    let opinion = if !is_sure && lowest < highest {
        why.push_str(&format!(
            " Between {} and {} of it: the rest may belong to another phase.",
            words::share(lowest),
            words::share(highest)
        ));
        Opinion::doubtful(&bound, measured, why)
    } else if check.min.is_some_and(|min| share < min.0) {
        violated(&bound, measured, why, &of, &to)
    } else if share <= check.max.0 {
        match of.fall.as_ref().or(to.fall.as_ref()) {
            Some(fall) => Opinion::doubtful(&bound, measured, fall),
            None => Opinion::held(&bound, measured, why),
        }
    } else if (of.total - dropped) / to.total <= check.max.0 {
        let dropped = words::plural(dropped as u64, "operation");
        why.push_str(&format!(
            " But {dropped} of these were never attempted by the generator; repeat the run."
        ));
        Opinion::doubtful(&bound, measured, why)
    } else {
        violated(&bound, measured, why, &of, &to)
    };
    opinion.drawn(&check.of, None).reached(share)
}

fn violated(bound: &str, measured: String, why: String, of: &Rising, to: &Rising) -> Opinion {
    let since = of.by_second.keys().next().map(|&second| second as f64);
    let seconds: Vec<(i64, f64, f64)> = of
        .by_second
        .iter()
        .map(|(&second, &rise)| (second, rise, to.by_second.get(&second).copied().unwrap_or(0.0)))
        .collect();
    let rows = seconds.iter().map(|(at, of, to)| json!({ "second": at, "of": of, "to": to }));
    let rows = Rows::listed(rows);
    let mut worst = seconds;
    worst.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let worst = worst.into_iter().take(5).map(|(second, of, to)| {
        let seen = format!("{} of {}", words::number(of), words::number(to));
        evidence(format!("second {second}"), seen, Some(second as f64))
    });
    Opinion::violated(bound, measured, why).since(since).evidence(worst).rows(rows)
}

/// Operations that count as unsuccessful because they were never attempted.
fn dropped(check: &Ratio, history: &History, window: &Window) -> f64 {
    match check.of.rsplit_once('.') {
        Some((workload, "unsuccessful" | "dropped"))
            if history.workloads.contains_key(workload) =>
        {
            Counts::of(history, workload, "dropped").total(window).unwrap_or(0.0)
        }
        _ => 0.0,
    }
}
