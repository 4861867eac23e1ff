//! A private place for runs: everything that they write, and everything that
//! they could leave behind, is below one folder.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reports::Record;
use verify::folder::Folder;

use crate::leftovers;
use crate::program::{Profile, Program};
use crate::run::Run;

/// How long it may take until a run that has ended is cleared away. Generous:
/// it only ever runs out when something is broken.
const CLEARED: Duration = Duration::from_secs(60);

/// A folder that is removed in the end, with `tmp` for `TMPDIR` and `out` for
/// the folders of runs.
#[derive(Debug)]
pub struct Sandbox {
    folder: tempfile::TempDir,
    profile: Profile,
}

impl Sandbox {
    /// A new one; its programs are compiled with `profile`.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn new(profile: Profile) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shakedown-tests-").tempdir()?;
        // A server that does not run as root must be able to pass through.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        let sandbox = Self { folder, profile };
        for path in [sandbox.tmp(), sandbox.out()] {
            std::fs::create_dir(&path)
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        Ok(sandbox)
    }

    /// The folder itself, also good for files of a test.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where runs put what they throw away.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Where runs leave their folders.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    /// Keeps the folder for somebody to look at; gives its path.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Writes a file of a test; gives its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A command line of one of the programs, in this place, with nothing of
    /// the surroundings that could change what it does.
    ///
    /// # Errors
    /// When the program does not compile.
    pub fn command(&self, program: Program, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program.build(self.profile)?);
        command.args(arguments);
        self.dress(&mut command);
        Ok(command)
    }

    /// Puts any command into this place.
    pub fn dress(&self, command: &mut Command) {
        let ours = |name: &str| name.starts_with("SHAKEDOWN_") || name.starts_with("CARGO");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(name);
        }
        command.env("TMPDIR", self.tmp()).env("SHAKEDOWN_OUT", self.out()).current_dir(self.path());
    }

    /// Starts `verify` with these arguments.
    ///
    /// # Errors
    /// When it cannot be compiled or started.
    pub fn verify(&self, arguments: &[&str]) -> Result<Run> {
        Run::start(&mut self.command(Program::Verify, arguments)?)
    }

    /// The folders that runs have left, in the order of their names, without the link to the
    /// latest.
    #[must_use]
    pub fn runs(&self) -> Vec<PathBuf> {
        let mut runs = leftovers::entries(&self.out());
        runs.retain(|path| !path.is_symlink());
        runs.sort();
        runs
    }

    /// The folder of the only run.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn run(&self) -> Result<Folder> {
        match &self.runs()[..] {
            [run] => Ok(Folder::at(run)),
            runs => bail!("{} holds {} runs, not one", self.out().display(), runs.len()),
        }
    }

    /// The record of the only run.
    ///
    /// # Errors
    /// When it has none.
    pub fn record(&self) -> Result<Record> {
        let path = self.run()?.verdict();
        let text = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
        Record::from_json(&text).with_context(|| path.display().to_string())
    }

    /// Waits until no process and no temporary file of this place is left.
    ///
    /// # Errors
    /// What is left.
    pub fn expect_nothing_left(&self) -> Result<Duration> {
        leftovers::expect_none(self.path(), &self.tmp(), None, CLEARED)
    }

    /// Waits until nothing is left but processes with this command line, which a
    /// run has started again for their owner.
    ///
    /// # Errors
    /// What else is left.
    pub fn expect_only(&self, stays: &str) -> Result<Duration> {
        leftovers::expect_none(self.path(), &self.tmp(), Some(stays), CLEARED)
    }

    /// Waits until nothing is left, of runs that must not even leave a folder.
    ///
    /// # Errors
    /// What is left.
    pub fn expect_no_trace(&self) -> Result<()> {
        self.expect_nothing_left()?;
        let runs = self.runs();
        ensure!(runs.is_empty(), "a folder of a run that never was is left: {runs:?}");
        Ok(())
    }

    /// The folder of a run that its surroundings kept from taking place has nothing but the
    /// file that tells a CI server so.
    ///
    /// # Errors
    /// What else is there, or that the file is not.
    pub fn expect_only_junit(&self) -> Result<()> {
        let folder = self.run()?;
        let files = leftovers::entries(folder.path());
        let junit = folder.file("junit.xml");
        ensure!(files == [junit.clone()], "more is left than the JUnit file: {files:?}");
        let text = std::fs::read_to_string(junit)?;
        ensure!(text.contains("type=\"environment\""), "{text}");
        Ok(())
    }
}
