//! Counters of a Prometheus server as they were scraped: a selector with a range gives
//! each sample with the time of its scrape, where a query at steps would give the same
//! value again and again and hide when it was counted.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::probe::matchers::{How, Matcher, Selector, literally};
use scenarios::plan::probe::{self, is_bound};
use serde::Deserialize;

use super::counter::{Counter, Point, Shown};
use super::{Data, NotAsked, Promql};
use crate::observe::ProbeObserver;
use crate::probe::prometheus::histogram::no_bucket;

/// The most series that a selector may have.
const MOST: usize = 10_000;
/// The first look reads back so far at least, in seconds, so that of everything that
/// was there before the run a sample is seen.
const FIRST: f64 = 300.0;
/// How often the server's clock is asked; the quickest answer counts.
const CLOCKED: u32 = 3;

/// A counter that is read.
pub(super) struct Scraped {
    selector: Selector,
    by: Option<String>,
    above: Option<f64>,
    /// In seconds.
    lookback: f64,
    counter: Counter,
    /// What the server's clock is ahead of the run's, in seconds.
    ahead: Option<f64>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Scraped {
    pub(super) fn new(selector: Selector, settings: &probe::Scraped) -> Self {
        let lookback = settings.lookback.as_secs_f64();
        Self {
            selector,
            by: settings.by.clone(),
            above: settings.above,
            lookback,
            counter: Counter::new(settings.absent_is_zero, (lookback * 1e3) as i64),
            ahead: None,
        }
    }

    /// Looks once, and sends what has become certain.
    pub(super) async fn sample(
        &mut self,
        server: &Promql,
        observer: &ProbeObserver,
        is_end: bool,
    ) -> Result<(), NotAsked> {
        let (ahead, is_first) = match self.ahead {
            Some(ahead) => (ahead, false),
            None => (server.ahead(observer).await?, true),
        };
        let back = if is_first { self.lookback.max(FIRST) } else { self.lookback };
        // What comes in while the server answers belongs to the next look.
        let now = ((observer.now() + ahead) * 1e3) as i64;
        let series = match self.above {
            Some(bound) => self.above(server, bound, back).await?,
            None => self.plain(server, back).await?,
        };
        self.ahead = Some(ahead);
        let is_missing = series.is_empty();
        self.counter.take(now, series);
        for total in self.counter.settled(now, is_end) {
            let at = total.at as f64 / 1e3 - ahead;
            observer.labelled(at, "value", &total.label, total.value);
        }
        if is_missing && !self.counter.is_known() {
            return Err(NotAsked::Wrong(format!("there is no series {} (yet)", self.selector)));
        }
        Ok(())
    }

    async fn plain(&self, server: &Promql, back: f64) -> Result<Vec<Shown>, NotAsked> {
        let series = server.range(&self.selector.to_string(), back).await?;
        let shown = |series: Series| {
            let points = series.values.iter().map(|(at, value)| {
                let value = value.parse().unwrap_or(f64::NAN);
                Point { at: millis(*at), value, whole: value }
            });
            Shown { points: points.collect(), ..self.shown(&series.metric) }
        };
        Ok(series.into_iter().map(shown).collect())
    }

    /// What lies above a bound: of each histogram its count of everything less that of
    /// the bucket, scrape by scrape.
    async fn above(&self, server: &Promql, bound: f64, back: f64) -> Result<Vec<Shown>, NotAsked> {
        let bounds = server.bounds(&self.selector).await?;
        if bounds.is_empty() {
            return Ok(Vec::new());
        }
        let no_bucket = || {
            let why = no_bucket(bound, bounds.iter().map(String::as_str));
            NotAsked::Wrong(format!("{}: {why}", self.selector))
        };
        if !bounds.iter().any(|le| is_bound(le, bound)) {
            return Err(no_bucket());
        }
        let is_asked = |le: &&String| is_bound(le, bound) || is_bound(le, f64::INFINITY);
        let asked: Vec<String> = bounds.iter().filter(is_asked).map(|le| literally(le)).collect();
        let value = asked.join("|");
        let le = Matcher { label: "le".to_owned(), how: How::Matches, value };
        let buckets = server.range(&self.selector.suffixed("_bucket", Some(le)), back).await?;
        let mut histograms: BTreeMap<BTreeMap<String, String>, [BTreeMap<i64, f64>; 2]> =
            BTreeMap::new();
        for mut bucket in buckets {
            let le = bucket.metric.remove("le").unwrap_or_default();
            let of = histograms.entry(bucket.metric).or_default();
            let points = bucket
                .values
                .iter()
                .filter_map(|(at, value)| Some((millis(*at), value.parse().ok()?)));
            of[usize::from(is_bound(&le, f64::INFINITY))].extend(points);
        }
        let mut shown = Vec::new();
        for (metric, [below, all]) in histograms {
            if below.is_empty() {
                return Err(no_bucket());
            }
            let point = |(&at, &whole): (&i64, &f64)| {
                let value = (whole - below.get(&at)?).max(0.0);
                Some(Point { at, value, whole })
            };
            let points = all.iter().filter_map(point).collect();
            shown.push(Shown { points, ..self.shown(&metric) });
        }
        Ok(shown)
    }

    /// A series without samples.
    fn shown(&self, metric: &BTreeMap<String, String>) -> Shown {
        let value = |label: &str| metric.get(label).cloned().unwrap_or_default();
        Shown {
            key: format!("{metric:?}"),
            target: format!("{}\n{}", value("job"), value("instance")),
            label: self.by.as_deref().map(value).unwrap_or_default(),
            points: Vec::new(),
        }
    }
}

impl Promql {
    /// What the server's clock is ahead of the run's, in seconds.
    async fn ahead(&self, observer: &ProbeObserver) -> Result<f64, NotAsked> {
        let mut best: Option<(f64, f64)> = None;
        for _ in 0..CLOCKED {
            let asked = observer.now();
            let answer = self.instant("time()").await?;
            let took = observer.now() - asked;
            let Some((_, server)) = answer.first() else {
                return Err(NotAsked::Wrong("the server does not say what time it is".to_owned()));
            };
            let ahead = server - (asked + took / 2.0);
            if best.is_none_or(|(least, _)| took < least) {
                best = Some((took, ahead));
            }
        }
        Ok(best.map_or(0.0, |(_, ahead)| ahead))
    }

