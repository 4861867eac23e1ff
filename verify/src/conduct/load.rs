//! The workloads of a plan, running.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use hosts::{GuardError, Refusals, Refused};
use loadgen::{Answers, Job, Ledger, LoadError, Ready, Running, Second, Shape, Transport, Window};
use scenarios::Plan;
use scenarios::plan::workload;
use scenarios::plan::{Expect, Workload};
use scenarios::redact::{Secrets, redact};

use super::{ConductError, Order};
use crate::clock::Clock;
use crate::effects::offered::schedule;
use crate::event::WorkloadSummary;
use crate::files;
use crate::guards::GuardsError;
use crate::history::PumpHistory;

/// Workloads that are checked, with targets that lead nowhere that nobody
/// allowed. Nothing was sent yet.
pub(super) struct Waiting(Vec<(String, String, Vec<Window>, Expect, Ready)>);

/// Running workloads.
pub(super) struct Loads {
    list: Vec<Load>,
    /// When no more operations were to come due, in time since the start.
    stopped: Cell<Duration>,
}

struct Load {
    name: String,
    target: String,
    windows: Vec<Window>,
    expect: Expect,
    running: Running,
}

/// What a workload leaves.
pub(super) struct Report {
    pub(super) ledger: Ledger,
    pub(super) answers: Option<Answers>,
    pub(super) summary: WorkloadSummary,
}

