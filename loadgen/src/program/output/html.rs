//! The result as one page that needs no network, and no script to be read. It is made of the
//! parts in `pages`, as the reports of `verify` are.

use std::fmt::Result;

use loadgen::course;
use loadgen::printable::lines;
use pages::banner::{Banner, facts, notes, tally};
use pages::course::Course;
use pages::frame::Limit;
use pages::time::{Stretch, Time};
use pages::words::{count, moment, rate};
use pages::{Markup, Standing, document};
use scenarios::units::Unit;

use super::super::Offered;
use super::super::args::Title;
use super::super::origin::Origin;
use super::super::verdict::Verdict;

mod figures;
mod ledger;
mod thresholds;

/// The page.
pub(crate) fn render(offered: &Offered, title: &Title, origin: &Origin) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut out, offered, title, origin);
    // What would steer whoever reads it, such as a change of direction, is spelled out.
    lines(&out)
}

fn write(out: &mut String, offered: &Offered, title: &Title, origin: &Origin) -> Result {
    let time = time(offered);
    let verdict = Verdict::of(offered);
    let mark = verdict.standing().map_or("–", Standing::mark);
    let word = verdict.standing().map_or("no thresholds", Standing::word);
    document::head(out, &format!("{mark} {}: {word}", title.target))?;
    time.ground(out, &ground(offered))?;
    banner(out, offered, title, verdict)?;
    let sections = [
        ("thresholds", "Thresholds", !offered.kept.is_empty()),
        ("overview", "Overview", offered.course.is_some()),
        ("ledger", "Ledger", true),
        ("load", "Figures", true),
        ("errors", "Errors", figures::has_errors(offered)),
    ];
    document::contents(out, &sections, &time)?;
    out.push_str("<main>\n");
    facts(out, &told(offered, title, origin), &origin.again)?;
    notes(out, &warnings(offered, title))?;
    thresholds::write(out, offered)?;
    overview(out, offered, &time)?;
    ledger::write(out, offered)?;
    figures::write(out, offered, title)?;
    figures::errors(out, offered)?;
    document::end(out)
}

/// From T0 to the last second of the load.
fn time(offered: &Offered) -> Time {
    let last = offered.rows.last().map_or(0.0, |row| row.second as f64 + 1.0);
    Time::between(0.0, last)
}

/// The warm-up, and where nothing succeeded.
fn ground(offered: &Offered) -> Vec<Stretch> {
    let warm_up = offered.report.warm_up.as_secs_f64();
    let warm_up = Stretch { from: 0.0, to: warm_up, class: "odd", has_line: false };
    let outages = offered.report.outages.iter().map(|outage| Stretch {
        from: outage.from.as_secs_f64(),
        to: outage.to.max(outage.from).as_secs_f64(),
        class: "outage",
        has_line: true,
    });
    Some(warm_up).filter(|warm_up| warm_up.to > 0.0).into_iter().chain(outages).collect()
}

fn banner(out: &mut String, offered: &Offered, title: &Title, verdict: Verdict) -> Result {
    let of = |held| offered.kept.iter().filter(|kept| kept.held == held).count();
    let counts = [(Standing::Violated, of(false)), (Standing::Held, of(true))];
    Banner {
        standing: verdict.standing(),
        word: "No thresholds",
        of: ("loadgen", &title.target),
        headline: &headline(offered, verdict),
        advice: None,
        rest: tally("Thresholds by result", &counts, &Markup::default()),
    }
    .write(out)
}

