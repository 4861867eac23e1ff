//! Conditions that the later run must not meet, such as `p99 worse by 10%`: each is asked of
//! the figures of [`super::compare`] with the tolerance that it states, so that it is met for
//! certain, certainly not, or nobody can tell.

use std::time::Duration;

use loadgen::Worse;
use loadgen::worse::{By, Figure as Asks};
use reports::record::{Finding, Verdict};
use scenarios::plan::Severity;
use scenarios::units::{Share, Span};

use super::figures::Figure;
use super::{Asked, Comparison, Incomparable, KIND, Side, advice, compare};
use crate::judge::words;

/// The kind of a finding about a condition.
const CONDITION: &str = "fail-if";
/// More than any response time.
const FOR_EVER: Duration = Duration::from_secs(1_000_000_000);

/// What each condition comes to. `own` is what the checks of each run came to, the baseline's
/// first.
///
/// # Errors
/// When a condition cannot be asked of two runs.
pub fn conditions(
    baseline: Side<'_>,
    run: Side<'_>,
    asked: &Asked,
    own: [&[Finding]; 2],
    conditions: &[Worse],
) -> Result<Vec<Finding>, Incomparable> {
    let one = |worse: &Worse| match worse.figure {
        Asks::Checks => Ok(of_checks(worse, own)),
        _ => of_figures(worse, baseline, run, asked),
    };
    conditions.iter().map(one).collect()
}

/// Lets the conditions decide what a comparison comes to. What is worse beside them only
/// warns.
pub fn decide(comparison: &mut Comparison, met: Vec<Finding>) {
    let figures = comparison.findings.iter_mut().filter(|one| one.kind == KIND);
    figures.for_each(|one| one.severity = Severity::Warning);
    let verdict = met.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Inconclusive);
    let such: Vec<&Finding> = met.iter().filter(|one| one.verdict == verdict).collect();
    comparison.headline = match (verdict, such.first()) {
        (Verdict::Violated, Some(first)) => format!("{}: {}", first.check, first.measured),
        (Verdict::Inconclusive, Some(first)) => {
            format!("could not be judged: {}: {}", first.check, first.why)
        }
        _ => format!("{} of --fail-if not met", words::plural(met.len() as u64, "condition")),
    };
    comparison.advice = advice(&met, verdict);
    comparison.verdict = verdict;
    comparison.findings.splice(0..0, met);
}

/// The same question with the tolerance of a condition, and the figure that it is about.
fn question(worse: &Worse, asked: &Asked) -> Result<(Asked, Figure), Incomparable> {
    let figure = match worse.figure {
        Asks::Errors => Figure::Errors,
        Asks::Typical => Figure::Typical,
        Asks::Quantile(at) => Figure::Quantile(Share(at)),
        Asks::Mean | Asks::Max | Asks::Rate | Asks::Checks => {
            return Err(Incomparable::Condition { condition: worse.to_string() });
        }
    };
    let mut question = Asked {
        quantiles: match figure {
            Figure::Quantile(at) => vec![at],
            _ => Vec::new(),
        },
        workloads: worse.of.iter().cloned().collect(),
        ..asked.clone()
    };
    if worse.of.is_none() {
        question.workloads.clone_from(&asked.workloads);
    }
    match (figure, worse.by) {
        (Figure::Errors, By::Amount(points) | By::Share(points)) => question.more = Share(points),
        (_, By::Share(share)) => {
            question.higher = Share(share);
            (question.higher_by, question.floor) = (Span(FOR_EVER), Span(Duration::ZERO));
        }
        (_, By::Amount(seconds)) => {
            let amount = Span(Duration::try_from_secs_f64(seconds).unwrap_or(FOR_EVER));
            question.higher = Share(0.0);
            (question.higher_by, question.floor) = (amount, amount);
        }
    }
    Ok((question, figure))
}

