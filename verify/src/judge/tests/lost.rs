//! Knowledge that is lost turns nothing into its opposite, at the places where
//! altered folders of runs have shown that it did.

use loadgen::Fate;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{Absence, After, Bound, CheckKind, Drain, OrderCheck};
use scenarios::units::{Quantity, Span};

use super::scene::{Scene, names};
use crate::effects::order::Reader;
use crate::history::{Order, Seen};

fn absence(series: &str) -> CheckKind {
    CheckKind::Absence(Absence {
        series: series.to_owned(),
        phases: names(&["load", "faults"]),
        excused_by: Vec::new(),
        samples: 5,
    })
}

#[test]
fn a_process_that_one_series_has_is_missing_where_another_has_it_not() {
    for (series, other) in
        [("process.restarts", "process.running"), ("errors.matches", "errors.lines")]
    {
        let both = || {
            Scene::new()
                .labelled(other, "service-1", |_| Some(1.0))
                .labelled(other, "service-2", |_| Some(1.0))
                .labelled(series, "service-1", |_| Some(0.0))
        };
        let finding = both().find(absence(series));
        assert_eq!(finding.verdict, Inconclusive, "{series}");
        assert!(finding.why.contains("service-2 has no samples"), "{}", finding.why);
        let mut whole = both().labelled(series, "service-2", |_| Some(0.0));
        assert_eq!(whole.find(absence(series)).verdict, Held, "{series}");
    }
}

#[test]
fn a_fault_explains_no_end_that_was_seen_long_before_it() {
    let channels = |gone: f64| {
        Scene::new()
            .labelled("broker.connection_channels", "a", |_| Some(4.0))
            .labelled("broker.connection_channels", "b", move |at| (at < gone).then_some(4.0))
            .fault("kill", 37.0)
    };
    let check = || {
        CheckKind::Bound(Bound {
            series: "broker.connection_channels".to_owned(),
            phases: names(&["load", "faults"]),
            min: None,
            max: Some(Quantity::count(9.0)),
            lasting: None,
            samples: 5,
        })
    };
    // Samples come each half second: it was gone two seconds before the fault.
    assert_eq!(channels(34.7).find(check()).verdict, Inconclusive);
    assert_eq!(channels(36.7).find(check()).verdict, Held);
    assert_eq!(channels(38.7).find(check()).verdict, Held);
}

#[test]
fn what_was_low_before_it_went_silent_has_not_drained() {
    let drain = || {
        CheckKind::Drain(Drain {
            series: "broker.messages_ready".to_owned(),
            after: After::Fault("kill".to_owned()),
            to: Quantity::count(10.0),
            within: Span::seconds(4),
            lasting: None,
        })
    };
    // Healed at 39 s; one label is not seen from 36 s on, for some time.
    let silent = |until: f64, then: f64| {
        Scene::new()
            .labelled("broker.messages_ready", "a", |_| Some(1.0))
            .labelled("broker.messages_ready", "b", move |at| {
                (!(36.0..until).contains(&at)).then_some(if at < until { 1.0 } else { then })
            })
            .fault("kill", 37.0)
    };
    assert_eq!(silent(99.0, 0.0).find(drain()).verdict, Inconclusive, "never seen again");
    assert_eq!(silent(41.0, 90.0).find(drain()).verdict, Violated, "high when it is seen again");
    assert_eq!(silent(36.5, 1.0).find(drain()).verdict, Held, "silent for a moment");
}

/// Two rows of a key stand the wrong way round, ten seconds apart.
fn swapped(is_serial: bool) -> Scene {
    let mut scene = Scene::new().workload("publish", |_, _| (Fate::Acked, 3_000));
    scene.plan.workloads[0].max_in_flight = is_serial.then_some(1);
    let workloads = names(&["publish"]);
    let mut reader = Reader::new("r", &workloads);
    for key in 0..500_u64 {
        let mut rows: Vec<u64> = (key..2_550).step_by(500).collect();
        if key == 7 {
            rows.swap(1, 2);
        }
        for row in rows {
            reader.take(&format!("key-{key}"), &format!("r/publish/{row}"));
        }
    }
    let order = Order { workloads: reader.finish(), trouble: None };
    let seen = Seen { order: Some(order), ..Seen::default() };
    scene.history.effects.insert("rows".to_owned(), Ok(seen));
    scene
}

fn order() -> CheckKind {
    CheckKind::Order(OrderCheck {
        source: "rows".to_owned(),
        workloads: names(&["publish"]),
        at_least: 100,
    })
}

#[test]
fn an_inversion_without_times_is_not_in_order() {
    for is_serial in [true, false] {
        assert_eq!(swapped(is_serial).find(order()).verdict, Violated);
        let mut untimed = swapped(is_serial);
        untimed.history.samples.remove("publish.due");
        let finding = untimed.find(order());
        // One at a time needs no times.
        let verdict = if is_serial { Violated } else { Inconclusive };
        assert_eq!(finding.verdict, verdict, "{is_serial}: {}", finding.why);
    }
    // Where seconds are missing, either operation may have been due in any of
    // them: 507 in second 15, 1,007 in 25.
    let mut holed = swapped(false);
    holed.history.samples.retain("publish.due", |sample| !(13.5..30.5).contains(&sample.at));
    assert_ne!(holed.find(order()).verdict, Violated);
}
