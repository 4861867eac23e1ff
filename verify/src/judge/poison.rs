//! Poison beside a speed: what the load's own poison does to a counter, and what
//! the system does without it.
//!
//! Which operations are poison is known from the plan, and when each came due
//! from the counts. What one of them raises the counter by may be known (*each*):
//! a dead letter is one. Often it is not: an error is counted for each try, and
//! how often a service tries is its own choice. Then the counter is judged only
//! where no poison is under way (*until*): between two samples of the counter,
//! when everything that had come due by the second one was given up well before
//! the first. There the rise is the system's own, however often it tries.
//!
//! Given up is what the counter named by `until` says. Dead letters that are no
//! poison, or poison that stands there twice, would let it run ahead, and poison
//! that was refused would let it lag behind for ever. So quiet is where it stands
//! highest against what came due in a stretch of phases, and only where it also
//! has at least as much as came due is a rise blamed on the system.
//!
//! Seen is whatever raises the counter too fast at quiet times, and it takes few
//! of them. Not seen is what only happens while poison is under way, such as a
//! batch that fails whole because of one poisoned message; `each` bounds that.
//! Where poison is under way nearly always, nothing is known.

use scenarios::plan::Plan;
use scenarios::plan::check::{Poison, Raises};
use scenarios::plan::workload::Arrival;

use super::counts::Counts;
use super::rises::Sorted;
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;

/// The least quiet time that shows a speed, in seconds.
const QUIET: f64 = 2.0;
/// A rise at quiet times is blamed when it is too much for this time at least:
/// a single error in a second is no speed.
const FOR_CERTAIN: f64 = 5.0;
/// How much earlier than reckoned an operation may have come due, in seconds.
const EARLIER: f64 = 0.02;

/// What a counter did beside the poison.
pub(super) enum Beside {
    /// It rose too fast without.
    TooMuch(String),
    /// It did not.
    Little(String),
    /// There is no telling.
    Unknown(String),
}

/// How a counter rose.
pub(super) struct Rose<'a> {
    pub(super) series: &'a Series<'a>,
    pub(super) window: &'a Window,
    pub(super) sorted: &'a Sorted,
    /// The speed that is allowed, a second.
    pub(super) max: f64,
    /// The time that the rises are of, in seconds.
    pub(super) time: f64,
}

/// What a counter did beside the poison of the load.
pub(super) fn beside(poison: &Poison, plan: &Plan, history: &History, rose: &Rose<'_>) -> Beside {
    let Some(end) = rose.window.spans.last().map(|span| span.to) else {
        return Beside::Unknown("No phase is judged.".to_owned());
    };
    let due = match due(poison, plan, history, end) {
        Ok(due) => due,
        Err(why) => return Beside::Unknown(format!("What poison did is unknown: {why}.")),
    };
    match &poison.raises {
        Raises::Each(each) => by_each(*each as f64, &due, rose),
        Raises::Until(until) => by_quiet(&due, &Series::of(plan, history, until), rose),
    }
}

