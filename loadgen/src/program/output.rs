//! The files that a run leaves.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::Offered;
use super::args::{Output, Title};

pub(crate) mod csv;
pub(crate) mod html;
pub(crate) mod json;

/// Writes every file that is asked for.
pub(crate) fn write(offered: &Offered, title: &Title, output: &Output) -> anyhow::Result<()> {
    if let Some(path) = &output.ledger {
        offered.report.ledger.save(path)?;
    }
    for path in &output.jsons {
        save(path, &format!("{:#}\n", json::value(offered, title)))?;
    }
    for path in &output.csvs {
        save(path, &csv::render(&offered.rows))?;
    }
    for path in &output.htmls {
        save(path, &html::render(offered, title))?;
    }
    Ok(())
}

/// Makes sure, before a run, that a file can be written where it is asked for.
pub(crate) fn probe(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    tempfile::tempfile_in(folder)
        .map(drop)
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file, which is complete or absent: beside its place, then renamed.
fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(open)?;
        file.persist(path)?;
        anyhow::Ok(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
