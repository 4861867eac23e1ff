//! The guard of every kind of fault: what it is asked, and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chaos::{Aim, FaultError, Journal, Limits, Order, Process, Scene, World, aims, http_client};
use proptest::prelude::*;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::Choice;

/// What must become of a fault that is aimed at something that nobody allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The world is asked for these hosts, and refuses them.
    Reach(&'static [&'static str]),
    /// The world is asked for the candidates of this role.
    Hit(&'static str),
    /// It stays on the machine on which it is asked for.
    Here,
    /// The namespace looks like production.
    Cluster,
}

/// The case of each kind, with settings that are aimed far away; and whether it
/// chooses its victims. A kind without a case does not compile.
fn case(kind: &FaultKind) -> (Case, Choice) {
    use Choice::{Chosen, Named};
    match kind {
        FaultKind::KillProcess(_)
        | FaultKind::TerminateProcess(_)
        | FaultKind::PauseProcess(_)
        | FaultKind::StopProcess(_)
        | FaultKind::RabbitmqAlarm(_) => (Case::Hit("far"), Chosen),
        FaultKind::CloseConnections(_) => (Case::Reach(&["192.0.2.1:15672"]), Chosen),
        FaultKind::PurgeQueue(_) => (Case::Reach(&["192.0.2.1:15672"]), Named),
        FaultKind::RedisKillClients(_) => (Case::Reach(&["192.0.2.1:6379"]), Chosen),
        FaultKind::RedisPause(_) => (Case::Reach(&["192.0.2.1:6379"]), Named),
        FaultKind::PostgresEndBackends(_) => {
            (Case::Reach(&["127.0.0.1:5432", "192.0.2.1:5432"]), Chosen)
        }
        FaultKind::Toxic(_) => (Case::Reach(&["192.0.2.1:8474"]), Named),
        FaultKind::ShiftTraffic(_) => (Case::Reach(&["192.0.2.1:80"]), Named),
        FaultKind::Duplicate(_) => (Case::Reach(&["192.0.2.1:5672"]), Named),
        FaultKind::RunCommand(_) => (Case::Reach(&["192.0.2.1:6379"]), Named),
        FaultKind::BurnCpu(_)
        | FaultKind::FillMemory(_)
        | FaultKind::FillDisk(_)
        | FaultKind::ClockOffset(_) => (Case::Here, Named),
        FaultKind::KillPods(_) | FaultKind::TerminatePods(_) | FaultKind::EvictPods(_) => {
            (Case::Cluster, Chosen)
        }
        FaultKind::RestartRollout(_)
        | FaultKind::SetImage(_)
        | FaultKind::RollBack(_)
        | FaultKind::Scale(_) => (Case::Cluster, Named),
    }
}

/// One fault of each kind, aimed far away.
const FAR: &str = include_str!("../../../scenarios/tests/every-fault.txt");

fn far() -> Vec<FaultKind> {
    let kind = |line: &str| {
        #[derive(serde::Deserialize)]
        struct Only {
            kind: FaultKind,
        }
        let only: Only = toml::from_str(&format!("kind = {{ {line} }}")).unwrap();
        only.kind
    };
    FAR.lines().filter(|line| !line.starts_with('#')).map(kind).collect()
}

fn targets() -> BTreeMap<String, String> {
    let pairs = [("api", "http://192.0.2.1:15672"), ("redis", "redis://192.0.2.1")];
    pairs.iter().map(|&(key, url)| (key.to_owned(), url.to_owned())).collect()
}

fn order(kind: FaultKind) -> Order {
    let (name, seed) = (kind.word().to_owned(), 1);
    Order { name, seed, heal_within: std::time::Duration::ZERO, kind, targets: targets() }
}

/// Refuses everything, and keeps what it was asked.
#[derive(Default)]
struct Nobody {
    asked: Mutex<Vec<String>>,
}

