//! The process probe on processes of one's own: a worker that a shell loop starts
//! again, known by the file in which it writes its id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use chaos::role::{Roles, by_file};
use chaos::victim::{Signal, Victim};
use chaos::{Process, World};
use hosts::{Ground, Guard};
use scenarios::plan::{ProbeKind, Role};
use scenarios::redact::Secrets;
use verify::probe::Processes;

use crate::support::Watch;

/// A shell that starts the worker again whenever it ends.
struct Supervised {
    shell: Child,
    file: PathBuf,
}

impl Supervised {
    fn start(folder: &Path) -> Self {
        std::fs::write(folder.join("worker.sh"), "echo $$ > w.pid; exec sleep 1000\n").unwrap();
        let looping = "while :; do sh worker.sh; done";
        let mut command = Command::new("sh");
        command.args(["-c", looping]).current_dir(folder).stdin(Stdio::null());
        Self { shell: command.spawn().unwrap(), file: folder.join("w.pid") }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        if let Some(worker) = by_file(&self.file).ok().and_then(|it| Process::find(it.pid)) {
            kill(worker);
        }
    }
}

fn kill(process: Process) {
    Victim::pin(process).unwrap().signal(Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_in_the_place_of_another_is_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let supervised = Supervised::start(folder.path());
    let file = format!("pid-file:{}", folder.path().join("w.pid").display());
    let role = Role { processes: vec![file.parse().unwrap()], ..Role::default() };
    let guard = Guard::new(Ground::Machine, &[]);
    let cast = BTreeMap::from([("worker".to_owned(), role)]);
    let roles = Arc::new(Roles::new(&cast, true, guard, &Secrets::default()).unwrap());
    let kind = ProbeKind::Process { role: "worker".to_owned() };
    let mut watch = Watch::of(kind, Some(Processes::Own(Arc::clone(&roles))));
    watch.until("the worker", |watch| watch.last("running", "w").filter(|&n| n == 1.0)).await;
    watch.until("its memory", |watch| watch.last("resident", "w").filter(|&n| n > 0.0)).await;
    assert_eq!(watch.last("restarts", "w"), Some(0.0));
    let first = roles.processes("worker").remove(0);
    assert!(roles.may_hit(&first).is_ok(), "it is neither this program nor above it");
    kill(first.clone());
    watch.until("a restart", |watch| watch.last("restarts", "w").filter(|&n| n == 1.0)).await;
    watch.until("its end", |watch| watch.last("running", "w").filter(|&n| n == 1.0)).await;
    let second = roles.processes("worker").remove(0);
    assert_ne!(second.pinned(), first.pinned());
    // Both end, and nobody starts the worker again.
    drop(supervised);
    watch.until("its absence", |watch| watch.last("running", "w").filter(|&n| n == 0.0)).await;
    assert_eq!(watch.last("restarts", "w"), Some(1.0));
    let ended = roles.changes().into_iter().filter(|change| change.what.ends_with("ended"));
    assert_eq!(ended.count(), 2);
    watch.end().await;
}
