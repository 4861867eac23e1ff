//! Installing what a system needs, with the machine's own package manager.

mod privileged;

use std::fs;
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::broker::rabbitmq::Installation;
use crate::broker::{postgres, redis};
use privileged::Privilege;

const SCRIPT: &str = include_str!("provision/install.sh");

/// A program that a reference system needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The broker RabbitMQ, with Erlang.
    RabbitMq,
    /// The store Redis.
    Redis,
    /// The database PostgreSQL.
    Postgres,
}

impl Need {
    /// Every need there is.
    pub const ALL: [Self; 3] = [Self::RabbitMq, Self::Redis, Self::Postgres];

    /// The program that is looked for.
    pub fn program(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq-server",
            Self::Redis => "redis-server",
            Self::Postgres => "postgres",
        }
    }

    /// The Debian or Ubuntu package that has it.
    pub fn package(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq-server",
            Self::Redis => "redis-server",
            Self::Postgres => "postgresql",
        }
    }

    /// Whether it is there.
    pub fn is_installed(self) -> bool {
        match self {
            Self::RabbitMq => Installation::find().is_ok(),
            Self::Redis => redis::find().is_some(),
            Self::Postgres => postgres::find().is_some(),
        }
    }

    /// The exact command, for an administrator, that installs it.
    pub fn install_command(self) -> String {
        format!("apt-get update && apt-get install -y --no-install-recommends {}", self.package())
    }

    pub(crate) fn missing(self) -> LabError {
        LabError::Missing { program: self.program().to_owned(), install: self.install_command() }
    }

    fn failed(self, reason: impl Into<String>) -> LabError {
        LabError::Provision {
            package: self.package().to_owned(),
            reason: reason.into(),
            install: self.install_command(),
        }
    }
}

/// Installs each of `needs` that is missing; does nothing for the others.
///
/// Works on Debian and Ubuntu, as root or with password-less `sudo`. The
/// package's own service is not started, nor PostgreSQL's first cluster made.
/// `progress` is given each line of
/// output. The package manager runs in a process group of its own, to its end,
/// so that neither Ctrl-C nor SIGKILL leaves a half-installed package; several
/// calls at once wait for each other.
///
/// # Errors
/// [`LabError::Provision`] with the command to run by hand.
pub fn provision(needs: &[Need], mut progress: impl FnMut(&str)) -> Result<(), LabError> {
    for &need in needs {
        if !need.is_installed() {
            install(need, &mut progress)?;
        }
    }
    Ok(())
}

fn install(need: Need, progress: &mut dyn FnMut(&str)) -> Result<(), LabError> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(need.failed("this machine has no apt-get"));
    }
    let privilege = Privilege::find().ok_or_else(|| {
        need.failed("this needs root, and `sudo` asks for a password or is not there")
    })?;
    // Two programs at once: the second waits, then finds the work done.
    let lock_path = lock_path();
    if let Some(folder) = lock_path.parent() {
        fs::create_dir_all(folder).map_err(LabError::file("create the folder", folder))?;
    }
    let lock = fs::OpenOptions::new().create(true).append(true).open(&lock_path);
    let lock = lock.map_err(LabError::file("open", &lock_path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| LabError::file("lock", &lock_path)(error.into()))?;
    if need.is_installed() {
        return Ok(());
    }
    privilege.run(SCRIPT, &[need.package()], progress).map_err(|reason| need.failed(reason))?;
    if need.is_installed() {
        return Ok(());
    }
    Err(need.failed(format!("the package is installed but has no {}", need.program())))
}

/// The file that two programs at once take turns by. It stays, because to remove
/// a lock file is to let a third program in; so it is not in the temporary
/// folder.
fn lock_path() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("shakedown/provision.lock")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Runs the installation script with an `apt-get` that notes its arguments
    /// and what the hook answers to it, and then ends as told.
    fn rehearse(
        package: &str,
        hook: Option<&str>,
        ending: &str,
    ) -> (Result<(), String>, Vec<String>, PathBuf) {
        let folder = tempfile::tempdir().unwrap().keep();
        let apt = folder.join("apt-get");
        let script = "#!/bin/sh\necho \"apt-get $*\"\nsh $POLICY_HOOK; echo hook $?\n";
        fs::write(&apt, format!("{script}{ending}\n")).unwrap();
        fs::set_permissions(&apt, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = folder.join("policy-rc.d");
        if let Some(text) = hook {
            fs::write(&path, text).unwrap();
        }
        let at = folder.display();
        let settings = format!(
            "export PATH={at}:$PATH POLICY_HOOK={at}/policy-rc.d CLUSTER_SETTINGS={at}/clusters\n{SCRIPT}"
        );
        let mut lines = Vec::new();
        let outcome =
            Privilege::Root.run(&settings, &[package], &mut |line| lines.push(line.to_owned()));
        (outcome, lines, path)
    }

    #[test]
    fn no_service_is_started_and_the_hook_goes_even_after_an_error() {
        for ending in ["exit 0", "exit 100"] {
            let (outcome, lines, hook) = rehearse("a-package", None, ending);
            assert_eq!(outcome.is_ok(), ending == "exit 0");
            assert!(lines.iter().any(|line| line.contains("update")), "{lines:?}");
            let install = "install -y --no-install-recommends a-package";
            assert!(lines.iter().any(|line| line.ends_with(install)), "{lines:?}");
            assert_eq!(lines.iter().filter(|line| *line == "hook 101").count(), 2, "{lines:?}");
            assert!(!hook.exists());
            fs::remove_dir_all(hook.parent().unwrap()).unwrap();
        }
    }

    #[test]
    fn a_hook_of_the_machine_stays_and_one_that_we_left_goes() {
        let (_, lines, hook) = rehearse("a-package", Some("exit 7"), "exit 0");
        assert!(lines.contains(&"hook 7".to_owned()), "{lines:?}");
        assert_eq!(fs::read_to_string(&hook).unwrap(), "exit 7");
        fs::remove_dir_all(hook.parent().unwrap()).unwrap();

        let ours = "# put here by shakedown while it installs a package\nexit 9\n";
        let (_, lines, hook) = rehearse("a-package", Some(ours), "exit 0");
        assert!(lines.contains(&"hook 101".to_owned()), "{lines:?}");
        assert!(!hook.exists());
        fs::remove_dir_all(hook.parent().unwrap()).unwrap();
    }

    #[test]
    fn postgresql_is_told_to_make_no_cluster_and_the_file_goes() {
        for (package, forbidden) in [("postgresql", true), ("a-package", false)] {
            let look = "cat ${CLUSTER_SETTINGS}/shakedown.conf; exit 0";
            let (outcome, lines, hook) = rehearse(package, None, look);
            outcome.unwrap();
            let told = lines.iter().any(|line| line == "create_main_cluster = false");
            assert_eq!(told, forbidden, "{lines:?}");
            let folder = hook.parent().unwrap();
            assert!(!folder.join("clusters").exists());
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn the_message_for_a_missing_program_says_what_to_run() {
        let message = Need::RabbitMq.missing().to_string();
        assert!(message.contains("--no-install-recommends rabbitmq-server"), "{message}");
        assert!(message.contains("--provision"), "{message}");
    }
}
