//! `[[advice]]`: what to do about the system's size, and when.

use super::links::{Kind, Links};
use crate::plan::advice::{Advice, Condition, Figure, Limit, When};
use crate::read::{At, Table};
use crate::units::{Quantity, Share, Span, Unit};

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Advice {
    let say = table.req("say", "What to do, in words: \"add workers\".");
    let any = table.tables("any", "Conditions of which one must be met.", |t| condition(t, links));
    let all = table.tables("all", "Conditions that must all be met.", |t| condition(t, links));
    if any.is_empty() == all.is_empty() && !table.is_described() {
        let message = "an advice has conditions of which any, or all, must be met";
        let help = "give either any = [ … ] or all = [ … ], with one condition at least".to_owned();
        table.context.problem(Some(table.head()), message, Some(help));
    }
    let when = if all.is_empty() { When::Any(any) } else { When::All(all) };
    Advice { name: name.to_owned(), say, when }
}

fn condition(table: &mut Table<'_, '_>, links: &Links) -> Condition {
    let series = table
        .opt_at::<String>("series", "A series, of several labels (processes, say) their average …");
    let latency = table.opt_at::<String>("latency", "… or the response time of this workload …");
    let source = table.opt_at::<String>(
        "end_to_end",
        "… or the time until the effect, as this source of effects tells it.",
    );
    let quantile = table.opt_at::<Share>("quantile", "The quantile of such a time: \"95%\".");
    let phases = table.list("phases", "The phases that are looked at.");
    let phases = links.refer_all(table.context, Kind::Phase, phases);
    let above = table.opt_at::<Quantity>("above", "Met above this value …");
    let below = table.opt_at::<Quantity>("below", "… or below this one.");
    let lasting = table.opt_at::<Span>(
        "for",
        "Met when a series lies beyond the value for so long without a break; without it, when its median over the phases does.",
    );
    let limit = limit(table, above, below);
    let figure = match (series, latency, source) {
        (Some(series), None, None) => {
            if let Some(at) = quantile {
                let help = "take quantile out, or write latency in the place of series";
                wrong(table, at.span, "a series has no quantile", help);
            }
            Figure::Series(links.refer_level(series, limit.iter().cloned().map(value).collect()))
        }
        (None, Some(workload), None) => {
            let quantile = of_times(table, quantile, &limit, &lasting);
            Figure::Latency { workload: links.refer(Kind::Timed, workload), quantile }
        }
        (None, None, Some(source)) => {
            let quantile = of_times(table, quantile, &limit, &lasting);
            Figure::EndToEnd { source: links.refer(Kind::TimedEffects, source), quantile }
        }
        (one, ..) => {
            if !table.is_described() {
                let message = "a condition looks at one figure";
                let help = "give either series, or latency or end_to_end with quantile";
                wrong(table, table.head(), message, help);
            }
            Figure::Series(one.map(|at| at.value).unwrap_or_default())
        }
    };
    let limit = limit.map_or(Limit::Above(Quantity::count(0.0)), |at| at.value);
    Condition { figure, phases, limit, lasting: lasting.map(|at| at.value) }
}

fn value(limit: At<Limit>) -> At<Quantity> {
    At { value: limit.value.value(), span: limit.span }
}

fn of_times(
    table: &Table<'_, '_>,
    quantile: Option<At<Share>>,
    limit: &Option<At<Limit>>,
    lasting: &Option<At<Span>>,
) -> Share {
    if let Some(limit) = limit
        && limit.value.value().unit != Unit::Seconds
    {
        let message = format!("{} is no response time", limit.value.value());
        wrong(table, limit.span.clone(), &message, "write a time such as \"30s\"");
    }
    if let Some(at) = lasting {
        let message = "a response time is looked at over whole phases";
        wrong(table, at.span.clone(), message, "take for out, and name the phases");
    }
    match quantile {
        Some(at) => {
            if at.value.0 <= 0.0 || at.value.0 >= 1.0 {
                let message = format!("{} is not between 0% and 100%", at.value);
                wrong(table, at.span, &message, "give a share such as \"95%\"");
            }
            at.value
        }
        None => {
            let message = "nothing says which quantile of the response time is meant";
            wrong(table, table.head(), message, "add quantile = \"95%\"");
            Share(0.95)
        }
    }
}

fn limit(
    table: &Table<'_, '_>,
    above: Option<At<Quantity>>,
    below: Option<At<Quantity>>,
) -> Option<At<Limit>> {
    match (above, below) {
        (Some(at), None) => Some(At { value: Limit::Above(at.value), span: at.span }),
        (None, Some(at)) => Some(At { value: Limit::Below(at.value), span: at.span }),
        (one, _) => {
            // A value that cannot be read has its own problem.
            let is_told = one.is_none() && (table.has("above") || table.has("below"));
            if !table.is_described() && !is_told {
                let message = "a condition lies on one side of one value";
                wrong(table, table.head(), message, "give either above or below");
            }
            None
        }
    }
}

fn wrong(table: &Table<'_, '_>, span: std::ops::Range<usize>, message: &str, help: &str) {
    table.context.problem(Some(span), message, Some(help.to_owned()));
}
