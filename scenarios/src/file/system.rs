//! `[system]`: the system under test, its addresses and variants.

use std::collections::{BTreeMap, BTreeSet};

use super::links::{Kind, Links};
use super::{Settings, role};
use crate::field::Raw;
use crate::plan::{Expected, Role, System, Target, Variant};
use crate::read::{At, Table, nearest_help};

const REFERENCE: &str = "The reference system in the lab: publisher, ingest, canary, worker-queue or rolling-deploy. A scenario for a system of your own names none.";

pub(super) fn read(table: &mut Table<'_, '_>, settings: &Settings, links: &Links) -> System {
    let reference = table.opt("reference", REFERENCE);
    if reference.is_none() {
        let of_one = ["replicas", "proxied", "settings", "variants"];
        for key in of_one.into_iter().filter(|key| table.has(key)) {
            let message = format!("{key:?} is of a reference system, and this scenario names none");
            let help = Some("name one, or leave this out".to_owned());
            table.context.problem(Some(table.place_of(key)), message, help);
        }
    }
    let replicas = table.or(
        "replicas",
        "Copies of the service in the lab; of the ingest, its workers.",
        1_u16,
    );
    let proxied: Vec<At<String>> = table.list_or_empty(
        "proxied",
        "Targets that the reference system in the lab reaches through a proxy.",
    );
    let told: BTreeMap<String, Raw> = table.values(
        "settings",
        "What the reference system in the lab is told, by name: settings = { backoff = \"${backoff}\" }. What is empty is left out; a name that it does not have is an error that lists those that it has.",
    );
    let targets = table.named("targets", "Addresses, used as ${target.NAME}.", |_, table| Target {
        help: table.req("help", "What stands behind the address."),
        schemes: table
            .list::<String>("schemes", "The schemes that the address may have.")
            .into_iter()
            .map(|at| at.value)
            .collect(),
        required: table.or(
            "required",
            "Whether a run against a system of somebody's own needs it.",
            true,
        ),
    });
    let roles = table.named(
        "roles",
        "Processes of a system of one's own that faults hit and probes watch; --role NAME=PROCESSES says who they are.",
        |_, table| role::read(table),
    );
    let variants = table.named("variants", "Forms of the reference system.", |name, table| {
        links.enter("variant", name);
        let about = table.req("about", "What the bug is.");
        let expect =
            table.req_at::<Expected>("expect", "\"held\", \"violated\" or \"inconclusive\".");
        let caught_by =
            table.list_or_empty("caught_by", "The checks that must be violated, or warn.");
        let names_none = caught_by.is_empty() && !table.has("caught_by");
        if expect.value == Expected::Violated && names_none && !table.is_described() {
            let help = Some("name them in caught_by".to_owned());
            let message = "no check is named that is violated by this variant";
            table.context.problem(Some(expect.span), message, help);
        }
        let expect = expect.value;
        let caught_by = links.refer_all(table.context, Kind::Check, caught_by);
        Variant { about, expect, caught_by }
    });
    let targets: BTreeMap<String, Target> =
        targets.into_iter().map(|(key, at)| (key, at.value)).collect();
    let variants: BTreeMap<String, Variant> =
        variants.into_iter().map(|(key, at)| (key, at.value)).collect();
    let mut roles: BTreeMap<String, Role> =
        roles.into_iter().map(|(name, at)| (name, at.value)).collect();
    if !table.is_described() {
        settle_targets(table, &targets, settings, reference.is_some());
        role::settle(table.context, &mut roles, settings, reference.is_some());
        settle_variant(table, &variants, settings);
    }
    for key in proxied.iter().filter(|key| !targets.contains_key(&key.value)) {
        let help = nearest_help(&key.value, targets.keys().map(String::as_str), "targets");
        let message = format!("there is no target {:?}", key.value);
        table.context.problem(Some(key.span.clone()), message, help);
    }
    let proxied = proxied.into_iter().map(|key| key.value).collect();
    let said = told.into_iter().map(|(name, Raw(value))| (name, value));
    let settings = said.filter(|(_, value)| !value.is_empty()).collect();
    System { reference, replicas, proxied, settings, targets, roles, variants }
}

/// Compares the addresses that the scenario declares with those that were
/// given.
fn settle_targets(
    table: &Table<'_, '_>,
    targets: &BTreeMap<String, Target>,
    settings: &Settings,
    is_lab: bool,
) {
    let context = table.context;
    let keys: BTreeSet<String> = targets.keys().cloned().collect();
    let absent = match &settings.targets {
        Some(given) => keys.difference(given).cloned().collect(),
        // A lab is no cluster.
        None if is_lab => {
            let clusters = targets.iter().filter(|(_, target)| target.is_namespace());
            clusters.map(|(key, _)| key.clone()).collect()
        }
        None => BTreeSet::new(),
    };
    context.set_targets(keys, absent);
    let Some(given) = &settings.targets else { return };
    for key in given.iter().filter(|key| !targets.contains_key(*key)) {
        let help = nearest_help(key, targets.keys().map(String::as_str), "targets");
        context.problem(None, format!("--target {key}: there is no such target"), help);
    }
    for (key, target) in targets {
        if target.required && !given.contains(key) {
            let message = format!("this scenario needs --target {key}={}", target.shape());
            context.problem(None, message, Some(target.help.clone()));
        }
    }
}

fn settle_variant(
    table: &Table<'_, '_>,
    variants: &BTreeMap<String, Variant>,
    settings: &Settings,
) {
    let name = &settings.variant;
    let chosen = *name != Settings::default().variant;
    if settings.targets.is_some() {
        if chosen {
            let message = format!("--variant {name}: variants are of the lab");
            let help = Some("leave out --variant or the targets".to_owned());
            table.context.problem(None, message, help);
        }
    } else if !variants.contains_key(name) && (chosen || !variants.is_empty()) {
        let help = nearest_help(name, variants.keys().map(String::as_str), "variants");
        let message = format!("--variant {name}: there is no such variant");
        table.context.problem(None, message, help);
    }
}
