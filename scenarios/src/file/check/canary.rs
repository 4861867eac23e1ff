//! `canary = { … }` of a check.

use super::{inside, phases};
use crate::file::links::{Kind, Links};
use crate::plan::check::{Callers, Canary, Figure, LatencyOf, ShareOf, Split};
use crate::read::{At, Table};
use crate::units::{Share, Span};

pub(super) fn read(table: &mut Table<'_, '_>, links: &Links) -> Canary {
    let phases = phases(table, links);
    let confidence = table.or_at(
        "confidence",
        "The confidence with which all canary checks of the scenario together are right, however often one looks.",
        Share(0.99),
    );
    let confidence = inside(table, confidence);
    let kinds = [
        (
            "share",
            table.opt_table("share", "A share, such as of requests that fail.", |t| {
                Figure::Share(share(t, links))
            }),
        ),
        (
            "latency",
            table.opt_table("latency", "Response times.", |t| Figure::Latency(latency(t, links))),
        ),
        (
            "split",
            table.opt_table("split", "How much of the traffic the version gets.", |t| {
                Figure::Split(split(t, links, phases.len()))
            }),
        ),
        (
            "callers",
            table.opt_table("callers", "Single callers are served, over the whole run.", |t| {
                Figure::Callers(callers(t, links))
            }),
        ),
    ];
    let figure = table
        .one_of("canary", kinds)
        .unwrap_or_else(|| Figure::Callers(Callers { workload: String::new(), max: Share(0.0) }));
    Canary { phases, confidence, figure }
}

/// Says that something must be given, where nothing that could fail is.
fn nothing_to_break(table: &Table<'_, '_>, help: &str) {
    if !table.is_described() {
        let message = "a comparison without a bound cannot fail";
        table.context.problem(Some(table.head()), message, Some(help.to_owned()));
    }
}

/// A share that a version can exceed.
fn below_all(table: &Table<'_, '_>, at: At<Share>) -> Share {
    if at.value.0 >= 1.0 && !at.is_placeholder() {
        let message = format!("no share is above {}, so that this cannot fail", at.value);
        let help = "give a share below 100%, such as \"0.5%\"".to_owned();
        table.context.problem(Some(at.span), message, Some(help));
    }
    at.value
}

fn share(table: &mut Table<'_, '_>, links: &Links) -> ShareOf {
    let counter = |at: At<String>| links.refer(Kind::Counter, at);
    let of = counter(table.req_at("of", "The counter that must stay small."));
    let to = counter(table.req_at("to", "The counter that it is a part of."));
    let stable_of = table.opt_at("stable_of", "The first one of the stable version …");
    let stable_to = table.opt_at("stable_to", "… and the second one.");
    let max = table.opt_at("max", "The greatest share: \"0.5%\".");
    let max = max.map(|at| below_all(table, at));
    let more = table
        .opt_at("more", "How much greater than the stable version's it may be, in points: \"1%\".");
    let more = more.map(|at| below_all(table, at));
    let is_half = stable_of.is_some() != stable_to.is_some();
    let is_alone = more.is_some() && stable_of.is_none();
    if (is_half || is_alone) && !table.is_described() {
        let message = "a comparison with the stable version needs both of its counters";
        let help = Some("give stable_of and stable_to".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    if max.is_none() && more.is_none() {
        nothing_to_break(table, "give max, more or both");
    }
    let stable = stable_of.zip(stable_to).map(|(of, to)| (counter(of), counter(to)));
    ShareOf { of, to, stable, max, more }
}

fn latency(table: &mut Table<'_, '_>, links: &Links) -> LatencyOf {
    let workloads = table.list("workloads", "The workloads on the version under test.");
    let stable = table.list_or_empty(
        "stable",
        "The same on the stable version, in the same order: each is compared with its own, and all together.",
    );
    let quantile = table.opt_at(
        "quantile",
        "The quantile: \"95%\"; without one the typical response time is compared.",
    );
    let max = table.opt::<Span>("max", "The greatest response time at the quantile.");
    let higher = table
        .opt::<Share>("higher", "How much higher than on the stable version it may be: \"10%\" …");
    let higher_by = table.opt::<Span>("higher_by", "… and by how much at most: \"1s\".");
    let floor = table.opt::<Span>(
        "floor",
        "By how much it may be higher in any case, where a share of it is next to nothing.",
    );
    let is_compared = higher.is_some() || higher_by.is_some();
    if !table.is_described() {
        let wrong = |message: &str, help: &str| {
            table.context.problem(Some(table.head()), message.to_owned(), Some(help.to_owned()));
        };
        if is_compared == stable.is_empty() {
            let message =
                "a comparison with the stable version needs its workloads and a tolerance";
            wrong(message, "give stable, and higher or higher_by; or none of them");
        } else if is_compared && stable.len() != workloads.len() {
            let message = "the workloads of the two versions are not pairs";
            wrong(message, "give as many in stable as in workloads, in the same order");
        }
        if max.is_some() && quantile.is_none() {
            wrong("max needs a quantile", "give quantile = \"95%\"");
        }
    }
    if max.is_none() && !is_compared {
        nothing_to_break(table, "give max, or stable with higher or higher_by");
    }
    let quantile = quantile.map(|at| inside(table, at));
    LatencyOf {
        workloads: links.refer_all(table.context, Kind::Timed, workloads),
        stable: links.refer_all(table.context, Kind::Timed, stable),
        quantile,
        max,
        higher,
        higher_by,
        floor,
    }
}

fn split(table: &mut Table<'_, '_>, links: &Links, phases: usize) -> Split {
    let counter = |at: At<String>| links.refer(Kind::Counter, at);
    let canary = counter(table.req_at("canary", "The counter of requests to the new version."));
    let stable = counter(table.req_at("stable", "That of requests to the stable version."));
    let shares = table.list::<Share>("shares", "What the new version is to get, for each phase.");
    if shares.len() != phases && !table.is_described() {
        let message = format!("{} shares for {phases} phases", shares.len());
        let help = Some("give one share for each of phases, in the same order".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    Split {
        canary,
        stable,
        shares: shares.into_iter().map(|at| inside(table, at)).collect(),
        tolerance: table.or("tolerance", "How far it may be off, as a share of it.", Share(0.25)),
    }
}

fn callers(table: &mut Table<'_, '_>, links: &Links) -> Callers {
    let workload = table.req_at("workload", "The workload on the new version, which has keys.");
    let max = table.or_at(
        "max",
        "The greatest share of one caller's requests that may fail.",
        Share(0.2),
    );
    Callers { workload: links.refer(Kind::Timed, workload), max: inside(table, max) }
}
