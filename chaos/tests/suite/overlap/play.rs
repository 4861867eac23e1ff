//! Faults that hold one thing at the same time, in random order: whoever ends
//! first, and however, the thing is broken as the latest of the open ones wants it,
//! and as it was before the first when the last has ended.

use std::sync::Arc;

use async_trait::async_trait;
use chaos::journal::open_faults;
use chaos::{
    Aim, FaultError, Injected, Journal, Limits, Order, Process, Reach, Scene, Undo, World,
    http_client, inject,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use scenarios::plan::FaultKind;

use crate::sleeper::PATIENCE;

/// Who takes a fault back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Whoever has injected it.
    Itself,
    /// A process that has nothing but the undo, as a watchdog.
    Watchdog,
    /// A recovery from its journal.
    Recovery,
}

/// Faults that overlap.
#[derive(Debug, Clone)]
pub(crate) struct Overlap {
    /// Of each fault: what it sets, who ends it, and whether it has a journal of
    /// its own.
    faults: Vec<(usize, How, bool)>,
    /// The numbers of the faults, each twice: it begins and it ends.
    order: Vec<usize>,
}

pub(crate) fn overlaps(settings: usize) -> impl Strategy<Value = Overlap> {
    let how = prop_oneof![Just(How::Itself), Just(How::Watchdog), Just(How::Recovery)];
    let fault = (0..settings, how, any::<bool>());
    proptest::collection::vec(fault, 2..5).prop_flat_map(|faults| {
        let order: Vec<usize> = (0..faults.len()).flat_map(|fault| [fault, fault]).collect();
        (Just(faults), Just(order).prop_shuffle())
            .prop_map(|(faults, order)| Overlap { faults, order })
    })
}

/// Something that several faults can hold.
#[async_trait]
pub(crate) trait Thing: Send + Sync {
    /// A fault on it, by the number of what it sets.
    fn fault(&self, setting: usize) -> FaultKind;

    /// Whether that is so when nobody has broken anything.
    fn is_whole(&self, setting: usize) -> bool;

    /// Panics unless it is broken as these want it, the latest last; as it was, if
    /// there are none.
    async fn check(&self, open: &[usize]);

    fn world(&self) -> Arc<dyn World>;
}

/// Nobody's processes.
pub(crate) struct Nobody;

impl World for Nobody {
    fn processes(&self, _: &str) -> Vec<Process> {
        Vec::new()
    }

    fn may_hit(&self, _: &Process) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_reach(&self, _: &Aim) -> Result<(), FaultError> {
        Ok(())
    }
}

/// Lets the faults begin and end, and gives how many ended while another held the
/// same.
pub(crate) async fn play(thing: &dyn Thing, overlap: &Overlap) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut open: Vec<(usize, Injected, Scene)> = Vec::new();
    let mut begun = vec![false; overlap.faults.len()];
    let mut overlapped = 0;
    for &number in &overlap.order {
        let (setting, how, own_journal) = overlap.faults[number];
        if begun[number] {
            let Some(at) = open.iter().position(|(other, ..)| *other == number) else { continue };
            let (_, injected, scene) = open.remove(at);
            overlapped += usize::from(!open.is_empty());
            end(how, injected, &scene).await;
        } else {
            begun[number] = true;
            let journal = if own_journal { format!("journal-{number}") } else { "journal".into() };
            let journal = Journal::open(folder.path().join(journal), format!("run-{number}"));
            let scene = Scene {
                world: thing.world(),
                journal: Arc::new(journal.unwrap()),
                http: http_client().unwrap(),
                limits: Arc::new(Limits::default()),
            };
            let order = Order {
                name: "the same".to_owned(),
                seed: 1,
                heal_within: PATIENCE,
                kind: thing.fault(setting),
                targets: Default::default(),
            };
            match inject(&order, &scene).await {
                Ok(injected) => {
                    injected.confirm().await.unwrap();
                    open.push((number, injected, scene));
                }
                // What is so already is no fault, unless it would be over sooner.
                Err(error) => assert!(open.is_empty() && thing.is_whole(setting), "{error}"),
            }
        }
        let settings: Vec<usize> =
            open.iter().map(|(number, ..)| overlap.faults[*number].0).collect();
        thing.check(&settings).await;
    }
    overlapped
}

async fn end(how: How, mut injected: Injected, scene: &Scene) {
    let entries = scene.journal.read().unwrap().entries;
    let known = open_faults(&entries).into_iter().find(|open| open.run == scene.journal.run());
    match how {
        How::Itself => drop(injected.take_back().await.unwrap()),
        How::Watchdog => {
            let text = serde_json::to_string(&known.unwrap().undo).unwrap();
            let undo: Undo = serde_json::from_str(&text).unwrap();
            undo.perform().await.unwrap();
        }
        How::Recovery => {
            let report = chaos::recover(&scene.journal, Reach::OwnRun).await.unwrap();
            assert_eq!((report.undone.len(), report.failed.len()), (1, 0), "{report:?}");
        }
    }
}

/// How many cases are played: a few, or as many as `SHAKEDOWN_OVERLAPS` says.
pub(crate) fn cases(few: u32) -> u32 {
    let many = std::env::var("SHAKEDOWN_OVERLAPS").ok();
    many.and_then(|many| many.parse().ok()).unwrap_or(few)
}

/// Plays random overlaps and tells how many there were.
pub(crate) fn prove(what: &str, cases: u32, settings: usize, thing: &dyn Thing) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    prove_on(&runtime, what, cases, settings, thing);
}

pub(crate) fn prove_on(
    runtime: &tokio::runtime::Runtime,
    what: &str,
    cases: u32,
    settings: usize,
    thing: &dyn Thing,
) {
    let total = std::cell::Cell::new(0);
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let played = runner.run(&overlaps(settings), |overlap| {
        let overlapped = runtime.block_on(play(thing, &overlap));
        total.set(total.get() + overlapped);
        Ok(())
    });
    played.unwrap();
    println!(
        "{what}: {cases} cases, {} faults ended while others held it, all restored",
        total.get()
    );
}
