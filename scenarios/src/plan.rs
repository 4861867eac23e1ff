//! The plan: a scenario with everything resolved that can be known before a
//! run.
//!
//! Parameters have their values, units are types, names are checked against
//! each other. Only `${target.key}` stays open, because the addresses of a lab
//! are known when it stands; it also keeps secrets out of `plan.toml`.

pub mod access;
pub mod advice;
pub mod ask;
pub mod check;
pub mod data;
pub mod deployment;
mod doubts;
pub mod effects;
pub mod fault;
mod left_out;
mod namespace;
pub mod phase;
mod pods;
pub mod probe;
pub mod role;
pub mod route;
pub mod safety;
pub mod schema_file;
mod secrets;
pub mod shape;
pub mod system;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use access::Access;
pub use advice::Advice;
pub use ask::Ask;
pub use check::{Check, CheckKind, Live, Severity, Statement};
pub use deployment::{Afterwards, Change, Deployment, Orchestrator, Step};
pub use effects::{Effects, EffectsSource, Listing};
pub use fault::{After, AfterLoad, AfterStep, Amount, Fault, FaultKind, Pick, Preference};
pub use left_out::{Cause, LeftOut, by_reason, skipped};
pub use namespace::{KUBERNETES, Namespace};
pub use phase::{Phase, Timeline};
pub use pods::PodRoles;
pub use probe::{Probe, ProbeKind};
pub use role::Role;
pub use route::Route;
pub use safety::Safety;
pub use schema_file::SchemaFile;
pub use shape::Shape;
pub use system::{Expected, System, Target, Variant};
pub use workload::{Amqp, Command, Expect, Http, Transport, Workload};

use crate::mistake::Mistake;
use crate::template::Template;
use crate::units::Span;

/// The version of the plan's own format, raised when a reader of old plans
/// would misread a new one.
pub const PLAN_VERSION: u32 = 1;

/// Everything that a run needs to know, but the addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`] of the program that wrote it.
    pub plan_version: u32,
    /// The scenario's name, a part of file names: `channel-leak`.
    pub name: String,
    /// One line that says what is proven.
    pub title: String,
    /// What breaks, and why it matters; for the report's reader.
    pub description: String,
    /// Where every random choice of the run comes from.
    pub seed: u64,
    /// The variant of the reference system; without a meaning for a system of
    /// somebody's own.
    pub variant: String,
    /// Whether the lab is started, or the addresses were given.
    pub place: Place,
    /// The system under test and the addresses by which it is reached.
    pub system: System,
    /// Every parameter with the value that this run uses.
    pub params: BTreeMap<String, String>,
    /// What every parameter is for.
    pub param_help: BTreeMap<String, String>,
    /// The stretches of the run, one after the other.
    pub phases: Vec<Phase>,
    /// What is asked of the system.
    pub workloads: Vec<Workload>,
    /// What is broken on purpose.
    pub faults: Vec<Fault>,
    /// What is updated while the run goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<Deployment>,
    /// How far the faults may go.
    #[serde(default)]
    pub safety: Safety,
    /// What is watched.
    pub probes: Vec<Probe>,
    /// Where the effects of operations are read.
    pub effects: Vec<Effects>,
    /// What must hold.
    pub checks: Vec<Check>,
    /// What to do about the system's size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// What the file asks for and this run cannot do or was told not to do.
    pub left_out: Vec<LeftOut>,
}

impl Plan {
    /// Files that the scenario names without a folder of their own are in this
    /// one.
    pub fn anchor(&mut self, folder: &Path) {
        for workload in &mut self.workloads {
            let data = workload.data.as_mut().map(|data| &mut data.file);
            for file in data.into_iter().chain(&mut workload.body_file) {
                *file = folder.join(&*file).display().to_string();
            }
        }
        for schema in self.schemas_mut() {
            schema.file = folder.join(&schema.file).display().to_string();
        }
    }

