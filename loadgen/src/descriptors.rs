//! How many files this process may have open; each connection is one or more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::LoadError;

/// What a run opens beside its connections and what is open already: its files, and
/// those of its threads.
const OTHERS: u64 = 32;

/// Raises the limit to what the system allows, and sees that so many files of
/// connections fit below it: the target is not to be blamed for a limit of ours.
///
/// # Errors
/// When they do not fit, with what to do about it.
pub(crate) fn make_room(files: u64) -> Result<(), LoadError> {
    let limit = getrlimit(Resource::Nofile);
    // Without leave the old limit stays, and is judged below.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let limit = getrlimit(Resource::Nofile).current;
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    fits(files, open as u64 + OTHERS, limit)
}

fn fits(files: u64, others: u64, limit: Option<u64>) -> Result<(), LoadError> {
    let needed = files.saturating_add(others);
    match limit.filter(|&limit| limit < needed) {
        None => Ok(()),
        Some(limit) => Err(LoadError::Setting {
            what: "number of open files",
            value: files.to_string(),
            problem: format!(
                "so many are for connections alone, this process needs about {needed} in all and may \
                 have {limit}; raise the limit first (ulimit -n {needed}), or use fewer connections"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_do_not_fit_are_refused_with_what_to_do() {
        assert!(fits(1_000, 40, None).is_ok());
        assert!(fits(1_000, 40, Some(1_040)).is_ok());
        let error = fits(1_000, 40, Some(1_024)).unwrap_err().to_string();
        assert!(error.contains("ulimit -n 1040"), "{error}");
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        make_room(1).unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
