//! Names that nobody has.

use reports::record::Verdict::{Held, Inconclusive};
use scenarios::plan::check::{Bound, CheckKind};
use scenarios::plan::{Probe, ProbeKind};
use scenarios::template::Template;
use scenarios::units::Quantity;

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
