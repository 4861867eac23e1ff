//! Effects read back. A file that is missing is no empty file: what the events
//! say was written must be there, or it is unknown what the source saw.

use std::path::Path;

use loadgen::Fate;
use roaring::RoaringTreemap;
use scenarios::plan::Plan;
use serde::Deserialize;

use super::lines::whole_lines;
use super::{Facts, Folder, is_as_written};
use crate::history::{Aggregated, Aggregates, Flaw, History, Seen, SeenWorkload};

/// Reads what every source saw.
pub(super) fn read(folder: &Folder, plan: &Plan, facts: &Facts, history: &mut History) {
    let History { effects, workloads, flaws, .. } = history;
    for source in &plan.effects {
        let Some(Ok(seen)) = effects.get_mut(&source.name) else { continue };
        // Older folders have no file of a workload of which nothing was seen, and
        // do not say so.
        let written = facts.effects.get(&source.name).cloned().flatten();
        flaws.extend(schema(folder, facts, &source.name, seen).err());
        for workload in &plan.workloads {
            let name = &workload.name;
            let known = workloads.get(name);
            let reading = Reading { folder, facts, source: &source.name, workload: name };
            let is_written = written.as_ref().is_some_and(|list| list.contains(name));
            let has_attempts =
                known.is_some_and(|known| known.ledger.due() > known.ledger.count(Fate::Dropped));
            let is_due = is_written || (written.is_none() && has_attempts);
            if let Err(flaw) = reading.effects(seen, is_due) {
                seen.unread.insert(name.clone(), flaw.why.clone());
                flaws.push(flaw);
            }
            let has_poison = known.is_some_and(|known| !known.poison.is_empty());
            let is_due = is_written || (written.is_none() && has_poison);
            flaws.extend(reading.dead(seen, is_due).err());
            flaws.extend(reading.tries(seen, is_written).err());
            let is_due = is_written || (written.is_none() && seen.workloads.contains_key(name));
            flaws.extend(reading.order(seen, is_due).err());
            flaws.extend(reading.times(seen, false).err());
            flaws.extend(reading.times(seen, true).err());
        }
        if let Some(aggregates) = &mut seen.aggregates
            && aggregates.trouble.is_none()
            && let Err(flaw) = read_aggregates(folder, facts, &source.name, aggregates)
        {
            aggregates.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
            flaws.push(flaw);
        }
    }
}

/// How the records of a source follow its schema, where the events say that they were held
/// against one.
fn schema(folder: &Folder, facts: &Facts, source: &str, seen: &mut Seen) -> Result<(), Flaw> {
    let path = folder.schema_of(source);
    let Some(schema) = seen.schema.as_mut().filter(|schema| schema.trouble.is_none()) else {
        return Ok(());
    };
    let reading = Reading { folder, facts, source, workload: "" };
    let read = reading.read(&path).and_then(|bytes| {
        serde_json::from_slice(&bytes).map_err(|error| reading.flaw(&path, error))
    });
    *schema = read.inspect_err(|flaw| {
        schema.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
    })?;
    Ok(())
}

/// The files of one workload at one source.
struct Reading<'a> {
    folder: &'a Folder,
    facts: &'a Facts,
    source: &'a str,
    workload: &'a str,
}

