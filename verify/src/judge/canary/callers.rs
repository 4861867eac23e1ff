//! Whether single callers are served: one that always fails is lost, however small its
//! share of all requests is.

use reports::record::Verdict;
use scenarios::plan::Plan;
use scenarios::plan::check::Callers;
use serde_json::json;

use super::part::Part;
use super::share::strays;
use crate::history::History;
use crate::judge::window::Window;
use crate::judge::words;
use crate::stats::share;

/// The share of the callers of whom enough must be known.
const MOST: f64 = 0.9;

pub(super) fn parts(callers: &Callers, plan: &Plan, history: &History, error: f64) -> Vec<Part> {
    let Some(told) = history.workloads.get(&callers.workload) else {
        let why = format!("nothing is known of workload {}", callers.workload);
        return vec![Part::open("callers", why)];
    };
    let part = judge(&told.keys, callers.max.0, error);
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    let window = Window::of(plan, history, &phases);
    let strays = match strays(plan, history, &callers.workload, &window) {
        Ok(strays) => strays.values().sum::<f64>() as u64,
        Err(why) => return vec![Part::open(&part.what, why)],
    };
    let of_each = error / told.keys.len().max(1) as f64;
    let could_hide_one = share::interval(strays as f64, strays as f64, of_each).low > callers.max.0;
    if part.verdict == Verdict::Held && could_hide_one {
        let why = format!(
            "{} were answered by no version that is known, as many as a lost caller makes.",
            words::plural(strays, "request")
        );
        return vec![Part::open(&part.what, why)];
    }
    vec![part]
}

/// Each caller's requests and how many of them failed. A caller of whom enough
/// requests are known that it would have been seen if all of them had failed counts as
/// known.
fn judge(keys: &[(u64, u64)], max: f64, error: f64) -> Part {
    let callers = keys.iter().filter(|&&(all, _)| all > 0).count();
    if callers == 0 {
        return Part::open("callers", "The new version got no requests with a key.");
    }
    let error = error / callers as f64;
    let is_lost =
        |all: u64, failed: u64| share::interval(failed as f64, all as f64, error).low > max;
    let lost: Vec<(usize, u64, u64)> = keys
        .iter()
        .enumerate()
        .filter(|&(_, &(all, failed))| is_lost(all, failed))
        .map(|(key, &(all, failed))| (key, all, failed))
        .collect();
    let known = keys.iter().filter(|&&(all, _)| all > 0 && is_lost(all, all)).count();
    let what = format!("each caller: at most {} failed", words::share(max));
    let measured = match lost.as_slice() {
        [] => format!("none of {} lost", words::plural(callers as u64, "caller")),
        lost => format!("{} of {} lost", lost.len(), words::plural(callers as u64, "caller")),
    };
    let (verdict, why) = match lost.first() {
        Some((key, all, failed)) => {
            let why = format!(
                "Of {} of caller {key}, {} failed on the new version.",
                words::plural(*all, "request"),
                words::count(*failed)
            );
            (Verdict::Violated, why)
        }
        None if known as f64 >= MOST * callers as f64 => {
            let why = format!(
                "{known} of {} made enough requests that one who always failed would have been \
                 seen.",
                words::plural(callers as u64, "caller")
            );
            (Verdict::Held, why)
        }
        None => {
            let needed = (1..100_000).find(|&all| is_lost(all, all)).unwrap_or(0);
            let why = format!(
                "Only {known} of {} made the {} on the new version that it takes to tell; let \
                 the run be longer, or give the new version more of the traffic.",
                words::plural(callers as u64, "caller"),
                words::plural(needed, "request")
            );
            (Verdict::Inconclusive, why)
        }
    };
    let rows: Vec<_> = lost
        .iter()
        .map(|(key, all, failed)| json!({ "caller": key, "requests": all, "failed": failed }))
        .collect();
    Part { what, verdict, measured, why, since: None, row: json!({ "lost": rows }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_in_fifty_is_not_hidden_by_the_others() {
        let mut keys = vec![(60, 0); 50];
        assert_eq!(judge(&keys, 0.2, 0.001).verdict, Verdict::Held);
        keys[17] = (60, 60);
        let part = judge(&keys, 0.2, 0.001);
        assert_eq!(part.verdict, Verdict::Violated);
        assert!(part.why.contains("caller 17"), "{}", part.why);
    }

    #[test]
    fn callers_of_whom_little_is_known_prove_nothing() {
        assert_eq!(judge(&[], 0.2, 0.001).verdict, Verdict::Inconclusive);
        assert_eq!(judge(&[(3, 0); 50], 0.2, 0.001).verdict, Verdict::Inconclusive);
        assert_eq!(judge(&[(3, 3); 50], 0.2, 0.001).verdict, Verdict::Inconclusive);
    }
}
