//! Endpoints in the text format of Prometheus, each of one process.
//!
//! The probe does what a Prometheus server and `increase()` would do together,
//! and says where they would guess. A *counter* is added up over its rises
//! since the probe began, in every process apart, so that one that begins again
//! takes nothing away; what it counted between the last look and its end nobody
//! knows, and `resets` says how often that was. A *quantile* is taken from what
//! a histogram's buckets rose by within the last so long; what lies *above* one of
//! its bounds is a counter. A *gauge* is added up.
//!
//! A metric that an endpoint does not show is unknown, unless the scenario says
//! that it stands at 0; where its name is there and a label that the scenario asks
//! for is on none of its samples, nobody counts what is asked for. So it is where labels
//! are asked for and the name itself never is there: others would have it. While one of the endpoints does not answer there are no
//! values at all: part of a sum is not the sum.

pub(crate) mod histogram;
mod processes;
mod rising;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::probe::matchers::Filter;
use scenarios::plan::probe::{Metric, MetricRead};
use scenarios::redact::redact;

use self::histogram::Histogram;
use self::processes::Processes;
use self::rising::{Rising, Shown};
pub(crate) use self::text::{Sample, parse};
use super::presence::Presence;
use crate::observe::ProbeObserver;

/// The longest text that an endpoint may give.
const LONGEST: usize = 16 << 20;
/// The most values of a label that are kept apart.
const MOST_LABELS: usize = 1_000;

pub(super) struct Prometheus {
    http: reqwest::Client,
    endpoints: Vec<Endpoint>,
    readers: Vec<Reader>,
    resets: u64,
    presence: Presence,
    /// The time of the last round in which every endpoint answered.
    last_round: Option<f64>,
}

struct Endpoint {
    url: String,
    /// The processes behind it, as far as it tells of them.
    processes: Processes,
    /// Whether it has answered before.
    is_known: bool,
}

/// One metric, with what must be remembered of it.
struct Reader {
    series: String,
    metric: Metric,
    /// The name of its samples, and what their labels must match.
    name: String,
    filter: Filter,
    /// Whether the samples of this round cannot be read as the scenario has it.
    is_unread: bool,
    /// Whether its name has been there.
    is_there: bool,
    state: State,
}

enum State {
    Gauge,
    Counter { rising: Rising, shown: BTreeSet<String>, above: Option<f64> },
    Quantile { histogram: Histogram },
}

impl State {
    fn counter(above: Option<f64>) -> Self {
        Self::Counter { rising: Rising::default(), shown: BTreeSet::new(), above }
    }
}

impl Prometheus {
    pub(super) fn new(
        urls: Vec<String>,
        metrics: &BTreeMap<String, Metric>,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(super::PATIENCE).build()?;
        let endpoint = |url| Endpoint { url, processes: Processes::default(), is_known: false };
        let reader = |(series, metric): (&String, &Metric)| Reader {
            series: series.clone(),
            metric: metric.clone(),
            name: metric.shown(),
            filter: metric.selects().filter(),
            is_unread: false,
            is_there: false,
            state: match metric.read {
                MetricRead::Gauge => State::Gauge,
                MetricRead::Counter => State::counter(None),
                MetricRead::Above { bound } => State::counter(Some(bound)),
                MetricRead::Quantile { quantile, over } => {
                    State::Quantile { histogram: Histogram::new(quantile.0, over.as_secs_f64()) }
                }
            },
        };
        Ok(Self {
            http,
            endpoints: urls.into_iter().map(endpoint).collect(),
            readers: metrics.iter().map(reader).collect(),
            resets: 0,
            presence: Presence::default(),
            last_round: None,
        })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let scrapes = self.endpoints.iter().map(|endpoint| scrape(&self.http, &endpoint.url));
        let texts = futures_util::future::join_all(scrapes).await;
        let at = observer.now();
        let mut round = Round { at, ..Round::default() };
        self.readers.iter_mut().for_each(|reader| reader.is_unread = false);
        for (number, text) in texts.iter().enumerate() {
            match text {
                Ok(text) => {
                    let (samples, garbled) = parse(text);
                    if garbled > 0 {
                        let url = redact(&self.endpoints[number].url);
                        round.troubles.push(format!("{url}: {garbled} lines are not readable"));
                    }
                    self.take(number, &samples, &mut round);
                }
                Err(why) => round.troubles.push(why.to_string()),
            }
        }
        if texts.iter().all(Result::is_ok) {
            for reader in &mut self.readers {
                reader.tell_presence(observer, &mut self.presence);
                reader.send(observer, &mut round, self.last_round);
            }
            observer.value(at, "resets", self.resets as f64);
            self.last_round = Some(at);
        }
        if round.troubles.is_empty() { Ok(()) } else { Err(round.troubles.join("; ")) }
    }

