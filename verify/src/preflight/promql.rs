//! Whether a Prometheus server understands a query, and knows the metrics in it.

use std::collections::BTreeSet;

use scenarios::nearest::there_are;
use scenarios::plan::probe::matchers::{How, Matcher, Matchers, Selector};
use scenarios::plan::probe::{Scraped, is_bound};

use super::http::answered;
use super::{Found, NAMED};
use crate::probe::prometheus::histogram::no_bucket;
use crate::probe::promql::{NotAsked, Promql};

/// What stands in a query like the name of a metric and is none.
const WORDS: [&str; 32] = [
    "and",
    "or",
    "unless",
    "atan2",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "start",
    "end",
    "inf",
    "nan",
    "sum",
    "min",
    "max",
    "avg",
    "group",
    "stddev",
    "stdvar",
    "count",
    "count_values",
    "bottomk",
    "topk",
    "quantile",
    "limitk",
    "limit_ratio",
    "fill",
    "info",
];
/// Behind these stand labels in parentheses.
const LABELLED: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Asks the query once. One that gives no value may give some when the load has
/// begun. Of a counter that is read as it was scraped, its series are asked for, and
/// the bounds of its buckets.
pub(super) async fn look(url: &str, query: &str, scraped: Option<&Scraped>) -> Result<(), Found> {
    let promql = Promql::new(url, query).map_err(|error| Found::Unusable(error.to_string()))?;
    let selector = scraped.zip(Selector::of(query));
    let Some((scraped, selector)) = selector else {
        let values = taken(answered(url, promql.ask()).await?)?;
        return if values.is_empty() { Err(nothing(url, &promql, query).await?) } else { Ok(()) };
    };
    if let Some(bound) = scraped.above {
        let bounds = taken(answered(url, promql.bounds(&selector)).await?)?;
        if !bounds.is_empty() {
            let bounded = bounds.iter().any(|le| is_bound(le, bound));
            let why = || no_bucket(bound, bounds.iter().map(String::as_str));
            return if bounded { Ok(()) } else { Err(Found::Unusable(why())) };
        }
    }
    let suffix = if scraped.above.is_some() { "_bucket" } else { "" };
    if scraped.above.is_none() && count(url, &promql, &selector.suffixed("", None)).await? > 0.0 {
        return Ok(());
    }
    // A metric of which no series has a label at all will have none with a value of it.
    let filter = selector.matchers.filter();
    let needed: Vec<&str> = filter.needed().collect();
    for label in needed.iter().filter(|_| !selector.name.is_empty()) {
        let others = selector.matchers.list().iter().filter(|matcher| matcher.label != **label);
        let others = others.fold(Matchers::default(), |all, other| all.and(other.clone()));
        let rest = Selector { name: selector.name.clone(), matchers: others };
        let has = Matcher { label: (*label).to_owned(), how: How::IsNot, value: String::new() };
        let known = count(url, &promql, &rest.suffixed(suffix, None)).await?;
        if known > 0.0 && count(url, &promql, &rest.suffixed(suffix, Some(has))).await? <= 0.0 {
            let name = rest.suffixed(suffix, None);
            let name = name.trim_end_matches("{}");
            return Err(Found::Unusable(format!("no series of {name} has a label {label}")));
        }
    }
    if scraped.absent_is_zero {
        return Ok(());
    }
    Err(nothing(url, &promql, &selector.suffixed(suffix, None)).await?)
}

/// How many series there are.
async fn count(url: &str, promql: &Promql, selector: &str) -> Result<f64, Found> {
    let counted = taken(answered(url, promql.instant(&format!("count({selector})"))).await?)?;
    Ok(counted.first().map_or(0.0, |(_, count)| *count))
}

fn taken<T>(answer: Result<T, NotAsked>) -> Result<T, Found> {
    answer.map_err(|why| match why {
        NotAsked::Refused(why) => {
            Found::Unusable(format!("Prometheus cannot carry out the query: {why}"))
        }
        NotAsked::Wrong(why) => Found::Unusable(why),
        // A server that is about to start again does not answer for a while.
        NotAsked::Unreachable(why) => Found::Doubt(format!("{why} (now)")),
    })
}

