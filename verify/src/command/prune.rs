//! `verify prune`: removes the runs that nobody needs any more.

use std::path::Path;

use scenarios::units::Unit;
use serde_json::json;

use crate::cli::Prune;
use crate::exit::{self, Failure};
use crate::lines::{WIDTH, put};
use crate::runs::list::{Listing, State, list};
use crate::runs::moment::Age;
use crate::runs::prune::{Keep, Removed, candidates, chosen, finish, half_removed, remove, size};
use crate::runs::relink;

/// Removes runs, and says which and how much that gave back.
///
/// # Errors
/// When the folder of the runs cannot be read, or something could not be removed; what else
/// was to go is gone then.
pub fn prune(asked: &Prune) -> Result<u8, Failure> {
    let runs = asked.dir.as_path();
    let mut listing = super::list_runs::read(runs)?;
    let of_scenario = |name: &str| asked.scenario.as_deref().is_none_or(|only| only == name);
    listing.runs.retain(|run| of_scenario(&run.scenario));
    let candidates = candidates(&listing.runs);
    let younger_than = asked.older_than.map(|Age(age)| age);
    let keep = Keep { newest: asked.keep, younger_than };
    let mut removed = Vec::new();
    let mut failed = Vec::new();
    let mut note = |path: &Path, done: std::io::Result<Removed>| match done {
        Ok(done) => removed.push(done),
        Err(why) => failed.push(format!("{}: {why}", path.display())),
    };
    for run in chosen(&candidates, &keep) {
        let done = match asked.dry_run {
            true => Ok(Removed { path: run.path.clone(), bytes: size(&run.path) }),
            false => remove(&run.path),
        };
        note(&run.path, done);
    }
    if asked.scenario.is_none() {
        for path in half_removed(runs).map_err(Failure::environment)? {
            let done = match asked.dry_run {
                true => Ok(Removed { path: path.clone(), bytes: size(&path) }),
                false => finish(&path),
            };
            note(&path, done);
        }
    }
    if !asked.dry_run && !removed.is_empty() {
        let left = list(runs).map_err(Failure::environment)?;
        if let Err(why) = relink(runs, &left) {
            failed.push(format!("the link latest: {why}"));
        }
    }
    let going = candidates.iter().filter(|run| run.state == State::GoesOn).count();
    super::print(told(asked, &removed, &listing, candidates.len(), going).as_bytes())?;
    if failed.is_empty() {
        Ok(exit::HELD)
    } else {
        Err(Failure::environment(format!("could not remove {}", failed.join("; "))))
    }
}

/// What was done, for people or programs.
fn told(
    asked: &Prune,
    removed: &[Removed],
    listing: &Listing,
    ours: usize,
    going: usize,
) -> String {
    let bytes: u64 = removed.iter().map(|one| one.bytes).sum();
    let others = listing.runs.len() - ours + listing.unreadable.len();
    if asked.json {
        let text = json!({
            "dry_run": asked.dry_run, "removed": removed, "bytes": bytes,
            "ours": ours, "go_on": going, "not_ours": others,
            "unreadable": listing.unreadable,
        });
        return format!("{text}\n");
    }
    let mut lines = Vec::new();
    let word = if asked.dry_run { "would remove " } else { "removed      " };
    for one in removed {
        lines.push(format!(
            "{word}{} ({})",
            one.path.display(),
            Unit::Bytes.show(one.bytes as f64)
        ));
    }
    let mut sum = format!(
        "{} {} of {ours}, {}",
        if asked.dry_run { "would remove" } else { "removed" },
        if removed.len() == 1 { "1 run".to_owned() } else { format!("{} runs", removed.len()) },
        Unit::Bytes.show(bytes as f64),
    );
    if going > 0 {
        sum.push_str(&format!("; {going} may go on and stay"));
    }
    if others > 0 {
        sum.push_str(&format!(
            "; {others} that are kept by a file `keep`, renamed, or not readable stay as well"
        ));
    }
    put(&mut lines, "", &sum, WIDTH);
    let older = asked.older_than.map(|age| format!(", and whatever is not older than {age}"));
    let rule = format!(
        "kept: of each scenario the newest {}, and as many violated ones{}",
        asked.keep,
        older.unwrap_or_default()
    );
    put(&mut lines, "", &rule, WIDTH);
    format!("{}\n", lines.join("\n"))
}
