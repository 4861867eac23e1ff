//! What a run must keep to, and whether it did.
//!
//! A threshold is a figure, a comparison and a value, such as `p99<50ms`,
//! `errors<0.1%` or `rate>=4900/s`, over the whole run or, with `each 10s`
//! behind it, over each stretch of that length. Where nothing was measured,
//! nothing is kept to: no data never passes.

use std::fmt;
use std::str::FromStr;

use scenarios::units::{Rate, Share, Span, Unit};

use crate::latency::{Histogram, Latency};
use crate::report::Report;
use crate::tally::{Second, Tally};

/// What a run must keep to.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    figure: Figure,
    comparison: Comparison,
    /// Seconds, a share, operations per second or a count.
    value: f64,
    /// Seconds; `None` is the whole run.
    each: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    /// A quantile of one of the latencies.
    Quantile(Which, f64),
    Mean(Which),
    /// A part of the operations that came due.
    Share(Part),
    /// How many operations.
    Count(Part),
    /// Acknowledged operations per second.
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Delay,
    Service,
    Response,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Failed,
    Indeterminate,
    /// Failed, indeterminate or dropped.
    Errors,
    Dropped,
    Late,
    Acked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

/// How a threshold was kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Kept {
    /// The threshold as it was written.
    pub threshold: String,
    /// Whether it was kept to.
    pub held: bool,
    /// The figure; with stretches, the worst one's. `None` without data.
    pub value: Option<f64>,
    /// What was found, for people.
    pub found: String,
}

/// Gathers what thresholds over stretches need, second by second.
#[derive(Debug)]
pub struct Watch {
    thresholds: Vec<Threshold>,
    stretches: Vec<Option<Stretch>>,
    worst: Vec<Option<(f64, u64)>>,
    broken: Vec<u64>,
    /// Stretches without data.
    empty: Vec<u64>,
    warm_up: u64,
}

#[derive(Debug)]
struct Stretch {
    number: u64,
    tally: Tally,
    latency: Latency,
}

impl Threshold {
    fn of(&self, tally: &Tally, latency: &Latency, seconds: f64) -> Option<f64> {
        let part = |part| match part {
            Part::Failed => tally.failed,
            Part::Indeterminate => tally.indeterminate,
            Part::Errors => tally.failed + tally.indeterminate + tally.dropped,
            Part::Dropped => tally.dropped,
            Part::Late => tally.late,
            Part::Acked => tally.acked,
        };
        if tally.due == 0 {
            return None;
        }
        // How soon a connection broke is not how soon an answer came.
        let answered = |which| which == Which::Delay || tally.acked > 0;
        match self.figure {
            Figure::Share(wanted) => Some(part(wanted) as f64 / tally.due as f64),
            Figure::Count(wanted) => Some(part(wanted) as f64),
            Figure::Rate => (seconds > 0.0).then(|| tally.acked as f64 / seconds),
            Figure::Quantile(which, quantile) => {
                let histogram = histogram(latency, which);
                let value = histogram.value_at_quantile(quantile);
                (answered(which) && !histogram.is_empty()).then_some(value as f64 / 1e6)
            }
            Figure::Mean(which) => {
                let histogram = histogram(latency, which);
                (answered(which) && !histogram.is_empty()).then(|| histogram.mean() / 1e6)
            }
        }
    }

    fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Less => value < self.value,
            Comparison::AtMost => value <= self.value,
            Comparison::More => value > self.value,
            Comparison::AtLeast => value >= self.value,
            Comparison::Equal => (value - self.value).abs() < f64::EPSILON,
        }
    }

    /// How bad a value is: the greater the worse.
    fn badness(&self, value: f64) -> f64 {
        match self.comparison {
            Comparison::Less | Comparison::AtMost => value,
            Comparison::More | Comparison::AtLeast => -value,
            Comparison::Equal => (value - self.value).abs(),
        }
    }

    /// What the figure is measured in.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.figure {
            Figure::Quantile(..) | Figure::Mean(_) => Unit::Seconds,
            Figure::Share(_) => Unit::Share,
            Figure::Count(_) => Unit::Count,
            Figure::Rate => Unit::PerSecond,
        }
    }

    /// The least and the most that the figure may be, in its unit.
    #[must_use]
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        let value = Some(self.value);
        match self.comparison {
            Comparison::Less | Comparison::AtMost => (None, value),
            Comparison::More | Comparison::AtLeast => (value, None),
            Comparison::Equal => (value, value),
        }
    }

    /// The bound of a response time, in seconds, where it is about one.
    #[must_use]
    pub fn response_bound(&self) -> Option<f64> {
        matches!(self.figure, Figure::Quantile(Which::Response, _)).then_some(self.value)
    }

    fn show(&self, value: f64) -> String {
        match self.unit() {
            // Counts are whole numbers, and told as such.
            Unit::Count => format!("{value}"),
            unit => unit.show(value),
        }
    }
}

