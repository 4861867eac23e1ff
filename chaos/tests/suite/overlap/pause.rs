//! Processes that are stopped.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chaos::{Aim, FaultError, Journal, Limits, Order, Process, Scene, World, http_client, inject};
use scenarios::plan::fault::Held;
use scenarios::plan::{FaultKind, Pick};
use scenarios::units::Span;

use super::play::{Thing, cases, prove};
use crate::sleeper::{PATIENCE, Sleeper, wait_for};

/// Two processes, of which each fault stops one or both.
struct Pair(Arc<[Sleeper; 2]>);

const ROLES: [&str; 3] = ["first", "second", "both"];

struct Roles(Arc<[Sleeper; 2]>);

impl World for Roles {
    fn processes(&self, role: &str) -> Vec<Process> {
        let process = |at: usize| self.0[at].process(ROLES[at]);
        match role {
            "first" => vec![process(0)],
            "second" => vec![process(1)],
            _ => vec![process(0), process(1)],
        }
    }

    fn may_hit(&self, _: &Process) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_reach(&self, _: &Aim) -> Result<(), FaultError> {
        Ok(())
    }
}

#[async_trait]
impl Thing for Pair {
    fn fault(&self, setting: usize) -> FaultKind {
        let (role, lasts) = (ROLES[setting].to_owned(), Span(Duration::ZERO));
        FaultKind::PauseProcess(Held { role, pick: Pick::ALL, lasts })
    }

    fn is_whole(&self, _: usize) -> bool {
        false
    }

    async fn check(&self, open: &[usize]) {
        for (at, sleeper) in self.0.iter().enumerate() {
            let expected = open.iter().any(|&setting| setting == at || setting == 2);
            wait_for("the state of a process", || sleeper.pinned().is_stopped() == expected);
        }
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Roles(Arc::clone(&self.0)))
    }
}

#[test]
fn a_process_that_several_faults_stop_runs_only_when_the_last_has_ended() {
    let pair = Pair(Arc::new([Sleeper::start(), Sleeper::start()]));
    prove("pause", cases(100), ROLES.len(), &pair);
}

#[tokio::test]
async fn a_process_that_somebody_else_has_stopped_is_not_theirs_to_continue() {
    let pair = Pair(Arc::new([Sleeper::start(), Sleeper::start()]));
    let victim = chaos::victim::Victim::pin(pair.0[0].process("first")).unwrap();
    victim.signal(chaos::victim::Signal::STOP).unwrap();
    wait_for("the stop", || victim.pinned().is_stopped());
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene {
        world: pair.world(),
        journal: Arc::new(Journal::open(folder.path().join("j"), "run").unwrap()),
        http: http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    };
    let (name, kind) = ("pause".to_owned(), pair.fault(2));
    let order = Order { name, seed: 1, heal_within: PATIENCE, kind, targets: Default::default() };
    let error = inject(&order, &scene).await.err().unwrap();
    assert!(error.to_string().contains("stopped already, by somebody else"), "{error}");
    assert!(victim.pinned().is_stopped() && !pair.0[1].pinned().is_stopped());
}
