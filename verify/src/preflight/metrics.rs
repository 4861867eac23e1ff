//! Whether an endpoint shows the metrics that are read from it.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::nearest::there_are;
use scenarios::plan::probe::matchers::{Matcher, Matchers};
use scenarios::plan::probe::{Metric, MetricRead};

use super::http::{answered, client};
use super::{Found, NAMED};
use crate::probe::prometheus::histogram::above;
use crate::probe::prometheus::{NoMetrics, Sample, missing_label, parse, scrape};

/// Looks at metrics with their labels. One that is 0 while it is not there may be
/// missing.
pub(super) async fn look(url: &str, metrics: &BTreeMap<String, Metric>) -> Result<(), Found> {
    let http = client()?;
    let text = answered(url, scrape(&http, url)).await?;
    let text = text.map_err(|why| match why {
        NoMetrics::Status(why) => Found::Unusable(format!(
            "{why}, where metrics are read; give the whole address with its path, which is often \
             /metrics, or have them served there"
        )),
        // A system that is about to start again has no endpoint for a while.
        NoMetrics::Other(why) => Found::Doubt(format!("{why} (now)")),
    })?;
    let (samples, _) = parse(&text);
    let found: Vec<Found> = metrics.values().filter_map(|metric| doubt(metric, &samples)).collect();
    let wrong: Vec<&str> = found.iter().filter_map(unusable).collect();
    if !wrong.is_empty() {
        return Err(Found::Unusable(wrong.join("; ")));
    }
    // Several may be read of one metric.
    let mut doubts: Vec<String> = found.into_iter().filter_map(doubtful).collect();
    doubts.sort();
    doubts.dedup();
    if doubts.is_empty() { Ok(()) } else { Err(Found::Doubt(doubts.join("; "))) }
}

fn unusable(found: &Found) -> Option<&str> {
    match found {
        Found::Unusable(why) => Some(why),
        Found::Doubt(_) | Found::Absent(_) | Found::Wrong(_) | Found::Mistaken(_) => None,
    }
}

fn doubtful(found: Found) -> Option<String> {
    match found {
        Found::Doubt(why) => Some(why),
        Found::Absent(_) | Found::Unusable(_) | Found::Wrong(_) | Found::Mistaken(_) => None,
    }
}

