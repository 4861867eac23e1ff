//! Programs that this machine can start.

use std::path::Path;

use rustix::fs::{Access, access};

/// Whether a program can be started by this path or by this name in `PATH`.
#[must_use]
pub fn is_there(program: &str) -> bool {
    let can = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return can(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| can(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_that_can_be_started() {
        for there in ["sh", "/bin/sh"] {
            assert!(is_there(there), "{there}");
        }
        for other in ["no-such-program-anywhere", "/no/such", "/", "/etc/passwd", ""] {
            assert!(!is_there(other), "{other}");
        }
    }
}
