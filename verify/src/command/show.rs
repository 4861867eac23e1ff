//! `verify show NAME`: what a scenario does.

use std::fmt::Write;

use scenarios::plan::{Again, Severity};
use scenarios::{Plan, Settings, suite};

use crate::exit::{self, Failure};

/// Prints a scenario's plan for people, or its file, or a file that stands beside it.
///
/// # Errors
/// When there is no such scenario or file, or it has problems.
pub fn show(scenario: &str, as_source: bool, file: Option<&str>) -> Result<u8, Failure> {
    let source = super::source(scenario)?;
    if let Some(file) = file {
        super::print(shipped_file(&source, file)?.as_bytes())?;
        return Ok(exit::HELD);
    }
    if as_source {
        super::print(source.text.as_bytes())?;
        return Ok(exit::HELD);
    }
    let plan = super::shown(&source, &Settings::default())?;
    super::print(describe(&plan).as_bytes())?;
    Ok(exit::HELD)
}

/// A file that stands beside a shipped scenario.
fn shipped_file(source: &super::Source, file: &str) -> Result<&'static str, Failure> {
    let Some(name) = source.shipped else {
        return Err(Failure::usage(format!(
            "--file: {} is no shipped scenario; its files stand beside it",
            source.file
        )));
    };
    suite::file(name, file).ok_or_else(|| {
        let files: Vec<&str> = suite::files(name).collect();
        let known = match files[..] {
            [] => "it has none".to_owned(),
            _ => format!("it has {}", files.join(", ")),
        };
        Failure::usage(format!("--file: {name} has no file {file:?}; {known}"))
    })
}

fn describe(plan: &Plan) -> String {
    let description = wrapped(&plan.description);
    let mut out = format!("{}\n{}\n\n{description}\n", plan.name, plan.title);
    let mut section = |title: &str, rows: Vec<(String, String)>| {
        if rows.is_empty() {
            return;
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let _ = writeln!(out, "\n{title}");
        for (name, text) in rows {
            // A second line stands below the first.
            let text = text.replace('\n', &format!("\n{:1$}", "", width + 6));
            let _ = writeln!(out, "  {name:width$}  {text}");
        }
    };
    let phases = plan.phases.iter().map(|phase| {
        let stretch = if phase.stretch { " (--duration sets it)" } else { "" };
        (phase.name.clone(), format!("{}{stretch}", phase.length))
    });
    section("Phases", phases.collect());
    let workloads = plan
        .workloads
        .iter()
        .map(|w| (w.name.clone(), format!("{} in {}", w.rate, w.phases.join(", "))));
    section("Load", workloads.collect());
    let mut faults: Vec<(String, String)> = Vec::new();
    for fault in &plan.faults {
        let kind = fault.kind.word();
        let Some(Again::TurnOf(of)) = &fault.again else {
            let when = format!("{kind}, {} into {}", fault.at, fault.phase);
            faults.push((fault.name.clone(), when));
            continue;
        };
        if faults.iter().all(|(name, _)| name != of) {
            let turns = plan.faults.iter().filter(|other| other.again == fault.again).count();
            let phase = &fault.phase;
            let when = format!("{kind}, {turns} times in {phase}, when --seed says");
            faults.push((of.clone(), when));
        }
    }
    section("Faults", faults);
    for deployment in &plan.deployments {
        let canary = deployment.canary.as_ref().map(|name| format!(", beside it {name}"));
        let title = format!(
            "Deployment {} ({}{})",
            deployment.name,
            deployment.at.words(),
            canary.unwrap_or_default()
        );
        let steps = deployment.steps.iter().map(|step| {
            let what = deployment.what(&step.change);
            let overlaps = if step.overlaps { ", whatever became of the step before" } else { "" };
            let when = format!("{} into {}, within {}", step.at, step.phase, step.within);
            (step.name.clone(), format!("{what}, {when}{overlaps}"))
        });
        section(&title, steps.collect());
    }
    let checks = plan.checks.iter().map(|check| {
        let warning = if check.severity == Severity::Warning { " (warns)" } else { "" };
        (check.name.clone(), format!("{}{warning}", check.title))
    });
    section("Checks", checks.collect());
    let advice = plan.advice.iter().map(|advice| (advice.name.clone(), advice.say.clone()));
    section("Advice", advice.collect());
    let params = plan.params.iter().map(|(name, value)| {
        let help = plan.param_help.get(name).map_or("", String::as_str);
        let value = if value.is_empty() { "(empty)" } else { value.as_str() };
        (name.clone(), format!("{help}\n{value}"))
    });
    section("Parameters (--set NAME=VALUE)", params.collect());
    let targets = plan.system.targets.iter().map(|(key, target)| {
        let optional = if target.required { "" } else { " (optional)" };
        (key.clone(), format!("{}{optional}", target.help))
    });
    section("Targets of your own system (--target KEY=URL)", targets.collect());
    let roles = plan.system.roles.iter().map(|(name, role)| {
        let optional = if role.required { "" } else { " (optional)" };
        let usual: Vec<String> = role.processes.iter().map(ToString::to_string).collect();
        let usual =
            if usual.is_empty() { String::new() } else { format!("\n{}", usual.join(", ")) };
        (name.clone(), format!("{}{optional}{usual}", role.help))
    });
    section("Roles of your own processes (--role NAME=PROCESSES)", roles.collect());
    let variants = plan.system.variants.iter().map(|(name, v)| (name.clone(), v.about.clone()));
    section("Variants in the lab (--variant NAME)", variants.collect());
    out
}

/// A text in lines of at most 80 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + word.chars().count() < 80 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
