//! Faults that hold the same thing at the same time, and what each undo does then.
//!
//! The faults on a thing are a stack. What the latest of them has set is what is
//! there; the undo of another leaves that as it is. The undo of the latest sets
//! what the latest of the others has set, and the undo of the last one sets what
//! was there before the first, in whatever order they end.

use std::path::{Path, PathBuf};

use super::{Undo, UndoError, Undone, file, node, signal_all, start};
use crate::FaultError;
use crate::hold::{self, Grip, Hold, Holder, Record};
use crate::process::Pinned;
use crate::victim::Signal;

/// A thing while nobody else can land a fault on it or take one back.
pub(crate) struct Thing {
    name: String,
    record: PathBuf,
    grip: Grip,
}

/// Waits until no other fault lands on a thing or is taken back.
pub(crate) async fn grip(thing: Option<&str>) -> Result<Option<Thing>, FaultError> {
    let Some(name) = thing else { return Ok(None) };
    let record = hold::record(name);
    let grip = Grip::take(&record).await.map_err(|source| unusable(&record, source))?;
    Ok(Some(Thing { name: name.to_owned(), record, grip }))
}

fn unusable(record: &Path, source: std::io::Error) -> FaultError {
    FaultError::System { what: format!("use {}", record.display()), source }
}

impl Thing {
    /// Makes a fault one of those that hold it: its undo sets what was there before
    /// the first of them.
    pub(crate) fn claim(&mut self, by: String, undo: Undo) -> Result<Undo, FaultError> {
        if self.grip.is_damaged {
            let what = format!("use {}", self.record.display());
            let why = "it is damaged, so nobody knows who holds this beside; see with chaos \
                       recover --list that nothing is open, and remove it";
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, why);
            return Err(FaultError::System { what, source });
        }
        let (holder, undo) = join(&mut self.grip.record, &self.name, &by, undo)?;
        self.grip.add(&self.name, holder).map_err(|source| unusable(&self.record, source))?;
        let hold = Hold { record: self.record.clone(), by };
        Ok(Undo::Held { hold, undo: Box::new(undo) })
    }

    /// Writes down who takes it back should the program not.
    pub(crate) fn watched(&mut self, by: &str, watchdog: Pinned) -> Result<(), FaultError> {
        self.grip.watched(by, watchdog).map_err(|source| unusable(&self.record, source))
    }
}

/// A fault as one more holder of a thing, and its undo as one of several.
fn join(
    known: &mut Record,
    thing: &str,
    by: &str,
    undo: Undo,
) -> Result<(Holder, Undo), FaultError> {
    let mut holder = Holder::new(by.to_owned());
    let is_held = known.others(by).next().is_some();
    let undo = match undo {
        Undo::ContinueProcesses { victims } => {
            let is_ours = |id| known.holders.iter().any(|holder| holder.victims.contains(id));
            if let Some(id) = victims.iter().find(|id| id.is_stopped() && !is_ours(id)) {
                let why = format!("process {} is stopped already, by somebody else", id.pid);
                return Err(FaultError::NotLanded { why });
            }
            holder.victims.clone_from(&victims);
            Undo::ContinueProcesses { victims }
        }
        Undo::StartProcesses { starting, before, victims } => {
            // Of whoever is not there any more, too: what it has ended is still to be
            // started again.
            let others = known.holders.iter().filter(|holder| holder.by != by);
            let ran = others.map(|holder| holder.running).max();
            let before = before.max(ran.unwrap_or(0));
            holder.victims.clone_from(&victims);
            holder.running = before;
            Undo::StartProcesses { starting, before, victims }
        }
        undo => match undo.swap() {
            Some((found, set)) => {
                let is_ours = known.has_set(found.as_deref());
                if !is_ours {
                    if found.as_deref() == Some(&set) && !is_held {
                        let why = format!("{thing} is so already");
                        return Err(FaultError::NotLanded { why });
                    }
                    // Nobody held it, or somebody else has changed it since.
                    known.before.clone_from(&found);
                }
                holder.set = Some(set);
                undo.giving_back(known.before.clone())
            }
            None => undo,
        },
    };
    if !is_held {
        // What killed programs have left is this one's to take back now.
        known.holders.clear();
    }
    Ok((holder, undo))
}

