//! `verify --scenario NAME --dry-run`: what a run would do and when, whom it would hit,
//! who would be asked, and what it would do without. Nothing is run.

use std::collections::BTreeMap;

use chaos::conduct::Preview;
use scenarios::Plan;
use scenarios::plan::{Deployment, LeftOut, Orchestrator, by_reason};
use scenarios::redact::{Secrets, redact_address};
use serde_json::{Value, json};

use super::run::{on_runtime, unguarded};
use crate::cli::RunArgs;
use crate::conduct::faults;
use crate::exit::{self, Failure};
use crate::progress::Progress;
use crate::setup::{self, SetupError, Standing};
use crate::signal::{self, Cancel};

/// What is to be shown, beside the plan.
pub(super) struct Shown<'a> {
    /// The addresses; none in the lab.
    pub(super) targets: Option<BTreeMap<String, String>>,
    /// What is probably not meant as it is given.
    pub(super) doubts: &'a [String],
    /// What may not be shown.
    pub(super) secrets: &'a Secrets,
}

/// Shows the faults and the steps of deployments at their times, whom the faults would hit
/// now, who would be asked for the steps, and what is left out with the reasons.
///
/// # Errors
/// When a lab has no such roles, or the targets do not answer as the run needs it.
pub(super) fn dry_run(
    plan: &mut Plan,
    shown: Shown<'_>,
    args: &RunArgs,
    progress: &Progress,
) -> Result<u8, Failure> {
    let Shown { targets, doubts, secrets } = shown;
    if targets.is_none() {
        setup::name_roles(plan).map_err(Failure::usage)?;
    }
    let orchestrators = orchestrators(plan, targets.as_ref(), args.json);
    let cancel = Cancel::default();
    let failed = |error: SetupError| match &error {
        SetupError::Guards(error) => unguarded(error),
        SetupError::Interrupted => Failure::interrupted(),
        error if error.is_usage() => Failure::usage(error),
        error => Failure::environment(error),
    };
    doubts.iter().for_each(|doubt| progress.warning(&secrets.hide(doubt)));
    let (previews, warnings) = on_runtime(|runtime| {
        runtime.block_on(async {
            signal::listen(&cancel).map_err(Failure::environment)?;
            let standing = match targets {
                Some(targets) => {
                    Some(Standing::targets(plan, targets, &cancel).await.map_err(failed)?)
                }
                None => None,
            };
            let previews = faults::preview(plan, standing.as_ref()).await;
            let warnings = standing.map(|standing| standing.warnings).unwrap_or_default();
            Ok::<_, Failure>((previews.map_err(Failure::environment)?, warnings))
        })
    })
    .map_err(Failure::environment)??;
    let warnings: Vec<String> = warnings.into_iter().map(|warning| warning.text).collect();
    warnings.iter().for_each(|warning| progress.warning(&secrets.hide(warning)));
    let mut lines = orchestrators;
    lines.extend(timetable(plan, &previews, args.json));
    if previews.is_empty() && !args.json {
        lines.push("no fault is part of this run".to_owned());
    }
    lines.extend(left_out(&plan.left_out, args.json));
    if args.json {
        lines.extend(doubts.iter().chain(&warnings).map(|text| warned(text)));
    }
    for line in lines {
        let line = format!("{}\n", secrets.hide(&line));
        let print = if args.json { super::print_data } else { super::print };
        print(line.as_bytes())?;
    }
    let lands = previews.iter().all(Preview::lands);
    Ok(if lands { exit::HELD } else { exit::INCONCLUSIVE })
}

/// Who would be asked for the steps of each deployment.
pub(super) fn orchestrators(
    plan: &Plan,
    targets: Option<&BTreeMap<String, String>>,
    as_json: bool,
) -> Vec<String> {
    let one = |deployment: &Deployment| {
        let name = &deployment.name;
        let Some(targets) = targets else {
            let by = "the lab's controller";
            return match as_json {
                true => asked(name, json!({ "lab": by })),
                false => format!("deployment {name}: steps are asked of {by}"),
            };
        };
        // An address that is missing is told of by whoever needs it.
        let at = deployment.filled(targets).map_or_else(|_| deployment.at.clone(), |of| of.at);
        if !as_json {
            // The programs show their targets, and not the addresses of these.
            let at = if at.tells_pods() { at } else { deployment.at.clone() };
            return format!("deployment {name}: steps are asked of {}", at.told());
        }
        match &at {
            Orchestrator::Control(url) => {
                asked(name, json!({ "control": redact_address(url.as_str()) }))
            }
            Orchestrator::Kubernetes(place) => asked(name, json!({ "kubernetes": place.as_str() })),
            Orchestrator::Commands { .. } => {
                let programs = deployment.at.named_programs();
                let programs = programs.map(|(key, run)| (key.to_owned(), run.to_string().into()));
                let programs: serde_json::Map<String, Value> = programs.collect();
                asked(name, json!({ "commands": programs }))
            }
        }
    };
    plan.deployments.iter().map(one).collect()
}

