//! `[[check]]`: something that must hold.

use super::links::{Kind, Links};
use crate::plan::check::{
    Absence, Answers, Bound, Check, CheckKind, EffectsCheck, Growth, Latency, Ratio, Severity,
    Speed, Trend, Twin,
};
use crate::read::{At, Table};
use crate::units::{Quantity, Rate, Share, Span};

const PHASES: &str = "The phases that are judged.";
const SERIES: &str = "The series: \"broker.channels\".";
const CONFIDENCE: &str = "The confidence of the interval.";
const SAMPLES: &str = "The fewest samples that make a verdict.";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Check {
    let title = table.req("title", "What must hold, in words.");
    let severity = table.or("severity", "\"violation\" or \"warning\".", Severity::Violation);
    let kinds = [
        (
            "bound",
            table.opt_table("bound", "A series stays within bounds.", |t| {
                CheckKind::Bound(bound(t, links))
            }),
        ),
        (
            "growth",
            table.opt_table("growth", "A series does not grow with the operations.", |t| {
                CheckKind::Growth(growth(t, links))
            }),
        ),
        (
            "trend",
            table.opt_table("trend", "A series has no upward trend.", |t| {
                CheckKind::Trend(trend(t, links))
            }),
        ),
        (
            "speed",
            table.opt_table("speed", "A counter does not rise too fast.", |t| {
                CheckKind::Speed(speed(t, links))
            }),
        ),
        (
            "ratio",
            table.opt_table("ratio", "A counter's rise is a small share of another's.", |t| {
                CheckKind::Ratio(ratio(t, links))
            }),
        ),
        (
            "latency",
            table.opt_table("latency", "A quantile of the response time.", |t| {
                CheckKind::Latency(latency(t, links))
            }),
        ),
        (
            "twin",
            table.opt_table(
                "twin",
                "A workload does as well as its twin on the stable version.",
                |t| CheckKind::Twin(twin(t, links)),
            ),
        ),
        (
            "absence",
            table.opt_table("absence", "A counter does not rise at all.", |t| {
                CheckKind::Absence(absence(t, links))
            }),
        ),
        (
            "effects",
            table.opt_table(
                "effects",
                "Every operation took effect as its outcome promised.",
                |t| CheckKind::Effects(effects(t, links)),
            ),
        ),
        (
            "answers",
            table.opt_table(
                "answers",
                "The same operation sent again gets the same answer, marked as a hit.",
                |t| CheckKind::Answers(answers(t, links)),
            ),
        ),
    ];
    let kind = table.one_of("check", kinds).unwrap_or_else(|| {
        CheckKind::Effects(EffectsCheck { source: String::new(), workloads: Vec::new() })
    });
    Check { name: name.to_owned(), title, severity, kind }
}

fn phases(table: &mut Table<'_, '_>, links: &Links) -> Vec<String> {
    let phases = table.list("phases", PHASES);
    links.refer_all(table.context, Kind::Phase, phases)
}

/// A share that is neither nothing nor everything.
fn inside(table: &Table<'_, '_>, at: At<Share>) -> Share {
    if at.value.0 <= 0.0 || at.value.0 >= 1.0 {
        let message = format!("{} is not between 0% and 100%", at.value);
        let help = "give a share such as \"95%\"".to_owned();
        table.context.problem(Some(at.span), message, Some(help));
    }
    at.value
}

fn confidence(table: &mut Table<'_, '_>) -> Share {
    let at = table.or_at("confidence", CONFIDENCE, Share(0.98));
    inside(table, at)
}

