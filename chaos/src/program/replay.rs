//! `chaos replay`: the faults of an earlier run once more, at the times at which
//! they were injected then and on the victims of then.

mod recorded;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos::conduct::{Entry, Expected};
use scenarios::Plan;
use scenarios::plan::fault::Choice;
use scenarios::redact::MASK;
use serde_json::Value;

use super::addresses;
use super::arguments::{Common, Replay};
use super::campaign::{Campaign, targets};
use super::chronicle::{Folder, Told};
use super::exit::{Exit, Trouble};
use super::place;
use super::say::Say;

/// Reads what a run did and does it again.
pub(crate) fn run(asked: &Replay, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    let surroundings = &asked.surroundings;
    say.hide(&addresses::secrets(&addresses::pairs(&surroundings.targets)));
    let (plan, told) = match find(&asked.run, &surroundings.out) {
        Some(folder) => from_folder(&Folder::at(folder))?,
        None => from_journal(asked, common)?,
    };
    see_whole(&plan)?;
    let targets = targets(&plan, surroundings)?;
    say.hide(&plan.secrets(&targets));
    let entries = entries(&plan, &told, &targets, asked.by_name, say)?;
    if entries.is_empty() {
        let why = format!("no fault was injected in {}", asked.run.display());
        return Err(Trouble::Usage(why));
    }
    Campaign { plan, entries, asked: surroundings, common, say }.start()
}

/// Secrets that were written out in a scenario are masked in what its run has
/// left.
fn see_whole(plan: &Plan) -> Result<(), Trouble> {
    for fault in &plan.faults {
        if toml::to_string(&fault.kind).unwrap_or_default().contains(MASK) {
            return Err(Trouble::Usage(format!(
                "fault {} had a secret written out in its scenario, which is not kept; run the \
                 scenario again with --seed {}, or write the address as ${{target.KEY}} there and \
                 give it with --target",
                fault.name, plan.seed
            )));
        }
    }
    Ok(())
}

/// The folder that is meant: itself, or its name among the others.
fn find(run: &Path, out: &Path) -> Option<PathBuf> {
    let places = [run.to_owned(), out.join(run)];
    places.into_iter().find(|place| place.join("plan.toml").exists())
}

fn from_folder(folder: &Folder) -> Result<(Plan, BTreeMap<String, Told>), Trouble> {
    let garbled = |why: String| {
        Trouble::Usage(format!("{} cannot be replayed: {why}", folder.plan().display()))
    };
    let plan = scenarios::plan_from_toml(&read(&folder.plan())?).map_err(garbled)?;
    Ok((plan, told(&read(&folder.events())?)))
}

fn from_journal(
    asked: &Replay,
    common: &Common,
) -> Result<(Plan, BTreeMap<String, Told>), Trouble> {
    let path = place::journal_path(common)?;
    let run = asked.run.display().to_string();
    let record = chaos::journal::read(&path)?;
    recorded::run(&record.entries, &run).ok_or_else(|| {
        let why = format!(
            "{run} is not the folder of a run, which holds plan.toml and events.jsonl, nor does \
             {} have a run of that name in it, and {} has no timetable of it",
            asked.surroundings.out.display(),
            path.display()
        );
        Trouble::Usage(why)
    })
}

fn read(path: &Path) -> Result<String, Trouble> {
    let bytes =
        fs::read(path).map_err(|source| Trouble::Folder { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What became of each fault, by name: the last line of a name counts. Lines
/// that are something else or torn are passed over.
fn told(events: &str) -> BTreeMap<String, Told> {
    let lines = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let faults = lines.filter_map(|mut line| {
        let is_fault = line["event"].as_str().is_some_and(|event| event.starts_with("fault-"));
        is_fault.then(|| serde_json::from_value::<Told>(line["fault"].take()).ok()).flatten()
    });
    faults.map(|told| (told.name.clone(), told)).collect()
}

/// The timetable as it really was. A fault that was not injected then is not
/// injected now, and that is said.
fn entries(
    plan: &Plan,
    told: &BTreeMap<String, Told>,
    targets: &BTreeMap<String, String>,
    by_name: bool,
    say: &Say,
) -> Result<Vec<Entry>, Trouble> {
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed)
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    let mut entries = Vec::new();
    for mut planned in timetable {
        let then = told.get(&planned.name);
        let injected = then.and_then(|then| then.injected);
        let at = injected.and_then(|at| Duration::try_from_secs_f64(at.max(0.0)).ok());
        let (Some(then), Some(at)) = (then, at) else {
            let problem = then.and_then(|then| then.problem.clone());
            let why = problem.unwrap_or_else(|| "the run ended first".to_owned());
            say.warning(&format!(
                "fault {} is left out, because it was not injected then: {why}",
                planned.name
            ));
            continue;
        };
        planned.at = at;
        // The load that it waited for then is in its time.
        planned.fault.after = None;
        let mut entry = Entry::new(planned, targets);
        // What the others hit is named by their own settings, and may carry the
        // name of its run.
        if entry.order.kind.statement().choice() == Choice::Chosen {
            entry.expected = Some(Expected { victims: then.victims.clone(), by_name });
        }
        entries.push(entry);
    }
    entries.sort_by_key(|entry| entry.planned.at);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_fault_counts_and_torn_ones_do_not() {
        let fault = |at: &str| {
            format!(
                r#"{{"at":1.0,"time":"t","event":"fault-changed","fault":{{"name":"pause","kind":"pause_process","planned":1.0,"injected":{at},"confirmed":null,"healed":null,"victims":["a (pid 1@2)"],"problem":null}}}}"#
            )
        };
        let lines = format!(
            "{{\"event\":\"phase-started\",\"phase\":\"load\"}}\n{}\n{}\n{}",
            fault("null"),
            fault("1.25"),
            &fault("9")[..40]
        );
        let told = told(&lines);
        assert_eq!(told["pause"].injected, Some(1.25));
        assert_eq!(told["pause"].victims, ["a (pid 1@2)"]);
    }
}