impl Reading<'_> {
    fn flaw(&self, path: &Path, why: impl ToString) -> Flaw {
        Flaw::of(&self.folder.name_of(path), why)
    }

    fn effects(&self, seen: &mut Seen, is_due: bool) -> Result<(), Flaw> {
        #[derive(Deserialize)]
        struct Repeated {
            sequence: u64,
            effects: u32,
        }
        let (once, more) = self.folder.effects_of(self.source, self.workload);
        if !is_due && !once.exists() && !more.exists() {
            return Ok(());
        }
        let mut told = SeenWorkload { once: self.bitmap(&once)?, ..SeenWorkload::default() };
        let lines = whole_lines(&more).map_err(|error| self.flaw(&more, error))?;
        let lines = lines.ok_or_else(|| self.flaw(&more, MISSING))?;
        self.read(&more)?;
        if lines.is_torn {
            return Err(self.flaw(&more, "its last line is torn"));
        }
        for line in lines.text.lines() {
            let row: Repeated =
                serde_json::from_str(line).map_err(|error| self.flaw(&more, error))?;
            told.more.insert(row.sequence, row.effects);
        }
        seen.workloads.insert(self.workload.to_owned(), told);
        Ok(())
    }

    fn dead(&self, seen: &mut Seen, is_due: bool) -> Result<(), Flaw> {
        let path = self.folder.dead_of(self.source, self.workload);
        let Some(dead) = seen.dead.as_mut().filter(|dead| dead.trouble.is_none()) else {
            return Ok(());
        };
        if !is_due && !path.exists() {
            return Ok(());
        }
        let found = self.bitmap(&path).inspect_err(|flaw| {
            dead.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
        })?;
        dead.workloads.insert(self.workload.to_owned(), found);
        Ok(())
    }

    fn tries(&self, seen: &mut Seen, is_due: bool) -> Result<(), Flaw> {
        let path = self.folder.tries_of(self.source, self.workload);
        let tries = seen.dead.as_mut().and_then(|dead| dead.tries.as_mut());
        let Some(tries) = tries.filter(|tries| tries.trouble.is_none()) else {
            return Ok(());
        };
        if !is_due && !path.exists() {
            return Ok(());
        }
        let tried = self.json(&path).inspect_err(|flaw| {
            tries.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
        })?;
        tries.workloads.insert(self.workload.to_owned(), tried);
        Ok(())
    }

    fn order(&self, seen: &mut Seen, is_due: bool) -> Result<(), Flaw> {
        let path = self.folder.order_of(self.source, self.workload);
        let Some(order) = seen.order.as_mut().filter(|order| order.trouble.is_none()) else {
            return Ok(());
        };
        if !is_due && !path.exists() {
            return Ok(());
        }
        let ordered = self.json(&path).inspect_err(|flaw| {
            order.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
        })?;
        order.workloads.insert(self.workload.to_owned(), ordered);
        Ok(())
    }

    fn times(&self, seen: &mut Seen, are_dead: bool) -> Result<(), Flaw> {
        let timing = if are_dead { &mut seen.dead_times } else { &mut seen.times };
        let Some(timing) = timing.as_mut().filter(|timing| timing.trouble.is_none()) else {
            return Ok(());
        };
        let path = self.folder.times_of(self.source, self.workload, are_dead);
        let told = self.read(&path).and_then(|bytes| {
            serde_json::from_slice(&bytes).map_err(|error| self.flaw(&path, error))
        });
        let told = told.inspect_err(|flaw| {
            timing.trouble = Some(format!("{}: {}", flaw.part, flaw.why));
        })?;
        timing.workloads.insert(self.workload.to_owned(), told);
        Ok(())
    }

    /// A file as the run wrote it.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Flaw> {
        as_written(self.folder, self.facts, path)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<T, Flaw> {
        let bytes = self.read(path)?;
        serde_json::from_slice(&bytes).map_err(|error| self.flaw(path, error))
    }

    fn bitmap(&self, path: &Path) -> Result<RoaringTreemap, Flaw> {
        let bytes = self.read(path)?;
        let mut rest = &bytes[..];
        let map = RoaringTreemap::deserialize_from(&mut rest)
            .map_err(|error| self.flaw(path, format!("it is damaged: {error}")))?;
        if !rest.is_empty() {
            return Err(self.flaw(path, "it is damaged: more stands behind its end"));
        }
        Ok(map)
    }
}

/// A file as the run wrote it.
fn as_written(folder: &Folder, facts: &Facts, path: &Path) -> Result<Vec<u8>, Flaw> {
    let flaw = |why: &str| Flaw::of(&folder.name_of(path), why);
    let bytes = std::fs::read(path).map_err(|error| flaw(&missing(&error)))?;
    is_as_written(folder, facts, path, &bytes).map_err(flaw)?;
    Ok(bytes)
}

fn read_aggregates(
    folder: &Folder,
    facts: &Facts,
    source: &str,
    aggregates: &mut Aggregates,
) -> Result<(), Flaw> {
    let path = folder.aggregates_of(source);
    let flaw = |why: String| Flaw::of(&folder.name_of(&path), why);
    let bytes = as_written(folder, facts, &path)?;
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let told: Aggregated = serde_json::from_slice(line).map_err(|e| flaw(e.to_string()))?;
        aggregates.keys.insert(told.key, told);
    }
    Ok(())
}

const MISSING: &str = "it is missing";

fn missing(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => MISSING.to_owned(),
        _ => error.to_string(),
    }
}
