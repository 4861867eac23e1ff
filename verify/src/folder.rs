//! The folder that a run leaves: the interface to everything that looks at a
//! run later.
//!
//! [`write`] is used by the conductor alone; [`read`] gives the history back, and
//! [`follow`] gives as much of it as there is while the run goes on.

pub mod follow;
pub mod read;
pub mod write;

use std::path::{Path, PathBuf};

/// The series of the row that says of which run the samples are; its label is
/// the run's identity.
const RUN_ROW: &str = "run";

/// The SHA-256 of a text or a file, in hexadecimal digits.
#[must_use]
pub fn digest(bytes: impl AsRef<[u8]>) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A run's folder and the names of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be made or written.
    #[error("cannot write {path}: {why}; see that there is space and that you may write there, or choose another place with --out DIR", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {why}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is not readable as part of a run: {why}", path = path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Folder {
    /// An existing folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder of a run, `<scenario>-<time>-<run>`; it need not be there.
    #[must_use]
    pub fn named(parent: &Path, scenario: &str, time: &str, run: &str) -> Self {
        Self::at(parent.join(format!("{scenario}-{time}-{run}")))
    }

    /// Makes a new folder `<scenario>-<time>-<run>` with its subfolders.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(
        parent: &Path,
        scenario: &str,
        time: &str,
        run: &str,
    ) -> Result<Self, FolderError> {
        let folder = Self::named(parent, scenario, time, run);
        folder.make()?;
        Ok(folder)
    }

    /// Makes the folder with its subfolders.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self) -> Result<(), FolderError> {
        for path in [self.ledger(), self.evidence(), self.logs()] {
            std::fs::create_dir_all(&path)
                .map_err(|why| FolderError::Write { path: path.clone(), why })?;
        }
        Ok(())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file's name inside the folder.
    #[must_use]
    pub fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.path).unwrap_or(path).display().to_string()
    }

    /// Everything resolved, enough to run it again.
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.file("plan.toml")
    }

    /// What happened, one JSON object a line.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.file("events.jsonl")
    }

    /// Every sample of every probe.
    #[must_use]
    pub fn samples(&self) -> PathBuf {
        self.file("samples.csv")
    }

    /// Latencies by second, as an HDR V2 interval log.
    #[must_use]
    pub fn latency(&self) -> PathBuf {
        self.file("latency.hlog")
    }

    /// What chaos wrote before it broke something.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.file("faults.ndjson")
    }

    /// The record of the run.
    #[must_use]
    pub fn verdict(&self) -> PathBuf {
        self.file("verdict.json")
    }

    /// Outcomes and effects, compressed.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.file("ledger")
    }

    /// The outcomes of a workload.
    #[must_use]
    pub fn outcomes_of(&self, workload: &str) -> PathBuf {
        self.ledger().join(format!("{workload}.outcomes"))
    }

    /// Answers to a workload's operations that something is wrong with.
    #[must_use]
    pub fn answers_of(&self, workload: &str) -> PathBuf {
        self.ledger().join(format!("{workload}.answers.ndjson"))
    }

    /// The effects of a workload's operations at a source: the operations with
    /// at least one effect, and a list of those with more.
    #[must_use]
    pub fn effects_of(&self, source: &str, workload: &str) -> (PathBuf, PathBuf) {
        let stem = self.ledger().join(format!("{workload}.{source}"));
        (stem.with_added_extension("effects"), stem.with_added_extension("repeated.ndjson"))
    }

    /// The operations of a workload that a source found among the dead letters.
    #[must_use]
    pub fn dead_of(&self, source: &str, workload: &str) -> PathBuf {
        self.ledger().join(format!("{workload}.{source}.dead"))
    }

    /// How often the operations of a workload were tried again that a source found
    /// among the dead letters.
    #[must_use]
    pub fn tries_of(&self, source: &str, workload: &str) -> PathBuf {
        self.ledger().join(format!("{workload}.{source}.tries.json"))
    }

    /// The order of a workload's effects at a source.
    #[must_use]
    pub fn order_of(&self, source: &str, workload: &str) -> PathBuf {
        self.ledger().join(format!("{workload}.{source}.order.json"))
    }

    /// How long the operations of a workload took until their effect at a source,
    /// or until they were a dead letter.
    #[must_use]
    pub fn times_of(&self, source: &str, workload: &str, are_dead: bool) -> PathBuf {
        let what = if are_dead { "dead-times" } else { "times" };
        self.ledger().join(format!("{workload}.{source}.{what}.json"))
    }

    /// What the operations of each key came to together, at a source of that.
    #[must_use]
    pub fn aggregates_of(&self, source: &str) -> PathBuf {
        self.ledger().join(format!("{source}.aggregates.ndjson"))
    }

    /// How the records of a source follow its schema.
    #[must_use]
    pub fn schema_of(&self, source: &str) -> PathBuf {
        self.ledger().join(format!("{source}.schema.json"))
    }

    /// Every anomalous identity, in full.
    #[must_use]
    pub fn evidence(&self) -> PathBuf {
        self.file("evidence")
    }

    /// A later judgement of the run, by its number.
    #[must_use]
    pub fn recheck(&self, number: u32) -> Self {
        Self::at(self.path.join("rechecks").join(number.to_string()))
    }

    /// The output of every lab process.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.file("logs")
    }

    /// Writes a whole file at once: first beside it, then in its place, so that
    /// a reader never sees half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
        let beside = path.with_added_extension("part");
        std::fs::write(&beside, bytes)
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(|why| FolderError::Write { path: path.to_owned(), why })
    }
}
