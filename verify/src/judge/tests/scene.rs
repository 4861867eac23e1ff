//! Runs made by hand: 60 seconds with the phases of the main scenario.

use std::collections::BTreeMap;

use loadgen::{Fate, Ledger, Resent};
use reports::record::{FaultRecord, Finding, PhaseRecord};
use roaring::RoaringTreemap;
use scenarios::plan::check::{Check, CheckKind, Severity};
use scenarios::plan::fault::Victims;
use scenarios::plan::workload::{Arrival, Expect, Late, Statuses};
use scenarios::plan::{
    Fault, FaultKind, Http, PLAN_VERSION, Phase, Pick, Place, Plan, Probe, ProbeKind, Route,
    Safety, Shape, System, Transport, Workload,
};
use scenarios::template::Template;
use scenarios::units::{Rate, Span};

use crate::history::{History, PumpHistory, Sample, Times, WorkloadHistory};
use crate::judge::judge;

pub(super) const PHASES: [(&str, u64); 6] =
    [("warm-up", 3), ("baseline", 5), ("load", 28), ("faults", 12), ("recovery", 8), ("settle", 4)];
/// The names of all phases.
pub(super) const ALL: [&str; 6] = ["warm-up", "baseline", "load", "faults", "recovery", "settle"];
const LOADED: [&str; 4] = ["warm-up", "load", "faults", "recovery"];

pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) history: History,
}

impl Scene {
    pub(super) fn new() -> Self {
        let phases = PHASES.map(|(name, seconds)| Phase {
            name: name.to_owned(),
            length: Span::seconds(seconds),
            stretch: false,
        });
        let probes = [
            ("broker", ProbeKind::Rabbitmq { metrics: None, management: None }),
            ("process", ProbeKind::Process { role: "service".to_owned() }),
            (
                "errors",
                ProbeKind::Logs {
                    role: None,
                    file: None,
                    containing: vec!["E".to_owned()],
                    json: BTreeMap::new(),
                },
            ),
        ];
        let probe = |(name, kind): (&str, ProbeKind)| Probe {
            name: name.to_owned(),
            every: "500ms".parse().unwrap(),
            kind,
        };
        let plan = Plan {
            plan_version: PLAN_VERSION,
            name: "scene".to_owned(),
            title: String::new(),
            description: String::new(),
            seed: 1,
            variant: "correct".to_owned(),
            place: Place::Lab,
            system: System {
                reference: Some("publisher".to_owned()),
                replicas: 2,
                proxied: Vec::new(),
                settings: BTreeMap::new(),
                targets: BTreeMap::new(),
                roles: BTreeMap::new(),
                variants: BTreeMap::new(),
            },
            params: BTreeMap::new(),
            param_help: BTreeMap::new(),
            phases: phases.to_vec(),
            workloads: Vec::new(),
            faults: Vec::new(),
            safety: Safety::default(),
            probes: probes.map(probe).to_vec(),
            effects: Vec::new(),
            checks: Vec::new(),
            advice: Vec::new(),
            deployments: Vec::new(),
            left_out: Vec::new(),
        };
        let mut history = History::default();
        let mut from = 0.0;
        for (name, seconds) in PHASES {
            let to = from + seconds as f64;
            history.phases.push(PhaseRecord { name: name.to_owned(), from, to });
            from = to;
        }
        Self { plan, history }
    }

    /// A series with a value each half second, where there is one.
    pub(super) fn sampled(self, series: &str, value: impl Fn(f64) -> Option<f64>) -> Self {
        self.labelled(series, "", value)
    }

    pub(super) fn labelled(
        mut self,
        series: &str,
        label: &str,
        value: impl Fn(f64) -> Option<f64>,
    ) -> Self {
        let times = (0..=120).map(|step| f64::from(step) * 0.5 + 0.1);
        self.history.samples.edit(series, |samples| {
            for at in times {
                samples.extend(value(at).map(|value| Sample { at, label: label.into(), value }));
            }
            samples.sort_by(|a, b| a.at.total_cmp(&b.at));
        });
        self
    }

