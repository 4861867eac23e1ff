//! A new version against the one before it: each figure with its interval and its bound.

use std::fmt::Result;

use pages::words::share;
use pages::{Markup, put, putln};
use scenarios::units::Unit;

use super::time::{extent, rounded};
use crate::format::standing;
use crate::format::text::{count, figure};
use crate::record::{EstimateRecord, Finding, Quantiles, Record, Scale};

/// What the earlier run's workloads have behind their names, where two are compared.
const BASELINE: &str = " (baseline)";

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    let all: Vec<(&Finding, &EstimateRecord)> = estimates(record).collect();
    if all.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"comparison\">\n<h2 id=\"comparison\">Comparison</h2>\n",
    );
    let confidence = record.findings.iter().find_map(|f| f.basis.as_ref()?.confidence);
    let sure = confidence.map(|sure| format!(" with {} % confidence", rounded(sure * 100.0, 4)));
    putln!(
        out,
        "<p class=\"soft\">The bar is where each figure lies{}, the dot what was measured, the \
         line the bound. A figure holds when all of its bar does.</p>",
        sure.unwrap_or_default()
    )?;
    out.push_str(
        "<table class=\"comparison stack\"><caption>New version against the stable one</caption>\n<thead><tr>\
         <th scope=\"col\">Check</th><th scope=\"col\">Result</th><th scope=\"col\">New</th><th scope=\"col\">Stable</th>\
         <th scope=\"col\">Effect and interval</th><th scope=\"col\">Bound</th><th scope=\"col\">Requests</th></tr></thead>\n<tbody>\n",
    );
    for (finding, estimate) in all {
        row(out, finding, estimate)?;
    }
    out.push_str("</tbody></table>\n");
    spreads(out, record)?;
    out.push_str("</section>\n");
    Ok(())
}

