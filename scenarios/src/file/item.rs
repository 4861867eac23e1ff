//! What workloads, faults, probes, effects and checks have in common: a name,
//! a switch, and what they need to be part of a run.

use std::collections::BTreeMap;

use super::links::{Key, Links};
use super::{Settings, is_name};
use crate::plan::LeftOut;
use crate::read::{At, Table};

/// One `[[workload]]`, `[[fault]]`, `[[probe]]`, `[[effects]]` or `[[check]]`.
pub(super) struct Item<T> {
    pub(super) kind: &'static str,
    pub(super) name: At<String>,
    pub(super) value: T,
    /// Why it is not part of this run.
    pub(super) out: Option<String>,
    /// Whether it goes too when something that it refers to is left out. A
    /// check that stays is judged without data, and so is inconclusive.
    pub(super) optional: bool,
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
    let enabled = table.or("enabled", "\"off\" leaves it out.", true);
    let needs = table.opt_at::<String>(
        "needs",
        "\"lab\" leaves it out of runs against a system of somebody's own.",
    );
    let optional = table.or(
        "optional",
        "Whether it is left out when something it refers to is; otherwise a check is inconclusive then.",
        kind != "check",
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
    table.context.take_lab_only();
    table.context.take_unusable();
    if !described {
        links.enter(kind, &name.value);
    }
    let value = read(table, &name.value, links);
    let missed = table.context.take_missed();
    let lab_only = table.context.take_lab_only();
    let unusable = table.context.take_unusable();
    let out = if !enabled {
        Some("switched off".to_owned())
    } else if unusable.is_some() {
        unusable
    } else if settings.targets.is_none() {
        None
    } else if needs.is_some() {
        Some("it needs the lab".to_owned())
    } else {
        lab_only.or_else(|| missed.first().map(|key| format!("there is no --target {key}=URL")))
    };
    Item { kind, name, value, out, optional }
}

/// Keeps the items that are part of the run and notes the others.
pub(super) fn keep<T>(
    items: Vec<Item<T>>,
    resolved: &BTreeMap<Key, String>,
    left_out: &mut Vec<LeftOut>,
) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        let key = (item.kind.to_owned(), item.name.value.clone());
        let why = item.out.or_else(|| item.optional.then(|| resolved.get(&key).cloned()).flatten());
        match why {
            None => kept.push(item.value),
            Some(why) => {
                left_out.push(LeftOut { kind: key.0, name: key.1, why });
            }
        }
    }
    kept
}