/// That a query gives no value, with what its metrics may have been meant to be.
async fn nothing(url: &str, promql: &Promql, query: &str) -> Result<Found, Found> {
    let none = "the query gives no value (yet)".to_owned();
    let known = answered(url, promql.metrics()).await?.ok();
    let told = known.and_then(|known| unknown(query, &known));
    Ok(Found::Doubt(told.unwrap_or(none)))
}

/// The metrics of a query that the server does not know, with those that it does.
fn unknown(query: &str, known: &BTreeSet<String>) -> Option<String> {
    let missing: Vec<String> =
        metrics(query).into_iter().filter(|name| !known.contains(name)).collect();
    let told = missing.iter().map(|name| {
        let there = there_are(name, known.iter().map(String::as_str), NAMED);
        format!("there is no metric {name} (yet); {there}")
    });
    (!missing.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
}

/// The names of metrics in a query: words that are no functions, operators, labels
/// or parts of a text.
fn metrics(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = query;
    let mut are_labels = false;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' | '`' => rest = behind_text(rest, first),
            '#' => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
            '{' => rest = behind(rest, '}'),
            '[' => rest = behind(rest, ']'),
            '(' if are_labels => rest = behind(rest, ')'),
            first if first.is_ascii_alphanumeric() || "_:.".contains(first) => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
                let (word, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
                rest = after.trim_start();
                let lower = word.to_ascii_lowercase();
                are_labels = LABELLED.contains(&lower.as_str());
                let is_name = !first.is_ascii_digit() && first != '.';
                if is_name && !rest.starts_with('(') && !WORDS.contains(&lower.as_str()) {
                    names.insert(word.to_owned());
                }
                continue;
            }
            first => rest = &rest[first.len_utf8()..],
        }
        are_labels = false;
    }
    names
}

/// What stands behind the end of a part that a sign opens; texts in it may have
/// the sign of its end.
fn behind(text: &str, end: char) -> &str {
    let mut rest = &text[1..];
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' | '`' => rest = behind_text(rest, first),
            first => {
                rest = &rest[first.len_utf8()..];
                if first == end {
                    break;
                }
            }
        }
    }
    rest
}

/// What stands behind a text in quotation marks.
fn behind_text(text: &str, mark: char) -> &str {
    let mut is_escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' if mark != '`' => is_escaped = true,
            sign if sign == mark => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_metrics_of_a_query_are_told_from_its_other_words() {
        let names = |query: &str| metrics(query).into_iter().collect::<Vec<_>>().join(" ");
        for (query, expected) in [
            ("up", "up"),
            (
                "sum by (job, le) (rate(orders_total{kind=\"a}b\"}[5m])) / on (job) up",
                "orders_total up",
            ),
            ("histogram_quantile(0.95, sum(rate(took_bucket[1m])) by (le))", "took_bucket"),
            ("1e3 + 0x1f > bool avg_over_time(a:b_c[5m:1m] offset 5m)", "a:b_c"),
            ("label_replace(lag, \"to\", \"$1\", 'from', `x\\`) or vector(0)", "lag"),
            ("count(count) # of orders", ""),
            ("{__name__=\"up\"}", ""),
        ] {
            assert_eq!(names(query), expected, "{query}");
        }
    }

    #[test]
    fn an_unknown_metric_is_told_with_the_nearest() {
        let known = ["orders_total", "up"].map(str::to_owned).into();
        assert_eq!(unknown("rate(orders_total[1m]) / up", &known), None);
        assert_eq!(
            unknown("rate(order_total[1m])", &known).unwrap(),
            "there is no metric order_total (yet); there are: orders_total, up"
        );
    }

    proptest! {
        /// Whatever is typed, it is read to its end.
        #[test]
        fn any_text_is_read(query in "[a-z0-9_:.{}\\[\\]()'\"`\\\\#\n äß=,]{0,60}") {
            metrics(&query);
        }
    }
}