impl Waiting {
    /// Makes every workload of the plan ready, before anything begins.
    ///
    /// # Errors
    /// Every host at once that targets lead on to and nobody allowed; else the
    /// first workload that cannot be made ready.
    pub(super) fn prepare(
        order: &Order,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, ConductError> {
        let (mut list, mut refused) = (Vec::new(), Vec::new());
        for workload in &order.plan.workloads {
            let failed = |why: String| ConductError::Load { workload: workload.name.clone(), why };
            let windows = windows(&order.plan, workload);
            let job = job(order, workload, targets).map_err(failed)?;
            let target = describe(&job.transport, &order.secrets);
            match job.ready() {
                Ok(ready) => {
                    list.push((workload.name.clone(), target, windows, workload.expect, ready));
                }
                Err(LoadError::Guard(GuardError::Refused(refusals))) => {
                    let of = |what| format!("workload {} ({what})", workload.name);
                    let named = |known: Refused| Refused { what: of(known.what), ..known };
                    refused.push(Refusals {
                        list: refusals.list.into_iter().map(named).collect(),
                        ..refusals
                    });
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        match refused.into_iter().reduce(|mut all, more| {
            all.list.extend(more.list);
            all
        }) {
            Some(refusals) => Err(GuardsError::from(GuardError::from(refusals)).into()),
            None => {
                let room = loadgen::room_for(list.iter().map(|(.., ready)| ready));
                room.map_err(|error| ConductError::Load {
                    workload: names(&order.plan),
                    why: error.to_string(),
                })?;
                Ok(Self(list))
            }
        }
    }

    /// Starts all of them.
    ///
    /// # Errors
    /// When one has no threads.
    pub(super) fn start(self, clock: Clock) -> Result<Loads, ConductError> {
        let mut list = Vec::new();
        for (name, target, windows, expect, ready) in self.0 {
            let running = ready.start(clock.zero(), clock.zero_wall(), None);
            let running = running.map_err(|error| ConductError::Load {
                workload: name.clone(),
                why: error.to_string(),
            })?;
            list.push(Load { name, target, windows, expect, running });
        }
        Ok(Loads { list, stopped: Cell::new(Duration::MAX) })
    }
}

impl Loads {
    /// The seconds of each workload as they are settled.
    pub(super) fn seconds(&mut self) -> Vec<(String, Receiver<Second>)> {
        let sealed = |load: &mut Load| Some((load.name.clone(), load.running.sealed()?));
        self.list.iter_mut().filter_map(sealed).collect()
    }

    /// The figures so far, by workload.
    pub(super) fn progress(&self) -> Vec<(&str, loadgen::Progress)> {
        self.list.iter().map(|load| (load.name.as_str(), load.running.progress())).collect()
    }

    /// The counters of each workload.
    pub(super) fn counters(&self) -> Vec<(String, loadgen::Counters)> {
        self.list.iter().map(|load| (load.name.clone(), load.running.counters())).collect()
    }

    /// Lets no more operations come due from `at` on.
    pub(super) fn stop(&self, at: Duration) {
        self.stopped.set(at);
        for load in &self.list {
            load.running.stop();
        }
    }

    pub(super) fn are_finished(&self) -> bool {
        self.list.iter().all(|load| load.running.is_finished())
    }

    /// What each workload leaves; waits for the last answers.
    pub(super) fn reports(self) -> Vec<(String, Report)> {
        let stopped = self.stopped.get();
        self.list.into_iter().map(|load| (load.name.clone(), report(load, stopped))).collect()
    }
}

/// The workloads of a plan, for people.
fn names(plan: &Plan) -> String {
    let names = plan.workloads.iter().map(|workload| workload.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

/// A workload as the generator takes it.
fn job(
    order: &Order,
    workload: &Workload,
    targets: &BTreeMap<String, String>,
) -> Result<Job, String> {
    let transport =
        Transport::from_plan(&workload.transport, targets).map_err(|error| error.to_string())?;
    let shape = Shape::from_plan(workload, order.plan.seed);
    let filled = files::filled(workload, transport, shape).map_err(|error| error.to_string())?;
    let (transport, mut shape) = filled;
    if let Some(body) = &workload.shape.poison_body {
        let body = body.fill(targets).map_err(|error| error.to_string())?;
        shape = shape.with_poison_body(&body).map_err(|error| format!("poison_body: {error}"))?;
    }
    let schedule = schedule(&order.plan, workload, &shape).map_err(|error| error.to_string())?;
    Ok(Job {
        shape,
        connections: workload.connections,
        timeout: workload.timeout.0,
        workers: workload.workers,
        max_in_flight: workload.max_in_flight,
        late: match workload.late {
            workload::Late::Queue => loadgen::Late::Queue,
            workload::Late::Drop => loadgen::Late::Drop,
        },
        grace: workload.timeout.0,
        allowed: order.plan.safety.allowed.clone(),
        ..Job::new(&order.run, &workload.name, schedule, transport)
    })
}

fn report(load: Load, stopped: Duration) -> Report {
    let Load { name, target, windows, expect, running } = load;
    let lasted = |window: &Window| window.to.min(stopped).saturating_sub(window.from);
    let due_seconds = windows.iter().map(|window| lasted(window).as_secs_f64()).sum();
    let summary = WorkloadSummary { target, due_seconds, ..WorkloadSummary::default() };
    match running.wait() {
        Ok(report) => Report {
            summary: WorkloadSummary {
                // Where refusals are meant, every stretch is without a success.
                outages: report
                    .outages
                    .iter()
                    .filter(|_| expect == Expect::Accepted)
                    .map(|outage| reports::record::Outage {
                        from: outage.from.as_secs_f64(),
                        to: outage.to.as_secs_f64(),
                        operations: outage.operations,
                    })
                    .collect(),
                errors: report.errors.clone(),
                forbidden: report.forbidden,
                limits: limits(&report.limits),
                resent: report.duplicates,
                keys: report
                    .parts
                    .iter()
                    .map(|part| (part.value.clone(), part.keys.clone()))
                    .collect(),
                answers: report.answers.as_ref().map(|answers| answers.counts),
                pump: PumpHistory {
                    due_seconds,
                    lost_seconds: report.pump.lost.as_secs_f64(),
                    worst_seconds: report.pump.worst.as_secs_f64(),
                },
                ..summary
            },
            ledger: report.ledger,
            answers: report.answers,
        },
        Err(error) => Report {
            ledger: Ledger::new("", &name),
            answers: None,
            summary: WorkloadSummary { broken: Some(error.to_string()), ..summary },
        },
    }
}

/// What this machine had no more of, with what to do about it.
fn limits(met: &[(loadgen::Limit, u64)]) -> Vec<(String, u64)> {
    met.iter().map(|(limit, count)| (format!("{limit}; {}", limit.advice()), *count)).collect()
}

/// The stretches of time in which operations come due; phases that touch give
/// one.
pub(crate) fn windows(plan: &Plan, workload: &Workload) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (name, from, to) in plan.timeline().iter() {
        if !workload.phases.iter().any(|phase| phase == name) {
            continue;
        }
        match windows.last_mut() {
            Some(last) if last.to == from => last.to = to,
            _ => windows.push(Window { from, to, rate: workload.rate }),
        }
    }
    windows
}

/// What a workload does, for people.
fn describe(transport: &Transport, secrets: &Secrets) -> String {
    match transport {
        Transport::Http(http) => {
            format!("{} {}{}", http.method, redact(&http.url), http.route)
        }
        Transport::Amqp(amqp) => format!(
            "publish to {}, exchange {:?}, key {:?}",
            redact(&amqp.url),
            amqp.exchange,
            amqp.routing_key
        ),
        Transport::Redis(redis) => format!("add to {}", redact(&redis.url)),
        Transport::Kafka(kafka) => {
            format!("write to topic {} of {}", kafka.topic, redact(&kafka.brokers))
        }
        Transport::Command(command) => {
            // A part of a secret could not be told any more.
            let shown = match &command.words[..] {
                [sh, flag, text] if (&**sh, &**flag) == ("sh", "-c") => secrets.hide(text),
                words => secrets.hide(&words.join(" ")),
            };
            let shown: String = shown.chars().take(120).collect();
            format!("run {shown}")
        }
    }
}

/// How far a workload's counts may be behind before a second counts as settled.
pub(super) const SETTLING: Duration = Duration::from_millis(200);
