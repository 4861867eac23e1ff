//! Files that faults make or change.

use std::io;
use std::path::Path;

use super::UndoError;

pub(super) fn remove(path: &Path) -> Result<String, UndoError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(format!("removed {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(format!("{} was gone", path.display()))
        }
        Err(source) => Err(UndoError::File { what: "remove", path: path.to_owned(), source }),
    }
}

/// A text that is neither ours nor the old one was written by somebody else in
/// the meantime, and is theirs.
pub(super) fn restore(
    path: &Path,
    before: Option<&str>,
    written: &str,
) -> Result<String, UndoError> {
    let failed = |source| UndoError::File { what: "restore", path: path.to_owned(), source };
    let now = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let shown = path.display();
    if now.as_deref() == before {
        return Ok(format!("{shown} is as it was"));
    }
    // Whoever was killed while it wrote has left a part of the text.
    if !now.is_some_and(|now| written.starts_with(&now)) {
        return Ok(format!("{shown} was changed by somebody else since, and left alone"));
    }
    match before {
        Some(text) => std::fs::write(path, text).map_err(failed)?,
        None => std::fs::remove_file(path).map_err(failed)?,
    }
    Ok(format!("restored {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_restored_and_what_somebody_else_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "ours").unwrap();
        restore(&path, Some("theirs"), "ours").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert!(restore(&path, Some("theirs"), "ours").unwrap().contains("as it was"));
        std::fs::write(&path, "another's").unwrap();
        assert!(restore(&path, Some("theirs"), "ours").unwrap().contains("left alone"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another's");
        std::fs::write(&path, "ou").unwrap();
        restore(&path, Some("theirs"), "ours").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        std::fs::write(&path, "ours").unwrap();
        restore(&path, None, "ours").unwrap();
        assert!(!path.exists());
        restore(&path, None, "ours").unwrap();
        remove(&path).unwrap();
    }
}
