//! What a command line gives and a run makes no use of: a parameter of something that is
//! left out, an address that nothing reads, processes that nothing hits. The run is as if
//! it had not been given, which is hardly what was meant.
//!
//! A parameter or a role is without use where the plan is the same without it; so nothing
//! has to be written down of single ones.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use crate::file::{Settings, plan};
use crate::plan::{Place, Plan, System, by_reason};
use crate::template::expand;

/// How many items are named that would have used something.
const NAMED: usize = 4;

/// Whether a text under a key uses what is asked for.
type Uses<'a> = &'a dyn Fn(&str, &str) -> bool;

/// What of the settings has no effect on the run, a text each: with who would use it, and
/// what to do. `file` and `source` are those of [`plan`].
#[must_use]
pub fn unused(file: &str, source: &str, settings: &Settings) -> Vec<String> {
    let Ok(given) = plan(file, source, settings) else { return Vec::new() };
    let with = essence(&given);
    let without = |settings: &Settings| plan(file, source, settings).ok();
    let scenario = Scenario { source, plan: &given };
    let mut told = Vec::new();
    for name in settings.set.keys() {
        let mut other = settings.clone();
        other.set.remove(name);
        let Some(other) = without(&other) else { continue };
        // By default it is the same.
        if other.params.get(name) != given.params.get(name) && essence(&other) == with {
            let placeholder = format!("${{{name}}}");
            let why = scenario.why(&|_, text| text.contains(&placeholder));
            told.push(format!("--set {name} has no effect: {why}; leave it out"));
        }
    }
    let named = given.named_targets();
    for key in settings.targets.iter().flatten() {
        let is_wanted = given.system.targets.get(key).is_none_or(|target| target.required);
        if !is_wanted && !named.contains(key) {
            let placeholder = format!("${{target.{key}}}");
            let why = scenario.why(&|_, text| text.contains(&placeholder));
            told.push(format!("--target {key} is not used: {why}; leave it out"));
        }
    }
    let in_use: BTreeSet<String> = given.clone().roles_mut().map(|role| role.clone()).collect();
    let roles: BTreeSet<&String> = settings.roles.keys().chain(settings.starts.keys()).collect();
    for role in roles.into_iter().filter(|role| !in_use.contains(*role)) {
        let mut other = settings.clone();
        let options = [
            other.roles.remove(role).map(|_| format!("--role {role}")),
            other.starts.remove(role).map(|_| format!("--role-start {role}")),
        ];
        let options: Vec<String> = options.into_iter().flatten().collect();
        if without(&other).is_some_and(|other| essence(&other) == with) {
            let why = scenario.why(&|key, text| key == "role" && text == role);
            let verb = if options.len() == 1 { "is" } else { "are" };
            told.push(format!("{} {verb} not used: {why}; leave it out", options.join(" and ")));
        }
    }
    told
}

/// What a run does, without how that was said; against addresses a lab's settings are of no
/// interest.
fn essence(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.params.clear();
    plan.system.roles.clear();
    if plan.place == Place::Targets {
        let System { reference, targets, .. } = plan.system;
        plan.system = System { reference, targets, ..System::default() };
    }
    plan
}

/// The file, and what the run makes of it.
struct Scenario<'a> {
    source: &'a str,
    plan: &'a Plan,
}

impl Scenario<'_> {
    /// Why nothing of the run uses it.
    fn why(&self, uses: Uses<'_>) -> String {
        let (document, _) = DeTable::parse_recoverable(self.source);
        let users = self.users(document.get_ref(), uses);
        let is_left_out = |user: &(String, String)| {
            let mut left_out = self.plan.left_out.iter();
            left_out.any(|item| item.kind == user.0 && item.name == user.1)
        };
        let of_system = |user: &(String, String)| user.0 == "system";
        if users.is_empty() || !users.iter().all(|user| of_system(user) || is_left_out(user)) {
            return "nothing of this run depends on it".to_owned();
        }
        let left_out = self.plan.left_out.iter();
        let left_out: Vec<_> = left_out
            .filter(|item| users.contains(&(item.kind.clone(), item.name.clone())))
            .cloned()
            .collect();
        if left_out.is_empty() {
            return "only the lab has it, and this run is against your own system".to_owned();
        }
        let told = |(why, mut items): (&str, Vec<String>)| {
            let more = items.len().saturating_sub(NAMED);
            items.truncate(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more} ({why})", items.join(", "))
        };
        let told: Vec<String> = by_reason(&left_out).into_iter().map(told).collect();
        format!("what would use it is left out: {}", told.join("; "))
    }

    /// The items of the file that use it, by kind and name; those of a deployment's steps are
    /// the steps.
    fn users(&self, document: &DeTable<'_>, uses: Uses<'_>) -> Vec<(String, String)> {
        let mut users = Vec::new();
        for (kind, value) in document {
            let kind: &str = kind.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Array(items) => {
                    let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                    for table in tables {
                        users.extend(self.users_of(kind, table, uses));
                    }
                }
                DeValue::Table(_) if kind == "system" && is_used(kind, value.get_ref(), uses) => {
                    users.push((kind.to_owned(), String::new()));
                }
                _ => {}
            }
        }
        users
    }

    fn users_of(&self, kind: &str, table: &DeTable<'_>, uses: Uses<'_>) -> Vec<(String, String)> {
        let name = self.name(table);
        let mut users = Vec::new();
        let has = |value: &DeValue<'_>, key: &str| is_used(key, value, uses);
        let mut is_own = false;
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("step", DeValue::Array(steps)) => {
                    let steps = steps.iter().filter_map(|step| step.get_ref().as_table());
                    let of = steps
                        .filter(|step| step.iter().any(|(k, v)| has(v.get_ref(), k.get_ref())));
                    let named = of.map(|step| format!("{name}/{}", self.name(step)));
                    users.extend(named.map(|step| ("step".to_owned(), step)));
                }
                (key, value) => is_own |= has(value, key),
            }
        }
        if is_own {
            users.push((kind.to_owned(), name));
        }
        users
    }

    /// The name of an item of this run.
    fn name(&self, table: &DeTable<'_>) -> String {
        let name = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
        let filled = expand(name, |param| self.plan.params.get(param).cloned());
        filled.unwrap_or_else(|_| name.to_owned())
    }
}

/// Whether a value that stands under a key uses it, or something in it does.
fn is_used(key: &str, value: &DeValue<'_>, uses: Uses<'_>) -> bool {
    match value {
        DeValue::String(text) => uses(key, text),
        DeValue::Array(list) => list.iter().any(|item| is_used(key, item.get_ref(), uses)),
        DeValue::Table(table) => {
            table.iter().any(|(key, value)| is_used(key.get_ref(), value.get_ref(), uses))
        }
        _ => false,
    }
}
