//! Alterations that only take knowledge away: a file, a kind of event or a label
//! of a series is missing, cut, doubled, of another run, silent or impossible.

use scenarios::plan::ProbeKind;
use scenarios::series::HOST_NAME;

use crate::base;
use crate::files::Files;
use crate::world::World;

/// An alteration with a name that says what is altered and how.
pub(crate) struct Alteration {
    pub(crate) name: String,
    pub(crate) alter: Box<dyn Fn(&mut Files) + Send + Sync>,
}

fn alteration(name: String, alter: impl Fn(&mut Files) + Send + Sync + 'static) -> Alteration {
    Alteration { name, alter: Box::new(alter) }
}

/// How often each file is cut somewhere else.
const CUTS: u64 = 3;

/// Every file missing, cut, doubled, or of another run.
fn of_files(files: &Files, other: &Files) -> Vec<Alteration> {
    let mut all = Vec::new();
    for (name, bytes) in &files.0 {
        let file = name.clone();
        all.push(alteration(format!("{name} missing"), move |files| {
            files.0.remove(&file);
        }));
        let file = name.clone();
        all.push(alteration(format!("{name} empty"), move |files| {
            files.0.insert(file.clone(), Vec::new());
        }));
        for seed in 0..CUTS {
            let length =
                fastrand::Rng::with_seed(seed ^ bytes.len() as u64).usize(..bytes.len().max(1));
            let file = name.clone();
            all.push(alteration(format!("{name} cut at {length}"), move |files| {
                files.0.get_mut(&file).unwrap().truncate(length);
            }));
        }
        let file = name.clone();
        all.push(alteration(format!("{name} doubled"), move |files| {
            let bytes = files.0[&file].clone();
            files.0.get_mut(&file).unwrap().extend(bytes);
        }));
        if let Some(bytes) = other.0.get(name).cloned() {
            let file = name.clone();
            all.push(alteration(format!("{name} of another run"), move |files| {
                files.0.insert(file.clone(), bytes.clone());
            }));
        }
    }
    all
}

/// Every kind of event missing or doubled, and every single event missing.
fn of_events(files: &Files) -> Vec<Alteration> {
    const EVENTS: &str = "events.jsonl";
    let events = files.events();
    let mut kinds = events.clone();
    kinds.sort();
    kinds.dedup();
    let mut all = Vec::new();
    for kind in kinds {
        let (of, kept) = (events.clone(), kind.clone());
        all.push(alteration(format!("events {kind} missing"), move |files| {
            let lines = files.lines(EVENTS).into_iter().zip(&of);
            let lines: Vec<String> =
                lines.filter(|(_, of)| **of != kept).map(|(line, _)| line).collect();
            files.put_lines(EVENTS, &lines);
        }));
        let of = events.clone();
        all.push(alteration(format!("events {kind} doubled"), move |files| {
            let lines = files.lines(EVENTS).into_iter().zip(&of);
            let twice = |(line, of): (String, &String)| {
                if *of == kind { vec![line.clone(), line] } else { vec![line] }
            };
            let lines: Vec<String> = lines.flat_map(twice).collect();
            files.put_lines(EVENTS, &lines);
        }));
    }
    // Of a kind with one event only, it is missing already.
    let of_kind = |kind: &String| events.iter().filter(|other| *other == kind).count();
    for (index, kind) in events.iter().enumerate().filter(|(_, kind)| of_kind(kind) > 1) {
        let kind = kind.clone();
        all.push(alteration(format!("event {index}, {kind}, missing"), move |files| {
            let mut lines = files.lines(EVENTS);
            lines.remove(index);
            files.put_lines(EVENTS, &lines);
        }));
    }
    all
}

/// Every label of every series not a number, impossible, silent or set back.
pub(crate) fn of_series(files: &Files, end: u64) -> Vec<Alteration> {
    let half = end as f64 / 2.0;
    let mut all = Vec::new();
    for (series, label) in files.series() {
        let mut put = |how: &str, change: fn(f64, f64, f64) -> Option<String>| {
            let (name, of) = (series.clone(), label.clone());
            let what = format!("{series} {label} {how}");
            all.push(alteration(what, move |files| {
                files.change_series(&name, &of, |at, value| change(at, value, half));
            }));
        };
        put("not a number from half on", |at, value, half| {
            Some(if at < half { value.to_string() } else { "NaN".to_owned() })
        });
        // A connection that the record never names is none that it knows of.
        if series != "broker.connection_channels" {
            put("silent", |_, _, _| None);
        }
        put("silent from half on", |at, value, half| (at < half).then(|| value.to_string()));
        put("silent until half", |at, value, half| (at >= half).then(|| value.to_string()));
        put("silent in the middle", |at, value, half| {
            (at < half - 5.0 || at >= half + 5.0).then(|| value.to_string())
        });
        let (is_countable, is_counter) = nature(&series);
        if is_countable {
            put("negative from half on", |at, value, half| {
                Some(if at < half { value } else { -1.0 - value }.to_string())
            });
        }
        if is_counter {
            let (name, of) = (series.clone(), label.clone());
            all.push(alteration(format!("{series} {label} set back at half"), move |files| {
                let mut before = 0.0;
                files.change_series(&name, &of, |at, value| {
                    if at < half {
                        before = value;
                        return Some(value.to_string());
                    }
                    Some((value - before).to_string())
                });
            }));
        }
    }
    all
}

/// Whether values below 0 are impossible, and whether it only rises.
fn nature(series: &str) -> (bool, bool) {
    let plan = base::plan(1);
    let (owner, last) = series.rsplit_once('.').unwrap();
    if owner == HOST_NAME {
        return (true, false);
    }
    let Some(probe) = plan.probes.iter().find(|probe| probe.name == owner) else {
        return (true, true);
    };
    let info = probe.kind.series().into_iter().find(|info| info.name == last).unwrap();
    (info.counter || !matches!(probe.kind, ProbeKind::Promql { .. }), info.counter)
}

/// All of them.
pub(crate) fn all(world: &World, files: &Files, other: &Files) -> Vec<Alteration> {
    let mut all = of_record(files, other);
    all.extend(of_series(files, world.end()));
    all
}

/// Those of files and events.
pub(crate) fn of_record(files: &Files, other: &Files) -> Vec<Alteration> {
    let mut all = of_files(files, other);
    all.extend(of_events(files));
    all
}
