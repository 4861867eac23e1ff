//! Whether an endpoint shows the metrics that are read from it.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::nearest::there_are;
use scenarios::plan::probe::{Metric, MetricRead};

use super::http::{answered, client};
use super::{Found, NAMED};
use crate::probe::prometheus::{Sample, parse, scrape};

/// Looks at metrics with their labels. One that is 0 while it is not there may be
/// missing.
pub(super) async fn look(url: &str, metrics: &BTreeMap<String, Metric>) -> Result<(), Found> {
    let http = client()?;
    let text = answered(url, scrape(&http, url)).await?;
    // A system that is about to start again has no endpoint for a while.
    let text = text.map_err(|why| Found::Doubt(format!("{why} (now)")))?;
    let (samples, _) = parse(&text);
    let wanted = metrics.values().filter(|metric| !metric.absent_is_zero);
    let doubts: Vec<String> = wanted.filter_map(|metric| doubt(metric, &samples)).collect();
    if doubts.is_empty() { Ok(()) } else { Err(Found::Doubt(doubts.join("; "))) }
}

fn doubt(metric: &Metric, samples: &[Sample<'_>]) -> Option<String> {
    let name = match metric.read {
        MetricRead::Quantile { .. } => format!("{}_bucket", metric.metric),
        MetricRead::Gauge | MetricRead::Counter => metric.metric.clone(),
    };
    let named: Vec<&Sample<'_>> = samples.iter().filter(|sample| sample.name == name).collect();
    if named.is_empty() {
        let known: BTreeSet<&str> = samples.iter().map(|sample| sample.name).collect();
        return Some(format!(
            "there is no metric {name} (yet); {}",
            there_are(&name, known, NAMED)
        ));
    }
    let has = |sample: &&&Sample<'_>| {
        metric.labels.iter().all(|(key, value)| sample.label(key) == Some(value.as_str()))
    };
    let matching = named.iter().filter(has).count();
    if matching == 0 {
        let (key, value) = metric
            .labels
            .iter()
            .find(|(key, value)| !named.iter().any(|s| s.label(key) == Some(value.as_str())))
            .or_else(|| metric.labels.iter().next())?;
        let known: BTreeSet<&str> = named.iter().filter_map(|sample| sample.label(key)).collect();
        return Some(format!(
            "metric {name} has no {key}={value:?} (yet); {}",
            there_are(value, known, NAMED)
        ));
    }
    let by = metric.by.as_ref().filter(|by| named.iter().all(|s| s.label(by).is_none()))?;
    let known: BTreeSet<&str> =
        named.iter().flat_map(|sample| sample.labels.iter().map(|(name, _)| *name)).collect();
    Some(format!("metric {name} has no label {by} (yet); {}", there_are(by, known, NAMED)))
}

#[cfg(test)]
mod tests {
    use scenarios::units::Unit;

    use super::*;

    fn metric(name: &str, labels: &[(&str, &str)], by: Option<&str>) -> Metric {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        Metric {
            metric: name.to_owned(),
            labels: labels.iter().map(own).collect(),
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
        let told = |metric: &Metric| doubt(metric, &samples);
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
}
