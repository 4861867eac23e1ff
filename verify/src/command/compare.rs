//! `verify compare BASELINE RUN`: a run against an earlier one, without running anything. With
//! `--last` it is against the runs before it ([`super::past`]).

use std::path::{Component, Path};

use crate::cli::Compare;
use crate::exit::{self, Failure};
use crate::folder::Folder;
use crate::folder::read::{self, Told};
use crate::judge::compare::{Asked, Side, compare as judge, conditions, decide};
use crate::record::comparison;
use crate::{report, runs};

/// Judges a run against an earlier one. Neither folder is written to.
///
/// # Errors
/// When a folder is not one of a run, the two cannot be compared, or the reports cannot be
/// written.
pub fn compare(asked: &Compare) -> Result<u8, Failure> {
    if let Some(last) = asked.last {
        return super::past::compare(asked, last);
    }
    let Some(later) = &asked.run else {
        return Err(Failure::usage(
            "give the folders of two runs, the earlier one first; or --last 10, to compare one \
             with those before it",
        ));
    };
    let question = question(asked)?;
    let folders = [runs::named(&asked.baseline)?, runs::named(later)?];
    let place = asked.out.as_deref().map(|out| place(out, &folders)).transpose()?;
    let [baseline, run] = folders;
    let (before, now) = (told(&baseline)?, told(&run)?);
    let [stable, tested] =
        [&before, &now].map(|told| Side { plan: &told.plan, history: &told.history });
    let mut comparison = judge(stable, tested, &question).map_err(Failure::usage)?;
    let own = [&before, &now].map(|told| crate::judge::judge(&told.plan, &told.history));
    if !asked.fail_if.is_empty() {
        let findings = own.each_ref().map(|own| &own.findings[..]);
        let met = conditions(stable, tested, &question, findings, &asked.fail_if);
        decide(&mut comparison, met.map_err(Failure::usage)?);
    }
    let anomalies = std::mem::take(&mut comparison.anomalies);
    let again = again(asked, later);
    let mut record =
        comparison::record((&baseline, &before), (&run, &now), &own, comparison, again);
    match &place {
        Some(place) => record.run.folder = place.path().display().to_string(),
        None => record.findings.iter_mut().for_each(|finding| finding.evidence_file = None),
    }
    if let Some(place) = &place {
        let made = std::fs::create_dir_all(place.path());
        made.map_err(|why| {
            Failure::environment(format!("cannot make {}: {why}", place.path().display()))
        })?;
        report::write(place, &record, &anomalies).map_err(Failure::environment)?;
    }
    super::show(&record, asked.json)?;
    Ok(exit::of(record.verdict))
}

/// What is asked, where it can be.
fn question(asked: &Compare) -> Result<Asked, Failure> {
    let is_part = |share: f64| share > 0.0 && share < 1.0;
    if !is_part(asked.confidence.0) {
        let why =
            format!("--confidence {}: give more than 0% and less than 100%", asked.confidence);
        return Err(Failure::usage(why));
    }
    if let Some(wrong) = asked.quantiles.iter().find(|quantile| !is_part(quantile.0)) {
        let why = format!("--quantile {wrong}: give more than 0% and less than 100%");
        return Err(Failure::usage(why));
    }
    if asked.more.0 >= 1.0 {
        let why =
            format!("--more {}: no share is so much greater; give less than 100%", asked.more);
        return Err(Failure::usage(why));
    }
    let mut quantiles = asked.quantiles.clone();
    quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantiles.dedup();
    Ok(Asked {
        confidence: asked.confidence,
        more: asked.more,
        higher: asked.higher,
        higher_by: asked.higher_by,
        floor: asked.floor,
        quantiles,
        phases: once(&asked.phases),
        workloads: once(&asked.workloads),
    })
}

/// Each name once.
fn once(names: &[String]) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for name in names {
        if !known.contains(name) {
            known.push(name.clone());
        }
    }
    known
}

fn told(folder: &Folder) -> Result<Told, Failure> {
    let damaged = |why| {
        let path = folder.path().display();
        Failure::usage(format!(
            "{path} is damaged: {why}; compare with a run whose folder is whole"
        ))
    };
    read::read(folder).map_err(damaged)
}

/// The folder of the reports: none of a run.
fn place(out: &Path, runs: &[Folder; 2]) -> Result<Folder, Failure> {
    let place = Folder::at(out);
    let refuse = |why: &str| {
        let out = out.display();
        Err(Failure::usage(format!("--out {out}: {why}; choose a folder of its own")))
    };
    if place.plan().exists() || place.events().exists() {
        return refuse("this is the folder of a run, and a run keeps its own verdict");
    }
    if out.components().any(|part| part == Component::ParentDir) && !out.exists() {
        // What stands in front of it may not be there, or be a link when it is.
        return refuse("nobody knows yet where .. leads; give the path without it");
    }
    // Of what is not there yet, the part that is.
    let known = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    let known = known.ancestors().find_map(|path| path.canonicalize().ok());
    let is_inside = |run: &Folder| {
        let run = run.path().canonicalize().ok();
        run.zip(known.as_ref()).is_some_and(|(run, known)| known.starts_with(run))
    };
    if runs.iter().any(is_inside) {
        return refuse("it lies in the folder of a run that is compared");
    }
    if known.iter().flat_map(|known| known.ancestors()).any(is_run) {
        return refuse("it lies in the folder of a run, which keeps what it has");
    }
    Ok(place)
}

/// Whether a folder is one of a run.
fn is_run(path: &Path) -> bool {
    let folder = Folder::at(path);
    folder.plan().exists() && folder.events().exists()
}

/// The command that does it again.
fn again(asked: &Compare, run: &Path) -> String {
    let Compare { baseline, more, higher, higher_by, floor, .. } = asked;
    let Compare { quantiles, phases, workloads, .. } = asked;
    let mut words: Vec<String> = ["verify", "compare"].map(str::to_owned).to_vec();
    words.extend([baseline.as_path(), run].map(|path| path.display().to_string()));
    let mut give = |switch: &str, value: String| words.extend([switch.to_owned(), value]);
    give("--more", more.to_string());
    give("--higher", higher.to_string());
    give("--higher-by", higher_by.to_string());
    give("--floor", floor.to_string());
    quantiles.iter().for_each(|quantile| give("--quantile", quantile.to_string()));
    phases.iter().for_each(|phase| give("--phase", phase.clone()));
    workloads.iter().for_each(|name| give("--workload", name.clone()));
    give("--confidence", asked.confidence.to_string());
    asked.fail_if.iter().for_each(|worse| give("--fail-if", worse.to_string()));
    shell_words::join(words)
}
