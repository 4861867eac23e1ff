//! `chaos run`: the faults of a scenario file, on their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, stderr};

use chaos::conduct::Entry;
use scenarios::plan::{After, AfterLoad, AfterStep};
use scenarios::{Plan, Settings, plan_faults};

use super::addresses;
use super::arguments::{Common, Run};
use super::campaign::{Campaign, targets};
use super::exit::{Exit, Trouble};
use super::place;
use super::say::Say;

/// Plans the faults of a file and carries them out.
pub(crate) fn run(asked: &Run, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    let surroundings = &asked.surroundings;
    let pairs = addresses::pairs(&surroundings.targets);
    say.hide(&addresses::secrets(asked.set.iter().chain(&pairs)));
    let mut plan = plan(asked)?;
    let stop_if = std::mem::take(&mut plan.safety.stop_if);
    if !stop_if.is_empty() && surroundings.stop_if.is_none() {
        let names = stop_if.join(", ");
        say.warning(&format!(
            "the file stops at {names}, and checks are not judged here; say when to stop with \
             --stop-if COMMAND"
        ));
    }
    for item in &plan.left_out {
        say.warning(&format!("fault {} is left out: {}", item.name, item.why));
    }
    let targets = targets(&plan, surroundings)?;
    say.hide(&plan.secrets(&targets));
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed)
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    let entries = timetable.into_iter().map(|planned| Entry::new(planned, &targets)).collect();
    Campaign { plan, entries, asked: surroundings, common, say }.start()
}

fn plan(asked: &Run) -> Result<Plan, Trouble> {
    let file = asked.file.display().to_string();
    let source = fs::read_to_string(&asked.file)
        .map_err(|error| Trouble::Usage(format!("cannot read {file}: {error}")))?;
    let mut set = BTreeMap::new();
    for pair in &asked.set {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Trouble::Usage(format!("--set {pair}: write NAME=VALUE, such as --set replicas=3"))
        })?;
        set.insert(name.to_owned(), value.to_owned());
    }
    let seed = asked.seed.unwrap_or_else(place::fresh_seed);
    // TOML's whole numbers are signed, and the plan is written as TOML.
    if i64::try_from(seed).is_err() {
        return Err(Trouble::Usage(format!("--seed {seed}: it is at most {}", i64::MAX)));
    }
    let settings = Settings { set, seed, ..Settings::default() };
    let plan = plan_faults(&file, &source, &settings).map_err(|problems| {
        let color = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Trouble::Scenario(problems.render(color).trim_end().to_owned())
    })?;
    if plan.faults.is_empty() {
        return Err(Trouble::Usage(format!("{file} has no faults to carry out")));
    }
    for fault in &plan.faults {
        if let Some(after) = &fault.after {
            let waits = match after {
                After::Load(AfterLoad { workload, acked }) => {
                    format!(
                        "{acked} operations of workload {workload}, and chaos run offers no load"
                    )
                }
                After::Step(AfterStep { deployment, step, .. }) => {
                    format!("step {step} of deployment {deployment}, and chaos run takes no steps")
                }
            };
            return Err(Trouble::Usage(format!(
                "fault {} waits for {waits}: run it with verify, or leave out its `after`",
                fault.name
            )));
        }
    }
    Ok(plan)
}
