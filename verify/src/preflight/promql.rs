//! Whether a Prometheus server understands a query, and knows the metrics in it.

use std::collections::BTreeSet;

use scenarios::nearest::there_are;

use super::http::answered;
use super::{Found, NAMED};
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
/// begun.
pub(super) async fn look(url: &str, query: &str) -> Result<(), Found> {
    let promql = Promql::new(url, query).map_err(|error| Found::Unusable(error.to_string()))?;
    match answered(url, promql.ask()).await? {
        Ok(values) if !values.is_empty() => Ok(()),
        Ok(_) => {
            let none = "the query gives no value (yet)".to_owned();
            let Ok(known) = answered(url, promql.metrics()).await? else {
                return Err(Found::Doubt(none));
            };
            Err(Found::Doubt(unknown(query, &known).unwrap_or(none)))
        }
        Err(NotAsked::Refused(why)) => {
            Err(Found::Unusable(format!("Prometheus cannot carry out the query: {why}")))
        }
        Err(NotAsked::Wrong(why)) => Err(Found::Unusable(why)),
        // A server that is about to start again does not answer for a while.
        Err(NotAsked::Unreachable(why)) => Err(Found::Doubt(format!("{why} (now)"))),
    }
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
