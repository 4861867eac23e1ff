//! From the text of a scenario file to a plan.
//!
//! Every table is read by a function of its own under `file/`; references
//! between tables (phases, series, workloads) are taken down while reading and
//! resolved at the end, so that a name may be used before it is defined.

mod advice;
mod ask;
mod check;
mod deployment;
mod effects;
mod fault;
mod item;
mod links;
mod missing;
mod params;
mod phase;
mod probe;
mod prune;
mod role;
mod route;
mod safety;
mod syntax;
mod system;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use toml::de::DeTable;

use crate::plan::{Deployment, PLAN_VERSION, Place, Plan};
use crate::problem::{Problem, Problems};
use crate::program::Program;
use crate::read::{At, Context, Table};
use crate::redact::Secrets;
use crate::selector::Selector;
use crate::units::Span;
use item::{Item, NeedsLab, Out};
use links::{Key, Links};

/// What the command line says about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The keys of the addresses that were given; `None` means the lab, or for a
    /// scenario that has none, that all of them are taken to be given.
    pub targets: Option<BTreeSet<String>>,
    /// `--role ROLE=PROCESSES`: who plays a role of a system of somebody's own.
    pub roles: BTreeMap<String, Vec<Selector>>,
    /// `--role-start ROLE=COMMAND`: the program that starts a process of
    /// a role again.
    pub starts: BTreeMap<String, Program>,
    /// The variant of the reference system; only the default one goes with
    /// targets.
    pub variant: String,
    /// `--set NAME=VALUE`.
    pub set: BTreeMap<String, String>,
    /// `--skip`: the checks that are left out.
    pub skip: BTreeSet<String>,
    /// `--skip-fault`: the faults that are left out.
    pub skip_faults: BTreeSet<String>,
    /// `--duration`: the length of the phases marked `stretch`.
    pub duration: Option<Span>,
    /// `--abort-on-fail`: every check that can be judged while the run goes on ends it
    /// when it is violated.
    pub abort_on_fail: bool,
    /// `--act`: a deployment is rolled back where a check of its `roll_back_if` is violated.
    pub act: bool,
    /// Where every random choice comes from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: None,
            roles: BTreeMap::new(),
            starts: BTreeMap::new(),
            variant: "correct".to_owned(),
            set: BTreeMap::new(),
            skip: BTreeSet::new(),
            skip_faults: BTreeSet::new(),
            duration: None,
            abort_on_fail: false,
            act: false,
            seed: 1,
        }
    }
}

impl Settings {
    /// The option that leaves out the item of this kind and name, if one does.
    fn skips(&self, kind: &str, name: &str) -> Option<&'static str> {
        match kind {
            "check" if self.skip.contains(name) => Some("--skip"),
            "fault" if self.skip_faults.contains(name) => Some("--skip-fault"),
            _ => None,
        }
    }
}

/// Everything that a scenario file says, before references are resolved.
struct File {
    name: At<String>,
    title: String,
    description: String,
    system: crate::plan::System,
    phases: Vec<phase::Read>,
    workloads: Vec<Item<crate::plan::Workload>>,
    faults: Vec<Item<crate::plan::Fault>>,
    deployments: Vec<Item<Deployment>>,
    safety: crate::plan::Safety,
    probes: Vec<Item<crate::plan::Probe>>,
    effects: Vec<Item<crate::plan::Effects>>,
    checks: Vec<Item<crate::plan::Check>>,
    advice: Vec<Item<crate::plan::Advice>>,
}

/// Reads a scenario file and resolves it into a plan.
///
/// `file` is what messages call it.
///
/// # Errors
/// Every problem of the file and of the settings, at once.
pub fn plan(file: &str, source: &str, settings: &Settings) -> Result<Plan, Problems> {
    plan_for(file, source, settings, Purpose::Run)
}

/// Reads the faults of a scenario file, to carry them out without the rest. A
/// file that is made for this may leave out its title, system and checks. The
/// plan holds the faults, phases and limits alone, and the names of the checks
/// that would stop the run; addresses and roles are
/// taken to be there, and it is for the caller to see whether they are.
///
/// # Errors
/// Every problem of the file and of the settings, at once. What is not carried
/// out must be right as well.
pub fn plan_faults(file: &str, source: &str, settings: &Settings) -> Result<Plan, Problems> {
    let (roles, starts) = (BTreeMap::new(), BTreeMap::new());
    let settings = Settings { targets: None, roles, starts, ..settings.clone() };
    let mut plan = plan_for(file, source, &settings, Purpose::Faults)?;
    plan.place = Place::Targets;
    plan.workloads.clear();
    plan.probes.clear();
    plan.effects.clear();
    plan.checks.clear();
    plan.advice.clear();
    plan.deployments.clear();
    plan.left_out.retain(|item| item.kind == "fault");
    Ok(plan)
}

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A whole run.
    Run,
    /// Its faults alone.
    Faults,
}