fn histogram(latency: &Latency, which: Which) -> &Histogram {
    match which {
        Which::Delay => &latency.delay,
        Which::Service => &latency.service,
        Which::Response => &latency.response,
    }
}

impl Watch {
    /// Watches these thresholds; the first seconds are warm-up.
    #[must_use]
    pub fn new(thresholds: Vec<Threshold>, warm_up: u64) -> Self {
        let count = thresholds.len();
        Self {
            stretches: (0..count).map(|_| None).collect(),
            worst: vec![None; count],
            broken: vec![0; count],
            empty: vec![0; count],
            thresholds,
            warm_up,
        }
    }

    /// Whether some threshold is about stretches, so that seconds are wanted.
    #[must_use]
    pub fn wants_seconds(&self) -> bool {
        self.thresholds.iter().any(|threshold| threshold.each.is_some())
    }

    /// Takes in a second; they come in order.
    pub fn take(&mut self, second: &Second) {
        if second.second < self.warm_up {
            return;
        }
        for at in 0..self.thresholds.len() {
            let Some(each) = self.thresholds[at].each else { continue };
            let number = (second.second - self.warm_up) / each;
            if self.stretches[at].as_ref().is_some_and(|stretch| stretch.number != number) {
                self.end(at);
            }
            let stretch = self.stretches[at].get_or_insert_with(|| Stretch {
                number,
                tally: Tally::default(),
                latency: Latency::default(),
            });
            stretch.tally += second.tally;
            stretch.latency.merge(&second.latency);
        }
    }

    fn end(&mut self, at: usize) {
        let Some(stretch) = self.stretches[at].take() else { return };
        let threshold = &self.thresholds[at];
        let each = threshold.each.unwrap_or(1);
        match threshold.of(&stretch.tally, &stretch.latency, each as f64) {
            None => self.empty[at] += 1,
            Some(value) => {
                self.broken[at] += u64::from(!threshold.holds(value));
                let worse = self.worst[at]
                    .is_none_or(|(worst, _)| threshold.badness(value) > threshold.badness(worst));
                if worse {
                    self.worst[at] = Some((value, stretch.number * each + self.warm_up));
                }
            }
        }
    }

    /// How the thresholds stand while the run goes on, for people: those over
    /// stretches by the stretches that have ended, the others by the sum of
    /// the measured seconds, which span this many seconds.
    #[must_use]
    pub fn standing(&self, measured: &Tally, latency: &Latency, seconds: f64) -> Vec<Kept> {
        let all = self.thresholds.iter().enumerate();
        all.map(|(at, threshold)| match threshold.each {
            Some(_) => self.of_stretches(at, threshold),
            None => of_sum(threshold, measured, latency, seconds),
        })
        .collect()
    }

    /// Ends the watch with the report of the run. A last stretch that is not
    /// whole does not count towards rates.
    #[must_use]
    pub fn finish(mut self, report: &Report) -> Vec<Kept> {
        for at in 0..self.thresholds.len() {
            let cut = self.thresholds[at].figure == Figure::Rate;
            let whole = |stretch: &Stretch| {
                let each = self.thresholds[at].each.unwrap_or(1);
                let end = self.warm_up + (stretch.number + 1) * each;
                report.last_due.as_secs_f64() >= end as f64 - 1.0
            };
            if cut && self.stretches[at].as_ref().is_some_and(|stretch| !whole(stretch)) {
                self.stretches[at] = None;
            }
            self.end(at);
        }
        let all = self.thresholds.iter().enumerate();
        all.map(|(at, threshold)| match threshold.each {
            Some(_) => self.of_stretches(at, threshold),
            None => of_run(threshold, report),
        })
        .collect()
    }

    fn of_stretches(&self, at: usize, threshold: &Threshold) -> Kept {
        let (broken, empty) = (self.broken[at], self.empty[at]);
        let Some((worst, from)) = self.worst[at] else { return without_data(threshold) };
        let shown = threshold.show(worst);
        let found = match (broken, empty) {
            (0, 0) => format!("{shown} at worst, from second {from} on"),
            (0, empty) => format!("{empty} stretches have no data; {shown} at worst elsewhere"),
            (broken, _) => {
                format!("broken in {broken} stretches, {shown} at worst, from second {from} on")
            }
        };
        let held = broken == 0 && empty == 0;
        Kept { threshold: threshold.text.clone(), held, value: Some(worst), found }
    }
}

