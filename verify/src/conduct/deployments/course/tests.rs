//! The course of a deployment, of which every look is written by hand.

use std::time::Duration;

use chaos::deployment::Counts;
use scenarios::plan::{Phase, Step};
use scenarios::template::Template;
use scenarios::units::Span;

use super::*;

fn step(name: &str, at: u64, change: Change) -> Step {
    let (at, within) = (Span::seconds(at), Span::seconds(10));
    Step { name: name.to_owned(), phase: "load".to_owned(), at, change, within, overlaps: false }
}

fn set(image: &str) -> Change {
    Change::SetImage { image: image.to_owned() }
}

fn course(steps: Vec<Step>) -> Course {
    let plan = Deployment {
        name: "web".to_owned(),
        at: scenarios::plan::Orchestrator::Control(Template::default()),
        canary: None,
        container: String::new(),
        images: [("new".to_owned(), "web:2".to_owned())].into(),
        after: Afterwards::Restore,
        roll_back_if: Vec::new(),
        roll_back_within: Span::seconds(20),
        steps,
    };
    let load =
        Phase { name: "load".to_owned(), length: Span(Duration::from_secs(100)), stretch: false };
    Course::new(&plan, &Timeline::new(&[load]), "nobody".to_owned())
}

/// What is seen of three pods, so many of them new and available.
fn look(begun: f64, observed: u64, updated: u32) -> Seen {
    let counts = Counts {
        desired: 3,
        replicas: 3,
        updated,
        ready: 3,
        available: 3,
        unavailable: 0,
        restarts: 0,
    };
    let stable = Status {
        name: "web".to_owned(),
        uid: "u".to_owned(),
        generation: observed,
        observed_generation: observed,
        image: None,
        revision: None,
        paused: false,
        counts: Some(counts),
        progress: if updated == 3 { Progress::Complete } else { Progress::Going },
        pods: Vec::new(),
    };
    Seen { begun, look: Look { stable, canary: None } }
}

fn asked(generation: u64) -> Result<Asked, String> {
    Ok(Asked { generation, canary_generation: None, changed: true })
}

/// Asks for a step now.
fn take(course: &mut Course, step: usize, now: f64, generation: u64) {
    assert_eq!(course.next(now), Some(step));
    course.asking(step, now);
    course.took(step, asked(generation), now);
}

#[test]
fn a_step_is_asked_confirmed_and_done_and_the_next_one_waits_for_it() {
    let mut course = course(vec![step("to-new", 1, set("new")), step("again", 2, Change::Restart)]);
    assert_eq!((course.next(0.5), course.wakes_at(0.5)), (None, 1.0));
    take(&mut course, 0, 1.0, 2);
    assert_eq!(course.wakes_at(1.5), 2.0);
    // It was looked at before the answer, and everything was done: that of before.
    let asked = course.record().clone();
    course.see(look(0.9, 2, 3), 1.1);
    assert_eq!(*course.record(), asked);
    // The controller has not seen it yet.
    course.see(look(1.1, 1, 3), 1.2);
    assert_eq!(*course.record(), asked);
    course.see(look(1.3, 2, 1), 1.4);
    assert_eq!(
        (course.record().steps[0].confirmed, course.record().steps[0].done),
        (Some(1.4), None)
    );
    let told = &course.told()[&("web".to_owned(), "to-new".to_owned())];
    assert_eq!((told.updated, told.decides(Some(1))), (Some(1), Some(Ok(()))));
    assert_eq!(course.next(5.0), None, "it waits");
    course.see(look(5.5, 2, 3), 6.0);
    assert_eq!(course.record().steps[0].done, Some(6.0));
    let counts = course.record().steps[0].at_end.as_ref().and_then(|look| look.counts);
    assert_eq!(counts.map(|counts| counts.updated), Some(3));
    take(&mut course, 1, 6.0, 3);
    course.see(look(6.5, 3, 3), 7.0);
    assert!(course.is_over());
}

