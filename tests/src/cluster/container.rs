//! One container of a pod: a process of this machine, or nothing that only waits.

use std::time::{Duration, Instant};

use chaos::Process;
use chaos::victim::{Signal, Victim};
use lab::{Lab, Patience, ProcessSpec};
use serde_json::{Value, json};

use super::images::Image;
use super::probe::Probe;

const START_WITHIN: Duration = Duration::from_secs(60);
/// The first start after an end is at once, as a kubelet does it; then it waits for
/// this long, and each time twice as long.
const BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// When a container is started again that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Always,
    OnFailure,
    Never,
}

impl Policy {
    pub(super) fn read(text: &str) -> Self {
        match text {
            "OnFailure" => Self::OnFailure,
            "Never" => Self::Never,
            _ => Self::Always,
        }
    }

    fn starts_again(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}

/// How a container has ended.
#[derive(Debug, Clone)]
struct End {
    code: i32,
    signal: Option<i32>,
    started: String,
    finished: String,
}

#[derive(Debug, Clone)]
enum State {
    /// Not started, or to be started again then.
    Due(Instant),
    Absent,
    Running {
        since: String,
    },
    Ended(End),
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: String,
    /// Of its process in the lab.
    pub(super) process: String,
    image: String,
    what: Image,
    environment: Vec<(String, String)>,
    policy: Policy,
    state: State,
    restarts: u32,
    last: Option<End>,
    probe: Option<Probe>,
}

impl Container {
    /// Reads it from a pod's specification; `own` is the environment that every
    /// container of the pod has.
    pub(super) fn new(
        spec: &Value,
        what: Image,
        process: String,
        own: &[(String, String)],
        policy: Policy,
        address: &str,
    ) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(text).collect()
        };
        let mut environment = own.to_vec();
        for variable in spec["env"].as_array().into_iter().flatten() {
            let field = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
            let value = match field.map(own_name) {
                Some(name) => own.iter().find(|(own, _)| own == name).map(|(_, v)| v.clone()),
                None => Some(filled(&text(&variable["value"]), &environment)),
            };
            environment.push((text(&variable["name"]), value.unwrap_or_default()));
        }
        let what = match what {
            Image::Runs(entry) => {
                let command = list(&spec["command"]);
                let mut line = if command.is_empty() { entry } else { command };
                line.extend(list(&spec["args"]));
                Image::Runs(line.iter().map(|word| filled(word, &environment)).collect())
            }
            waits_or_absent => waits_or_absent,
        };
        Self {
            name: text(&spec["name"]),
            process,
            image: text(&spec["image"]),
            state: match what {
                Image::Absent => State::Absent,
                Image::Waits | Image::Runs(_) => State::Due(Instant::now()),
            },
            probe: matches!(what, Image::Runs(_)).then(|| Probe::read(spec, address)).flatten(),
            what,
            environment,
            policy,
            restarts: 0,
            last: None,
        }
    }

    /// Starts it if that is due, and looks at its probe; whether anything has changed.
    pub(super) fn step(&mut self, lab: &Lab) -> bool {
        match self.state {
            State::Due(due) if due <= Instant::now() => {
                self.start(lab);
                true
            }
            State::Running { .. } => self.probe.as_mut().is_some_and(Probe::step),
            State::Due(_) | State::Absent | State::Ended(_) => false,
        }
    }

    fn start(&mut self, lab: &Lab) {
        if self.last.is_some() {
            self.restarts += 1;
        }
        let started = now();
        if let Image::Runs(line) = &self.what {
            let mut spec = ProcessSpec::new(&self.process, "pod", line).cwd(lab.scratch());
            for (name, value) in &self.environment {
                spec = spec.env(name, value.clone());
            }
            let run = || lab.run(spec, Patience::new(START_WITHIN));
            if let Err(error) = tokio::task::block_in_place(run) {
                eprintln!("control-plane: {error}");
                // As a container whose program does not exist.
                return self.end(127, None, &started);
            }
        }
        if let Some(probe) = &mut self.probe {
            probe.begin();
        }
        self.state = State::Running { since: started };
    }

    /// Its process has ended.
    pub(super) fn ended(&mut self, code: Option<i32>, signal: Option<i32>) {
        let State::Running { since } = &self.state else { return };
        let code = code.or(signal.map(|signal| 128 + signal)).unwrap_or(137);
        self.end(code, signal, &since.clone());
    }

    fn end(&mut self, code: i32, signal: Option<i32>, started: &str) {
        let end = End { code, signal, started: started.to_owned(), finished: now() };
        self.state = match self.policy.starts_again(code) {
            true => State::Due(Instant::now() + backoff(self.restarts)),
            false => State::Ended(end.clone()),
        };
        self.last = Some(end);
    }

    /// Asks its process to end.
    pub(super) fn terminate(&self, lab: &Lab) {
        let Some(process) = self.running(lab) else { return };
        // It may have ended meanwhile.
        if let Ok(victim) = Victim::pin(process) {
            let _ = victim.signal(Signal::TERM);
        }
    }

    /// Whether a process of it is still there.
    pub(super) fn has_process(&self, lab: &Lab) -> bool {
        self.running(lab).is_some()
    }

    fn running(&self, lab: &Lab) -> Option<Process> {
        let process = lab.process(&self.process)?;
        let start_time = process.start_time;
        Some(Process { name: process.name, pid: process.pid?, start_time })
    }

    /// Ends it without grace, for good.
    pub(super) fn kill(&self, lab: &Lab) {
        if self.has_process(lab) {
            let stop = || lab.stop_process(&self.process, Patience::new(START_WITHIN));
            if let Err(error) = tokio::task::block_in_place(stop) {
                eprintln!("control-plane: {error}");
            }
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        let runs = matches!(self.state, State::Running { .. });
        runs && self.probe.as_ref().is_none_or(Probe::is_ready)
    }

    /// Whether it has run at least once.
    pub(super) fn has_started(&self) -> bool {
        self.last.is_some() || matches!(self.state, State::Running { .. } | State::Ended(_))
    }

    /// The exit code with which it has ended for good.
    pub(super) fn code(&self) -> Option<i32> {
        match &self.state {
            State::Ended(end) => Some(end.code),
            State::Due(_) | State::Absent | State::Running { .. } => None,
        }
    }

    pub(super) fn status(&self) -> Value {
        let waits = |reason: &str| json!({"waiting": {"reason": reason}});
        let state = match &self.state {
            State::Due(_) if self.last.is_some() => waits("CrashLoopBackOff"),
            State::Due(_) => waits("ContainerCreating"),
            State::Absent => waits("ImagePullBackOff"),
            State::Running { since } => json!({"running": {"startedAt": since}}),
            State::Ended(end) => end.status(),
        };
        let before = self.last.as_ref().filter(|_| self.code().is_none());
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "ready": self.is_ready(),
            "started": matches!(self.state, State::Running { .. }),
            "restartCount": self.restarts,
            "state": state,
            "lastState": before.map_or_else(|| json!({}), End::status),
        })
    }
}

