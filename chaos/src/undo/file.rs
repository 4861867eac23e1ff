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

/// Gives a file a text, or removes it, in place of one of those that faults have
/// written. Any other text was written by somebody else in the meantime, and is
/// theirs.
pub(super) fn put(path: &Path, text: Option<&str>, written: &[&str]) -> Result<String, UndoError> {
    let failed = |source| UndoError::File { what: "restore", path: path.to_owned(), source };
    let now = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let shown = path.display();
    if now.as_deref() == text {
        return Ok(format!("{shown} is as it was"));
    }
    // Whoever was killed while it wrote has left a part of the text.
    let is_ours = |now: &String| written.iter().any(|written| written.starts_with(now));
    if !now.as_ref().is_some_and(is_ours) {
        let changed = if now.is_some() { "changed" } else { "removed" };
        let (what, changed) = (shown.to_string(), format!("{changed} it"));
        return Err(UndoError::LeftAlone { what, changed });
    }
    match text {
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
        let written = ["ours", "another of ours"];
        let restore = |text| put(&path, text, &written);
        for ours in ["ours", "another of ours", "ou", ""] {
            std::fs::write(&path, ours).unwrap();
            restore(Some("theirs")).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        }
        assert!(restore(Some("theirs")).unwrap().contains("as it was"));
        std::fs::write(&path, "somebody's").unwrap();
        let error = restore(Some("theirs")).unwrap_err();
        assert!(matches!(error, UndoError::LeftAlone { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
        std::fs::write(&path, "ours").unwrap();
        restore(None).unwrap();
        assert!(!path.exists());
        restore(None).unwrap();
        remove(&path).unwrap();
        let error = restore(Some("theirs")).unwrap_err().to_string();
        assert!(error.contains("removed it"), "{error}");
    }
}
