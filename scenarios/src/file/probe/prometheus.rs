//! What is read of Prometheus: endpoints in its text format, and its server.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{unit, waits};
use crate::plan::ProbeKind;
use crate::plan::probe::exporter::Exporter;
use crate::plan::probe::matchers::{Matchers, Selector};
use crate::plan::probe::{Metric, MetricRead, Scraped};
use crate::read::{At, Table};
use crate::template::Template;
use crate::units::{Quantity, Share, Span, Unit};

/// How far back a server is read, where the file does not say it: some scrapes of
/// a usual server.
const LOOKBACK: Span = Span(Duration::from_secs(120));

const ABSENT: &str = "Whether a metric that is not there stands at 0, as counters do that appear with their first rise.";
const BY: &str = "The label that keeps samples apart; without, they are added up.";
const WHERE: &str = "What labels must match, as in PromQL: 'status=~\"5..\", version!=\"stable\"'.";
const ABOVE: &str = "A histogram's bound: what lies above it is counted. \"5ms\", or a number as its buckets have it; one of them must have it.";

pub(super) fn endpoints(table: &mut Table<'_, '_>) -> ProbeKind {
    let urls = table.list::<Template>("url", "The endpoint, or one of each process.");
    let preset = table.opt::<Exporter>(
        "preset",
        "The exporter, whose names for the series requests, errors, slow and memory are known; a table metric.NAME takes the place of one.",
    );
    let labels = table.texts("labels", "Labels that the requests of the preset must have.");
    let matchers = table.opt_at::<Matchers>("where", "What their labels must match beside that.");
    let slow = table.opt_at::<Quantity>(
        "slow",
        "With a preset: the time above which requests are counted as the series slow; a bound of its histogram.",
    );
    let slow = slow.and_then(|at| match preset.map(Exporter::duration_scale) {
        Some(Some(scale)) => bound(table, &at, || Some(scale)),
        Some(None) => {
            let message = "this exporter has no histogram of durations".to_owned();
            table.context.problem(Some(at.span), message, None);
            None
        }
        None => belongs(table, "slow"),
    });
    if preset.is_none() {
        for key in ["labels", "where"].into_iter().filter(|key| table.has(key)) {
            belongs::<()>(table, key);
        }
    }
    let matchers = matchers.map(|at| at.value).unwrap_or_default();
    let mut metrics =
        preset.map_or_else(BTreeMap::new, |preset| preset.metrics(&labels, &matchers, slow));
    let own = table.named("metric", "A metric; NAME is the series' name.", metric);
    metrics.extend(own.into_iter().map(|(name, at)| (name, at.value)));
    if metrics.is_empty() && !table.is_described() {
        let help = Some("give a preset, or at least one table metric.NAME".to_owned());
        table.context.problem(Some(table.head()), "this probe reads no metric", help);
    }
    if metrics.contains_key("resets") {
        let message = "a series \"resets\" is there already".to_owned();
        table.context.problem(Some(table.place_of("metric")), message, None);
    }
    ProbeKind::Prometheus { urls: urls.into_iter().map(|at| at.value).collect(), metrics }
}

fn belongs<T>(table: &Table<'_, '_>, key: &str) -> Option<T> {
    let message = format!("{key:?} belongs to a preset");
    let help = Some("give preset, or say it in the table of a metric".to_owned());
    table.context.problem(Some(table.place_of(key)), message, help);
    None
}

/// The bound of a bucket as its label has it.
fn bound(
    table: &Table<'_, '_>,
    at: &At<Quantity>,
    a_second: impl FnOnce() -> Option<f64>,
) -> Option<f64> {
    let wrong = |message: String, help: &str| {
        table.context.problem(Some(at.span.clone()), message, Some(help.to_owned()));
        None
    };
    let bound = match at.value.unit {
        Unit::Count | Unit::Bytes => at.value.value,
        Unit::Seconds => match a_second() {
            Some(scale) => at.value.value * scale,
            None => {
                return wrong(
                    "the metric's name does not say what its buckets are measured in".to_owned(),
                    "give the bound as a number, as the label le has it",
                );
            }
        },
        Unit::Share | Unit::PerSecond => {
            let message = format!("{} is not what a bucket is bounded by", at.value);
            return wrong(message, "give a time or a number");
        }
    };
    if bound.is_finite() { Some(bound) } else { wrong(format!("{bound} is no bound"), "") }
}

/// How many units of a histogram's buckets a second has, as its name says.
fn scale_of(metric: &str) -> Option<f64> {
    [("_seconds", 1.0), ("_milliseconds", 1e3), ("_ms", 1e3), ("_microseconds", 1e6)]
        .into_iter()
        .find(|(unit, _)| metric.ends_with(unit))
        .map(|(_, scale)| scale)
}