fn plan_for(
    file: &str,
    source: &str,
    settings: &Settings,
    purpose: Purpose,
) -> Result<Plan, Problems> {
    let problems = |list: Vec<Problem>| {
        let mut secrets = Secrets::of(source);
        for (name, value) in &settings.set {
            secrets.add_setting(name, value);
        }
        Problems { file: file.to_owned(), source: source.to_owned(), list, secrets }
    };
    let (document, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        return Err(problems(syntax::problems(source, &errors)));
    }
    let context = Context::new(source);
    let links = Links::default();
    let mut table = Table::new(&context, document.get_ref(), 0..0);
    let read = read(&mut table, settings, &links, purpose);
    table.finish();
    let plan = read.into_plan(&context, settings, &links, purpose);
    let list = context.into_problems();
    if list.is_empty() { Ok(plan) } else { Err(problems(list)) }
}

/// Reads a plan that an earlier run wrote down as `plan.toml`.
///
/// # Errors
/// When the text is no plan, or one of another version.
pub fn plan_from_toml(source: &str) -> Result<Plan, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        plan_version: u32,
    }
    let version: Version = toml::from_str(source)
        .map_err(|_| "this is not a plan: it has no plan_version".to_owned())?;
    if version.plan_version != PLAN_VERSION {
        return Err(format!(
            "this plan has version {}; this program reads version {PLAN_VERSION}",
            version.plan_version
        ));
    }
    toml::from_str(source).map_err(|error| error.to_string())
}

/// Describes the language, for the JSON Schema.
pub(crate) fn describe() -> Json {
    let context = Context::default();
    let mut table = Table::described(&context);
    read(&mut table, &Settings::default(), &Links::default(), Purpose::Run);
    table.finish()
}

fn read(table: &mut Table<'_, '_>, settings: &Settings, links: &Links, purpose: Purpose) -> File {
    let faults_only = purpose == Purpose::Faults;
    params::read(table, settings);
    let name =
        item::read_name(table, "The scenario's name, as the command line and file names use it.");
    let title = if faults_only {
        table.or("title", "What is broken, in one line.", name.value.clone())
    } else {
        table.req("title", "What is proven, in one line.")
    };
    let description = table.or("description", "What breaks and why it matters.", String::new());
    let read_system = |table: &mut Table<'_, '_>| system::read(table, settings, links);
    let system = if faults_only {
        table.opt_table("system", "The system under test.", read_system).unwrap_or_default()
    } else {
        table.table("system", "The system under test.", read_system)
    };
    let why_phases = "a run lasts as long as its phases";
    let why_checks = "a scenario without checks proves nothing";
    File {
        name,
        title,
        description,
        system,
        phases: table.some_tables(
            "phase",
            "A stretch of the run; they follow one another.",
            why_phases,
            |table| phase::read(table, settings),
        ),
        workloads: table.tables("workload", "A stream of operations.", |table| {
            item::read(table, "workload", settings, links, workload::read)
        }),
        faults: table.tables("fault", "Something that is broken on purpose.", |table| {
            item::read(table, "fault", settings, links, fault::read)
        }),
        deployments: table.tables(
            "deployment",
            "What is updated, canaried and rolled back while the run goes on.",
            |table| item::read(table, "deployment", settings, links, deployment::read),
        ),
        safety: table
            .opt_table("safety", "How far the faults may go.", |table| safety::read(table, links))
            .unwrap_or_default(),
        probes: table.tables("probe", "Something that is watched.", |table| {
            item::read(table, "probe", settings, links, probe::read)
        }),
        effects: table.tables("effects", "Where effects are read.", |table| {
            item::read(table, "effects", settings, links, effects::read)
        }),
        checks: {
            let about = "Something that must hold.";
            let read = |table: &mut Table<'_, '_>| {
                item::read(table, "check", settings, links, check::read)
            };
            if faults_only {
                table.tables("check", about, read)
            } else {
                table.some_tables("check", about, why_checks, read)
            }
        },
        advice: table.tables("advice", "What to do about the system's size, and when.", |table| {
            item::read(table, "advice", settings, links, advice::read)
        }),
    }
}