/// Takes a fault back as far as nobody else holds its thing.
pub(super) async fn perform(hold: &Hold, undo: &Undo) -> Result<Undone, UndoError> {
    let mut grip = take(hold).await?;
    let known = &grip.record;
    let left_to = match undo {
        // All that is stopped is one thing: only who stops the same processes matters.
        Undo::ContinueProcesses { victims } => {
            let same = |holder: &Holder| holder.victims.iter().any(|id| victims.contains(id));
            known.others(&hold.by).filter(|(_, holder)| same(holder)).last()
        }
        _ => known.others(&hold.by).last(),
    };
    let left_to = left_to.map(|(_, holder)| holder.by.clone());
    let left =
        || format!("left to {}, which holds it still", left_to.as_deref().unwrap_or_default());
    let how = match undo {
        Undo::Expires { .. } if left_to.is_some() => left(),
        Undo::ContinueProcesses { victims } => {
            let free: Vec<Pinned> =
                victims.iter().copied().filter(|&id| !is_victim(known, &hold.by, id)).collect();
            let kept = victims.len() - free.len();
            let done =
                signal_all(&free, Signal::CONT, "CONT", |n| format!("continued {n} stopped"));
            if kept == 0 { done? } else { format!("{}; {kept} {}", done?, left()) }
        }
        Undo::StartProcesses { starting, before, victims } => {
            let down = known.others(&hold.by).flat_map(|(_, holder)| &holder.victims);
            let down = down.filter(|id| !id.is_alive() && !victims.contains(id)).count();
            let both = known.others(&hold.by).flat_map(|(_, holder)| &holder.victims);
            let both = both.filter(|id| victims.contains(id)).count();
            let started =
                start::start(starting, before.saturating_sub(down + both), victims).await?;
            if left_to.is_some() { format!("{started}; the rest {}", left()) } else { started }
        }
        undo => match undo.swap() {
            Some((before, set)) => {
                let own = known.place(&hold.by);
                let last = known.others(&hold.by).last();
                let mut known_values: Vec<&str> =
                    known.holders.iter().filter_map(|holder| holder.set.as_deref()).collect();
                known_values.push(&set);
                match last {
                    None if own.is_some() => {
                        put(undo, &known_values, known.before.as_deref()).await?
                    }
                    None => put(undo, &known_values, before.as_deref()).await?,
                    Some((place, other)) if own.is_some_and(|own| own > place) => {
                        let how = put(undo, &known_values, other.set.as_deref()).await?;
                        format!("{how}, as {} has it", other.by)
                    }
                    Some(_) => left(),
                }
            }
            None => undo.perform_alone().await?,
        },
    };
    let how = match grip.is_damaged {
        true => format!("{how}; {} was damaged and is removed", hold.record.display()),
        false => how,
    };
    grip.let_go(&hold.by).map_err(|source| failed(hold, source))?;
    Ok(Undone { how, left_to })
}

/// Says that nobody tries to take it back any more, so that others do not leave
/// the thing to it.
pub(super) async fn give_up(hold: &Hold) {
    if let Ok(mut grip) = take(hold).await {
        let _ = grip.give_up(&hold.by);
    }
}

/// Lets go of a thing that was taken back in another way, or never changed; says
/// who else holds it.
pub(super) async fn let_go(hold: &Hold) -> Result<Option<String>, UndoError> {
    let mut grip = take(hold).await?;
    let left_to = grip.record.others(&hold.by).last().map(|(_, holder)| holder.by.clone());
    grip.let_go(&hold.by).map_err(|source| failed(hold, source))?;
    Ok(left_to)
}

async fn take(hold: &Hold) -> Result<Grip, UndoError> {
    Grip::take(&hold.record).await.map_err(|source| failed(hold, source))
}

fn failed(hold: &Hold, source: std::io::Error) -> UndoError {
    UndoError::File { what: "use", path: hold.record.clone(), source }
}

fn is_victim(known: &Record, by: &str, id: Pinned) -> bool {
    known.others(by).any(|(_, holder)| holder.victims.contains(&id))
}

/// Sets a thing to a value, unless there is neither that nor one of the others
/// there.
async fn put(undo: &Undo, instead_of: &[&str], value: Option<&str>) -> Result<String, UndoError> {
    match undo {
        Undo::RestoreFile { path, .. } => file::put(path, value, instead_of),
        Undo::SetNode { node, words, .. } => match value {
            Some(value) => {
                let words: Vec<String> = value.split(' ').map(str::to_owned).collect();
                node::set(*node, &words).await
            }
            None => node::set(*node, words).await,
        },
        Undo::SetWeight { url, before, .. } => {
            crate::weight::put(url, value.unwrap_or(before), instead_of).await
        }
        #[cfg(feature = "kubernetes")]
        Undo::Kubernetes { alteration } => {
            let limits = crate::kubernetes::Limits::default();
            Ok(alteration.put(instead_of, value.unwrap_or_default(), limits).await?)
        }
        other => other.perform_alone().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Starting;

    /// Its program was killed, and what it has ended is away still.
    #[test]
    fn what_a_fault_without_a_keeper_has_ended_is_counted() {
        let left = r#"{"thing": "shops", "before": null, "holders": [{
            "by": "killed/kill", "owner": {"pid": 4000000, "start_time": 1},
            "victims": [{"pid": 4000001, "start_time": 1}], "running": 2}]}"#;
        let mut known: Record = serde_json::from_str(left).unwrap();
        let undo = Undo::StartProcesses {
            starting: Starting {
                role: "shop".to_owned(),
                processes: Vec::new(),
                start: vec!["true".to_owned()],
                folder: PathBuf::from("/"),
            },
            before: 1,
            victims: vec![Pinned { pid: 4_000_002, start_time: 1 }],
        };
        let (holder, undo) = join(&mut known, "shops", "second/stop", undo).unwrap();
        assert_eq!(holder.running, 2);
        let Undo::StartProcesses { before, .. } = undo else { panic!("{undo:?}") };
        assert_eq!(before, 2, "both are to be there in the end");
    }
}