    /// Takes down what one endpoint says.
    fn take(&mut self, number: usize, samples: &[Sample<'_>], round: &mut Round) {
        let endpoint = &mut self.endpoints[number];
        let source = rising::Source { number, is_known: endpoint.is_known };
        endpoint.is_known = true;
        let mut was_reset = endpoint.processes.replace(Processes::of(samples));
        for reader in &mut self.readers {
            was_reset |= reader.take(&source, &endpoint.processes, samples, round);
        }
        self.resets += u64::from(was_reset);
    }
}

/// Why an endpoint gave no text of metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoMetrics {
    /// It answered with a status that says so.
    #[error("{0}")]
    Status(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<String> for NoMetrics {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

/// The text that an endpoint gives.
pub(crate) async fn scrape(http: &reqwest::Client, url: &str) -> Result<String, NoMetrics> {
    let failed =
        |error: reqwest::Error| format!("{}: {}", redact(url), super::whole(&error.without_url()));
    let mut answer = http.get(url).send().await.map_err(failed)?;
    if !answer.status().is_success() {
        let why = format!("{} answered {}", redact(url), answer.status());
        return Err(NoMetrics::Status(why));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST {
            return Err(format!("{}: more than 16 MiB of metrics", redact(url)).into());
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8", redact(url)).into())
}

/// What is known of one round so far.
#[derive(Default)]
struct Round {
    at: f64,
    /// The sums of gauges by series and label; none where a part is unknown.
    gauges: BTreeMap<(String, String), Option<f64>>,
    troubles: Vec<String>,
}

impl Reader {
    /// Takes down the samples of one endpoint; true if a counter began again.
    fn take(
        &mut self,
        source: &rising::Source,
        processes: &Processes,
        samples: &[Sample<'_>],
        round: &mut Round,
    ) -> bool {
        let Self { series, metric, name, filter, is_unread, is_there, state } = self;
        let named = samples.iter().filter(|sample| sample.name == name.as_str());
        *is_there |= named.clone().next().is_some();
        if let Some(label) = missing_label(filter, named.clone()) {
            let name = &metric.metric;
            round.troubles.push(format!("no sample of {name} has a label {label}"));
            *is_unread = true;
            return false;
        }
        let matching = named.filter(|sample| filter.passes(|name| sample.label(name)));
        let label_of = |sample: &Sample<'_>| match &metric.by {
            Some(by) => sample.label(by).unwrap_or_default().to_owned(),
            None => String::new(),
        };
        let shown = |sample: &Sample<'_>, key, value, whole| Shown {
            key,
            label: label_of(sample),
            value,
            whole,
            began: processes.began(sample),
        };
        let plain = |sample: &Sample<'_>| shown(sample, sample.key(), sample.value, sample.value);
        match state {
            State::Gauge => {
                for sample in matching {
                    let sum = round.gauges.entry((series.clone(), label_of(sample)));
                    let sum = sum.or_insert(Some(0.0));
                    let value = Some(sample.value).filter(|value| value.is_finite());
                    *sum = sum.zip(value).map(|(sum, value)| sum + value);
                }
                false
            }
            State::Counter { rising, above: None, .. } => rising.take(source, matching.map(plain)),
            State::Counter { rising, above: Some(bound), .. } => {
                match histogram::above(matching, *bound) {
                    Ok(above) => {
                        let above = above.into_iter();
                        rising.take(
                            source,
                            above.map(|(sample, key, value, whole)| {
                                shown(sample, key, value, whole)
                            }),
                        )
                    }
                    Err(why) => {
                        round.troubles.push(format!("{}: {why}", metric.metric));
                        *is_unread = true;
                        false
                    }
                }
            }
            State::Quantile { histogram } => {
                let buckets = matching.filter_map(|sample| {
                    Some((sample.label("le")?.parse::<f64>().ok()?, plain(sample)))
                });
                histogram.take(source, buckets)
            }
        }
    }

    /// Says whether the name has been there, where its absence is taken for 0 and
    /// samples with other labels would have it.
    fn tell_presence(&self, observer: &ProbeObserver, presence: &mut Presence) {
        let expects = self.metric.absent_is_zero && self.filter.needed().next().is_some();
        match self.is_there {
            true => presence.found(observer, &self.name),
            false if expects => {
                let what = format!("metric {}", self.name);
                presence.is_to_come(observer, &self.name, &what);
            }
            false => {}
        }
    }

    /// Sends the values of a round in which every endpoint answered.
    fn send(&mut self, observer: &ProbeObserver, round: &mut Round, last: Option<f64>) {
        if self.is_unread {
            return;
        }
        let (at, absent_is_zero) = (round.at, self.metric.absent_is_zero);
        match &mut self.state {
            State::Gauge => {
                let ours = round.gauges.iter().filter(|((series, _), _)| *series == self.series);
                let values: Vec<_> = ours.map(|((_, label), value)| (label, *value)).collect();
                for (label, value) in values.iter().take(MOST_LABELS) {
                    if let Some(value) = value {
                        observer.labelled(at, &self.series, label, *value);
                    }
                }
                if values.is_empty() && absent_is_zero && self.metric.by.is_none() {
                    observer.value(at, &self.series, 0.0);
                }
            }
            State::Counter { rising, shown, .. } => {
                for (label, total) in rising.totals().take(MOST_LABELS) {
                    // A counter that appears was at 0 when it was looked for in
                    // vain: otherwise its first value would be no rise.
                    let was_told = absent_is_zero && self.metric.by.is_none();
                    if shown.insert(label.to_owned())
                        && !was_told
                        && let Some(last) = last
                    {
                        observer.labelled(last, &self.series, label, 0.0);
                    }
                    observer.labelled(at, &self.series, label, total);
                }
                if shown.is_empty() && absent_is_zero && self.metric.by.is_none() {
                    observer.value(at, &self.series, 0.0);
                }
            }
            State::Quantile { histogram } => {
                for (label, quantile) in histogram.quantiles(at).into_iter().take(MOST_LABELS) {
                    observer.labelled(at, &self.series, &label, quantile.value);
                    if quantile.is_beyond {
                        round.troubles.push(format!(
                            "the quantile of {} lies above its highest bucket",
                            self.metric.metric
                        ));
                    }
                }
            }
        }
    }
}

/// A label without which nothing passes and that none of the samples has.
pub(crate) fn missing_label<'f, 's>(
    filter: &'f Filter,
    samples: impl Iterator<Item = &'s Sample<'s>> + Clone,
) -> Option<&'f str> {
    samples.clone().next()?;
    filter.needed().find(|label| samples.clone().all(|sample| sample.label(label).is_none()))
}