/// How the times were spread, a row each on one axis of powers of ten: from the median to
/// p95, p99 and the longest.
fn spreads(out: &mut String, record: &Record) -> Result {
    let compared = record.findings.iter().filter_map(|finding| finding.basis.as_ref());
    let compared = compared.flat_map(|basis| &basis.spreads);
    let mut all: Vec<(&str, Quantiles)> =
        compared.map(|spread| (spread.name.as_str(), spread.times)).collect();
    let is_twin = record.workloads.iter().any(|workload| workload.name.ends_with(BASELINE));
    if is_twin {
        let known = record.workloads.iter();
        all.extend(known.filter_map(|one| Some((one.name.as_str(), one.response?))));
    }
    all.dedup();
    let values = all.iter().flat_map(|(_, times)| [times.p50, times.max]);
    let Some((low, high)) = extent(values.filter(|value| *value > 0.0)) else { return Ok(()) };
    let (low, high) = (low.log10().floor(), high.log10().ceil().max(low.log10().floor() + 1.0));
    let at =
        |value: f64| ((value.max(1e-9).log10() - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    out.push_str(
        "<table class=\"stack spreads\"><caption>Response times, from the median over p95 and p99 to the longest</caption>\n<tbody>\n",
    );
    for (name, times) in all {
        let [p50, p95, p99, max] = [times.p50, times.p95, times.p99, times.max].map(at);
        let words =
            [("p50", times.p50), ("p95", times.p95), ("p99", times.p99), ("max", times.max)];
        let words = words.map(|(what, value)| format!("{what} {}", figure(Unit::Seconds, value)));
        putln!(
            out,
            "<tr><th scope=\"row\">{}</th><td data-label=\"Spread\"><span class=\"spread\" aria-hidden=\"true\">\
             <i class=\"tail\" style=\"left:{:.1}%;width:{:.1}%\"></i><i class=\"body\" style=\"left:{:.1}%;width:{:.1}%\"></i>\
             <i class=\"dot\" style=\"left:{:.1}%\"></i><i class=\"mark\" style=\"left:{:.1}%\"></i></span></td>\
             <td data-label=\"Times\">{}</td><td data-label=\"Count\">{}</td></tr>",
            name,
            p50,
            max - p50,
            p50,
            p95 - p50,
            p50,
            p99,
            words.join(", "),
            count(times.count)
        )?;
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// Whether a record has figures to compare.
pub(super) fn estimates(record: &Record) -> impl Iterator<Item = (&Finding, &EstimateRecord)> {
    record.findings.iter().flat_map(|finding| {
        let basis = finding.basis.iter();
        basis.flat_map(|basis| &basis.estimates).map(move |estimate| (finding, estimate))
    })
}

fn row(out: &mut String, finding: &Finding, estimate: &EstimateRecord) -> Result {
    let show = |value: f64| show(estimate.scale, value);
    let (new, stable) = match (estimate.scale, estimate.other) {
        (Scale::Difference, Some(other)) => (share(estimate.value + other), share(other)),
        (Scale::Ratio, _) => ("–".to_owned(), "–".to_owned()),
        (_, Some(other)) => (show(estimate.value), show(other)),
        (_, None) => (show(estimate.value), "–".to_owned()),
    };
    let plain = |value: f64| show(value).trim_start_matches('+').to_owned();
    let bound = match (estimate.least, estimate.most) {
        (Some(least), Some(most)) => format!("{} to {}", plain(least), plain(most)),
        (Some(least), None) => format!("at least {}", plain(least)),
        (None, Some(most)) => format!("at most {}", plain(most)),
        (None, None) => finding.bound.clone(),
    };
    putln!(
        out,
        "<tr><th scope=\"row\"><span class=\"check\">{}</span><span class=\"title\">{}</span></th>\
         <td data-label=\"Result\">{}</td><td data-label=\"New\">{}</td><td data-label=\"Stable\">{}</td>\
         <td data-label=\"Effect\"><span>{} <small>{} to {}</small>{}</span></td><td data-label=\"Bound\">{}</td><td data-label=\"Requests\">{}</td></tr>",
        finding.check,
        estimate.what,
        standing::of(finding).badge(),
        new,
        stable,
        show(estimate.value),
        show(estimate.low),
        show(estimate.high),
        forest(estimate),
        bound,
        count(estimate.count.max(0.0) as u64)
    )
}

/// The interval as a bar, with the measured figure and the bounds.
fn forest(estimate: &EstimateRecord) -> Markup {
    let neutral = match estimate.scale {
        Scale::Difference => Some(0.0),
        Scale::Ratio => Some(1.0),
        Scale::Share | Scale::Seconds => None,
    };
    let bounds = [estimate.least, estimate.most].into_iter().flatten();
    let all = [estimate.low, estimate.high, estimate.value];
    let all = all.into_iter().chain(bounds.clone()).chain(neutral);
    let Some((low, high)) = extent(all) else { return Markup::default() };
    let room = ((high - low) * 0.06).max(f64::MIN_POSITIVE);
    let (low, high) = (low - room, high + room);
    let at = |value: f64| ((value - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    Markup::written(|out| {
        out.push_str("<span class=\"forest\" aria-hidden=\"true\">");
        if let Some(neutral) = neutral {
            put!(out, "<i class=\"neutral\" style=\"left:{:.1}%\"></i>", at(neutral))?;
        }
        for bound in bounds {
            put!(out, "<i class=\"bound\" style=\"left:{:.1}%\"></i>", at(bound))?;
        }
        let (from, to) = (at(estimate.low), at(estimate.high));
        put!(
            out,
            "<i class=\"interval\" style=\"left:{:.1}%;width:{:.1}%\"></i>\
             <i class=\"dot\" style=\"left:{:.1}%\"></i></span>",
            from,
            (to - from).max(0.5),
            at(estimate.value)
        )
    })
}

fn show(scale: Scale, value: f64) -> String {
    match scale {
        Scale::Share => share(value),
        Scale::Difference => {
            let sign = if value > 0.0 { "+" } else { "" };
            let points = rounded(value * 100.0, 2);
            let word = if points.trim_start_matches('-') == "1" { "point" } else { "points" };
            format!("{sign}{points} {word}")
        }
        Scale::Ratio => format!("{}×", rounded(value, 3)),
        Scale::Seconds => figure(Unit::Seconds, value),
    }
}