fn of_run(threshold: &Threshold, report: &Report) -> Kept {
    let seconds = report.last_settled.max(report.last_due);
    let seconds = seconds.saturating_sub(report.first_due.max(report.warm_up));
    match threshold.figure {
        // As the report has it.
        Figure::Rate if report.measured.due > 0 && !seconds.is_zero() => {
            kept(threshold, report.rate_acked())
        }
        _ => of_sum(threshold, &report.measured, &report.latency, seconds.as_secs_f64()),
    }
}

fn of_sum(threshold: &Threshold, measured: &Tally, latency: &Latency, seconds: f64) -> Kept {
    match threshold.of(measured, latency, seconds) {
        None => without_data(threshold),
        Some(value) => kept(threshold, value),
    }
}

fn kept(threshold: &Threshold, value: f64) -> Kept {
    Kept {
        threshold: threshold.text.clone(),
        held: threshold.holds(value),
        value: Some(value),
        found: threshold.show(value),
    }
}

fn without_data(threshold: &Threshold) -> Kept {
    Kept {
        threshold: threshold.text.clone(),
        held: false,
        value: None,
        found: "nothing was measured".to_owned(),
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write one such as 'p99<50ms', 'errors<0.1%', 'rate>=4900/s', 'dropped==0' \
                    or 'service.p99.9<1s each 10s'";
        let at = text
            .find(['<', '>', '='])
            .ok_or_else(|| format!("{text:?} compares nothing; {help}"))?;
        let (name, rest) = text.split_at(at);
        let symbols = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        let (symbol, comparison) = symbols
            .into_iter()
            .find(|(symbol, _)| rest.starts_with(symbol))
            .ok_or_else(|| format!("{text:?} compares with a sign unheard of; {help}"))?;
        let (value, each) = match rest[symbol.len()..].split_once(" each ") {
            None => (&rest[symbol.len()..], None),
            Some((value, each)) => {
                let Span(each) = each.trim().parse().map_err(|error| format!("{error}"))?;
                let seconds = each.as_secs();
                if seconds == 0 || each.subsec_nanos() > 0 {
                    return Err(format!("{text:?}: stretches are of whole seconds; {help}"));
                }
                (value, Some(seconds))
            }
        };
        let (figure, value) = figure(name.trim(), value.trim())
            .map_err(|error| format!("{text:?}: {error}; {help}"))?;
        Ok(Self { text: text.to_owned(), figure, comparison, value, each })
    }
}