impl File {
    fn into_plan(
        mut self,
        context: &Context,
        settings: &Settings,
        links: &Links,
        purpose: Purpose,
    ) -> Plan {
        self.check_duration(context, settings);
        missing::check_skips(context, &self, settings);
        let is_lab = settings.targets.is_none() && self.system.reference.is_some();
        let is_cast = !is_lab || purpose == Purpose::Faults;
        role::finish(context, &mut self.system.roles, settings, !is_cast);
        let out = links.resolve(context, &self);
        missing::report(context, &self, &out, purpose);
        let mut left_out = Vec::new();
        let mut plan = Plan {
            plan_version: PLAN_VERSION,
            name: self.name.value,
            title: self.title,
            description: self.description,
            seed: settings.seed,
            variant: settings.variant.clone(),
            place: if is_lab { Place::Lab } else { Place::Targets },
            system: self.system,
            params: context.param_values(),
            param_help: context.param_help(),
            phases: self.phases.into_iter().map(phase::Read::into_phase).collect(),
            workloads: item::keep(self.workloads, &out, &mut left_out),
            faults: item::keep(self.faults, &out, &mut left_out),
            safety: self.safety,
            probes: item::keep(self.probes, &out, &mut left_out),
            effects: item::keep(self.effects, &out, &mut left_out),
            checks: item::keep(self.checks, &out, &mut left_out),
            advice: item::keep(self.advice, &out, &mut left_out),
            deployments: item::keep(self.deployments, &out, &mut left_out),
            left_out,
        };
        // Where the faults alone are carried out, their command line casts the roles.
        if is_cast
            && purpose == Purpose::Run
            && let Err(wrong) = plan.give_to_pods()
        {
            wrong.into_iter().for_each(|why| context.problem(None, why, None));
        }
        prune::steps(&mut plan, &out);
        if settings.act && purpose == Purpose::Run {
            check_act(context, &plan, &out);
        }
        prune::lists(&mut plan);
        plan.set_ends();
        if settings.abort_on_fail && !plan.stop_at_once() {
            let message = "--abort-on-fail: only the end of the run decides about the checks of this scenario";
            context.problem(None, message, None);
        }
        let is_wanted = |(kind, _): &Key, out: &Out| kind == "check" && !out.may;
        if plan.checks.is_empty()
            && plan.left_out.iter().any(|item| item.kind == "check")
            && !out.iter().any(|(key, out)| is_wanted(key, out))
        {
            context.problem(None, "every check is left out; nothing would be judged", None);
        }
        plan
    }

    /// The items that may be left out where the run cannot do them.
    fn optional(&self) -> BTreeSet<Key> {
        fn of<T>(items: &[Item<T>]) -> impl Iterator<Item = Key> {
            let may = |item: &&Item<T>| item.optional || item.lab != NeedsLab::No;
            let optional = items.iter().filter(may);
            optional.map(|item| (item.kind.to_owned(), item.name.value.clone()))
        }
        let means = of(&self.probes).chain(of(&self.effects)).chain(of(&self.workloads));
        let means = means.chain(of(&self.faults)).chain(of(&self.deployments));
        means.chain(of(&self.checks)).chain(of(&self.advice)).collect()
    }

    /// The items that needed the lab for roles alone that somebody plays.
    fn freed(&self) -> BTreeSet<Key> {
        let mut freed = BTreeSet::new();
        self.each(|kind, name, lab| {
            if lab == NeedsLab::Freed {
                freed.insert((kind.to_owned(), name.to_owned()));
            }
        });
        freed
    }

    /// Whether all that keeps an item out is that it says that it needs the lab,
    /// and names no role itself.
    fn only_needs_lab(&self, (kind, name): &Key) -> bool {
        let mut only = false;
        self.each(|item, other, lab| {
            only |= item == kind && other == name && lab == NeedsLab::Out { names_role: false };
        });
        only
    }

    fn each(&self, mut see: impl FnMut(&'static str, &str, NeedsLab)) {
        fn of<T>(items: &[Item<T>], see: &mut impl FnMut(&'static str, &str, NeedsLab)) {
            items.iter().for_each(|item| see(item.kind, &item.name.value, item.lab));
        }
        of(&self.workloads, &mut see);
        of(&self.faults, &mut see);
        of(&self.deployments, &mut see);
        of(&self.probes, &mut see);
        of(&self.effects, &mut see);
        of(&self.checks, &mut see);
        of(&self.advice, &mut see);
    }

    fn check_duration(&self, context: &Context, settings: &Settings) {
        let Some(duration) = settings.duration else { return };
        if !self.phases.iter().any(phase::Read::stretches) {
            let message = "--duration: no phase of this scenario is marked stretch = true";
            context.problem(None, message, None);
        } else if !phase::is_whole_seconds(duration) {
            let message = format!("--duration {duration}: give whole seconds, at least one");
            context.problem(None, message, None);
        }
    }
}

/// Sees that there is a check that would have a deployment rolled back.
fn check_act(context: &Context, plan: &Plan, out: &BTreeMap<Key, Out>) {
    let named: Vec<&String> = plan.deployments.iter().flat_map(|of| &of.roll_back_if).collect();
    let why = |name: &String| {
        let out = out.get(&("check".to_owned(), name.clone()))?;
        Some(format!("{name} ({})", out.why))
    };
    let gone: Vec<String> = named.iter().filter_map(|name| why(name)).collect();
    if named.len() > gone.len() {
        return;
    }
    let why = match (&plan.deployments[..], &named[..]) {
        ([], _) => "there is no deployment in this run".to_owned(),
        (_, []) => "no deployment names checks in roll_back_if".to_owned(),
        _ => format!("every check of roll_back_if is left out: {}", gone.join(", ")),
    };
    let message = format!("--act: {why}, so that nothing would ever be rolled back");
    context.problem(None, message, Some("leave out --act".to_owned()));
}

/// Whether a text can be part of file names and identities.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
