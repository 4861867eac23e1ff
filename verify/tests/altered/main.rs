//! Altered run folders, made by code from whole ones: what is missing, damaged
//! or of another run blames nobody and holds nothing, and a worse breach is never
//! judged more mildly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alteration;
mod base;
mod compared;
mod files;
mod history;
mod operations;
mod world;

use std::collections::BTreeMap;

use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::Plan;
use scenarios::plan::CheckKind;
use scenarios::units::Quantity;

use alteration::Alteration;
use files::{Files, Judged};
use world::{BREACHES, WORST, World};

/// The run that is altered, its seed, and another one.
const RUN: (&str, u64) = ("r", 1);
const OTHER: (&str, u64) = ("q", 2);

fn judged(world: &World) -> (Files, Judged) {
    let files = base::folder(world, RUN.0, RUN.1);
    let judged = files.judge().unwrap();
    (files, judged)
}

/// Whether a verdict was turned into its opposite.
const fn is_turned(before: Verdict, after: Verdict) -> bool {
    matches!((before, after), (Held, Violated) | (Violated, Held))
}

/// What is wrong with what an altered folder comes to; nothing if it is right.
fn turned(before: &Judged, after: &Result<Judged, String>) -> Vec<String> {
    let after = match after {
        Ok(after) => after,
        Err(why) => return vec![format!("it could not be judged: {why}")],
    };
    let mut wrong = Vec::new();
    if is_turned(before.run, after.run) {
        wrong.push(format!("the run was {:?} and is {:?}", before.run, after.run));
    }
    for (check, (verdict, _)) in &before.checks {
        if let Some((now, why)) = after.checks.get(check)
            && is_turned(*verdict, *now)
        {
            wrong.push(format!("{check} was {verdict:?} and is {now:?}: {why}"));
        }
    }
    wrong
}

/// Judges the altered copies of a run, and prints how many there are and how many
/// are right, which must be all.
fn expect_all_right(what: &str, world: &World, alterations: impl Fn(&Files) -> Vec<Alteration>) {
    let (files, before) = judged(world);
    let alterations = alterations(&files);
    let wrong = of_threads(&alterations, |alteration| {
        let mut altered = files.clone();
        (alteration.alter)(&mut altered);
        turned(&before, &altered.judge())
    });
    let right = alterations.len() - wrong.len();
    println!("{what}: {} alterations, {right} right", alterations.len());
    assert!(wrong.is_empty(), "{what}: {right} of {}\n{}", alterations.len(), wrong.join("\n"));
}

