//! One process of a reference system: a port of its own, the arguments that the
//! lab writes down for it, and its life until SIGTERM.

use std::fs::{self, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Replica, System, diary::Diary};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::port::Shared;
use crate::{Lab, LabError, Patience, http};

/// What stands before a system's name in the hidden subcommand of its processes.
pub(crate) const SUBCOMMAND: &str = "__system-";

/// A process that is to be, with the private port that it comes back to after
/// each restart.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    role: String,
    port: Shared,
}

impl Place {
    /// The `number`th process of a role.
    pub(crate) fn reserve(role: &str, number: u16) -> Result<Self, LabError> {
        let (name, role) = (format!("{role}-{number}"), role.to_owned());
        Ok(Self { name, role, port: Shared::reserve()? })
    }

    /// `127.0.0.1:PORT`, where this process alone answers.
    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    /// Starts this very program as a process of the system.
    ///
    /// The arguments go by a file that only its owner can read: a command line
    /// is there for everybody on the machine, and addresses hold passwords.
    pub(crate) fn start(
        &self,
        lab: &Lab,
        system: &dyn System,
        arguments: &impl Serialize,
        patience: Patience<'_>,
    ) -> Result<(), LabError> {
        let file = lab.scratch().join(format!("{}.json", self.name));
        write(&file, arguments).map_err(LabError::file("write", &file))?;
        let subcommand = format!("{SUBCOMMAND}{}", system.name());
        let argv = [lab.exe().as_os_str(), subcommand.as_ref(), file.as_os_str()];
        let spec = ProcessSpec::new(&self.name, &self.role, argv)
            .cwd(lab.scratch())
            .restart(Restart::Always);
        lab.run(spec, patience).map(drop)
    }

    /// Waits until the process says that it is healthy.
    fn wait_until_healthy(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        let log = lab.log(&self.name);
        let what = format!("{} to become healthy (its log is {})", self.name, log.display());
        lab.wait_for(patience, &what, |_| {
            let answer = http::get(self.port.port(), "/health", None).ok()?;
            (answer.status == 200).then_some(())
        })
    }
}

/// Waits until every process is healthy; gives them with their ports.
pub(crate) fn all_healthy(
    lab: &Lab,
    places: Vec<Place>,
    patience: Patience<'_>,
) -> Result<(Vec<Replica>, Vec<Shared>), LabError> {
    places.iter().try_for_each(|place| place.wait_until_healthy(lab, patience))?;
    let shown = |place: Place| {
        let url = format!("http://{}", place.address());
        (Replica { name: place.name, role: place.role, url }, place.port)
    };
    Ok(places.into_iter().map(shown).unzip())
}

/// Runs one process until SIGTERM, with the arguments of a file; gives its exit
/// code.
pub(crate) fn run<A, F>(file: &Path, serve: impl FnOnce(A) -> F) -> u8
where
    A: DeserializeOwned,
    F: Future<Output = io::Result<()>>,
{
    let arguments = match read(file) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("the arguments in {} cannot be read: {error}", file.display());
            return 2;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(serve(arguments))) {
        Ok(()) => 0,
        Err(error) => {
            Diary.error("start_failed", &format!("the process cannot serve: {error}"));
            1
        }
    }
}

/// Writes what a process is told, for its owner alone to read.
pub(crate) fn write(file: &Path, arguments: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(arguments)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600).open(file)?.write_all(&text)
}

fn read<A: DeserializeOwned>(file: &Path) -> io::Result<A> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_the_lab_writes_is_what_the_process_reads_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker-1.json");
        for url in ["redis://:a-long-secret@127.0.0.1:1", "redis://127.0.0.1:1"] {
            let arguments = BTreeMap::from([("redis".to_owned(), url.to_owned())]);
            write(&file, &arguments).unwrap();
            assert_eq!(read::<BTreeMap<String, String>>(&file).unwrap(), arguments);
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
