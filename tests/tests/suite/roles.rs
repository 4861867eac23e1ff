//! Processes of one's own: small services that nobody here wrote for the suite, one
//! supervised by a shell loop, one that a command starts again, hit by role.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::run::Ended;
use tests::sandbox::Sandbox;
use tests::wait;
use verify::exit;

use crate::support::{expect, not_held, sandbox, verify};

/// Generous: it only ever runs out when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes files of orders from a folder and stores the identity of each as a line,
/// until it is killed; what is in the middle is done again. `$1` is the place.
const WORKER: &str = r#"
cd "$1" || exit 1
echo $$ > worker.pid
while :; do
  for order in inbox/*; do
    [ -e "$order" ] || continue
    id=$(cat "$order")
    grep -qxF "$id" rows || printf '%s\n' "$id" >> rows
    rm -f "$order"
  done
  sleep 0.05
done
"#;

/// Starts the worker again whenever it ends, as an orchestrator would.
const SUPERVISOR: &str = r#"
while :; do
  sh "$1/worker.sh" "$1"
  sleep 0.2
done
"#;

/// Puts an order into the inbox, whole or not at all.
const SUBMIT: &str = r#"
cd "$1" || exit 1
name=$(printf %s "$SHAKEDOWN_ID" | tr / _)
printf '%s\n' "$SHAKEDOWN_ID" > "new/$name" && mv "new/$name" "inbox/$name"
"#;

/// A service and who keeps it running; both are gone when the test is.
struct Service {
    sandbox: Sandbox,
    keeper: Child,
}

impl Service {
    fn start(is_supervised: bool) -> Self {
        let sandbox = sandbox();
        for folder in ["inbox", "new"] {
            std::fs::create_dir(sandbox.path().join(folder)).unwrap();
        }
        sandbox.file("rows", "").unwrap();
        let worker = sandbox.file("worker.sh", WORKER).unwrap();
        let supervisor = sandbox.file("supervisor.sh", SUPERVISOR).unwrap();
        sandbox.file("submit.sh", SUBMIT).unwrap();
        let script = if is_supervised { supervisor } else { worker };
        let mut command = Command::new("sh");
        command.arg(script).arg(sandbox.path()).stdin(Stdio::null());
        let keeper = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let service = Self { sandbox, keeper };
        wait::until("the worker", PATIENCE, || service.worker()).unwrap();
        service
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path().join(name)
    }

    /// The worker that wrote its id last, while it runs.
    fn worker(&self) -> Option<machine::process::Pinned> {
        let text = std::fs::read_to_string(self.path("worker.pid")).ok()?;
        machine::process::Pinned::of(text.trim().parse().ok()?)
    }

    fn scenario(&self, faults: &str) -> String {
        let place = self.sandbox.path().display();
        let text = format!(
            r#"
name = "orders"
title = "an order is stored once, whatever becomes of the worker"

[system.roles.worker]
help = "what stores the orders"

[[phase]]
name = "load"
for = "8s"

[[phase]]
name = "settle"
for = "3s"

[[workload]]
name = "order"
rate = "10/s"
phases = ["load"]
command = {{ run = "sh {place}/submit.sh {place}" }}

{faults}

[[probe]]
name = "workers"
process = {{ role = "worker" }}

[[effects]]
name = "rows"
settle = "3s"
command = {{ run = "cat {place}/rows" }}

[[check]]
name = "nothing-lost"
title = "every order is stored once"
effects = {{ source = "rows", workloads = ["order"] }}

[[check]]
name = "restarts"
title = "the worker is started again after faults only"
absence = {{ series = "workers.restarts", phases = ["load", "settle"], excused_by = ["hit"] }}

[[check]]
name = "memory"
title = "the worker stays small"
bound = {{ series = "workers.resident", phases = ["settle"], max = "256MiB" }}
"#
        );
        self.sandbox.file("orders.toml", &text).unwrap().to_string_lossy().into_owned()
    }

    fn verify(&self, faults: &str, more: &[&str]) -> Ended {
        let scenario = self.scenario(faults);
        let role = format!("worker=pid-file:{}", self.path("worker.pid").display());
        let fixed = ["--scenario", &scenario, "--role", &role];
        verify(&self.sandbox, &[&fixed[..], more].concat())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        // The worker is of its keeper's, or of nobody's by now.
        if let Some(process) = self.worker().and_then(|pinned| chaos::Process::find(pinned.pid))
            && let Ok(victim) = chaos::victim::Victim::pin(process)
        {
            let _ = victim.signal(chaos::victim::Signal::KILL);
        }
    }
}

const KILL: &str = r#"
[[fault]]
name = "hit"
phase = "load"
at = "2s"
kill_process = { role = "worker" }
"#;

const STOP: &str = r#"
[[fault]]
name = "hit"
phase = "load"
at = "2s"
stop_process = { role = "worker", for = "2s" }
"#;

#[test]
fn a_supervised_worker_is_killed_by_its_role_and_the_run_is_held() {
    let service = Service::start(true);
    let before = service.worker().unwrap();
    let ended = service.verify(KILL, &["--dry-run"]);
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{}", ended.stderr);
    let whom = format!("would hit worker (pid {before}), 1 of 1");
    assert!(ended.stdout.contains(&whom), "{}", ended.stdout);
    assert!(ended.stdout.contains("worker: sh ") && before.is_alive(), "{}", ended.stdout);

    let ended = service.verify(KILL, &[]);
    let record =
        service.sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    assert!(!before.is_alive() && service.worker().is_some());
    let fault = &record.faults[0];
    assert_eq!(fault.victims, [format!("worker (pid {before})")]);
    assert!(fault.healed.is_some(), "{fault:?}");
    assert!(record.run.again.contains("--role worker=pid-file:"), "{}", record.run.again);
}

#[test]
fn a_worker_that_nobody_supervises_is_kept_down_and_started_again_for_good() {
    let service = Service::start(false);
    let ended = service.verify(STOP, &[]);
    expect(&ended, exit::USAGE, &["--role-start worker=", "--skip-fault hit"]);
    let before = service.worker().unwrap();
    let place = service.sandbox.path().display();
    let start = format!("worker=sh {place}/worker.sh {place}");
    let ended = service.verify(STOP, &["--role-start", &start]);
    let record =
        service.sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    // It outlives the run that has started it.
    let after = service.worker().unwrap();
    assert!(!before.is_alive() && after != before);
}

#[test]
fn roles_that_nobody_plays_are_said_before_the_load() {
    let service = Service::start(true);
    let scenario = service.scenario(KILL);
    let ended = verify(&service.sandbox, &["--scenario", &scenario]);
    expect(&ended, exit::USAGE, &["--role worker=pid-file:FILE", "what stores the orders"]);
    let nobody = ["--scenario", &scenario, "--role", "worker=name:no-such-wroker-anywhere"];
    let ended = verify(&service.sandbox, &nobody);
    // Processes of other names are strangers, and not listed.
    expect(&ended, exit::ENVIRONMENT, &["no process matches name:no-such-wroker"]);
    assert!(!ended.stderr.contains("running now"), "{}", ended.stderr);
    service.sandbox.expect_only_junit().unwrap();
}
