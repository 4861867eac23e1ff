//! The machine as a resource: figures of a run mean little while another run
//! shares the cores, so that only one end-to-end run has them at a time.

use std::fs::File;

use anyhow::{Context, Result};
use rustix::fs::FlockOperation;

/// The right to load the machine, until it is dropped. It also holds between
/// threads of one process, as under plain `cargo test`, and ends with the
/// process, however that ends.
#[derive(Debug)]
pub struct Machine {
    _lock: File,
}

impl Machine {
    /// Waits until nobody else has it.
    ///
    /// # Errors
    /// When the lock file cannot be had.
    pub fn acquire() -> Result<Self> {
        // Beside this executable, so that it is the same for all that were
        // built into one target folder.
        let exe = std::env::current_exe().context("where is this program?")?;
        let target = exe.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
        let folder = target.map_or_else(std::env::temp_dir, ToOwned::to_owned);
        let path = folder.join("end-to-end.lock");
        let lock =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _lock: lock })
    }
}