fn asked(deployment: &str, orchestrator: Value) -> String {
    json!({
        "state": "orchestrated", "dry_run": true, "deployment": deployment,
        "orchestrator": orchestrator,
    })
    .to_string()
}

fn warned(text: &str) -> String {
    json!({ "state": "warning", "dry_run": true, "text": text }).to_string()
}

/// What the run would do without, each reason once; a line for each item for programs.
fn left_out(items: &[LeftOut], as_json: bool) -> Vec<String> {
    if as_json {
        let line = |LeftOut { kind, name, why, cause }: &LeftOut| {
            json!({
                "state": "left-out", "dry_run": true, "kind": kind, "name": name, "why": why,
                "cause": cause,
            })
            .to_string()
        };
        return items.iter().map(line).collect();
    }
    by_reason(items)
        .into_iter()
        .map(|(why, items)| format!("left out, {why}:\n            {}", items.join(", ")))
        .collect()
}

/// The faults and the steps of deployments, in the order of time; for programs or people.
fn timetable(plan: &Plan, previews: &[Preview], as_json: bool) -> Vec<String> {
    let faults = previews.iter().map(|preview| {
        let value = preview.value();
        let at = value["at"].as_f64().unwrap_or_default();
        (at, if as_json { value.to_string() } else { preview.text() })
    });
    let timeline = plan.timeline();
    let steps = plan.deployments.iter().flat_map(|deployment| {
        deployment.steps.iter().map(|step| {
            let begin = timeline.span(&step.phase).map_or_else(Default::default, |span| span.0);
            let at = (begin + step.at.0).as_secs_f64();
            let (name, what) = (&deployment.name, deployment.what(&step.change));
            let line = if as_json {
                let within = step.within.as_secs_f64();
                json!({
                    "state": "planned", "dry_run": true, "deployment": name, "step": step.name,
                    "what": what, "at": at, "within": within, "overlaps": step.overlaps,
                })
                .to_string()
            } else {
                format!(
                    "{at:8.3} s  {} (step of {name}) {what}\n            within    {}",
                    step.name, step.within
                )
            };
            (at, line)
        })
    });
    let mut lines: Vec<(f64, String)> = faults.chain(steps).collect();
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    lines.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use scenarios::{Settings, plan, suite};

    use super::*;

    const NEEDED: [&str; 4] = ["kafka", "ingester", "database", "metrics"];

    fn planned(targets: &[&str], set: &[(&str, &str)]) -> Plan {
        let targets = NEEDED.iter().chain(targets).map(|&key| key.to_owned());
        let set = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings {
            targets: Some(targets.collect::<BTreeSet<_>>()),
            set: set.chain([("faults".to_owned(), "off".to_owned())]).collect(),
            ..Settings::default()
        };
        plan("f", suite::find("rolling-deploy").unwrap().source, &settings).unwrap()
    }

    #[test]
    fn it_is_said_who_is_asked_for_the_steps() {
        let at = |key: &str, address: &str| {
            let given = [(key.to_owned(), address.to_owned())].into();
            let plan = planned(&[key], &[]);
            [false, true].map(|as_json| orchestrators(&plan, Some(&given), as_json).concat())
        };
        let [text, json] = at("deployments", "http://ann:hunter22@h:7070");
        assert!(text.ends_with("asked of the controller at http://ann:***@h:7070"), "{text}");
        assert!(!json.contains("hunter22") && json.contains("h:7070"), "{json}");
        let [text, json] = at("kubernetes", "staging/orders");
        assert!(text.ends_with("asked of kubernetes staging/orders"), "{text}");
        assert!(json.contains(r#""kubernetes":"staging/orders""#), "{json}");
        let [text, _] = at("kubernetes", "orders");
        assert!(text.ends_with("kubernetes orders of the current context"), "{text}");
        let plan = planned(&[], &[("rollout_command", "./roll \"$IMAGE\""), ("metrics", "off")]);
        let text = orchestrators(&plan, Some(&BTreeMap::new()), false).concat();
        assert!(text.contains("set_image  ./roll \"$IMAGE\""), "{text}");
        assert!(text.contains("roll_back  (none: "), "{text}");
    }

    #[test]
    fn what_is_left_out_is_said_with_its_reason() {
        let plan = planned(&[], &[("rollout_command", "./roll")]);
        let told = left_out(&plan.left_out, false).join("\n");
        for part in [
            "left out, switched off:\n            fault kill-workers, fault objects-stall",
            "left out, it needs the lab:\n            probe controller, check ended-in-time",
            "left out, commands set images, and no command does scale:\n            step download-worker/to-10-pods",
        ] {
            assert!(told.contains(part), "{part:?} is not in\n{told}");
        }
        let json = left_out(&plan.left_out, true);
        assert_eq!(json.len(), plan.left_out.len());
        assert!(json[0].contains(r#""state":"left-out""#), "{}", json[0]);
    }
}