impl World for Nobody {
    fn processes(&self, role: &str) -> Vec<Process> {
        self.asked.lock().unwrap().push(format!("role {role}"));
        Process::find(std::process::id()).into_iter().collect()
    }

    fn may_hit(&self, process: &Process) -> Result<(), FaultError> {
        self.asked.lock().unwrap().push(format!("pid {}", process.pid));
        Err(FaultError::Blocked { what: "harm".to_owned(), why: "nobody allowed it".to_owned() })
    }

    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError> {
        let hosts = aim.hosts.iter().map(ToString::to_string);
        self.asked.lock().unwrap().extend(hosts);
        Err(FaultError::Blocked { what: "harm".to_owned(), why: "nobody allowed it".to_owned() })
    }
}

#[tokio::test]
async fn every_kind_of_fault_is_refused_where_nobody_allowed_it() {
    let folder = tempfile::tempdir().unwrap();
    for kind in far() {
        let (case, choice) = case(&kind);
        assert_eq!(kind.statement().choice(), choice, "{}", kind.word());
        let world = Arc::new(Nobody::default());
        let journal = Journal::open(folder.path().join("j"), "run").unwrap();
        let scene = Scene {
            world: world.clone(),
            journal: Arc::new(journal),
            http: http_client().unwrap(),
            limits: Arc::new(Limits::default()),
        };
        let prepared = chaos::prepare(&order(kind.clone()), &scene).await.map(|p| p.victims());
        let asked = world.asked.lock().unwrap().clone();
        let refused = matches!(&prepared, Err(error) if error.is_refusal());
        let word = kind.word();
        match case {
            Case::Reach(hosts) => assert!(refused && asked == hosts, "{word}: {asked:?}"),
            Case::Hit(role) => {
                let expected = [format!("role {role}"), format!("pid {}", std::process::id())];
                assert!(refused && asked == expected, "{word}: {asked:?}");
            }
            Case::Here => assert!(asked.is_empty() && !refused, "{word}: {asked:?}"),
            // It is the limits that are asked, not the world.
            Case::Cluster => assert!(refused && asked.is_empty(), "{word}: {prepared:?}"),
        }
    }
}

#[test]
fn no_kind_of_fault_is_without_a_case() {
    let words: BTreeSet<&str> = far().iter().map(FaultKind::word).collect();
    assert_eq!(words, FaultKind::WORDS.iter().copied().collect());
}

#[test]
fn the_role_that_is_renamed_is_the_role_that_is_hit() {
    for mut kind in far() {
        let hit = kind.role().map(str::to_owned);
        assert_eq!(kind.role_mut().cloned(), hit, "{}", kind.word());
    }
}

#[test]
fn a_target_of_a_program_is_an_aim_wherever_it_stands() {
    for part in ["inject", "confirm", "undo"] {
        let fault = FAR.lines().find(|line| line.starts_with("run_command")).unwrap();
        let fault = fault.replace("redis-cli -u ${target.redis} FLUSHALL", "true");
        let given = fault
            .replace(&format!("{part} = \"true\""), &format!("{part} = \"x ${{target.redis}}\""));
        let text = format!("kind = {{ {given} }}");
        let kind: BTreeMap<String, FaultKind> = toml::from_str(&text).unwrap();
        let aims = aims(&kind["kind"], &targets()).unwrap();
        assert_eq!(aims.len(), 1, "{part}");
    }
}

proptest! {
    #[test]
    fn an_address_that_a_fault_names_is_always_an_aim(host in "[a-z]{1,8}(\\.[a-z]{2,3})?") {
        let mut targets = targets();
        targets.values_mut().for_each(|url| *url = url.replace("192.0.2.1", &host));
        for kind in far().iter().filter(|kind| toml::to_string(kind).unwrap().contains("${target")) {
            let aims = aims(kind, &targets).unwrap();
            prop_assert!(aims.iter().any(|aim| aim.hosts.iter().any(|at| at.name == host)), "{}", kind.word());
        }
    }
}