fn figure(name: &str, value: &str) -> Result<(Figure, f64), String> {
    let part = match name {
        "failed" => Some(Part::Failed),
        "indeterminate" => Some(Part::Indeterminate),
        "errors" => Some(Part::Errors),
        "dropped" => Some(Part::Dropped),
        "late" => Some(Part::Late),
        "acked" => Some(Part::Acked),
        _ => None,
    };
    if let Some(part) = part {
        return if value.ends_with('%') {
            let Share(share) = value.parse().map_err(|error| format!("{error}"))?;
            Ok((Figure::Share(part), share))
        } else {
            let count: u64 =
                value.parse().map_err(|_| format!("{value:?} is no count or share"))?;
            Ok((Figure::Count(part), count as f64))
        };
    }
    if name == "rate" {
        let Rate(rate) = crate::profile::rate(value)?;
        return Ok((Figure::Rate, rate));
    }
    let (which, name) = match name.split_once('.') {
        Some(("delay", name)) => (Which::Delay, name),
        Some(("service", name)) => (Which::Service, name),
        Some(("response", name)) => (Which::Response, name),
        _ => (Which::Response, name),
    };
    let figure = match name {
        "mean" => Figure::Mean(which),
        "max" => Figure::Quantile(which, 1.0),
        "min" => Figure::Quantile(which, 0.0),
        _ => {
            let percent: f64 = name
                .strip_prefix('p')
                .and_then(|percent| percent.parse().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .ok_or_else(|| format!("{name:?} is no figure"))?;
            Figure::Quantile(which, percent / 100.0)
        }
    };
    let Span(time) = value.parse().map_err(|error| format!("{error}"))?;
    Ok((figure, time.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::latency;

    /// A second with so many acknowledged operations of this latency, and so
    /// many that failed.
    fn second(second: u64, acked: u64, failed: u64, time: Duration) -> Second {
        let mut part = Latency::default();
        for _ in 0..acked {
            latency::record(&mut part.response, time);
        }
        let tally = Tally { due: acked + failed, acked, failed, ..Tally::default() };
        Second { tally, latency: part, ..Second::empty(second) }
    }

    fn watch(text: &str, warm_up: u64, seconds: &[Second]) -> Kept {
        let mut watch = Watch::new(vec![text.parse().unwrap()], warm_up);
        let mut report = Report::empty("r", "w");
        for second in seconds {
            watch.take(second);
            if second.second >= warm_up {
                report.measured += second.tally;
                report.latency.merge(&second.latency);
            }
            report.last_due = Duration::from_secs(second.second + 1);
            report.last_settled = report.last_due;
        }
        report.warm_up = Duration::from_secs(warm_up);
        watch.finish(&report).remove(0)
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn no_data_never_passes() {
        for text in ["p99<1h", "errors<100%", "dropped==0", "rate>=0/s", "p99<1h each 1s"] {
            let kept = watch(text, 0, &[]);
            assert!(!kept.held && kept.value.is_none(), "{text}: {kept:?}");
        }
        // Only failures: there is no latency to keep to.
        assert!(!watch("p99<1h", 0, &[second(0, 0, 5, MS)]).held);
        // Nor where everything broke off before it was answered.
        let mut broken = second(0, 5, 0, MS);
        (broken.tally.acked, broken.tally.indeterminate) = (0, 5);
        for text in ["p99<1h", "mean<1h", "service.p50<1h"] {
            let kept = watch(text, 0, std::slice::from_ref(&broken));
            assert!(!kept.held && kept.value.is_none(), "{text}: {kept:?}");
        }
        // Warm-up does not count as data.
        assert!(!watch("p99<1h", 3, &[second(0, 5, 0, MS)]).held);
    }

    #[test]
    fn a_bad_stretch_is_found_that_the_run_hides() {
        let mut seconds: Vec<Second> = (0..30).map(|at| second(at, 100, 0, MS)).collect();
        seconds[17] = second(17, 1, 0, 900 * MS);
        assert!(watch("p99<50ms", 0, &seconds).held);
        let kept = watch("p99<50ms each 1s", 0, &seconds);
        assert!(!kept.held && kept.found.contains("second 17"), "{kept:?}");
        assert!(watch("p99<50ms each 10s", 0, &seconds).held);
        assert!(!watch("max<50ms each 10s", 0, &seconds).held);
    }

    #[test]
    fn thresholds_stand_before_the_end() {
        let texts = ["p99<50ms", "rate>=100/s", "errors<1% each 2s"];
        let thresholds = texts.map(|text| text.parse().unwrap());
        let mut watch = Watch::new(thresholds.to_vec(), 0);
        let (mut tally, mut sum) = (Tally::default(), Latency::default());
        for second in [second(0, 100, 0, MS), second(1, 100, 0, MS), second(2, 60, 40, MS)] {
            watch.take(&second);
            tally += second.tally;
            sum.merge(&second.latency);
        }
        let held = |kept: Vec<Kept>| kept.iter().map(|kept| kept.held).collect::<Vec<_>>();
        // The third stretch has not ended, so its errors are not known yet.
        assert_eq!(held(watch.standing(&tally, &sum, 3.0)), [true, false, true]);
        assert!(!held(watch.standing(&Tally::default(), &Latency::default(), 0.0))[0]);
    }

    #[test]
    fn shares_counts_and_rates_are_compared() {
        let seconds: Vec<Second> = (0..10).map(|at| second(at, 99, 1, MS)).collect();
        for (text, held) in [
            ("errors<1.5%", true),
            ("errors<1%", false),
            ("errors<=1%", true),
            ("failed<=10", true),
            ("failed<10", false),
            ("dropped==0", true),
            ("rate>=98.9/s", true),
            ("rate>98.9/s", false),
            ("acked>=99% each 1s", true),
            ("mean<2ms", true),
            ("response.p50<0.5ms", false),
        ] {
            assert_eq!(watch(text, 0, &seconds).held, held, "{text}");
        }
    }

    #[test]
    fn an_unknown_figure_is_said_to_be_one_whatever_its_value() {
        for bad in ["errrors<1%", "latency<5", "p999<1s", "pp<1"] {
            let error = bad.parse::<Threshold>().unwrap_err();
            assert!(error.contains("is no figure"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for bad in
            ["", "p99", "p99<", "p99<50", "p999<1s", "x<1", "errors<x", "p99=1s", "p99<1s each 0s"]
        {
            let error = bad.parse::<Threshold>().unwrap_err();
            assert!(error.contains("p99<50ms"), "{bad}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A threshold and its opposite are never both kept, and one of them
        /// is wherever there is data.
        #[test]
        fn one_of_two_opposites_holds(times in prop::collection::vec(1_u64..1_000, 1..20), bound in 1_u64..1_000) {
            let seconds: Vec<Second> = (0..)
                .zip(&times)
                .map(|(at, &time)| second(at, 1, 0, Duration::from_millis(time)))
                .collect();
            let less = watch(&format!("p90<{bound}ms"), 0, &seconds);
            let more = watch(&format!("p90>={bound}ms"), 0, &seconds);
            prop_assert_ne!(less.held, more.held);
        }
    }
}