#[test]
fn what_is_not_done_in_time_has_failed_and_what_waited_for_it_is_skipped() {
    let mut course = course(vec![
        step("to-new", 1, set("new")),
        step("again", 2, Change::Restart),
        Step { overlaps: true, ..step("back", 15, Change::Undo { revision: None }) },
    ]);
    take(&mut course, 0, 1.0, 2);
    course.see(look(1.3, 2, 1), 1.4);
    course.expire(10.9);
    assert_eq!(course.record().steps[0].failed, None);
    course.expire(11.0);
    let failed = &course.record().steps[0];
    assert_eq!(failed.failed, Some(11.0));
    let why = failed.why.clone().unwrap();
    assert_eq!(
        why,
        "it was not done within 10 s: web has 3 of 3 pods, 1 of them new and 3 available"
    );
    assert_eq!((course.next(11.0), course.wakes_at(11.0)), (None, 15.0));
    let skipped = course.record().steps[1].skipped.clone();
    assert_eq!(skipped.as_deref(), Some("step to-new before it failed"));
    // The way back waits for nobody.
    take(&mut course, 2, 15.0, 3);
}

#[test]
fn a_step_that_overlaps_comes_at_its_time_and_ends_what_set_the_same() {
    let mut course = course(vec![
        step("to-new", 1, set("new")),
        step("again", 2, Change::Restart),
        Step { overlaps: true, ..step("back", 4, Change::Undo { revision: None }) },
    ]);
    take(&mut course, 0, 1.0, 2);
    take(&mut course, 2, 4.0, 3);
    let steps = &course.record().steps;
    assert_eq!(steps[0].superseded_by.as_deref(), Some("step back"));
    assert_eq!(steps[1].skipped.as_deref(), Some("step back came before its turn"));
    // What overlaps and sets something else leaves it alone.
    let mut course = self::course(vec![
        step("to-new", 1, set("new")),
        Step { overlaps: true, ..step("more", 2, Change::Scale { replicas: 3 }) },
    ]);
    take(&mut course, 0, 1.0, 2);
    take(&mut course, 1, 2.0, 3);
    course.see(look(2.5, 3, 3), 3.0);
    assert!(course.record().steps.iter().all(|step| step.done == Some(3.0)));
}

#[test]
fn a_rollout_that_the_orchestrator_gives_up_has_failed_then() {
    let mut course = course(vec![step("to-new", 1, set("new"))]);
    take(&mut course, 0, 1.0, 2);
    let mut stuck = look(2.0, 2, 1);
    stuck.look.stable.progress =
        Progress::Exceeded { reason: "it has not got on for 5 s".to_owned() };
    course.see(stuck, 2.5);
    let step = &course.record().steps[0];
    assert_eq!((step.failed, step.unasked), (Some(2.5), false));
    assert!(step.why.as_ref().unwrap().ends_with("it has not got on for 5 s"), "{step:?}");
    assert!(course.is_over());
}

#[test]
fn what_was_refused_was_not_asked() {
    let mut course = course(vec![step("to-new", 1, set("new"))]);
    assert_eq!(course.next(1.0), Some(0));
    course.asking(0, 1.0);
    course.took(0, Err("it is paused".to_owned()), 1.1);
    let step = &course.record().steps[0];
    assert_eq!((step.failed, step.unasked), (Some(1.1), true));
}

#[test]
fn a_rollback_ends_the_steps_and_is_measured_until_all_is_as_before() {
    let mut course =
        course(vec![step("to-new", 1, set("new")), step("again", 50, Change::Restart)]);
    take(&mut course, 0, 1.0, 2);
    course.see(look(1.3, 2, 1), 1.4);
    course.rolling_back("lag grows", 3.0);
    course.rolled_back(asked(3), 3.1);
    let steps = &course.record().steps;
    assert_eq!(steps[0].superseded_by.as_deref(), Some("the rollback"));
    assert_eq!(steps[1].skipped.as_deref(), Some("lag grows"));
    assert!(course.is_rolling_back() && !course.is_over() && !course.is_kept());
    assert_eq!(course.wakes_at(4.0), 23.0);
    course.see(look(3.0, 3, 3), 4.0);
    assert!(course.is_rolling_back(), "it was looked at before");
    course.see(look(4.0, 3, 3), 5.0);
    let rollback = course.record().rolled_back.clone().unwrap();
    assert_eq!((rollback.asked, rollback.done, rollback.failed), (3.0, Some(5.0), None));
    assert!(course.is_over());
}
