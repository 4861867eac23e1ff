//! `check.end_to_end`: operations take effect soon enough.

use super::{inside, phases};
use crate::file::links::{Kind, Links};
use crate::plan::check::{EndToEnd, TimeBound, Timed};
use crate::read::Table;
use crate::units::{Share, Span};

pub(super) fn read(table: &mut Table<'_, '_>, links: &Links) -> EndToEnd {
    let source = table.req_at("source", "The source of effects, which says when each came to be.");
    let workloads = table.list("workloads", "The workloads.");
    let phases = phases(table, links);
    let of = table.or(
        "of",
        "\"effects\", or \"dead-letters\": how long until an operation was given up.",
        Timed::Effects,
    );
    let at = table.opt_at::<Share>("quantile", "The share that must keep to max, 95% if absent.");
    let asked = at.as_ref().map(|at| at.span.clone());
    let quantile = at.map_or(Share(0.95), |at| inside(table, at));
    let max = table.opt_at::<Span>(
        "max",
        "The greatest time from when an operation was due until it took effect …",
    );
    let min = table.opt_at::<Span>("min", "… or the least time, which all must keep to.");
    if max.is_some() == min.is_some() && !table.is_described() {
        let message = "nothing says, or two things say, how long it may take";
        let help = Some("give either max or min".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    if let (Some(span), None, Some(_)) = (asked, &max, &min) {
        let message = "min is for every operation, so that a quantile means nothing";
        let help = Some("leave quantile out, or give max".to_owned());
        table.context.problem(Some(span), message, help);
    }
    let kind = match of {
        Timed::Effects => Kind::TimedEffects,
        Timed::DeadLetters => Kind::TimedDead,
    };
    EndToEnd {
        source: links.refer(kind, source),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
        phases,
        of,
        bound: match (max, min) {
            (None, Some(min)) => TimeBound::NotBefore(min.value),
            (max, _) => {
                let max = max.map_or(Span::seconds(1), |at| at.value);
                TimeBound::Within { quantile, max }
            }
        },
    }
}
