//! Reports that the command line asks for, beside those of the run's folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reports::Record;
use reports::format::{Format, Options, render};

use crate::folder::{Folder, FolderError};

/// A report and the file that it is for: `junit=results.xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    format: Format,
    path: PathBuf,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').unwrap_or((text, ""));
        let format = format.parse::<Format>().map_err(|error| error.to_string())?;
        if path.is_empty() {
            return Err(format!("no file; write {format}={}", format.file_name()));
        }
        Ok(Self { format, path: path.into() })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.format, self.path.display())
    }
}

/// Sees to it that reports can be written, before anything else is done: whoever waits
/// hours for a file must not learn in the end that there is no folder for it.
///
/// # Errors
/// Every file that cannot be written, or is asked for twice.
pub fn check(all: &[Wanted]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (index, wanted) in all.iter().enumerate() {
        let path = &wanted.path;
        if all[..index].iter().any(|other| other.path == *path) {
            wrong.push(format!("--report {wanted}: this file is asked for twice"));
        } else if path.is_dir() {
            wrong.push(format!("--report {wanted}: this is a folder; name a file in it"));
        } else if !parent(path).is_dir() {
            let parent = parent(path).display();
            wrong.push(format!("--report {wanted}: there is no folder {parent}; make it first"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Writes the reports that are asked for, each at once: a reader never sees half of one.
///
/// # Errors
/// Every file that could not be written; the others are.
pub fn write(all: &[Wanted], record: &Record) -> Result<(), String> {
    let mut wrong = Vec::new();
    for Wanted { format, path } in all {
        let bytes = render(record, *format, Options { color: false, width: 100 });
        if let Err(FolderError::Write { why, .. }) = Folder::at(parent(path)).put(path, &bytes) {
            wrong.push(format!("cannot write {}: {why}", path.display()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The folder that a file is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Result<Wanted, String> {
        text.parse()
    }

    #[test]
    fn a_report_is_a_format_and_a_file() {
        let junit = wanted("junit=a=b.xml").unwrap();
        assert_eq!((junit.format, &*junit.path), (Format::Junit, Path::new("a=b.xml")));
        assert_eq!(wanted("junit").unwrap_err(), "no file; write junit=junit.xml");
        assert!(wanted("pdf=x").unwrap_err().contains("choose terminal"));
    }

    #[test]
    fn what_cannot_be_written_is_said_at_once_and_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let at =
            |name: &str| wanted(&format!("csv={}", folder.path().join(name).display())).unwrap();
        assert_eq!(check(&[at("a"), at("b")]), Ok(()));
        assert_eq!(check(&[wanted("csv=x.csv").unwrap()]), Ok(()));
        let wrong = check(&[at("a"), at("a"), at("none/c"), at("")]).unwrap_err();
        for says in ["twice", "no folder", "this is a folder"] {
            assert!(wrong.contains(says), "{wrong}");
        }
    }
}