/// What is to be told of a metric. What stands at 0 while it is not there may be
/// missing, but not a label that its samples would have, nor its name where samples with
/// other labels would have it.
fn doubt(metric: &Metric, samples: &[Sample<'_>]) -> Option<Found> {
    let (name, filter) = (metric.shown(), metric.selects().filter());
    let named: Vec<&Sample<'_>> = samples.iter().filter(|sample| sample.name == name).collect();
    let may_be_absent = metric.absent_is_zero && filter.needed().next().is_none();
    if named.is_empty() && !may_be_absent {
        return Some(Found::Doubt(no_metric(metric, &name, samples)));
    }
    if let Some(label) = missing_label(&filter, named.iter().copied()) {
        let there = there_are(label, labels_of(&named), NAMED);
        return Some(Found::Doubt(format!("metric {name} has no label {label} (yet); {there}")));
    }
    let matching: Vec<&Sample<'_>> =
        named.iter().copied().filter(|sample| filter.passes(|label| sample.label(label))).collect();
    if let MetricRead::Above { bound } = metric.read
        && let Err(why) = above(matching.iter().copied(), bound)
    {
        return Some(Found::Unusable(format!("metric {}: {why}", metric.metric)));
    }
    if matching.is_empty() {
        let told = || Found::Doubt(no_value(metric, &name, &named));
        return (!metric.absent_is_zero).then(told);
    }
    let by = metric.by.as_ref().filter(|by| named.iter().all(|s| s.label(by).is_none()))?;
    let there = there_are(by, labels_of(&named), NAMED);
    Some(Found::Doubt(format!("metric {name} has no label {by} (yet); {there}")))
}

fn no_metric(metric: &Metric, name: &str, samples: &[Sample<'_>]) -> String {
    let is_summary =
        |sample: &Sample<'_>| sample.name == metric.metric && sample.label("quantile").is_some();
    if name != metric.metric && samples.iter().any(is_summary) {
        return format!(
            "{} is a summary: its quantiles are those of single processes, of which no share can \
             be taken; have it be a histogram",
            metric.metric
        );
    }
    let known: BTreeSet<&str> = samples.iter().map(|sample| sample.name).collect();
    format!("there is no metric {name} (yet); {}", there_are(name, known, NAMED))
}

/// That the samples have the labels and not the values, with those that there are.
fn no_value(metric: &Metric, name: &str, named: &[&Sample<'_>]) -> String {
    let selects = metric.selects();
    let is_met = |matcher: &Matcher| {
        let one = Matchers::default().and(matcher.clone()).filter();
        named.iter().any(|sample| one.passes(|label| sample.label(label)))
    };
    let unmet = selects.list().iter().find(|matcher| !is_met(matcher));
    let Some(matcher) = unmet.or_else(|| selects.list().first()) else {
        return format!("metric {name} has no samples (yet)");
    };
    let known = named.iter().filter_map(|sample| sample.label(&matcher.label));
    let known: BTreeSet<&str> = known.collect();
    let there = there_are(&matcher.value, known, NAMED);
    format!("metric {name} has no {matcher} (yet); {there}")
}

fn labels_of<'s>(samples: &[&'s Sample<'_>]) -> BTreeSet<&'s str> {
    samples.iter().flat_map(|sample| sample.labels.iter().map(|(name, _)| *name)).collect()
}

#[cfg(test)]
mod tests {
    use scenarios::plan::probe::exporter::Exporter;
    use scenarios::units::Unit;

    use super::*;

    fn metric(name: &str, labels: &[(&str, &str)], by: Option<&str>) -> Metric {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        Metric {
            metric: name.to_owned(),
            labels: labels.iter().map(own).collect(),
            matchers: Matchers::default(),
            by: by.map(str::to_owned),
            read: MetricRead::Counter,
            unit: Unit::Count,
            absent_is_zero: false,
            waits: false,
        }
    }

    #[test]
    fn what_is_missing_is_told_with_the_nearest() {
        let text = "orders_total{kind=\"new\"} 1\norders_total{kind=\"old\"} 1\nup 1\n";
        let (samples, _) = parse(text);
        let told = |metric: &Metric| doubt(metric, &samples).and_then(doubtful);
        assert_eq!(told(&metric("orders_total", &[("kind", "new")], Some("kind"))), None);
        assert_eq!(
            told(&metric("order_total", &[], None)).unwrap(),
            "there is no metric order_total (yet); there are: orders_total, up"
        );
        assert_eq!(
            told(&metric("orders_total", &[("kind", "nev")], None)).unwrap(),
            "metric orders_total has no kind=\"nev\" (yet); there are: new, old"
        );
        assert_eq!(
            told(&metric("orders_total", &[], Some("king"))).unwrap(),
            "metric orders_total has no label king (yet); there are: kind"
        );
    }

    #[test]
    fn a_counter_that_may_be_absent_may_not_lack_its_label() {
        let text = "orders_total{code=\"200\"} 1\n";
        let (samples, _) = parse(text);
        let errors = |matchers: &str| Metric {
            matchers: matchers.parse().unwrap(),
            absent_is_zero: true,
            ..metric("orders_total", &[], None)
        };
        assert_eq!(doubt(&errors("code=~\"5..\""), &samples), None);
        let told = doubt(&errors("status=~\"5..\""), &samples).and_then(doubtful).unwrap();
        assert_eq!(told, "metric orders_total has no label status (yet); there are: code");
        let misspelt = Metric { metric: "order_total".to_owned(), ..errors("code=~\"5..\"") };
        let told = doubt(&misspelt, &samples).and_then(doubtful).unwrap();
        assert_eq!(told, "there is no metric order_total (yet); there are: orders_total");
        let unlabelled = Metric { metric: "failures_total".to_owned(), ..errors("") };
        assert_eq!(doubt(&unlabelled, &samples), None);
    }

    #[test]
    fn a_bound_that_no_bucket_has_is_no_bound() {
        let text = "took_bucket{le=\"0.005\"} 1\ntook_bucket{le=\"0.01\"} 1\n\
                    took_bucket{le=\"+Inf\"} 2\nlag{quantile=\"0.95\"} 1\n";
        let (samples, _) = parse(text);
        let above = |name: &str, bound| Metric {
            read: MetricRead::Above { bound },
            ..metric(name, &[], None)
        };
        assert_eq!(doubt(&above("took", 0.005), &samples), None);
        let found = doubt(&above("took", 0.007), &samples).unwrap();
        assert_eq!(
            unusable(&found).unwrap(),
            "metric took: no bucket ends at 0.007, and what lies between two is not known; there \
             are: 0.005, 0.01"
        );
        let told = doubt(&above("lag", 0.005), &samples).and_then(doubtful).unwrap();
        assert!(told.contains("is a summary"), "{told}");
    }

    #[test]
    fn a_preset_that_the_endpoint_does_not_fit_is_told_with_what_it_has() {
        let text = "http_request_duration_seconds_count{code=\"200\"} 1\n\
                    process_resident_memory_bytes 1\n";
        let (samples, _) = parse(text);
        let told = |preset: Exporter| -> Vec<String> {
            let metrics = preset.metrics(&BTreeMap::new(), &Matchers::default(), None);
            metrics.values().filter_map(|m| doubt(m, &samples).and_then(doubtful)).collect()
        };
        assert_eq!(
            told(Exporter::PromClient),
            ["metric http_request_duration_seconds_count has no label status_code (yet); there \
              are: code"]
        );
        let mut other = told(Exporter::OpenTelemetry);
        other.dedup();
        assert_eq!(
            other,
            ["there is no metric http_server_request_duration_seconds_count (yet); there are: \
              http_request_duration_seconds_count, process_resident_memory_bytes"]
        );
    }
}