/// When each poisoned operation came due at the earliest, in order, up to the end
/// of the window.
fn due(poison: &Poison, plan: &Plan, history: &History, end: f64) -> Result<Vec<f64>, String> {
    let mut times = Vec::new();
    for name in &poison.of {
        let told =
            history.workloads.get(name).ok_or_else(|| format!("workload {name} left no ledger"))?;
        let planned = plan.workloads.iter().find(|planned| planned.name == *name);
        let is_even = planned.is_some_and(|planned| planned.arrival == Arrival::Uniform);
        let counts = Counts::of(history, name, "due");
        let mut numbers = told.poison.iter().peekable();
        for second in 0..end.ceil() as i64 {
            if numbers.peek().is_none() {
                break;
            }
            let of_second = counts.numbers(second)?;
            let many = (of_second.end - of_second.start).max(1) as f64;
            while let Some(number) = numbers.next_if(|&number| number < of_second.end) {
                let into = number.saturating_sub(of_second.start) as f64 / many;
                let into = if is_even { into - EARLIER } else { 0.0 };
                times.push(second as f64 + into);
            }
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// How many of the times lie before or at a time.
fn before(times: &[f64], at: f64) -> f64 {
    times.partition_point(|&time| time <= at) as f64
}

fn by_each(each: f64, due: &[f64], rose: &Rose<'_>) -> Beside {
    let (sorted, allowed) = (rose.sorted, rose.max * rose.time);
    let inside: f64 =
        rose.window.spans.iter().map(|span| before(due, span.to) - before(due, span.from)).sum();
    let all = due.len() as f64;
    let told = |count: f64| {
        format!(
            "{} may be the doing of {}.",
            words::number(each * count),
            words::plural(count as u64, "poisoned operation")
        )
    };
    if sorted.least() - each * all > allowed {
        Beside::TooMuch(told(all))
    } else if sorted.most() - each * inside <= allowed {
        Beside::Little(told(inside))
    } else {
        Beside::Unknown(format!(
            "{} The others may be so, too: of poison that came due before.",
            told(inside)
        ))
    }
}

/// What rose at quiet times, and for how long it was quiet.
#[derive(Default)]
struct Quiet {
    seconds: f64,
    least: f64,
    most: f64,
}

impl Quiet {
    fn add(&mut self, sorted: &Sorted, from: f64, at: f64) {
        self.seconds += at - from;
        let rises = sorted.inside.iter().filter(|rise| rise.from >= from && rise.at <= at);
        for rise in rises {
            self.least += rise.least;
            self.most += rise.amount;
        }
    }
}

fn by_quiet(due: &[f64], given_up: &Series<'_>, rose: &Rose<'_>) -> Beside {
    let Rose { series, window, sorted, max, .. } = *rose;
    if let Some(why) = given_up.shortage(window, 2) {
        return Beside::Unknown(format!("When poison was under way is unknown: {why}."));
    }
    let ends = given_up.levels(Span { from: f64::NEG_INFINITY, to: f64::INFINITY });
    if ends.windows(2).any(|pair| pair[1].1 < pair[0].1) {
        let why = format!("{} falls, so when poison was under way is unknown.", given_up.name);
        return Beside::Unknown(why);
    }
    // What stood there before the run is none of its poison.
    let base = ends.iter().rev().find(|end| end.0 <= 0.0).or(ends.first()).map_or(0.0, |end| end.1);
    let ended = |at: f64| {
        let last = ends[..ends.partition_point(|end| end.0 <= at)].last()?;
        (at - last.0 <= given_up.unbroken()).then_some(last.1 - base)
    };
    let (mut quiet, mut certain) = (Quiet::default(), Quiet::default());
    for &span in &window.spans {
        let within = ends.iter().filter(|end| (span.from..span.to).contains(&end.0));
        let ahead = within.map(|&(at, level)| level - base - before(due, at));
        let ahead = ahead.fold(f64::NEG_INFINITY, f64::max);
        let rounds: Vec<f64> = series.rounds_of(span).map(|round| round[0].at).collect();
        for pair in rounds.windows(2) {
            let (from, at) = (pair[0], pair[1]);
            let Some(ended) = ended(from - series.gap) else { continue };
            let left = ended - before(due, at);
            if left < ahead {
                continue;
            }
            quiet.add(sorted, from, at);
            if left >= 0.0 {
                certain.add(sorted, from, at);
            }
        }
    }
    let told = |quiet: &Quiet| {
        format!(
            "In {} in which no poison was under way it rose by {}.",
            words::seconds(quiet.seconds),
            words::number(quiet.most)
        )
    };
    if certain.least > max * certain.seconds.max(FOR_CERTAIN) {
        Beside::TooMuch(told(&certain))
    } else if quiet.seconds >= QUIET && quiet.most <= max * quiet.seconds {
        Beside::Little(format!("{} The rest is put down to the poison.", told(&quiet)))
    } else {
        Beside::Unknown(format!(
            "{} That is too little to tell what is the doing of poison: give a smaller share of \
             it, or a longer run.",
            told(&quiet)
        ))
    }
}
