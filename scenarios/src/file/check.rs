//! `[[check]]`: something that must hold.

mod aggregate;
mod canary;
mod end_to_end;
mod rollout;

use super::links::{Kind, Links};
use crate::plan::check::{
    Absence, After, Answers, Bound, Check, CheckKind, DeadLetters, Drain, EffectsCheck, Equal,
    Growth, Latency, OrderCheck, Poison, Raises, Ratio, Recovery, SchemaCheck, Severity, Speed,
    Trend,
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
    let later = later(table, links);
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
            "canary",
            table.opt_table(
                "canary",
                "A new version keeps its bounds, and does as well as the stable one at the same time.",
                |t| CheckKind::Canary(canary::read(t, links)),
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
    ];
    let kinds = kinds.into_iter().chain(of_operations(table, links)).chain(later);
    let kind = table.one_of("check", kinds).unwrap_or_else(|| {
        CheckKind::Effects(EffectsCheck {
            source: String::new(),
            workloads: Vec::new(),
            dead_letters: DeadLetters::None,
            tries: None,
        })
    });
    Check { name: name.to_owned(), title, severity, kind }
}

/// The kinds that look at what became of operations, beside their effects.
fn of_operations(
    table: &mut Table<'_, '_>,
    links: &Links,
) -> [(&'static str, Option<CheckKind>); 3] {
    [
        (
            "aggregate",
            table.opt_table(
                "aggregate",
                "What the operations of a key came to together is right: their number, and their value.",
                |t| CheckKind::Aggregate(aggregate::read(t, links)),
            ),
        ),
        (
            "end_to_end",
            table.opt_table(
                "end_to_end",
                "Operations take effect within a time of when they were due, as their records tell.",
                |t| CheckKind::EndToEnd(end_to_end::read(t, links)),
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
    ]
}

/// The kinds that look at what a system has done in the end.
fn later(table: &mut Table<'_, '_>, links: &Links) -> [(&'static str, Option<CheckKind>); 6] {
    let order = table.opt_table("order", "Within a key, effects keep the order. A pair counts when the later operation was certainly sent after the earlier one had been answered: with max_in_flight = 1 and no duplicates every pair of a key; else those whose due times are whole seconds apart, by more than the longest response time of that second. A verdict needs at_least such pairs.", |t| {
        CheckKind::Order(order(t, links))
    });
    let drain = table.opt_table("drain", "A series falls to a level within a time.", |t| {
        CheckKind::Drain(drain(t, links))
    });
    let recovery = table.opt_table("recovery", "A series is good again within a time.", |t| {
        CheckKind::Recovery(recovery(t, links))
    });
    let what = "Counts that are taken in different places agree.";
    let equal = table.opt_table("equal", what, |t| CheckKind::Equal(equal(t, links)));
    let what = "The records of a source follow its JSON Schema: those of this run, or all where nothing says of which run they are.";
    let schema = table.opt_table("schema", what, |t| CheckKind::Schema(schema(t, links)));
    let what = "The steps of a deployment are done in their time; then every pod runs what it is to run, is ready, and was not started again.";
    let rollout = table.opt_table("rollout", what, |t| CheckKind::Rollout(rollout::read(t, links)));
    [
        ("order", order),
        ("drain", drain),
        ("recovery", recovery),
        ("equal", equal),
        ("schema", schema),
        ("rollout", rollout),
    ]
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
        poison: table.opt_table(
            "poison",
            "The poison of the load, which raises the counter and is not held against the system.",
            |table| poison(table, links),
        ),
    }
}

fn poison(table: &mut Table<'_, '_>, links: &Links) -> Poison {
    let of = table.list("of", "The workloads that offer it.");
    let each = table.opt::<u64>("each", "By how much each poisoned operation raises it at most …");
    let until = table.opt_at::<String>(
        "until",
        "… or, where nobody knows how often it is tried, the counter of what was given up: while poison is under way nothing is judged.",
    );
    if each.is_some() == until.is_some() && !table.is_described() {
        let message = "nothing says, or two things say, how much poison raises the counter";
        let help = Some("give either each or until".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    let raises = match until {
        Some(until) => Raises::Until(links.refer(Kind::Counter, until)),
        None => Raises::Each(each.unwrap_or(0)),
    };
    Poison { of: links.refer_all(table.context, Kind::Workload, of), raises }
}

fn ratio(table: &mut Table<'_, '_>, links: &Links) -> Ratio {
    let of = links.refer(Kind::Counter, table.req_at("of", "The counter that must stay small."));
    let to =
        links.refer(Kind::Counter, table.req_at("to", "The counter that it is compared with."));
    let phases = phases(table, links);
    let min = table.opt_at::<Share>("min", "The least share: \"0.5%\".");
    let max = table.req::<Share>("max", "The greatest share: \"1%\".");
    if let Some(min) = &min
        && min.value.0 > max.0
    {
        let message = format!("min is {}, above max, which is {max}", min.value);
        table.context.problem(Some(min.span.clone()), message, None);
    }
    Ratio {
        of,
        to,
        phases,
        min: min.map(|at| at.value),
        max,
        at_least: table
            .or("at_least", "The least rise of `to` that makes a verdict.", 100_u64)
            .max(1),
    }
}

fn latency(table: &mut Table<'_, '_>, links: &Links) -> Latency {
    let workload = links.refer(Kind::Timed, table.req_at("workload", "The workload."));
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
    let source = table.req_at("source", "The source of effects.");
    let dead_letters = table.or(
        "dead_letters",
        "Which operations may end among the dead letters; \"poison\": all that are poisoned, and no other.",
        DeadLetters::None,
    );
    let tries = table.opt(
        "tries",
        "How often each operation among the dead letters was tried again, as its dead letter says: 5, or a range such as \"5-6\".",
    );
    let kind = if tries.is_some() { Kind::Tried } else { Kind::Effects };
    EffectsCheck {
        source: links.refer(kind, source),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
        dead_letters,
        tries,
    }
}

fn order(table: &mut Table<'_, '_>, links: &Links) -> OrderCheck {
    let workloads = table.list("workloads", "The workloads whose operations are in order.");
    OrderCheck {
        source: links
            .refer(Kind::Ordered, table.req_at("source", "The source of effects, with an order.")),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
        at_least: table
            .or("at_least", "The fewest pairs of operations that make a verdict.", 100_u64)
            .max(1),
    }
}

fn schema(table: &mut Table<'_, '_>, links: &Links) -> SchemaCheck {
    let source = table.req_at("source", "The source of effects, with a schema.");
    SchemaCheck {
        source: links.refer(Kind::Contracted, source),
        at_least: table.or("at_least", "The fewest records that make a verdict.", 1_u64).max(1),
        max_invalid: table.or("max_invalid", "How many records may depart from it.", 0_u64),
    }
}

fn drain(table: &mut Table<'_, '_>, links: &Links) -> Drain {
    let series = table.req_at("series", SERIES);
    let to = table.req_at::<Quantity>("to", "The level to which every label falls.");
    let phase = table.opt_at::<String>("phase", "Counted from the end of this phase …");
    let fault = table.opt_at::<String>("fault", "… or from the healing of this fault.");
    if phase.is_some() == fault.is_some() && !table.is_described() {
        let message = "a drain is counted from the end of a phase or from the healing of a fault";
        let help = Some("give either phase or fault".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    let after = match (phase, fault) {
        (_, Some(fault)) => After::Fault(links.refer(Kind::Fault, fault)),
        (Some(phase), None) => After::Phase(links.refer(Kind::Phase, phase)),
        (None, None) => After::Phase(String::new()),
    };
    Drain {
        series: links.refer_level(series, vec![to.clone()]),
        after,
        to: to.value,
        within: table.req("within", "The time that it may take."),
        lasting: table.opt("for", "How long it must stay there."),
    }
}

fn recovery(table: &mut Table<'_, '_>, links: &Links) -> Recovery {
    let series = table.req_at(
        "series",
        "The series: a level that is low, or a counter that rises fast, when all is well.",
    );
    let floor = table.opt_at::<Quantity>("floor", "How much higher a level may be in any case.");
    Recovery {
        baseline: links
            .refer(Kind::Phase, table.req_at("baseline", "The phase that says what is good.")),
        after: links.refer(
            Kind::Fault,
            table.req_at("after", "The fault; the time is counted from its healing."),
        ),
        series: links.refer_level(series, floor.iter().cloned().collect()),
        tolerance: table.or(
            "tolerance",
            "How much worse than the baseline it may be.",
            Share(0.10),
        ),
        floor: floor.map(|at| at.value),
        within: table.req("within", "The time that it may take."),
        lasting: table.or("for", "How long it must stay good.", Span::seconds(3)),
    }
}

fn equal(table: &mut Table<'_, '_>, links: &Links) -> Equal {
    let counts = table.list::<String>(
        "counts",
        "The counters that must agree, at least two; \"a.x + a.y\" is their sum.",
    );
    if counts.len() == 1 && !table.is_described() {
        let message = "one count has nothing to agree with".to_owned();
        table.context.problem(Some(counts[0].span.clone()), message, None);
    }
    for count in &counts {
        for part in Equal::parts(&count.value) {
            let at = At { value: part.to_owned(), span: count.span.clone() };
            links.refer(Kind::Counter, at);
        }
    }
    let phases = table
        .list_or_empty("phases", "The phases; without any, the whole run and what follows it.");
    Equal {
        counts: counts.into_iter().map(|at| at.value).collect(),
        phases: links.refer_all(table.context, Kind::Phase, phases),
        tolerance: table.or(
            "tolerance",
            "By what share of the greatest they may differ.",
            Share(0.0),
        ),
        at_least: table.or("at_least", "The least count that makes a verdict.", 1_u64).max(1),
        lower_bounds: table.or(
            "lower_bounds",
            "Whether a count whose process began again is compared as it is, although it may have missed something; without, it is unknown.",
            false,
        ),
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