/// The verdict in a sentence.
fn headline(offered: &Offered, verdict: Verdict) -> String {
    let totals = offered.report.totals;
    let (due, errors) = (count(totals.due), count(offered.errors()));
    let all = offered.kept.len();
    match verdict {
        Verdict::Interrupted => {
            "Interrupted: only operations due before the interruption are counted.".to_owned()
        }
        Verdict::Limited => {
            "This machine met a limit of its own, so the thresholds say nothing of the target."
                .to_owned()
        }
        Verdict::LimitedAlone => {
            "Nothing could be offered within the limits of this machine.".to_owned()
        }
        Verdict::NeverReached => {
            "The target could not be reached at all; check its address.".to_owned()
        }
        Verdict::FellBehind => {
            "The generator could not keep up, so the thresholds say nothing of the target."
                .to_owned()
        }
        Verdict::Incomplete => {
            "Instances are missing, so the thresholds say nothing of the whole load.".to_owned()
        }
        Verdict::Broken => {
            let broken = offered.kept.iter().filter(|kept| !kept.held);
            let told: Vec<String> =
                broken.map(|kept| format!("{}: {}", kept.threshold, kept.found)).collect();
            let thresholds = if all == 1 { "threshold" } else { "thresholds" };
            format!("{} of {all} {thresholds} violated. {}.", told.len(), told.join("; "))
        }
        Verdict::NotAcked => {
            format!("{errors} of {due} operations were not acked, and --fail-on-error was given.")
        }
        Verdict::Held if all == 0 => format!("Every one of {due} operations was acked."),
        Verdict::Held if all == 1 => "The threshold held.".to_owned(),
        Verdict::Held => format!("All {all} thresholds held."),
        Verdict::Unasked => {
            let share = Unit::Share.show(totals.acked as f64 / totals.due.max(1) as f64);
            format!(
                "No thresholds were given, so nothing was judged: {share} of {due} operations \
                 were acked."
            )
        }
    }
}

fn told(offered: &Offered, title: &Title, origin: &Origin) -> [(&'static str, String); 8] {
    let report = &offered.report;
    let took = report.last_settled.max(report.last_due).as_secs_f64();
    let interrupted = if offered.interrupted { ", interrupted" } else { "" };
    let started = jiff::Timestamp::try_from(offered.started)
        .map_or_else(|_| String::new(), |time| time.strftime("%F %T UTC").to_string());
    [
        ("Started", started),
        ("Took", format!("{}{interrupted}", moment(took))),
        ("Target", title.target.clone()),
        ("Asked", title.rate.map_or_else(|| "a closed loop".to_owned(), rate)),
        ("Got", rate(report.rate_acked())),
        ("Run", report.ledger.run().to_owned()),
        ("loadgen", env!("CARGO_PKG_VERSION").to_owned()),
        ("Host", origin.host.clone()),
    ]
}

/// What to know beside the thresholds.
fn warnings(offered: &Offered, title: &Title) -> Vec<String> {
    let mut told = Vec::new();
    if offered.interrupted {
        told.push("Interrupted: only operations due before it are counted.".to_owned());
    }
    if let Some(instances) = &offered.instances {
        told.extend(instances.banner().map(|banner| format!("{banner}.")));
        let (there, of) = (instances.contributed.len(), instances.of);
        let clocks = instances.clocks();
        told.push(format!("Merged from {there} of {of} instances; {clocks}."));
    }
    if offered.is_in_vain() {
        told.push(
            "Not one operation was acked; see that the address, the request and what counts as \
             accepted are right."
                .to_owned(),
        );
    }
    told.extend(offered.report.limits.iter().map(|(limit, number)| {
        format!(
            "{limit}, met by {} operations, which says nothing of the target; {}.",
            count(*number),
            limit.advice()
        )
    }));
    if !offered.kept_up() {
        let lost = moment(offered.report.pump.lost.as_secs_f64());
        told.push(format!(
            "The generator itself could not keep up for {lost}; these figures say little about \
             the target. Give it more processor time."
        ));
    }
    told.extend(title.notes.iter().map(|note| title.secrets.hide(note)));
    told
}

/// The load by outcome and the response times, on one axis of time.
fn overview(out: &mut String, offered: &Offered, time: &Time) -> Result {
    let Some(course) = &offered.course else { return Ok(()) };
    let outcomes: Vec<[u64; 5]> = course
        .stretches()
        .iter()
        .map(|stretch| {
            let tally = stretch.tally;
            [tally.due, tally.acked, tally.failed, tally.indeterminate, tally.dropped]
        })
        .collect();
    let times = || course.stretches().iter().map(|stretch| &stretch.times);
    let drawn = Course {
        width: course.width() as f64,
        outcomes: &outcomes,
        response: &times().map(course::quantiles).collect::<Vec<_>>(),
        steps: &course::steps(),
        heat: &course::heat(times()),
    };
    let limits = offered.thresholds.iter().filter_map(|threshold| {
        Some(Limit { value: threshold.response_bound()?, name: threshold.to_string() })
    });
    let name = offered.report.ledger.workload();
    document::section(out, "overview", "Overview")?;
    drawn.rate(out, time, name, "rate".to_owned())?;
    drawn.response(out, time, name, "response".to_owned(), limits.collect())?;
    out.push_str("</section>\n");
    Ok(())
}

#[cfg(test)]
mod tests;
