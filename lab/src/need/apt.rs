//! Installing a package of Debian or Ubuntu, as root or with password-less
//! `sudo`.
//!
//! The package's own service is not started, nor PostgreSQL's first cluster
//! made. The package manager runs in a process group of its own, to its end, so
//! that neither Ctrl-C nor SIGKILL leaves a half-installed package.

use std::fs::File;
use std::path::Path;

use super::script::Runner;

const SCRIPT: &str = include_str!("apt.sh");

/// The exact command, for an administrator, that installs a package.
pub(super) fn command(package: &str) -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {package}")
}

/// Installs a package; the error is in words.
pub(super) fn install(
    package: &str,
    turn: &File,
    progress: &mut dyn FnMut(&str),
) -> Result<(), String> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("this machine has no apt-get".to_owned());
    }
    let runner = Runner::as_root()
        .ok_or("apt-get needs root, and `sudo` asks for a password or is not there")?;
    runner.run(SCRIPT, &[package], turn, progress)
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        let turn = tempfile::tempfile().unwrap();
        let push = &mut |line: &str| lines.push(line.to_owned());
        let outcome = Runner::Direct.run(&settings, &[package], &turn, push);
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
}