    /// Takes in the JSON Schemas that the plan names; `read` gives the text of a file.
    ///
    /// # Errors
    /// Every one that cannot be read.
    pub fn read_schemas(
        &mut self,
        mut read: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<(), Vec<Mistake>> {
        let mut wrong = Vec::new();
        let workloads = self
            .workloads
            .iter_mut()
            .map(|workload| ("workload", workload.name.clone(), workload.schema.as_mut()));
        let effects = self
            .effects
            .iter_mut()
            .map(|effects| ("effects", effects.name.clone(), effects.schema.as_mut()));
        for (kind, name, schema) in workloads.chain(effects) {
            let Some(schema) = schema else { continue };
            match read(&schema.file) {
                Ok(text) => schema.text = text,
                Err(why) => wrong.push(Mistake {
                    kind,
                    name,
                    keys: vec!["schema"],
                    why: format!("schema {}: {why}", schema.file),
                    help: None,
                }),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The JSON Schemas of its workloads and its sources of effects.
    pub fn schemas(&self) -> impl Iterator<Item = &SchemaFile> {
        let workloads = self.workloads.iter().filter_map(|workload| workload.schema.as_ref());
        workloads.chain(self.effects.iter().filter_map(|effects| effects.schema.as_ref()))
    }

    fn schemas_mut(&mut self) -> impl Iterator<Item = &mut SchemaFile> {
        let workloads = self.workloads.iter_mut().filter_map(|workload| workload.schema.as_mut());
        workloads.chain(self.effects.iter_mut().filter_map(|effects| effects.schema.as_mut()))
    }

    /// Has every check that can be judged while the run goes on end it; false where there
    /// is none.
    pub(crate) fn stop_at_once(&mut self) -> bool {
        let live = self
            .checks
            .iter()
            .filter(|check| check.severity == Severity::Violation && check.kind.is_live());
        self.safety.stop_if = live.map(|check| check.name.clone()).collect();
        self.safety.abort_on_fail = true;
        !self.safety.stop_if.is_empty()
    }

    /// Gives every fault that ends with a phase its time.
    pub(crate) fn set_ends(&mut self) {
        let timeline = self.timeline();
        let begin = |phase: &str| timeline.span(phase).map(|(from, _)| from);
        for fault in &mut self.faults {
            if let FaultKind::ShiftTraffic(shift) = &mut fault.kind
                && let Some(until) = shift.until.as_deref().and_then(begin)
                && let Some(from) = begin(&fault.phase)
            {
                shift.lasts = Span(until.saturating_sub(from + fault.at.0));
            }
        }
    }

    /// The workloads that a check reads, with parts of them and the whole of each part:
    /// what nobody answered is known of the whole alone.
    #[must_use]
    pub fn workloads_of(&self, states: &Statement<'_>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for workload in &self.workloads {
            let all = std::iter::once(workload.name.clone()).chain(workload.divisions());
            let read: Vec<String> = all.filter(|name| states.is_of(name)).collect();
            if !read.is_empty() {
                names.insert(workload.name.clone());
                names.extend(workload.parts());
            }
            names.extend(read);
        }
        names
    }

    /// The workload and the count behind a series such as `publish.acked`; `None`
    /// for a probe's.
    #[must_use]
    pub fn count_of_workload<'a>(&self, series: &'a str) -> Option<(&'a str, &'a str)> {
        let parts = series.rsplit_once('.');
        parts.filter(|(workload, _)| self.workloads.iter().any(|known| known.is_named(workload)))
    }

    /// Whether a series' first part is the name of a deployment, or of a canary of one.
    #[must_use]
    pub fn has_deployment(&self, name: &str) -> bool {
        self.deployments.iter().any(|deployment| deployment.names().any(|own| own == name))
    }

    /// Whether the processes of a role of the lab are the pods of a deployment that the run
    /// updates, so that they come and go: there a deployment is the role of its pods.
    #[must_use]
    pub fn runs_as_pods(&self, role: &str) -> bool {
        self.place == Place::Lab && self.has_deployment(role)
    }

    /// The keys of the targets that something of the run names.
    #[must_use]
    pub fn named_targets(&self) -> BTreeSet<String> {
        let Self {
            workloads, faults, deployments, safety, probes, effects, checks, advice, ..
        } = self;
        let all = json!([workloads, faults, deployments, safety, probes, effects, checks, advice]);
        let mut named = BTreeSet::new();
        each_text(&all, &mut |text: &str| named.extend(Template::new(text).targets()));
        named
    }

    /// The phases as spans of time since the start of the first one.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        Timeline::new(&self.phases)
    }

    /// Every role that a fault or a probe names.
    pub fn roles_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let faults = self.faults.iter_mut().filter_map(|fault| fault.kind.role_mut());
        faults.chain(self.probes.iter_mut().filter_map(|probe| probe.kind.role_mut()))
    }
}

/// Every text of a value, wherever it stands.
fn each_text(value: &Json, see: &mut impl FnMut(&str)) {
    match value {
        Json::String(text) => see(text),
        Json::Array(list) => list.iter().for_each(|value| each_text(value, see)),
        Json::Object(values) => values.values().for_each(|value| each_text(value, see)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Where the system under test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Private brokers and the reference system as child processes.
    Lab,
    /// Somebody's own system, reached by addresses.
    Targets,
}
