//! `[system.roles.NAME]`: the processes of a system of one's own that faults hit
//! and probes watch, and what the command line says of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use crate::plan::Role;
use crate::program::Program;
use crate::read::{At, Cast, Context, Table, nearest_help};
use crate::selector::Selector;

/// The flag with the forms that it takes.
pub(super) fn flag(role: &str) -> String {
    format!(
        "--role {role}=pid-file:FILE, {role}=name:EXPRESSION, {role}=unit:NAME or {role}=k8s:NAMESPACE/LABELS"
    )
}

/// The flag that says how one that was ended is started again.
pub(super) fn start_flag(role: &str) -> String {
    format!("--role-start {role}='COMMAND'")
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Role {
    let help = table.req("help", "What the processes do.");
    let default = table.opt("default", "Who plays it where no --role names others.");
    let start = table.opt_at::<Program>(
        "start",
        "The program that starts one of them again that a fault has ended. Without it their supervisor does.",
    );
    if let Some(At { value, span }) = &start
        && !value.targets().is_empty()
    {
        let help = "let it read them from a file or from its environment";
        let message = "a program that starts a process is given no addresses of targets";
        table.context.problem(Some(span.clone()), message, Some(help.to_owned()));
    }
    Role {
        help,
        required: table.or(
            "required",
            "Whether a run against a system of somebody's own needs it.",
            true,
        ),
        processes: default.into_iter().collect(),
        start: start.map(|at| at.value).unwrap_or_default(),
    }
}

/// Casts the roles: the processes of the command line go before the file's.
/// `has_lab` says whether the scenario has one at all.
pub(super) fn settle(
    context: &Context,
    roles: &mut BTreeMap<String, Role>,
    settings: &Settings,
    has_lab: bool,
) {
    if settings.targets.is_none() && has_lab {
        let given = settings.roles.keys().map(|role| format!("--role {role}"));
        let starts = settings.starts.keys().map(|role| format!("--role-start {role}"));
        for option in given.chain(starts) {
            let message = format!("{option}: the processes of a lab are its own");
            let help = "leave it out, or give the addresses of your own system with --target";
            context.problem(None, message, Some(help.to_owned()));
        }
        return;
    }
    for (name, role) in roles.iter_mut() {
        cast(name, role, settings);
        see_that_it_is_found_again(context, name, role);
    }
    let declared: BTreeSet<String> = roles.keys().cloned().collect();
    let known = (!has_lab && !declared.is_empty()).then_some(declared);
    if settings.targets.is_none() {
        // All of them are taken to be given.
        return context.set_cast(Cast { known, ..Cast::default() });
    }
    let given = settings.roles.keys().filter(|name| !roles.contains_key(*name));
    let played = roles.iter().filter(|(_, role)| !role.processes.is_empty());
    let played: BTreeSet<String> = played.map(|(name, _)| name).chain(given).cloned().collect();
    let started = roles.iter().filter(|(_, role)| !role.start.is_empty()).map(|(name, _)| name);
    let started = started.chain(settings.starts.keys()).cloned().collect();
    for (name, role) in roles.iter().filter(|(name, role)| role.required && !played.contains(*name))
    {
        let message = format!("this scenario needs {}", flag(name));
        context.problem(None, message, Some(role.help.clone()));
    }
    context.set_cast(Cast { known, played: Some(played), started: Some(started) });
}

fn cast(name: &str, role: &mut Role, settings: &Settings) {
    if let Some(processes) = settings.roles.get(name) {
        role.processes.clone_from(processes);
    }
    if let Some(start) = settings.starts.get(name) {
        role.start.clone_from(start);
    }
}

/// What is started again has another id.
fn see_that_it_is_found_again(context: &Context, name: &str, role: &Role) {
    let id = role.processes.iter().find(|selector| matches!(selector, Selector::Pid { .. }));
    if let Some(id) = id.filter(|_| !role.start.is_empty()) {
        let message = format!(
            "role {name}: {id} is one process for ever, and what is started again has another id"
        );
        let help =
            format!("name it by {name}=pid-file:FILE, {name}=name:EXPRESSION or {name}=unit:NAME");
        context.problem(None, message, Some(help));
    }
}

/// Adds the roles of the command line that the file uses and does not declare, and
/// reports those that it does not know. In a lab nobody plays any.
pub(super) fn finish(
    context: &Context,
    roles: &mut BTreeMap<String, Role>,
    settings: &Settings,
    is_lab: bool,
) {
    if is_lab {
        return roles.values_mut().for_each(|role| role.processes.clear());
    }
    let used = context.named_roles();
    let given = settings.roles.keys().map(|name| ("--role", name));
    for (option, name) in given.chain(settings.starts.keys().map(|name| ("--role-start", name))) {
        if roles.contains_key(name) {
            continue;
        }
        if used.contains(name) {
            let mut role = Role::default();
            cast(name, &mut role, settings);
            see_that_it_is_found_again(context, name, &role);
            roles.insert(name.clone(), role);
            continue;
        }
        let known: BTreeSet<&str> = roles.keys().chain(&used).map(String::as_str).collect();
        let help = nearest_help(name, known, "roles");
        context.problem(None, format!("{option} {name}: there is no such role"), help);
    }
}
