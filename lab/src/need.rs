//! What a server or a reference system needs to be installed, and the ways to
//! get it.

mod apt;
mod registry;
mod script;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use crate::LabError;
use crate::server::KINDS;
pub use registry::{Package, Registry};

/// Something that must be installed.
#[derive(Debug)]
pub struct Need {
    /// The program that is looked for, as messages name it.
    pub program: &'static str,
    /// How it can be had: what comes first is looked for and tried first.
    pub ways: &'static [Way],
}

/// A way to get a program.
#[derive(Debug)]
pub enum Way {
    /// It is on this machine already.
    Here {
        /// The variable of the environment that names its folder.
        variable: &'static str,
        /// Looks in that folder, and only there if it is given; else in the
        /// usual places.
        find: fn(Option<&OsStr>) -> Option<PathBuf>,
    },
    /// The package of Debian or Ubuntu that puts it there.
    Apt {
        /// The package's name.
        package: &'static str,
    },
    /// A pinned package of a registry, in the cache folder.
    Registry(&'static Package),
}

impl Need {
    /// Every need of every server that a lab can run.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        KINDS.iter().flat_map(|kind| (kind.needs)())
    }

    /// The program, or the folder of the programs, if it is there.
    pub fn find(&self) -> Option<PathBuf> {
        self.ways.iter().find_map(Way::find)
    }

    /// Whether it is there.
    pub fn is_installed(&self) -> bool {
        self.find().is_some()
    }

    /// The exact command that installs it, the first of them if there are
    /// several.
    pub fn install_command(&self) -> String {
        self.ways.iter().find_map(Way::command).unwrap_or_default()
    }

    /// That it is not there, and what to do about it.
    pub fn missing(&self) -> LabError {
        let install = self.install_command();
        let variables = self.ways.iter().filter_map(|way| match way {
            Way::Here { variable, .. } => Some(*variable),
            Way::Apt { .. } | Way::Registry(_) => None,
        });
        let variable = variables.collect::<Vec<_>>().join(" or ");
        let program = self.program.to_owned();
        if install.is_empty() {
            return LabError::ByHand { program, variable };
        }
        LabError::Missing { program, install, variable }
    }

    /// Installs it if it is missing, by the first way that works.
    fn provide(&self, progress: &mut dyn FnMut(&str)) -> Result<(), LabError> {
        let mut reasons = Vec::new();
        for way in self.ways {
            if self.is_installed() {
                return Ok(());
            }
            if let Err(reason) = way.install(self, progress)? {
                reasons.push(reason);
            }
        }
        if self.is_installed() {
            return Ok(());
        }
        if self.install_command().is_empty() {
            return Err(self.missing());
        }
        if reasons.is_empty() {
            reasons.push(format!("it is installed but has no {}", self.program));
        }
        Err(LabError::Provision {
            program: self.program.to_owned(),
            reason: reasons.join("; "),
            install: self.install_command(),
        })
    }
}

impl Way {
    fn find(&self) -> Option<PathBuf> {
        match self {
            Self::Here { variable, find } => find(std::env::var_os(variable).as_deref()),
            // What a package manager installs is then here.
            Self::Apt { .. } => None,
            Self::Registry(package) => package.find(&cache()),
        }
    }

    fn command(&self) -> Option<String> {
        match self {
            Self::Here { .. } => None,
            Self::Apt { package } => Some(apt::command(package)),
            Self::Registry(package) => Some(package.command()),
        }
    }

    /// The inner error is why this way does not lead there.
    fn install(
        &self,
        need: &Need,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Result<(), String>, LabError> {
        match self {
            Self::Here { .. } => return Ok(Ok(())),
            Self::Apt { .. } => {}
            // What the registry is asked with, in a turn of its own.
            Self::Registry(package) => {
                let tool = package.registry.tool();
                if let Some(Err(error)) = tool.map(|tool| tool.provide(progress)) {
                    return Ok(Err(error.to_string()));
                }
            }
        }
        let turn = turn()?;
        // Another program may have done the work in the meantime.
        if need.is_installed() {
            return Ok(Ok(()));
        }
        Ok(match self {
            Self::Here { .. } => Ok(()),
            Self::Apt { package } => apt::install(package, &turn, progress),
            Self::Registry(package) => package.install(&cache(), &turn, progress),
        })
    }
}

/// Installs each of `needs` that is missing; does nothing for the others.
///
/// `progress` is given each line of output. Several calls at once wait for each
/// other.
///
/// # Errors
/// [`LabError::Provision`] with the command to run by hand.
pub fn provision<'a>(
    needs: impl IntoIterator<Item = &'a Need>,
    mut progress: impl FnMut(&str),
) -> Result<(), LabError> {
    needs.into_iter().try_for_each(|need| need.provide(&mut progress))
}

/// A program in the folder that is given, and only there if one is; else on the
/// path or where packages put it.
pub(crate) fn program(name: &str, folder: Option<&OsStr>) -> Option<PathBuf> {
    let folders = match folder {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let usual = ["/usr/bin", "/usr/local/bin", "/usr/sbin"].map(PathBuf::from);
            std::env::split_paths(&path).chain(usual).collect()
        }
    };
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Waits until no other program installs anything, and keeps others from it.
fn turn() -> Result<fs::File, LabError> {
    let path = cache().join("provision.lock");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(LabError::file("create the folder", folder))?;
    }
    // It stays, because to remove a lock file is to let a third program in; so it
    // is not in the temporary folder.
    let lock = fs::OpenOptions::new().create(true).append(true).read(true).open(&path);
    let lock = lock.map_err(LabError::file("open", &path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| LabError::file("lock", &path)(error.into()))?;
    Ok(lock)
}

/// The folder for what outlives a lab: `$XDG_CACHE_HOME/shakedown`.
fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("shakedown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::rabbitmq;

    #[test]
    fn every_program_can_be_one_that_is_here_already_and_can_be_installed() {
        for need in Need::all() {
            assert!(matches!(need.ways[0], Way::Here { .. }), "{}", need.program);
            assert!(!need.install_command().is_empty(), "{}", need.program);
        }
    }

    #[test]
    fn the_message_for_a_missing_program_says_what_to_run() {
        let message = rabbitmq::NEED.missing().to_string();
        assert!(message.contains("--no-install-recommends rabbitmq-server"), "{message}");
        assert!(message.contains("--provision"), "{message}");
        assert!(message.contains("SHAKEDOWN_RABBITMQ_BIN"), "{message}");
    }
}