fn metric(_: &str, table: &mut Table<'_, '_>) -> Metric {
    let metric =
        table.req::<String>("metric", "Its name at the endpoint; of a histogram, without _bucket.");
    let labels = table.texts("labels", "Labels that a sample must have, with their values.");
    let matchers = table.opt::<Matchers>("where", WHERE).unwrap_or_default();
    let by = table.opt("by", BY);
    let counter = table.or("counter", "Whether it is a counter.", false);
    let above = table.opt_at::<Quantity>("above", ABOVE);
    let quantile =
        table.opt_at::<Share>("quantile", "The quantile of a histogram that is wanted: \"95%\".");
    let over = table.or_at("over", "The quantile is that of the last so long.", Span::seconds(10));
    if let Some(at) = &quantile
        && (at.value.0 <= 0.0 || at.value.0 >= 1.0)
    {
        let message = format!("{} is not between 0% and 100%", at.value);
        table.context.problem(Some(at.span.clone()), message, None);
    }
    if quantile.is_some() && counter {
        let message = "a quantile is no counter".to_owned();
        table.context.problem(Some(table.place_of("counter")), message, None);
    }
    if let (Some(_), Some(at)) = (&quantile, &above) {
        let message = "a quantile of a histogram or what lies above a bound, not both".to_owned();
        let help = Some("give each a table metric.NAME of its own".to_owned());
        table.context.problem(Some(at.span.clone()), message, help);
    }
    if quantile.is_none() && !over.is_placeholder() {
        let message = "\"over\" belongs to a quantile".to_owned();
        table.context.problem(Some(over.span.clone()), message, None);
    }
    let above = above.and_then(|at| bound(table, &at, || scale_of(&metric)));
    let read = match (quantile, above) {
        (Some(at), _) => MetricRead::Quantile { quantile: at.value, over: over.value },
        (None, Some(bound)) => MetricRead::Above { bound },
        (None, None) if counter => MetricRead::Counter,
        (None, None) => MetricRead::Gauge,
    };
    let unit = unit(table);
    let absent_is_zero = table.or("absent_is_zero", ABSENT, false);
    let waits = waits(table);
    let unit = if read.is_counter() { Unit::Count } else { unit };
    Metric { metric, labels, matchers, by, read, unit, absent_is_zero, waits }
}

pub(super) fn server(table: &mut Table<'_, '_>) -> ProbeKind {
    let url = table.req("url", "The server: http://host:9090.");
    let query = table.req_at::<String>(
        "query",
        "Gives a number or an instant vector. Of a counter, best a selector of its series, which is read as it was scraped.",
    );
    let counter = super::counter(table);
    let unit = unit(table);
    let waits = waits(table);
    let above = table.opt_at::<Quantity>("above", ABOVE);
    let by = table.opt("by", BY);
    let lookback = table.or_at(
        "lookback",
        "How far back a counter's samples are looked for, at least twice the time between two scrapes.",
        LOOKBACK,
    );
    let absent_is_zero = table.or("absent_is_zero", ABSENT, false);
    let selector = Selector::of(&query.value);
    let is_raw = selector.is_some() && (counter || above.is_some());
    if !is_raw && !table.is_described() && !query.is_placeholder() {
        let keys = ["above", "by", "lookback", "absent_is_zero"];
        if let Some(key) = keys.into_iter().find(|key| table.has(key)) {
            let message =
                format!("{key:?} belongs to a counter whose query is a selector of its series");
            let help =
                "write counter = true and a query such as 'http_requests_total{job=\"shop\"}'";
            table.context.problem(Some(table.place_of(key)), message, Some(help.to_owned()));
        }
    }
    if is_raw && lookback.value.0 < Duration::from_secs(2) {
        let message = format!("{} is less than two scrapes take", lookback.value);
        let help = Some("give at least 2s".to_owned());
        table.context.problem(Some(lookback.span.clone()), message, help);
    }
    let name = selector.map(|selector| selector.name).unwrap_or_default();
    if let Some(at) = above.as_ref().filter(|_| is_raw && name.is_empty()) {
        let message = "a histogram must be named in front of the braces".to_owned();
        table.context.problem(Some(at.span.clone()), message, None);
    }
    let above = above.filter(|_| is_raw).and_then(|at| bound(table, &at, || scale_of(&name)));
    let scraped = is_raw.then_some(Scraped { by, above, lookback: lookback.value, absent_is_zero });
    let counter = counter || scraped.is_some();
    ProbeKind::Promql { url, query: query.value, counter, unit, waits, scraped }
}
