//! What workloads, faults, probes, effects and checks have in common: a name,
//! a switch, and what they need to be part of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::links::{Key, Links};
use super::{Settings, is_name};
use crate::plan::{Cause, LeftOut};
use crate::read::{At, Context, Part, Table};

/// One `[[workload]]`, `[[fault]]`, `[[probe]]`, `[[effects]]` or `[[check]]`.
pub(super) struct Item<T> {
    pub(super) kind: &'static str,
    pub(super) name: At<String>,
    pub(super) value: T,
    /// Why it is not part of this run.
    pub(super) out: Option<Out>,
    /// Whether the file says that it may be left out where it cannot be part of
    /// a run.
    pub(super) optional: bool,
    /// The parameter that switches it on and off, if one does.
    pub(super) switch: Option<String>,
    /// What `needs = "lab"` makes of it.
    pub(super) lab: NeedsLab,
}

/// What becomes of an item that needs the lab in a run without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NeedsLab {
    /// It does not, or there is a lab.
    No,
    /// It needed it for its roles alone, and somebody plays them.
    Freed,
    /// It is left out; one that names no role stays where it refers to one that
    /// is freed.
    Out { names_role: bool },
}

/// Why an item is not part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Out {
    pub(super) why: String,
    pub(super) cause: Cause,
    /// What is missing in the end.
    pub(super) lacks: BTreeSet<Lack>,
    /// Whether it may go: it was asked to, or the file says so.
    pub(super) may: bool,
}

/// What an item cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lack {
    /// An address of one of these targets, or one of these parameters.
    Given { targets: BTreeSet<String>, params: BTreeSet<String> },
    /// Something of a role.
    Part(Part),
    /// An item, itself or another one, with the reason why that is not there.
    Item(Key, String),
}

/// Reads a name that will be part of file names and identities.
pub(super) fn read_name(table: &mut Table<'_, '_>, help: &str) -> At<String> {
    let name = table.req_at::<String>("name", help);
    if !name.is_placeholder() && !is_name(&name.value) {
        let message = format!("{:?} is no name", name.value);
        let help = "use small letters, digits and hyphens, at most 64, and no hyphen first";
        table.context.problem(Some(name.span.clone()), message, Some(help.to_owned()));
    }
    name
}

/// Reads the common keys, then the others by `read`, which is given the name.
pub(super) fn read<T>(
    table: &mut Table<'_, '_>,
    kind: &'static str,
    settings: &Settings,
    links: &Links,
    read: impl FnOnce(&mut Table<'_, '_>, &str, &Links) -> T,
) -> Item<T> {
    let described = table.is_described();
    let name = read_name(table, "Its name: small letters, digits and hyphens.");
    let enabled = table.or_at("enabled", "\"off\" leaves it out.", true);
    let needs = table.list_or_empty::<String>(
        "needs",
        "What it cannot do without, and is left out without: \"lab\" leaves it out of runs against a system of somebody's own; DEPLOYMENT/STEP, of runs that leave out that step of that deployment.",
    );
    let optional = table.or(
        "optional",
        "Whether it is left out where the run cannot do it; otherwise there is no such run.",
        false,
    );
    table.context.take_missed();
    table.context.take_forgiven();
    table.context.take_lab_only();
    table.context.take_unusable();
    table.context.take_parts();
    table.context.take_unset();
    if !described {
        links.enter(kind, &name.value);
    }
    let needs_lab = needed(table.context, needs, links);
    let value = read(table, &name.value, links);
    let missed = table.context.take_missed();
    let forgiven = table.context.take_forgiven();
    let lab_only = table.context.take_lab_only();
    let unusable = table.context.take_unusable();
    let unset = table.context.take_unset();
    let (parts, unplayed) = table.context.take_parts();
    let mut lab = NeedsLab::No;
    let key = (kind.to_owned(), name.value.clone());
    let asked = |why: String, cause| Out {
        lacks: [Lack::Item(key.clone(), why.clone())].into(),
        why,
        cause,
        may: true,
    };
    let unable = |why: String| Out { may: optional, ..asked(why, Cause::Unable) };
    let out = if let Some(option) = settings.skips(kind, &name.value) {
        Some(asked(format!("{option} {}", name.value), Cause::Skipped))
    } else if !enabled.value {
        Some(asked("switched off".to_owned(), Cause::SwitchedOff))
    } else if let Some(why) = unusable {
        let mut out = unable(why);
        if !forgiven.is_empty() || !unset.is_empty() {
            out.lacks = [Lack::Given { targets: forgiven, params: unset }].into();
        }
        Some(out)
    } else if settings.targets.is_none() {
        None
    } else if needs_lab {
        let is_free = lab_only.is_none() && missed.is_empty() && unplayed.is_empty();
        let names_role = !parts.is_empty();
        lab = if names_role && is_free { NeedsLab::Freed } else { NeedsLab::Out { names_role } };
        let flags: Vec<String> = unplayed.iter().map(flag).collect();
        let or =
            if flags.is_empty() { String::new() } else { format!(" or {}", flags.join(" and ")) };
        (lab != NeedsLab::Freed).then(|| asked(format!("it needs the lab{or}"), Cause::Unable))
    } else if let Some(why) = lab_only {
        Some(unable(why))
    } else {
        let addresses = missed.iter().map(|key| format!("there is no --target {key}=URL"));
        let roles = unplayed.iter().map(|part| format!("there is no {}", flag(part)));
        let why: Vec<String> = addresses.chain(roles).collect();
        let address = |key| Lack::Given { targets: BTreeSet::from([key]), params: BTreeSet::new() };
        let addresses = missed.into_iter().map(address);
        let lacks = addresses.chain(unplayed.into_iter().map(Lack::Part)).collect();
        (!why.is_empty()).then(|| Out { lacks, ..unable(why.join(", ")) })
    };
    let switch = table.context.param_of(&enabled.span);
    Item { kind, name, value, out, optional, switch, lab }
}

/// Takes down the steps that an item needs; says whether it needs the lab.
fn needed(context: &Context, needs: Vec<At<String>>, links: &Links) -> bool {
    let mut lab = false;
    for need in needs {
        match need.value.split_once('/') {
            None if need.value == "lab" => lab = true,
            // That a deployment's name is none is told of it.
            Some((deployment, step)) if !deployment.is_empty() && is_name(step) => {
                let (deployment, step) = (deployment.to_owned(), step.to_owned());
                links.needs_step(
                    At { value: deployment, span: need.span.clone() },
                    At { value: step, span: need.span },
                );
            }
            _ => {
                let help = "write \"lab\", or a step of a deployment as \"DEPLOYMENT/STEP\"";
                let message = format!("unknown need {:?}", need.value);
                context.problem(Some(need.span), message, Some(help.to_owned()));
            }
        }
    }
    lab
}

/// The option that gives what is asked of a role, in short.
fn flag(part: &Part) -> String {
    match part {
        Part::Played(role) => format!("--role {role}=PROCESSES"),
        Part::Started(role) => format!("--role-start {role}=COMMAND"),
    }
}

/// Keeps the items that are part of the run and notes the others.
pub(super) fn keep<T>(
    items: Vec<Item<T>>,
    out: &BTreeMap<Key, Out>,
    left_out: &mut Vec<LeftOut>,
) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        let key = (item.kind.to_owned(), item.name.value);
        match out.get(&key) {
            None => kept.push(item.value),
            Some(out) => {
                let (why, cause) = (out.why.clone(), out.cause);
                left_out.push(LeftOut { kind: key.0, name: key.1, why, cause });
            }
        }
    }
    kept
}