fn bound(table: &mut Table<'_, '_>, links: &Links) -> Bound {
    let series = table.req_at("series", SERIES);
    let phases = phases(table, links);
    let min = table.opt_at::<Quantity>("min", "The least value that holds.");
    let max = table.opt_at::<Quantity>("max", "The greatest value that holds.");
    // A limit that cannot be read is not missing; its problem is its own.
    if !table.has("min") && !table.has("max") && !table.is_described() {
        let help = Some("give min, max or both".to_owned());
        table.context.problem(Some(table.head()), "a bound without min and max cannot fail", help);
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value.unit == max.value.unit
        && min.value.value > max.value.value
    {
        let message = format!("min is {}, above max, which is {}", min.value, max.value);
        table.context.problem(Some(min.span.clone()), message, None);
    }
    let limits = min.iter().chain(&max).cloned().collect();
    Bound {
        series: links.refer_level(series, limits),
        phases,
        min: min.map(|at| at.value),
        max: max.map(|at| at.value),
        lasting: table.opt("for", "How long a breach must last to count."),
        samples: table.or("samples", SAMPLES, 5_u32).max(1),
    }
}

fn growth(table: &mut Table<'_, '_>, links: &Links) -> Growth {
    let series = table.req_at("series", SERIES);
    let baseline = table.req_at("baseline", "The phase that gives the level before.");
    let until = table.req_at("until", "The phase whose end gives the level after.");
    let workloads = table.list("workloads", "The workloads whose operations count.");
    links.in_order(&baseline, &until);
    Growth {
        series: links.refer(Kind::Level, series),
        baseline: links.refer(Kind::Phase, baseline),
        until: links.refer(Kind::Phase, until),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
        per: table.or("per", "The number of operations that max is meant for.", 1_000_u64).max(1),
        max: table.req("max", "The growth that is allowed for so many operations."),
    }
}

fn trend(table: &mut Table<'_, '_>, links: &Links) -> Trend {
    let series = table.req_at("series", SERIES);
    let min_rise =
        table.req_at::<Quantity>("min_rise", "The smallest rise over the phase that counts.");
    Trend {
        series: links.refer_level(series, vec![min_rise.clone()]),
        phase: links.refer(Kind::Phase, table.req_at("phase", "The phase.")),
        min_rise: min_rise.value,
        confidence: confidence(table),
        samples: table.or("samples", SAMPLES, 20_u32).max(4),
    }
}

fn speed(table: &mut Table<'_, '_>, links: &Links) -> Speed {
    Speed {
        series: links.refer(Kind::Counter, table.req_at("series", SERIES)),
        phases: phases(table, links),
        max: table.req::<Rate>("max", "The greatest mean speed: \"50/s\"."),
    }
}

fn ratio(table: &mut Table<'_, '_>, links: &Links) -> Ratio {
    Ratio {
        of: links.refer(Kind::Counter, table.req_at("of", "The counter that must stay small.")),
        to: links.refer(Kind::Counter, table.req_at("to", "The counter that it is compared with.")),
        phases: phases(table, links),
        max: table.req::<Share>("max", "The greatest share: \"1%\"."),
        at_least: table
            .or("at_least", "The least rise of `to` that makes a verdict.", 100_u64)
            .max(1),
    }
}

fn latency(table: &mut Table<'_, '_>, links: &Links) -> Latency {
    let workload = links.refer(Kind::Workload, table.req_at("workload", "The workload."));
    let phases = phases(table, links);
    let quantile = table.req_at("quantile", "The quantile: \"95%\".");
    Latency {
        workload,
        phases,
        quantile: inside(table, quantile),
        max: table
            .req::<Span>("max", "The greatest response time, from when an operation was due."),
    }
}

fn twin(table: &mut Table<'_, '_>, links: &Links) -> Twin {
    Twin {
        workload: links.refer(
            Kind::Workload,
            table.req_at("workload", "The workload on the version under test."),
        ),
        stable: links
            .refer(Kind::Workload, table.req_at("stable", "The workload on the stable version.")),
        phases: phases(table, links),
        throughput: table.or("throughput", "Throughput may be lower by this share.", Share(0.05)),
        latency: table.or("latency", "Response time may be higher by this share …", Share(0.10)),
        latency_floor: table.or(
            "latency_floor",
            "… or by this much, whichever is more.",
            Span::seconds(1),
        ),
        confidence: confidence(table),
        samples: table
            .or("samples", "The fewest seconds a side that make a verdict.", 10_u32)
            .max(5),
    }
}

fn absence(table: &mut Table<'_, '_>, links: &Links) -> Absence {
    let excuses =
        table.list_or_empty("excused_by", "Faults of which every victim excuses a rise by one.");
    Absence {
        series: links.refer(Kind::Counter, table.req_at("series", SERIES)),
        phases: phases(table, links),
        // A fault that is left out excuses nothing, and is not missed either.
        excused_by: links.refer_weakly(table.context, Kind::Fault, excuses),
        samples: table.or("samples", SAMPLES, 5_u32).max(1),
    }
}

fn effects(table: &mut Table<'_, '_>, links: &Links) -> EffectsCheck {
    let workloads = table.list("workloads", "The workloads whose ledgers are joined.");
    EffectsCheck {
        source: links.refer(Kind::Effects, table.req_at("source", "The source of effects.")),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
    }
}

fn answers(table: &mut Table<'_, '_>, links: &Links) -> Answers {
    let workload = table.req_at("workload", "A workload whose answers are compared.");
    Answers {
        workload: links.refer(Kind::Compared, workload),
        max_unmarked: table.or(
            "max_unmarked",
            "How many later answers may fail to say that the operation was known.",
            0_u64,
        ),
        max_premature: table.or(
            "max_premature",
            "How many earlier answers may say so, too.",
            0_u64,
        ),
        at_least: table
            .or("at_least", "The fewest pairs of answers that make a verdict.", 10_u64)
            .max(1),
    }
}
