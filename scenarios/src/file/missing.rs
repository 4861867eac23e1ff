//! What a run cannot do, and nobody said that it may be left out: told at once,
//! before anything starts, by what is missing, with the flags that would help.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{Item, Lack, Out};
use super::links::Key;
use super::{File, Purpose, Settings, role};
use crate::plan::check::OWN;
use crate::plan::{System, Target};
use crate::read::{Context, Part, nearest_help};

/// An item that the run cannot do without, and cannot do.
struct Stuck<'a> {
    kind: &'static str,
    name: &'a str,
    switch: Option<&'a str>,
}

impl Stuck<'_> {
    /// The option that leaves it out.
    fn skip(&self) -> Option<String> {
        match self.kind {
            "check" => Some(format!("--skip {}", self.name)),
            "fault" => Some(format!("--skip-fault {}", self.name)),
            _ => None,
        }
    }
}

/// Reports what of the file cannot be part of the run and may not be left out
/// either. Probes and sources of effects are told with the checks that read them.
pub(super) fn report(context: &Context, file: &File, out: &BTreeMap<Key, Out>, purpose: Purpose) {
    let mut stuck = of(&file.faults, out);
    if purpose == Purpose::Run {
        stuck.extend(of(&file.workloads, out));
        stuck.extend(of(&file.deployments, out));
        stuck.extend(of(&file.checks, out));
    }
    let mut by_lack: BTreeMap<&Lack, Vec<&Stuck<'_>>> = BTreeMap::new();
    for (item, lacks) in &stuck {
        for lack in *lacks {
            by_lack.entry(lack).or_default().push(item);
        }
    }
    let params = context.param_help();
    for (lack, items) in by_lack {
        // That it is required is said already.
        let is_required = |key| file.system.targets.get(key).is_some_and(|target| target.required);
        let is_told = match lack {
            Lack::Given { targets, .. } => targets.iter().any(is_required),
            Lack::Part(Part::Played(role)) => {
                file.system.roles.get(role).is_some_and(|role| role.required)
            }
            Lack::Part(Part::Started(_)) | Lack::Item(..) => false,
        };
        if !is_told {
            let (message, help) = describe(lack, &items, &file.system, &params);
            context.problem(None, message, Some(help));
        }
    }
}

fn of<'a, T>(
    items: &'a [Item<T>],
    out: &'a BTreeMap<Key, Out>,
) -> Vec<(Stuck<'a>, &'a BTreeSet<Lack>)> {
    let stuck = items.iter().filter_map(|item| {
        let name = &item.name.value;
        let out = out.get(&(item.kind.to_owned(), name.clone())).filter(|out| !out.may)?;
        Some((Stuck { kind: item.kind, name, switch: item.switch.as_deref() }, &out.lacks))
    });
    stuck.collect()
}

/// What is missing and who needs it; what to give, or how to do without.
fn describe(
    lack: &Lack,
    items: &[&Stuck<'_>],
    system: &System,
    params: &BTreeMap<String, String>,
) -> (String, String) {
    let is_itself = |item: &&&Stuck<'_>| matches!(lack, Lack::Item((kind, name), _) if item.kind == kind && item.name == name);
    let itself = items.iter().any(|item| is_itself(&item));
    let others: Vec<String> = items
        .iter()
        .filter(|item| !is_itself(item))
        .map(|item| format!("{} {}", item.kind, item.name))
        .collect();
    let verb = if others.len() == 1 { "needs" } else { "need" };
    let needed = format!("{} {verb} it", list(&others));
    let (message, give) = match lack {
        Lack::Given { targets, params: unset } => {
            let options = targets.iter().map(|key| format!("--target {key}"));
            let of_params = unset.iter().map(|name| format!("--set {name}"));
            let options: Vec<String> = options.chain(of_params).collect();
            let give = targets.iter().map(|key| {
                let target = system.targets.get(key);
                let shape = target.map_or_else(|| "http://…".to_owned(), Target::shape);
                let help = target.map_or("", |target| target.help.as_str());
                format!("--target {key}={shape} ({help})")
            });
            let of_params = unset.iter().map(|name| match params.get(name).map(String::as_str) {
                None | Some("") => format!("--set {name}=…"),
                Some(help) => format!("--set {name}=… ({help})"),
            });
            let give: Vec<String> = give.chain(of_params).collect();
            (
                format!("there is no {}, and {needed}", options.join(" or ")),
                Some(format!("give {}", give.join(" or "))),
            )
        }
        Lack::Part(Part::Played(role)) => {
            let help = system.roles.get(role).map_or("", |role| role.help.as_str());
            let help = if help.is_empty() { String::new() } else { format!(" ({help})") };
            let give = format!("give {}{help}", role::flag(role));
            (format!("nobody plays the role {role}, and {needed}"), Some(give))
        }
        Lack::Part(Part::Started(role)) => {
            let message = format!(
                "nothing says how an ended process of the role {role} is started again, so that it cannot be kept down, and {needed}"
            );
            let give = format!(
                "give {}, or start = [\"PROGRAM\", …] in [system.roles.{role}], where no supervisor starts it; where one does, break it with run_command and programs that stop and start it",
                role::start_flag(role)
            );
            (message, Some(give))
        }
        Lack::Item((kind, name), why) => {
            let message = format!("{kind} {name} cannot be part of this run: {why}");
            let more = if others.is_empty() { String::new() } else { format!("; {needed}") };
            let mark = itself
                .then(|| "mark it in the file with needs = \"lab\" or optional = true".to_owned());
            (message + &more, mark)
        }
    };
    let flags: Option<Vec<String>> = items.iter().map(|item| item.skip()).collect();
    let without = match (switch(items), flags) {
        (Some(param), _) => Some(format!("leave it out with --set {param}=off")),
        (None, Some(flags)) => Some(format!("leave it out with {}", flags.join(" "))),
        (None, None) => None,
    };
    let help: Vec<String> = give.into_iter().chain(without).collect();
    (message, help.join(", or "))
}

/// The parameter that switches all of these.
fn switch<'a>(items: &[&Stuck<'a>]) -> Option<&'a str> {
    let first = items.first()?.switch?;
    items.iter().all(|item| item.switch == Some(first)).then_some(first)
}

/// `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        names => names.concat(),
    }
}

/// Reports names of `--skip` and `--skip-fault` that nothing has.
pub(super) fn check_skips(context: &Context, file: &File, settings: &Settings) {
    let checks: Vec<&str> = file.checks.iter().map(|item| item.name.value.as_str()).collect();
    let faults: Vec<&str> = file.faults.iter().map(|item| item.name.value.as_str()).collect();
    let options = [
        ("--skip", "check", &settings.skip, &checks, "--skip-fault", &faults),
        ("--skip-fault", "fault", &settings.skip_faults, &faults, "--skip", &checks),
    ];
    for (option, what, names, known, other, others) in options {
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            if let Some((_, why)) = OWN.iter().find(|(own, _)| own == name) {
                let message = format!("{option} {name}: this check cannot be left out");
                context.problem(None, message, Some(format!("{why}; leave out the option")));
                continue;
            }
            let help = if others.contains(&name.as_str()) {
                Some(format!("write {other} {name}"))
            } else {
                // However many there are: there is no other place to look.
                let all = || Some(format!("{what}s: {}", known.join(", ")));
                let meant = nearest_help(name, known.iter().copied(), &format!("{what}s"));
                meant.or_else(|| all().filter(|_| !known.is_empty()))
            };
            let message = format!("{option} {name}: there is no such {what}");
            context.problem(None, message, help);
        }
    }
}