fn of_figures(
    worse: &Worse,
    baseline: Side<'_>,
    run: Side<'_>,
    asked: &Asked,
) -> Result<Finding, Incomparable> {
    let (question, figure) = question(worse, asked)?;
    let comparison = compare(baseline, run, &question)?;
    let end = format!(".{}", figure.word());
    let ours = comparison.findings.iter().filter(|one| one.kind == KIND);
    let ours: Vec<&Finding> = ours.filter(|one| one.check.ends_with(&end)).collect();
    let left_out = comparison.left_out.iter().filter(|left| left.name.ends_with(&end));
    let left_out: Vec<String> =
        left_out.map(|left| format!("{}: {}", left.name, left.why)).collect();
    let Some(worst) = ours.iter().max_by_key(|one| one.verdict) else {
        let why = match left_out.first() {
            Some(left) => format!("{left}."),
            None => "Nothing that both runs have is such a figure.".to_owned(),
        };
        return Ok(finding(worse, Verdict::Inconclusive, "nothing".to_owned(), why));
    };
    let such = ours.iter().filter(|one| one.verdict == worst.verdict).count();
    let others = match such - 1 {
        0 => String::new(),
        more => format!(" ({more} more)"),
    };
    let mut why = worst.why.clone();
    if !left_out.is_empty() {
        // As everywhere in a comparison: what these plans cannot show is told, and left out.
        why.push_str(&format!(" Left out, as they are too small: {}.", left_out.join("; ")));
    }
    let measured = format!("{}: {}{others}", worst.check, worst.measured);
    Ok(finding(worse, worst.verdict, measured, why))
}

/// Whether a check is violated that was not, or one that held is inconclusive.
fn of_checks(worse: &Worse, own: [&[Finding]; 2]) -> Finding {
    let [before, now] = own;
    let change = |one: &&Finding| {
        let known = before.iter().find(|known| known.check == one.check);
        let was = known.map_or(Verdict::Inconclusive, |known| known.verdict);
        one.severity == Severity::Violation && one.verdict > was
    };
    let changed: Vec<&Finding> = now.iter().filter(change).collect();
    let verdict = changed.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Held);
    let names: Vec<String> = changed
        .iter()
        .filter(|one| one.verdict == verdict)
        .map(|one| format!("{} is {}: {}", one.check, one.verdict.word(), one.measured))
        .collect();
    let (measured, why) = match verdict {
        Verdict::Held => {
            let all = words::plural(now.len() as u64, "check");
            (format!("none of {all} is worse"), "No check is worse.".to_owned())
        }
        _ => (names[0].clone(), format!("{}.", names.join("; "))),
    };
    finding(worse, verdict, measured, why)
}

fn finding(worse: &Worse, verdict: Verdict, measured: String, why: String) -> Finding {
    Finding {
        title: format!("not {worse}"),
        measured,
        bound: format!("not {worse}"),
        why,
        ..Finding::plain(worse.to_string(), CONDITION, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, verdict: Verdict) -> Finding {
        let worse: Worse = "checks worse".parse().unwrap();
        Finding { check: name.to_owned(), ..finding(&worse, verdict, String::new(), String::new()) }
    }

    #[test]
    fn checks_are_worse_when_one_is_violated_that_was_not() {
        use Verdict::{Held, Inconclusive, Violated};
        let worse: Worse = "checks worse".parse().unwrap();
        for (before, now, met) in [
            (Held, Held, Held),
            (Held, Violated, Violated),
            (Held, Inconclusive, Inconclusive),
            (Inconclusive, Violated, Violated),
            (Violated, Violated, Held),
            (Violated, Held, Held),
        ] {
            let (before, now) = ([check("a", before)], [check("a", now)]);
            assert_eq!(of_checks(&worse, [&before, &now]).verdict, met, "{before:?} {now:?}");
        }
        // A check that the baseline did not have was not held there.
        let now = [check("new", Violated)];
        assert_eq!(of_checks(&worse, [&[], &now]).verdict, Violated);
    }
}
