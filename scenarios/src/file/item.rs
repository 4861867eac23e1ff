//! What workloads, faults, probes, effects and checks have in common: a name,
//! a switch, and what they need to be part of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::links::{Key, Links};
use super::{Settings, is_name};
use crate::plan::{Cause, LeftOut};
use crate::read::{At, Table};

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
    /// An address, of one of these targets.
    Address(BTreeSet<String>),
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
    let needs = table.opt_at::<String>(
        "needs",
        "\"lab\" leaves it out of runs against a system of somebody's own.",
    );
    let optional = table.or(
        "optional",
        "Whether it is left out where the run cannot do it; otherwise there is no such run.",
        false,
    );
    if let Some(needs) = &needs
        && needs.value != "lab"
    {
        let help = Some("the only need that can be named is \"lab\"".to_owned());
        table.context.problem(
            Some(needs.span.clone()),
            format!("unknown need {:?}", needs.value),
            help,
        );
    }
    table.context.take_missed();
    table.context.take_forgiven();
    table.context.take_lab_only();
    table.context.take_unusable();
    if !described {
        links.enter(kind, &name.value);
    }
    let value = read(table, &name.value, links);
    let missed = table.context.take_missed();
    let forgiven = table.context.take_forgiven();
    let lab_only = table.context.take_lab_only();
    let unusable = table.context.take_unusable();
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
        if !forgiven.is_empty() {
            out.lacks = [Lack::Address(forgiven)].into();
        }
        Some(out)
    } else if settings.targets.is_none() {
        None
    } else if needs.is_some() {
        Some(asked("it needs the lab".to_owned(), Cause::Unable))
    } else if let Some(why) = lab_only {
        Some(unable(why))
    } else {
        let why: Vec<String> =
            missed.iter().map(|key| format!("there is no --target {key}=URL")).collect();
        let lacks = missed.into_iter().map(|key| Lack::Address([key].into())).collect();
        (!why.is_empty()).then(|| Out { lacks, ..unable(why.join(", ")) })
    };
    let switch = table.context.param_of(&enabled.span);
    Item { kind, name, value, out, optional, switch }
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
