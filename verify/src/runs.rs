//! The folder of all runs: which run is the latest, which there are, and which are removed.

pub mod before;
pub mod head;
mod hold;
mod latest;
pub mod list;
pub mod moment;
pub mod name;
pub mod prune;

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::folder::Folder;

use list::Listing;

pub use hold::{Held, goes_on, hold};
pub use latest::{LATEST, point};

/// Where runs are, if nobody says otherwise.
pub const RUNS: &str = "runs";

/// The folder of all runs that the surroundings name.
#[must_use]
pub fn place() -> PathBuf {
    std::env::var_os("SHAKEDOWN_OUT").filter(|out| !out.is_empty()).unwrap_or(RUNS.into()).into()
}

/// The folder of a run as the command line names it: a path; `latest`, the run that came to
/// its end last; or the name of a folder among the runs.
///
/// # Errors
/// When there is none, or it is not the folder of a run.
pub fn named(run: &Path) -> Result<Folder, Failure> {
    let folder = if run.exists() || run.components().count() > 1 {
        run.to_owned()
    } else {
        place().join(run)
    };
    if !folder.exists() && run == Path::new(LATEST) {
        return Err(Failure::usage(format!(
            "no run came to its end in {} yet, so there is no latest one; give the folder of a \
             run, or say with SHAKEDOWN_OUT where the runs are",
            place().display()
        )));
    }
    // What a link leads to now stays meant, whatever it leads to next.
    let folder = match std::fs::read_link(&folder) {
        Ok(to) => folder.parent().unwrap_or(Path::new("")).join(to),
        Err(_) => folder,
    };
    let found = Folder::at(if folder.exists() { folder } else { run.to_owned() });
    if !found.plan().exists() && !found.events().exists() {
        return Err(Failure::usage(format!(
            "{} is not the folder of a run: it has no plan.toml and no events.jsonl",
            run.display()
        )));
    }
    Ok(found)
}

/// Where `latest` leads nowhere any more, makes it lead to the run that began last of those
/// that came to a verdict, or takes it away where there is none.
///
/// # Errors
/// When the link cannot be made or taken away.
pub fn relink(runs: &Path, listing: &Listing) -> std::io::Result<()> {
    let link = runs.join(LATEST);
    if !link.is_symlink() || link.exists() {
        return Ok(());
    }
    let last = listing.runs.iter().find(|run| run.head.is_some());
    match last.and_then(|run| run.path.file_name()) {
        Some(name) => latest::link(runs, Path::new(name)),
        None => std::fs::remove_file(link),
    }
}
