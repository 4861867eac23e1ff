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
/// asked for, and rows enough. Gives what is probably not meant so.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn check(plan: &Plan) -> Result<Vec<String>, String> {
    let (mut doubts, mut wrong) = (Vec::new(), Vec::new());
    for workload in &plan.workloads {
        let of = |why: String| format!("workload {}: {why}", workload.name);
        match examine(plan, workload) {
            Ok(doubt) => doubts.extend(doubt.map(of)),
            Err(why) => wrong.push(of(why)),
        }
    }
    if wrong.is_empty() { Ok(doubts) } else { Err(wrong.join("\n")) }
}

fn examine(plan: &Plan, workload: &Workload) -> Result<Option<String>, String> {
    if workload.data.is_none() && workload.body_file.is_none() {
        return Ok(None);
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
    let doubt = "its body is sent as it is and nothing beside it says @{id}; add a header, a key \
                 or the like where effects are looked for";
    Ok(transport.is_nameless().then(|| doubt.to_owned()))
}

#[cfg(test)]
mod tests {
    use scenarios::{Settings, suite};

    use super::*;

    /// The shipped scenario with these lines in its first workload, in a folder
    /// with some files.
    fn checked(lines: &str, url: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("rows.csv", &b"user\nann\n"[..]),
            ("body", b"\xff\x00"),
            ("text", b"{\"u\":\"@{user}\",\"id\":\"@{id}\"}"),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let source = suite::find("idempotent-ingest").unwrap().source;
        let source = source
            .replacen("name = \"send\"\n", &format!("name = \"send\"\n{lines}\n"), 1)
            .replacen("url = \"${target.service}${path}\"", &format!("url = \"{url}\""), 1);
        let source = match lines.contains("body_file") {
            true => source.replacen("body = \"${body}\"\n", "", 1),
            false => source,
        };
        let mut plan = scenarios::plan("s", &source, &Settings::default()).unwrap();
        plan.anchor(folder.path());
        check(&plan)
    }

    #[test]
    fn files_are_looked_at_before_the_run() {
        let rows = "data = { file = \"rows.csv\" }";
        let plain = "${target.service}${path}";
        assert_eq!(checked(rows, "${target.service}/@{user}"), Ok(Vec::new()));
        assert_eq!(checked(&format!("{rows}\nbody_file = \"text\""), plain), Ok(Vec::new()));
        let doubts = checked("body_file = \"body\"", plain).unwrap();
        assert!(doubts[0].contains("nothing beside it says @{id}"), "{doubts:?}");
        for (lines, url, hint) in [
            ("data = { file = \"none.csv\" }", plain, "none.csv cannot be read: there is no such"),
            (rows, "${target.service}/@{usr}", "did you mean @{user}?"),
            ("body_file = \"text\"", plain, "@{user} is unknown"),
            ("data = { file = \"rows.csv\", order = \"once\" }", plain, "has 1 rows for"),
        ] {
            let error = checked(lines, url).unwrap_err();
            assert!(error.starts_with("workload send: ") && error.contains(hint), "{error}");
        }
    }
}
