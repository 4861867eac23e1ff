//! Names that nobody has.

use reports::record::Verdict::{Held, Inconclusive};
use scenarios::plan::check::{Bound, CheckKind};
use scenarios::plan::probe::matchers::Matchers;
use scenarios::plan::probe::{Metric, MetricRead};
use scenarios::plan::{Probe, ProbeKind};
use scenarios::template::Template;
use scenarios::units::{Quantity, Unit};

use super::scene::{Scene, names};

const STREAMS: [&str; 2] = ["orders:0", "orders:1"];

fn scene(probe: ProbeKind, series: &str) -> Scene {
    let mut scene = Scene::new();
    let every = "500ms".parse().unwrap();
    scene.plan.probes.push(Probe { name: "it".to_owned(), every, kind: probe });
    for label in STREAMS {
        scene = scene.labelled(series, label, |_| Some(0.0));
    }
    scene
}

fn streams() -> Scene {
    let kind = ProbeKind::RedisStreams {
        url: Template::new("redis://h"),
        streams: STREAMS.map(str::to_owned).to_vec(),
        group: Some("workers".to_owned()),
    };
    scene(kind, "it.lag")
}

fn bound(series: &str) -> CheckKind {
    CheckKind::Bound(Bound {
        series: series.to_owned(),
        phases: names(&["load"]),
        min: None,
        max: Some(Quantity::count(99.0)),
        lasting: None,
        samples: 5,
    })
}

fn lack(scene: &mut Scene, label: &str) {
    let key = ("it".to_owned(), label.to_owned());
    scene.history.never_there.insert(key, format!("stream {label}"));
}

#[test]
fn what_never_was_there_holds_nothing() {
    let mut there = streams();
    assert_eq!(there.find(bound("it.lag")).verdict, Held);
    let mut none = streams();
    STREAMS.iter().for_each(|stream| lack(&mut none, stream));
    let finding = none.find(bound("it.lag"));
    assert_eq!(finding.verdict, Inconclusive);
    let why = "stream orders:0 and stream orders:1 never existed during the run";
    assert!(finding.why.contains(why), "{}", finding.why);
    assert!(!none.find(bound("broker.channels")).why.contains("never existed"));
}

#[test]
fn one_of_several_that_are_numbered_may_have_nothing_to_do() {
    let mut one = streams();
    lack(&mut one, "orders:1");
    assert_eq!(one.find(bound("it.lag")).verdict, Held);
    let mut other = streams().labelled("it.lag", "paymnets", |_| Some(0.0));
    lack(&mut other, "paymnets");
    assert_eq!(other.find(bound("it.lag")).verdict, Inconclusive);
}

#[test]
fn a_key_is_there_only_while_it_has_elements() {
    let keys = STREAMS.map(str::to_owned).to_vec();
    let kind = ProbeKind::RedisKeys { url: Template::new("redis://h"), keys };
    let mut scene = scene(kind, "it.length");
    STREAMS.iter().for_each(|key| lack(&mut scene, key));
    assert_eq!(scene.find(bound("it.length")).verdict, Held);
}

#[test]
fn a_metric_that_nobody_shows_is_not_zero() {
    let metric = |name: &str| Metric {
        metric: name.to_owned(),
        labels: [("status".to_owned(), "failed".to_owned())].into(),
        matchers: Matchers::default(),
        by: None,
        read: MetricRead::Counter,
        unit: Unit::Count,
        absent_is_zero: true,
        waits: false,
    };
    let metrics = [("failed", "done_total"), ("refused", "asked_total")];
    let metrics = metrics.map(|(series, name)| (series.to_owned(), metric(name)));
    let kind =
        ProbeKind::Prometheus { urls: vec![Template::new("http://h")], metrics: metrics.into() };
    let mut scene = scene(kind, "it.failed").labelled("it.refused", "", |_| Some(0.0));
    assert_eq!(scene.find(bound("it.failed")).verdict, Held);
    let what = "metric done_total".to_owned();
    scene.history.never_there.insert(("it".to_owned(), "done_total".to_owned()), what);
    let finding = scene.find(bound("it.failed"));
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("metric done_total never existed"), "{}", finding.why);
    // Another metric of the same endpoint is there.
    assert_eq!(scene.find(bound("it.refused")).verdict, Held);
}
