//! The lag of groups of Kafka, each partition by itself.

use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{After, Bound, CheckKind, Drain};
use scenarios::plan::probe::{Isolation, Kafka, Uncommitted};
use scenarios::plan::{Probe, ProbeKind};
use scenarios::template::Template;
use scenarios::units::{Quantity, Span};

use super::scene::{Scene, names};

/// A probe of one group in a topic of so many partitions, of which each has an end.
fn scene(partitions: u32) -> Scene {
    let mut scene = Scene::new();
    let kind = ProbeKind::Kafka(Kafka {
        brokers: Template::new("h:9092"),
        topics: vec!["events".to_owned()],
        groups: vec!["workers".to_owned()],
        isolation: Isolation::ReadUncommitted,
        uncommitted: Uncommitted::Unknown,
        settings: Default::default(),
    });
    let every = "500ms".parse().unwrap();
    scene.plan.probes.push(Probe { name: "kafka".to_owned(), every, kind });
    for number in 0..partitions {
        let label = format!("events-{number}");
        scene = scene.labelled("kafka.end_offset", &label, |at| Some((at * 10.0).floor()));
    }
    scene
}

fn lag(scene: Scene, partition: u32, value: impl Fn(f64) -> Option<f64>) -> Scene {
    scene.labelled("kafka.lag", &format!("workers events-{partition}"), value)
}

fn bound() -> CheckKind {
    CheckKind::Bound(Bound {
        series: "kafka.lag".to_owned(),
        phases: names(&["load"]),
        min: None,
        max: Some(Quantity::count(100.0)),
        lasting: Some(Span::seconds(5)),
        samples: 5,
    })
}

fn drain() -> CheckKind {
    CheckKind::Drain(Drain {
        series: "kafka.lag".to_owned(),
        after: After::Phase("load".to_owned()),
        to: Quantity::count(0.0),
        within: Span::seconds(10),
        lasting: None,
    })
}

/// Of twelve partitions one is stuck: the mean is fine, and that one is not.
#[test]
fn a_stuck_partition_is_found_among_many_that_are_not() {
    let mut scene = scene(12);
    for partition in 0..12 {
        let stuck = partition == 7;
        scene = lag(scene, partition, |at| {
            Some(if stuck { (at - 10.0).max(0.0) * 10.0 } else { f64::from(partition) / 12.0 })
        });
    }
    let finding = scene.find(bound());
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.measured.ends_with("(workers events-7)"), "{}", finding.measured);
    assert_eq!(finding.evidence.len(), 1, "{:?}", finding.evidence);
    let finding = scene.find(drain());
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    let told: Vec<_> = finding.evidence.iter().map(|of| of.what.as_str()).collect();
    assert!(told.contains(&"kafka.lag of workers events-7"), "{told:?}");
}

#[test]
fn what_every_partition_has_worked_off_has_drained() {
    let falls = |at: f64| Some((38.0 - at).max(0.0) * 10.0);
    let mut scene = lag(lag(scene(2), 0, falls), 1, |_| Some(0.0));
    let finding = scene.find(drain());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
}

/// Where nothing was ever committed, nobody knows what waits.
#[test]
fn a_partition_that_nobody_has_committed_holds_nothing() {
    let mut whole = lag(lag(scene(2), 0, |_| Some(1.0)), 1, |_| Some(1.0));
    assert_eq!(whole.find(bound()).verdict, Held);
    let mut never = lag(scene(2), 0, |_| Some(1.0));
    let finding = never.find(bound());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("workers events-1 has no samples"), "{}", finding.why);
    // It must be there once its partition is, and not only once it is known.
    let mut late = lag(lag(scene(2), 0, |_| Some(1.0)), 1, |at| (at > 30.0).then_some(1.0));
    let finding = late.find(bound());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    // The first commit may take a moment.
    let mut soon = lag(lag(scene(2), 0, |_| Some(1.0)), 1, |at| (at > 12.0).then_some(1.0));
    assert_eq!(soon.find(bound()).verdict, Held);
    // What is known of another is proof all the same.
    let mut proven = lag(scene(2), 0, |_| Some(500.0));
    assert_eq!(proven.find(bound()).verdict, Violated);
}

/// A topic, or a partition, may come to be during the run.
#[test]
fn a_partition_that_comes_later_is_followed_from_then_on() {
    let mut scene =
        scene(1).labelled("kafka.end_offset", "events-1", |at| (at > 20.0).then_some(1.0));
    scene = lag(scene, 0, |_| Some(1.0));
    scene = lag(scene, 1, |at| (at > 20.0).then_some(1.0));
    let finding = scene.find(bound());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
}

/// A member that has left has no partitions any more.
#[test]
fn members_come_and_go_where_their_number_tells_it() {
    let assigned = |left: f64| {
        let members = move |at: f64| Some(if at < left { 2.0 } else { 1.0 });
        let scene = scene(4).labelled("kafka.members", "workers", members);
        let scene = scene.labelled("kafka.assigned", "workers a", |_| Some(2.0));
        scene.labelled("kafka.assigned", "workers b", |at| (at < 20.0).then_some(2.0))
    };
    let CheckKind::Bound(check) = bound() else { panic!() };
    let check = CheckKind::Bound(Bound { series: "kafka.assigned".to_owned(), ..check });
    let finding = assigned(20.0).find(check.clone());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert_eq!(assigned(99.0).find(check).verdict, Inconclusive);
}