    /// A workload of 50 operations a second; each has a fate and a response
    /// time in microseconds by its second and its sequence.
    pub(super) fn workload(mut self, name: &str, answer: impl Fn(u64, u64) -> (Fate, u64)) -> Self {
        let mut ledger = Ledger::new("r", name);
        let mut response = Vec::new();
        let mut counts: BTreeMap<&str, f64> =
            ["due", "acked", "failed", "indeterminate", "dropped"]
                .into_iter()
                .map(|count| (count, 0.0))
                .collect();
        let mut sequence = 0;
        for second in 0..=60_u64 {
            self.count(name, second, &counts);
            let is_loaded = self.history.phases.iter().any(|phase| {
                LOADED.contains(&phase.name.as_str())
                    && (phase.from..phase.to).contains(&(second as f64))
            });
            if !is_loaded {
                continue;
            }
            let mut histogram = loadgen::latency::histogram();
            for _ in 0..50 {
                let (fate, micros) = answer(second, sequence);
                ledger.add_due(1);
                ledger.record(sequence, fate);
                sequence += 1;
                let count = match fate {
                    Fate::Acked => "acked",
                    Fate::Failed => "failed",
                    Fate::Indeterminate => "indeterminate",
                    Fate::Dropped => "dropped",
                };
                for count in ["due", count] {
                    *counts.get_mut(count).unwrap() += 1.0;
                }
                if matches!(fate, Fate::Acked | Fate::Indeterminate) {
                    histogram.record(micros).unwrap();
                }
            }
            response.push((second, Times::of(&histogram)));
        }
        let pump = PumpHistory { due_seconds: 51.0, lost_seconds: 0.1, worst_seconds: 0.02 };
        let told = WorkloadHistory {
            ledger,
            shape: loadgen::Shape::default(),
            poison: RoaringTreemap::new(),
            resent: Resent::default(),
            answers: None,
            response,
            latency: Box::default(),
            outages: Vec::new(),
            pump,
            broken: None,
            forbidden: 0,
            limits: Vec::new(),
            keys: Vec::new(),
        };
        self.history.workloads.insert(name.to_owned(), told);
        self.plan.workloads.push(Workload {
            name: name.to_owned(),
            rate: Rate(50.0),
            phases: LOADED.map(str::to_owned).to_vec(),
            connections: 4,
            timeout: Span::seconds(5),
            expect: Expect::default(),
            arrival: Arrival::default(),
            max_in_flight: None,
            workers: 1,
            late: Late::default(),
            shape: Shape::default(),
            data: None,
            body_file: None,
            schema: None,
            transport: Transport::Http(Http {
                url: Template::new("http://127.0.0.1:1/"),
                method: "POST".to_owned(),
                headers: BTreeMap::new(),
                body: Template::new("x"),
                accepted: "200".parse().unwrap(),
                refused: Statuses::none(),
                retries: 0,
                same: None,
                hit: None,
                keepalive: true,
                route: Route::default(),
                follow_redirects: 0,
                compressed: false,
                split: None,
            }),
        });
        self
    }

    fn count(&mut self, name: &str, second: u64, counts: &BTreeMap<&str, f64>) {
        let unsuccessful = counts["failed"] + counts["indeterminate"] + counts["dropped"];
        for (count, value) in counts.iter().chain([(&"unsuccessful", &unsuccessful)]) {
            self.history.samples.add(&format!("{name}.{count}"), second as f64, "", *value);
        }
    }

    /// A workload of which everything is acknowledged after 3 ms.
    pub(super) fn good_workload(self, name: &str) -> Self {
        self.workload(name, |_, sequence| (Fate::Acked, 2_900 + sequence % 200))
    }

    /// A fault in the phase `faults`, landed and healed, with one victim.
    pub(super) fn fault(mut self, name: &str, injected: f64) -> Self {
        self.plan.faults.push(Fault {
            name: name.to_owned(),
            phase: "faults".to_owned(),
            at: Span::seconds(1),
            after: None,
            heal_within: Span::seconds(5),
            again: None,
            kind: FaultKind::KillProcess(Victims {
                role: "service".to_owned(),
                pick: Pick::count(1),
            }),
        });
        self.history.faults.push(FaultRecord {
            name: name.to_owned(),
            turn_of: None,
            kind: "kill_process".to_owned(),
            planned: injected,
            injected: Some(injected),
            confirmed: Some(injected + 0.1),
            undone: Some(injected + 1.0),
            healed: Some(injected + 2.0),
            victims: vec!["service-1 (pid 17)".to_owned()],
            blocked: false,
            still_there: false,
            unhealed: false,
            problem: None,
        });
        self
    }

    pub(super) fn clone_scene(&self) -> Self {
        Self { plan: self.plan.clone(), history: self.history.clone() }
    }

    /// The finding of a check.
    pub(super) fn find(&mut self, kind: CheckKind) -> Finding {
        self.plan.checks = vec![check("it", kind)];
        judge(&self.plan, &self.history).findings.pop().unwrap()
    }
}

pub(super) fn check(name: &str, kind: CheckKind) -> Check {
    Check {
        name: name.to_owned(),
        title: "it holds".to_owned(),
        severity: Severity::Violation,
        kind,
    }
}

pub(super) fn names(phases: &[&str]) -> Vec<String> {
    phases.iter().map(|&phase| phase.to_owned()).collect()
}
