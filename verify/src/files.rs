//! The files that workloads are made of: bodies, and rows that fill them in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use loadgen::content::{self, Content, FileError, LONGEST_BODY};
use loadgen::payload::Payload;
use loadgen::{Arrival, Data, Schedule, Segment, Shape, Transport};
use scenarios::Plan;
use scenarios::plan::Workload;
use scenarios::plan::data::Order;

use crate::conduct::windows;

/// A workload's transport and shape, with what its files hold.
///
/// # Errors
/// When a file cannot be read, or is no table.
pub(crate) fn filled(
    workload: &Workload,
    transport: Transport,
    shape: Shape,
) -> Result<(Transport, Shape), FileError> {
    let transport = match &workload.body_file {
        None => transport,
        Some(file) => {
            transport.with_body(Content::of_file(content::read(Path::new(file), LONGEST_BODY)?))
        }
    };
    let data = match &workload.data {
        None => None,
        Some(data) => Some(Arc::new(Data::read(Path::new(&data.file), data.order)?)),
    };
    Ok((transport, Shape { data, ..shape }))
}

/// Sees that the files of all workloads are there, have the columns that are
/// asked for, and rows enough.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn check(plan: &Plan) -> Result<(), String> {
    let wrong = plan.workloads.iter().filter_map(|workload| {
        let why = examine(plan, workload).err()?;
        Some(format!("workload {}: {why}", workload.name))
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn examine(plan: &Plan, workload: &Workload) -> Result<(), String> {
    if workload.data.is_none() && workload.body_file.is_none() {
        return Ok(());
    }
    // What the addresses are is of no interest here.
    let targets: BTreeMap<String, String> =
        plan.system.targets.keys().map(|key| (key.clone(), "x".to_owned())).collect();
    let transport = Transport::from_plan(&workload.transport, &targets);
    let transport = transport.map_err(|error| error.to_string())?;
    let shape = Shape::from_plan(workload, plan.seed);
    let (transport, shape) =
        filled(workload, transport, shape).map_err(|error| error.to_string())?;
    for text in transport.texts() {
        Payload::plain(text, &shape).map_err(|error| error.to_string())?;
    }
    let once = shape.data.as_ref().filter(|data| data.order() == Order::Once);
    if let Some(data) = once {
        let segments = windows(plan, workload).into_iter().map(Segment::from);
        let schedule = Schedule::of(segments, Arrival::Uniform).map_err(|e| e.to_string())?;
        if schedule.total() > data.rows() {
            return Err(format!(
                "{} has {} rows for {} operations, and each is to have one of its own; give more \
                 rows, or write order = \"in-turn\"",
                data.shown(),
                data.rows(),
                schedule.total()
            ));
        }
    }
    Ok(())
}