/// Looks at all alterations, as many at once as there are processors; gives what
/// is wrong with those that are not right.
fn of_threads(
    alterations: &[Alteration],
    look: impl Fn(&Alteration) -> Vec<String> + Sync,
) -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = alterations.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let look = &look;
        let one = |part: &[Alteration]| -> Vec<String> {
            let wrong = part.iter().map(|alteration| (&alteration.name, look(alteration)));
            let wrong = wrong.filter(|(_, wrong)| !wrong.is_empty());
            wrong.map(|(name, wrong)| format!("{name}: {}", wrong.join("; "))).collect()
        };
        let parts: Vec<_> =
            alterations.chunks(size).map(|part| scope.spawn(move || one(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

#[test]
fn the_runs_come_to_what_they_are_made_for() {
    let (_, held) = judged(&World::held());
    for (check, (verdict, why)) in &held.checks {
        assert_eq!(*verdict, Held, "{check}: {why}");
    }
    assert_eq!(held.run, Held);
    for is_late in [false, true] {
        let (_, violated) = judged(&World::violated(is_late));
        for breach in BREACHES {
            let (verdict, why) = &violated.checks[breach];
            assert_eq!(*verdict, Violated, "{breach}: {why}");
        }
    }
    let (_, stopped) = judged(&World::stopped());
    assert_eq!(stopped.checks["connection-channels"].0, Violated);
    assert_eq!(stopped.checks["run-completed"].0, Inconclusive);
}

/// The files of another run.
fn other(world: &World) -> Files {
    base::folder(world, OTHER.0, OTHER.1)
}

#[test]
fn what_is_taken_from_a_run_that_held_violates_nothing() {
    let (world, other) = (World::held(), other(&World::violated(false)));
    expect_all_right("held", &world, |files| alteration::all(&world, files, &other));
}

#[test]
fn what_is_taken_from_a_late_breach_holds_nothing() {
    let (world, other) = (World::violated(true), other(&World::held()));
    expect_all_right("violated late", &world, |files| alteration::all(&world, files, &other));
}

#[test]
fn what_is_taken_from_an_early_breach_holds_nothing() {
    let world = World::violated(false);
    expect_all_right("violated early", &world, |files| alteration::of_series(files, world.end()));
}

#[test]
fn what_is_taken_from_a_stopped_run_holds_nothing() {
    let (world, other) = (World::stopped(), other(&World::held()));
    expect_all_right("stopped", &world, |files| alteration::of_record(files, &other));
}

/// Values that somebody changed later are no data, whatever they would make of the run.
#[test]
fn changed_samples_neither_blame_nor_hold() {
    for world in [World::held(), World::violated(false)] {
        let (files, before) = judged(&world);
        let mut altered = files.clone();
        let text = String::from_utf8(files.0["samples.csv"].clone()).unwrap();
        // As many rows as before: what was 12 channels is 900, what was 900 is 12.
        let change = |line: &str| {
            let Some(head) = line.strip_suffix(",12") else { return line.to_owned() };
            if head.contains("broker.channels") { format!("{head},900") } else { line.to_owned() }
        };
        let mut lines: Vec<String> = text.lines().map(change).collect();
        if lines.iter().zip(text.lines()).all(|(one, other)| one == other) {
            let last = lines.last_mut().unwrap();
            let (head, value) = last.rsplit_once(',').unwrap();
            let value: f64 = value.parse().unwrap();
            *last = format!("{head},{}", value + 1.0);
        }
        altered.put_lines("samples.csv", &lines);
        let after = altered.judge();
        assert_eq!(turned(&before, &after), [""; 0]);
        let after = after.unwrap();
        let (verdict, why) = &after.checks["record-intact"];
        assert_eq!(*verdict, Inconclusive);
        assert!(why.contains("values were changed"), "{why}");
        assert_eq!(after.checks["connection-channels"].0, Inconclusive);
    }
}

/// Whoever judges again may ask for something else, and not say that something
/// else was done.
#[test]
fn only_the_checks_of_a_plan_may_be_changed_later() {
    const CHECK: &str = "connection-channels";
    let (files, before) = judged(&World::violated(false));
    assert_eq!(before.checks[CHECK].0, Violated);
    let changed = |change: fn(&mut Plan)| {
        let mut plan = base::plan(RUN.1);
        change(&mut plan);
        let mut files = files.clone();
        files.0.insert("plan.toml".to_owned(), toml::to_string(&plan).unwrap().into_bytes());
        files.judge().unwrap()
    };
    let wider = changed(|plan| {
        let CheckKind::Bound(bound) = &mut plan.checks[0].kind else { panic!("not a bound") };
        bound.max = Some(Quantity::count(500.0));
    });
    assert_eq!(wider.checks[CHECK].0, Held);
    assert!(!wider.checks.contains_key("record-intact"));
    let others: [fn(&mut Plan); 3] =
        [|plan| plan.seed = 2, |plan| plan.faults.clear(), |plan| plan.workloads[0].rate.0 = 1.0];
    for other in others {
        let told = changed(other);
        assert_eq!(told.checks[CHECK].0, Violated);
        let (verdict, why) = &told.checks["record-intact"];
        assert_eq!(*verdict, Inconclusive);
        assert!(why.contains("differs in more than its checks"), "{why}");
    }
}

#[test]
fn a_worse_breach_is_never_judged_more_mildly() {
    let mut judgements = 0;
    for breach in BREACHES {
        let mut before: BTreeMap<String, Verdict> = BTreeMap::new();
        let mut course = Vec::new();
        for severity in 0..=WORST {
            let (_, judged) = judged(&World::with(breach, severity));
            judgements += 1;
            course.push(judged.checks[breach].0);
            for (check, (verdict, why)) in judged.checks {
                let worst = before.entry(check.clone()).or_insert(verdict);
                assert!(
                    verdict >= *worst,
                    "{breach} at {severity}: {check} was {worst:?} and is {verdict:?}: {why}"
                );
                *worst = verdict;
            }
        }
        let ends = (course[0], course[course.len() - 1]);
        assert_eq!(ends, (Held, Violated), "{breach}: {course:?}");
    }
    println!("{} breaches, {judgements} judgements", BREACHES.len());
}
