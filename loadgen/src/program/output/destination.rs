//! Where a result goes, opened before the run: standard output, a regular file
//! that is replaced as a whole, or whatever else is at a path, which is written
//! through.
//!
//! Only a regular file is replaced. A device, a pipe or a symbolic link has a
//! meaning of its own that a file in its place would not have.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags, access, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// The path that stands for standard output.
const STDOUT: &str = "-";

/// Leaves it to the umask who may read a new file.
const MODE: u32 = 0o666;

/// Why a result cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}; {hint}", path.display())]
pub(crate) struct Unwritable {
    path: PathBuf,
    source: io::Error,
    hint: &'static str,
}

/// Where a result goes.
#[derive(Debug)]
pub(crate) struct Destination {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Stdout,
    /// Complete or untouched: written beside its place, then renamed. A file
    /// that is there keeps its permissions.
    Beside(Option<Permissions>),
    /// Written through what is there.
    Through(File),
}

/// Whether a path stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == STDOUT
}

impl Destination {
    /// Finds out what is at a path and that it can be written, and changes
    /// nothing there. A pipe is opened when somebody reads from it.
    pub(crate) fn open(path: &Path) -> Result<Self, Unwritable> {
        let place = if is_stdout(path) { Ok(Place::Stdout) } else { place(path) };
        let place = place.map_err(|source| Unwritable::new(path, source))?;
        Ok(Self { path: path.to_owned(), place })
    }

    /// Writes a whole result.
    pub(crate) fn save(self, bytes: &[u8]) -> Result<(), Unwritable> {
        let Self { path, place } = self;
        let saved = match place {
            Place::Stdout => stdout(bytes),
            Place::Through(file) => through(file, bytes),
            Place::Beside(permissions) => replace(&path, permissions, bytes),
        };
        saved.map_err(|source| Unwritable::new(&path, source))
    }

    /// Begins a result that is written bit by bit, in place.
    pub(crate) fn stream(self) -> Result<Box<dyn Write>, Unwritable> {
        let Self { path, place } = self;
        let begun = match place {
            Place::Stdout => Ok(Box::new(io::stdout()) as Box<dyn Write>),
            Place::Through(file) => emptied(file).map(|file| Box::new(file) as _),
            Place::Beside(_) => File::create(&path).map(|file| Box::new(file) as _),
        };
        begun.map_err(|source| Unwritable::new(&path, source))
    }
}

impl Unwritable {
    fn new(path: &Path, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::NotFound => "make its folder first, or give another path",
            io::ErrorKind::PermissionDenied => "give a path that you may write",
            io::ErrorKind::StorageFull => "free some space, or give another path",
            io::ErrorKind::BrokenPipe => "whoever read from it has gone",
            _ => "give another path",
        };
        Self { path: path.to_owned(), source, hint }
    }
}

fn place(path: &Path) -> io::Result<Place> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_file() => {
            access(path, Access::WRITE_OK)?;
            match NamedTempFile::new_in(folder(path)) {
                Ok(_) => Ok(Place::Beside(Some(found.permissions()))),
                // The file may be written although its folder may not.
                Err(_) => open(path).map(Place::Through),
            }
        }
        Ok(_) => open(path).map(Place::Through),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            NamedTempFile::new_in(folder(path))?;
            Ok(Place::Beside(None))
        }
        Err(error) => Err(error),
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Opens what is there for writing, without a change. What a link points at is
/// made if it is not there.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(MODE);
    if fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        // Without this flag it would wait in silence, and a second time it
        // must not be opened: whoever reads would take the first for the end.
        let mut impatient = options.clone();
        impatient.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        match impatient.open(path) {
            Ok(pipe) => {
                let flags = fcntl_getfl(&pipe)?;
                fcntl_setfl(&pipe, flags - OFlags::NONBLOCK)?;
                return Ok(pipe);
            }
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                // Whoever closed the other end does not want to know.
                let _ =
                    writeln!(io::stderr(), "loadgen: waiting for a reader of {}", path.display());
            }
            Err(error) => return Err(error),
        }
    }
    options.open(path)
}

fn stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(bytes)?;
    out.flush()
}

fn through(file: File, bytes: &[u8]) -> io::Result<()> {
    let mut file = emptied(file)?;
    file.write_all(bytes)?;
    // A disk tells only now that it is full; a device or a pipe has no disk.
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

/// The same file without what it holds, if it holds anything.
fn emptied(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

fn replace(path: &Path, permissions: Option<Permissions>, bytes: &[u8]) -> io::Result<()> {
    let mode = Permissions::from_mode(MODE);
    let mut beside = tempfile::Builder::new().permissions(mode).tempfile_in(folder(path))?;
    beside.write_all(bytes)?;
    if let Some(permissions) = permissions {
        beside.as_file().set_permissions(permissions)?;
    }
    beside.as_file().sync_all()?;
    match beside.persist(path) {
        Ok(_) => Ok(()),
        // A file that is mounted by itself cannot be replaced.
        Err(error) if error.error.kind() == io::ErrorKind::ResourceBusy => {
            through(open(path)?, bytes)
        }
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn save(path: &Path, text: &str) {
        Destination::open(path).unwrap().save(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        save(&path, "long and old");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        save(&path, "new");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn opening_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (there, absent) = (folder.path().join("there"), folder.path().join("absent"));
        fs::write(&there, "kept").unwrap();
        drop([&there, &absent].map(|path| Destination::open(path).unwrap()));
        assert_eq!(fs::read_to_string(&there).unwrap(), "kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_its_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "what was there, longer").unwrap();
        symlink("file", &link).unwrap();
        save(&link, "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        fs::remove_file(&file).unwrap();
        save(&link, "made");
        assert_eq!(fs::read_to_string(&file).unwrap(), "made");
    }

    #[test]
    fn what_cannot_be_written_is_known_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        for bad in [folder.path().to_owned(), folder.path().join("nowhere/r")] {
            let error = Destination::open(&bad).unwrap_err().to_string();
            assert!(error.contains("cannot be written"), "{error}");
        }
    }
}