impl End {
    fn status(&self) -> Value {
        let reason = if self.code == 0 { "Completed" } else { "Error" };
        let mut end = json!({
            "exitCode": self.code, "reason": reason,
            "startedAt": self.started, "finishedAt": self.finished,
        });
        if let Some(signal) = self.signal {
            end["signal"] = json!(signal);
        }
        json!({"terminated": end})
    }
}

fn backoff(restarts: u32) -> Duration {
    match restarts {
        0 => Duration::ZERO,
        more => BACKOFF.saturating_mul(1 << (more - 1).min(10)).min(LONGEST_BACKOFF),
    }
}

/// Where a field of the pod is in the environment that every container has.
fn own_name(field: &str) -> &'static str {
    match field {
        "metadata.name" => "POD_NAME",
        "metadata.namespace" => "POD_NAMESPACE",
        "metadata.uid" => "POD_UID",
        "status.podIP" => "POD_IP",
        "spec.nodeName" => "NODE_NAME",
        _ => "",
    }
}

/// With `$(NAME)` replaced.
fn filled(text: &str, environment: &[(String, String)]) -> String {
    environment
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

/// In whole seconds, as the API has its times.
#[expect(clippy::disallowed_methods, reason = "a cluster's times are those of the wall clock")]
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(policy: Policy) -> Container {
        let spec = json!({
            "name": "app", "image": "shop:1", "args": ["--at", "$(POD_IP):80"],
            "env": [{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        });
        let own = [("POD_NAME", "web-1"), ("POD_IP", "127.1.0.1")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let what = Image::Runs(vec!["shop".to_owned()]);
        Container::new(&spec, what, "web-1".to_owned(), &own, policy, "127.1.0.1")
    }

    #[test]
    fn its_command_and_environment_know_its_pod() {
        let container = container(Policy::Always);
        let line = ["shop", "--at", "127.1.0.1:80"].map(str::to_owned).to_vec();
        assert_eq!(container.what, Image::Runs(line));
        assert!(container.environment.contains(&("ME".to_owned(), "web-1".to_owned())));
    }

    #[test]
    fn an_end_is_told_with_its_code_and_started_again_by_its_policy() {
        for (policy, code, again) in [
            (Policy::Always, 0, true),
            (Policy::OnFailure, 0, false),
            (Policy::OnFailure, 3, true),
            (Policy::Never, 3, false),
        ] {
            let mut container = container(policy);
            container.state = State::Running { since: now() };
            container.ended(Some(code), None);
            assert_eq!(container.code().is_none(), again, "{policy:?} {code}");
            let status = container.status();
            let key = if again { "lastState" } else { "state" };
            assert_eq!(status[key]["terminated"]["exitCode"], code);
        }
    }

    #[test]
    fn a_signal_is_the_exit_code_that_shells_use() {
        let mut container = container(Policy::Always);
        container.state = State::Running { since: now() };
        container.ended(None, Some(9));
        let end = &container.status()["lastState"]["terminated"];
        assert_eq!((&end["exitCode"], &end["signal"]), (&json!(137), &json!(9)));
    }

    #[test]
    fn each_start_waits_longer_up_to_a_limit() {
        let waits = [0, 1, 2, 3, 100].map(|restarts| backoff(restarts).as_secs());
        assert_eq!(waits, [0, 1, 2, 4, 10]);
    }
}