    /// The samples of a selector over the last so many seconds.
    async fn range(&self, selector: &str, back: f64) -> Result<Vec<Series>, NotAsked> {
        let data = self.data(&format!("{selector}[{}ms]", (back * 1e3) as u64)).await?;
        series(&data).map_err(NotAsked::Wrong)
    }

    /// The bounds of a histogram's buckets, as their labels have them.
    pub(crate) async fn bounds(&self, selector: &Selector) -> Result<BTreeSet<String>, NotAsked> {
        let buckets = selector.suffixed("_bucket", None);
        let bounds = self.instant(&format!("count by (le) ({buckets})")).await?;
        Ok(bounds.into_iter().map(|(le, _)| le).collect())
    }
}

fn series(data: &Data) -> Result<Vec<Series>, String> {
    if data.result_type != "matrix" {
        return Err(format!("a selector gives a {}, not a matrix", data.result_type));
    }
    let series: Vec<Series> = serde_json::from_value(data.result.clone())
        .map_err(|error| format!("a matrix is not readable: {error}"))?;
    match series.len() {
        0..=MOST => Ok(series),
        many => Err(format!("the selector has {many} series; {MOST} are the most")),
    }
}

fn millis(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_read() {
        let data = r#"{"resultType":"matrix","result":[{"metric":{"__name__":"a","job":"j"},
            "values":[[1.5,"2"],[16.5,"NaN"]]}]}"#;
        let read = series(&serde_json::from_str(data).unwrap()).unwrap();
        assert_eq!(read[0].values, [(1.5, "2".to_owned()), (16.5, "NaN".to_owned())]);
        let vector = r#"{"resultType":"vector","result":[]}"#;
        assert!(series(&serde_json::from_str(vector).unwrap()).is_err());
    }
}
