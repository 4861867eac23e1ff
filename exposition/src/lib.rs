//! The metrics that a program serves, in the text format of Prometheus.
//!
//! A [`Page`] is made from counters that exist anyhow, when somebody asks for
//! it: what is counted knows nothing of it and pays nothing for it.

#[cfg(feature = "server")]
mod server;

use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile,
    Summary,
};

#[cfg(feature = "server")]
pub use server::Server;

/// The content type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels, in the order in which they are written.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// The metrics of one or more processes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page(Vec<MetricFamily>);

/// The samples of one metric.
#[derive(Debug)]
pub struct Family<'a>(&'a mut MetricFamily);

impl Page {
    /// Begins a metric that only grows while its process lives. Its name ends
    /// in `_total`.
    pub fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// Begins a metric that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// Begins a metric that is quantiles of distributions.
    pub fn summary(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::SUMMARY)
    }

    /// Adds a distribution without labels: for each upper bound, in ascending
    /// order, how many values were at most that and above the one before; how
    /// many were above all of them; and the sum of all values.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: impl IntoIterator<Item = (f64, u64)>,
        above: u64,
        sum: f64,
    ) {
        let mut count = 0;
        let cumulative = buckets.into_iter().map(|(bound, within)| {
            count += within;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(cumulative.collect());
        histogram.set_sample_count(count + above);
        histogram.set_sample_sum(sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        self.family(name, help, MetricType::HISTOGRAM).0.mut_metric().push(metric);
    }

    /// When the process began, by the name that Prometheus's own clients give
    /// it: since the epoch, in whole milliseconds.
    pub fn started(&mut self, since_epoch: Duration) {
        let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let help = "Start time of the process since the epoch.";
        let seconds = Duration::from_millis(millis).as_secs_f64();
        self.gauge("process_start_time_seconds", help).sample(&[], seconds);
    }

    /// The same page with one label more in front of those of each sample.
    #[must_use]
    pub fn labelled(mut self, name: &str, value: &str) -> Self {
        for metric in self.0.iter_mut().flat_map(MetricFamily::mut_metric) {
            let mut labels = pairs(&[(name, value)]);
            labels.append(&mut metric.take_label());
            metric.set_label(labels);
        }
        self
    }

    /// Adds another page; what both have becomes one metric with the samples of
    /// both.
    pub fn merge(&mut self, other: Self) {
        for mut family in other.0 {
            match self.0.iter_mut().find(|known| known.name() == family.name()) {
                Some(known) => known.mut_metric().append(&mut family.take_metric()),
                None => self.0.push(family),
            }
        }
    }

    /// The text. A metric without samples is not in it.
    #[must_use]
    pub fn render(&self) -> String {
        let told = self.0.iter().filter(|family| !family.get_metric().is_empty());
        let told: Vec<MetricFamily> = told.cloned().collect();
        TextEncoder::new().encode_to_string(&told).expect("each metric has a name and a sample")
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        let index = self.0.len();
        self.0.push(family);
        Family(&mut self.0[index])
    }
}

impl Family<'_> {
    /// Adds a sample that is a count.
    pub fn count(&mut self, labels: Labels<'_>, count: u64) {
        self.sample(labels, count as f64);
    }

    /// Adds a distribution to a summary: quantiles, each of 0 to 1 with its value, in
    /// ascending order; how many values there are; and their sum.
    pub fn quantiles(
        &mut self,
        labels: Labels<'_>,
        quantiles: impl IntoIterator<Item = (f64, f64)>,
        count: u64,
        sum: f64,
    ) {
        let quantiles = quantiles.into_iter().map(|(quantile, value)| {
            let mut told = Quantile::default();
            told.set_quantile(quantile);
            told.set_value(value);
            told
        });
        let mut summary = Summary::default();
        summary.set_quantile(quantiles.collect());
        summary.set_sample_count(count);
        summary.set_sample_sum(sum);
        let mut metric = Metric::default();
        metric.set_label(pairs(labels));
        metric.set_summary(summary);
        self.0.mut_metric().push(metric);
    }

    /// Adds a sample.
    pub fn sample(&mut self, labels: Labels<'_>, value: f64) {
        let mut metric = Metric::default();
        metric.set_label(pairs(labels));
        if self.0.get_field_type() == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.0.mut_metric().push(metric);
    }
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written() {
        let mut page = Page::default();
        let mut done = page.counter("done_total", "What is done,\nin \\ all.");
        done.count(&[("by", "a \"b\"\\\n")], 12_345_678_901);
        page.gauge("waiting", "What waits.").sample(&[], 0.25);
        page.gauge("unknown", "Nobody knows.");
        page.histogram("took_seconds", "How long.", [(0.0025, 2), (1.0, 1)], 4, 61.5);
        let mut answers = page.summary("answers_seconds", "How long answers took.");
        answers.quantiles(&[("of", "a")], [(0.5, 0.25), (1.0, 2.0)], 3, 2.5);
        page.started(Duration::from_micros(1_795_691_021_123_987));
        assert_eq!(
            page.render(),
            "# HELP done_total What is done,\\nin \\\\ all.\n\
             # TYPE done_total counter\n\
             done_total{by=\"a \\\"b\\\"\\\\\\n\"} 12345678901\n\
             # HELP waiting What waits.\n\
             # TYPE waiting gauge\n\
             waiting 0.25\n\
             # HELP took_seconds How long.\n\
             # TYPE took_seconds histogram\n\
             took_seconds_bucket{le=\"0.0025\"} 2\n\
             took_seconds_bucket{le=\"1\"} 3\n\
             took_seconds_bucket{le=\"+Inf\"} 7\n\
             took_seconds_sum 61.5\n\
             took_seconds_count 7\n\
             # HELP answers_seconds How long answers took.\n\
             # TYPE answers_seconds summary\n\
             answers_seconds{of=\"a\",quantile=\"0.5\"} 0.25\n\
             answers_seconds{of=\"a\",quantile=\"1\"} 2\n\
             answers_seconds_sum{of=\"a\"} 2.5\n\
             answers_seconds_count{of=\"a\"} 3\n\
             # HELP process_start_time_seconds Start time of the process since the epoch.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds 1795691021.123\n"
        );
        assert_eq!(Page::default().render(), "");
    }

    #[test]
    fn the_pages_of_two_processes_are_one_with_each_metric_once() {
        let worker = |done: u64| {
            let mut page = Page::default();
            page.counter("done_total", "What is done.").count(&[("status", "ok")], done);
            page.started(Duration::from_millis(1500));
            page
        };
        let mut page = Page::default();
        page.started(Duration::from_secs(1));
        page.merge(worker(1).labelled("worker", "a"));
        page.merge(worker(2).labelled("worker", "b"));
        assert_eq!(
            page.render(),
            "# HELP process_start_time_seconds Start time of the process since the epoch.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds 1\n\
             process_start_time_seconds{worker=\"a\"} 1.5\n\
             process_start_time_seconds{worker=\"b\"} 1.5\n\
             # HELP done_total What is done.\n\
             # TYPE done_total counter\n\
             done_total{worker=\"a\",status=\"ok\"} 1\n\
             done_total{worker=\"b\",status=\"ok\"} 2\n"
        );
    }
}
