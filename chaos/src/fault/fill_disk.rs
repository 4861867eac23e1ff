//! Space in a folder is taken by a file, for a while: a full disk.
//!
//! The file's name is in the undo before the file exists.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use scenarios::plan::fault::FillDisk;
use scenarios::units::Size;

use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "fill_disk",
    command: "fill-disk",
    does: "takes space in a folder with a file, for a while",
    confirmed: "the file has its blocks on the disk",
    undone: "the file is removed; a watchdog does so even if chaos is killed",
    contract: "a disk may be full; what cannot be stored must be refused, not acknowledged",
};

/// Written at once where the file system cannot reserve space.
const PIECE: usize = 1 << 20;

pub(super) fn prepare(
    asked: &FillDisk,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let folder = PathBuf::from(order.fill(&asked.folder)?);
    let failed = |source: std::io::Error| FaultError::System {
        what: format!("use the folder {}", folder.display()),
        source,
    };
    let folder = folder.canonicalize().map_err(failed)?;
    let free = free(&folder).map_err(failed)?;
    let size = match (asked.size, asked.leave) {
        (_, Some(leave)) => Size(free.saturating_sub(leave.0)),
        (Some(size), None) => size,
        (None, None) => Size(0),
    };
    if size.0 == 0 || size.0 > free {
        let what = format!("taking {} in {}", size.shown(), folder.display());
        return Err(FaultError::Blocked {
            what,
            why: format!("{} is free there", Size(free).shown()),
        });
    }
    let fit = |text: &str| text.replace(|c: char| !c.is_alphanumeric(), "-");
    let name = format!(".shakedown-fill-{}-{}", fit(scene.journal.run()), fit(&order.name));
    Ok(Box::new(Fill { path: folder.join(name), size, leave: asked.leave }))
}

/// What is to be known before a disk is filled that is not the system's alone.
pub(super) fn doubt(asked: &FillDisk, targets: &BTreeMap<String, String>) -> Option<String> {
    let folder = asked.folder.fill(targets).ok()?;
    let is_all = Path::new(&folder).canonicalize().is_ok_and(|folder| folder == Path::new("/"));
    is_all.then(|| {
        "the folder / fills the disk of the whole system; a folder of its own disk is harmless \
         to the rest of the machine"
            .to_owned()
    })
}

struct Fill {
    path: PathBuf,
    size: Size,
    /// What is to be left free, if that is what was asked for: then a disk that
    /// is full before the file has its size is as good.
    leave: Option<Size>,
}

impl Fill {
    fn failed(&self, source: std::io::Error) -> FaultError {
        FaultError::System { what: format!("fill {}", self.path.display()), source }
    }
}

/// What is free on the disk that holds this.
fn free(path: &Path) -> std::io::Result<u64> {
    let system = statvfs(path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn take(file: &File, size: u64) -> std::io::Result<()> {
    if fallocate(file, FallocateFlags::empty(), 0, size).is_err() {
        write(file, size)?;
    }
    file.sync_all()
}

fn write(mut file: &File, size: u64) -> std::io::Result<()> {
    let piece = vec![0x5a; PIECE];
    let mut left = size;
    while left > 0 {
        let now = left.min(PIECE as u64);
        std::io::Write::write_all(&mut file, &piece[..now as usize])?;
        left -= now;
    }
    Ok(())
}

#[async_trait]
impl Strike for Fill {
    fn victims(&self) -> Vec<String> {
        vec![format!("{} by {}", self.size.shown(), self.path.display())]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::RemoveFile { path: self.path.clone() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        // Made here and not by the other thread: that one goes on when this future
        // is dropped, and must not make what was just removed.
        let file = OpenOptions::new().write(true).create_new(true).open(&self.path);
        let (file, size) = (file.map_err(|e| self.failed(e))?, self.size.0);
        let taken = tokio::task::spawn_blocking(move || take(&file, size)).await;
        match taken.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Err(error) if error.kind() == ErrorKind::StorageFull && self.leave.is_some() => Ok(()),
            taken => taken.map_err(|e| self.failed(e)),
        }
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let on_disk = std::fs::metadata(&self.path).map_err(|e| self.failed(e))?.blocks() * 512;
        if on_disk >= self.size.0 {
            return Ok(());
        }
        let free = free(&self.path).map_err(|e| self.failed(e))?;
        if self.leave.is_some_and(|leave| free <= leave.0) {
            return Ok(());
        }
        let what = format!("{} of {} are on the disk", Size(on_disk).shown(), self.size.shown());
        Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        if self.path.exists() {
            let what = format!("{} is still there", self.path.display());
            return Err(FaultError::NotHealed { what, within });
        }
        Ok(Some(format!("{} are free again", self.size.shown())))
    }
}
