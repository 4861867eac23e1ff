//! What was offered: when an operation was due, its key and its body, as
//! functions of its number. Whoever reads what became of operations asks here.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgen::payload::{Fields, Payload};
use loadgen::{Arrival, IdentityRef, Schedule, Segment, Shape, Transport};
use scenarios::Plan;
use scenarios::plan::Workload;
use scenarios::plan::workload;
use serde_json::Value;

use crate::conduct::windows;
use crate::files;

/// The operations of every workload of a run.
#[derive(Debug, Clone, Default)]
pub struct Offered {
    /// The run.
    pub run: String,
    /// When the first phase began, as a Unix time.
    pub zero: Duration,
    /// By name. A workload whose transport or files cannot be understood is not
    /// there.
    pub workloads: BTreeMap<String, Operations>,
}

/// The operations of a workload.
#[derive(Debug, Clone)]
pub struct Operations {
    /// When each is due.
    pub schedule: Schedule,
    /// What they look like.
    pub shape: Shape,
    body: Payload,
}

impl Offered {
    /// Those of a plan, in a run that begins at `zero`.
    #[must_use]
    pub fn of(
        plan: &Plan,
        run: &str,
        targets: &BTreeMap<String, String>,
        zero: SystemTime,
    ) -> Self {
        let of = |workload: &Workload| {
            Some((workload.name.clone(), Operations::of(plan, workload, targets)?))
        };
        Self {
            run: run.to_owned(),
            zero: zero.duration_since(UNIX_EPOCH).unwrap_or_default(),
            workloads: plan.workloads.iter().filter_map(of).collect(),
        }
    }
}

impl Operations {
    /// Those of a workload of a plan; nothing where its transport or its files cannot be
    /// understood.
    pub(crate) fn of(
        plan: &Plan,
        workload: &Workload,
        targets: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let transport = Transport::from_plan(&workload.transport, targets).ok()?;
        let shape = Shape::from_plan(workload, plan.seed);
        let schedule = schedule(plan, workload, &shape).ok()?;
        let (transport, shape) = files::filled(workload, transport, shape).ok()?;
        let body = Payload::body(transport.body()?, &shape).ok()?;
        Some(Self { schedule, shape, body })
    }

    /// The body of an operation that is no poison, sent at a Unix time in
    /// milliseconds, if it is JSON.
    #[must_use]
    pub fn body(&self, identity: IdentityRef<'_>, time: u64) -> Option<Value> {
        let mut bytes = Vec::new();
        self.body.render(&Fields { identity, time, shape: &self.shape }, &mut bytes);
        serde_json::from_slice(&bytes).ok()
    }
}

/// When the operations of a workload are due.
///
/// # Errors
/// When its phases and its rate make no schedule.
pub(crate) fn schedule(
    plan: &Plan,
    workload: &Workload,
    shape: &Shape,
) -> Result<Schedule, loadgen::ScheduleError> {
    let arrival = match workload.arrival {
        workload::Arrival::Uniform => Arrival::Uniform,
        workload::Arrival::Poisson => Arrival::Poisson(shape.seed),
    };
    Schedule::of(windows(plan, workload).into_iter().map(Segment::from), arrival)
}
