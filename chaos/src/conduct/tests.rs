//! Any timetable, with faults that take their time and fail: what holds for
//! every one of them.

use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use scenarios::plan::fault::Victims;
use scenarios::plan::{After, AfterLoad, AfterStep, Fault, FaultKind, Pick};
use scenarios::units::Span;

use super::*;
use crate::limits::Permit;

/// How one fault of a test behaves; times are in milliseconds.
#[derive(Debug, Clone)]
struct Manners {
    at: u64,
    lasts: u64,
    victims: usize,
    /// How long it takes to inject, to confirm, to take back and to be whole.
    takes: [u64; 4],
    /// Which of these four fails, if one does.
    fails: Option<usize>,
}

/// What was really done, with the time in milliseconds.
#[derive(Debug, Clone, PartialEq)]
enum Deed {
    Injecting(usize),
    Injected(usize),
    TakingBack(usize),
    TakenBack(usize),
    Over(usize),
}

#[derive(Clone)]
struct Fake {
    manners: Arc<Vec<Manners>>,
    limits: Arc<Limits>,
    begun: Instant,
    deeds: Arc<Mutex<Vec<(u64, Deed)>>>,
}

struct Held {
    fake: Fake,
    index: usize,
    permit: Permit,
}

impl Fake {
    fn did(&self, deed: Deed) {
        let at = self.begun.elapsed().as_millis() as u64;
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push((at, deed));
    }

    async fn takes(&self, index: usize, what: usize) -> Result<(), FaultError> {
        let manners = &self.manners[index];
        tokio::time::sleep(Duration::from_millis(manners.takes[what])).await;
        if manners.fails == Some(what) {
            return Err(FaultError::NotLanded { why: "as it was told to".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Hands for Fake {
    type Held = Held;

    fn announce(&self, _: Due) -> Result<(), FaultError> {
        Ok(())
    }

    async fn inject(&self, order: &Order, _: Option<&Expected>) -> Result<Held, FaultError> {
        let index: usize = order.name.parse().unwrap();
        let permit = self.limits.admit(self.manners[index].victims)?;
        self.did(Deed::Injecting(index));
        if let Err(error) = self.takes(index, 0).await {
            self.did(Deed::Over(index));
            return Err(error);
        }
        self.did(Deed::Injected(index));
        Ok(Held { fake: self.clone(), index, permit })
    }

    fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }
}

#[async_trait]
impl Holding for Held {
    fn victims(&self) -> Vec<String> {
        vec!["victim".to_owned(); self.fake.manners[self.index].victims]
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.fake.takes(self.index, 1).await
    }

    async fn take_back(&mut self) -> Result<String, FaultError> {
        self.fake.did(Deed::TakingBack(self.index));
        let taken = self.fake.takes(self.index, 2).await;
        self.fake.did(Deed::TakenBack(self.index));
        if taken.is_err() {
            self.permit.keep();
        }
        taken.map(|()| "done".to_owned())
    }

    async fn whole(mut self) -> Result<Option<String>, FaultError> {
        let whole = self.fake.takes(self.index, 3).await;
        self.permit.give_back();
        self.fake.did(Deed::Over(self.index));
        whole.map(|()| None)
    }
}

/// What observers were told, by fault.
#[derive(Default)]
struct Notes(Mutex<Vec<(String, Step)>>);

impl Watch for Notes {
    fn see(&self, fault: &Planned, step: &Step) {
        self.0.lock().unwrap().push((fault.name.clone(), step.clone()));
    }
}

impl Notes {
    fn of(&self, name: &str) -> Vec<Step> {
        let notes = self.0.lock().unwrap();
        notes.iter().filter(|(fault, _)| fault == name).map(|(_, step)| step.clone()).collect()
    }
}

fn entry(index: usize, manners: &Manners, after: Option<After>) -> Entry {
    let fault = Fault {
        name: index.to_string(),
        phase: "load".to_owned(),
        at: Span(Duration::from_millis(manners.at)),
        after,
        heal_within: Span::seconds(30),
        again: None,
        kind: FaultKind::PauseProcess(scenarios::plan::fault::Held {
            role: "service".to_owned(),
            pick: Pick::count(1),
            lasts: Span(Duration::from_millis(manners.lasts)),
        }),
    };
    let planned = Planned {
        index,
        name: fault.name.clone(),
        at: fault.at.0,
        until: Duration::from_secs(100),
        seed: 1,
        fault,
    };
    Entry::new(planned, &BTreeMap::new())
}

/// Carries a timetable out on a clock that does not wait; stops it at a time.
fn carry_out(
    manners: &[Manners],
    most: usize,
    stop: Option<(u64, bool)>,
) -> (Vec<(u64, Deed)>, Notes) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let zero = Instant::now();
        let fake = Fake {
            manners: Arc::new(manners.to_vec()),
            limits: Arc::new(Limits::new(most)),
            begun: zero,
            deeds: Arc::default(),
        };
        let notes = Arc::new(Notes::default());
        let entries =
            manners.iter().enumerate().map(|(index, one)| entry(index, one, None)).collect();
        let setting = Setting {
            zero,
            seed: 1,
            allowed: Vec::new(),
            acked: None,
            steps: None,
            watch: notes.clone(),
        };
        let mut running = start(entries, &fake, setting);
        let baton = running.baton();
        if let Some((at, take_back)) = stop {
            tokio::spawn(async move {
                tokio::time::sleep_until(zero + Duration::from_millis(at)).await;
                if take_back {
                    baton.take_back("enough", true);
                } else {
                    baton.no_more("enough");
                }
            });
        }
        running.finish().await;
        let deeds = fake.deeds.lock().unwrap().clone();
        drop(running);
        drop(fake);
        let notes = Arc::into_inner(notes).unwrap();
        (deeds, notes)
    })
}

fn any_manners() -> impl Strategy<Value = Manners> {
    let takes = [0_u64..300, 0..300, 0..300, 0..300];
    (0_u64..3_000, 0_u64..2_000, 1_usize..4, takes, proptest::option::weighted(0.3, 0_usize..4))
        .prop_map(|(at, lasts, victims, takes, fails)| Manners { at, lasts, victims, takes, fails })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// There are never more victims than the limit, every fault that was
    /// injected is taken back once, and its observer hears how it ends.
    #[test]
    fn limits_hold_and_everything_is_taken_back(
        manners in proptest::collection::vec(any_manners(), 0..12),
        most in 0_usize..6,
        stop in proptest::option::of((0_u64..4_000, any::<bool>())),
    ) {
        let (deeds, notes) = carry_out(&manners, most, stop);
        let mut under = 0;
        for (_, deed) in &deeds {
            match *deed {
                Deed::Injecting(index) => under += manners[index].victims,
                Deed::Over(index) => under -= manners[index].victims,
                _ => {}
            }
            prop_assert!(most == 0 || under <= most, "{under} of {most}: {deeds:?}");
        }
        for index in 0..manners.len() {
            let did = |deed: Deed| deeds.iter().filter(|(_, done)| *done == deed).count();
            let injected = did(Deed::Injected(index));
            prop_assert!(injected <= 1);
            prop_assert_eq!(injected, did(Deed::TakenBack(index)));
            let told = notes.of(&index.to_string());
            let last = told.last();
            let ended = matches!(last, Some(Step::Healed { .. } | Step::Failed { .. }));
            prop_assert!(ended, "{told:?}");
        }
    }

    /// After a stop nothing is injected, and what stands is taken back at once,
    /// the latest first; what was injected before the stop ends in good order.
    #[test]
    fn a_stop_takes_back_the_latest_first(
        manners in proptest::collection::vec(any_manners(), 0..12),
        at in 0_u64..4_000,
    ) {
        let (deeds, notes) = carry_out(&manners, 0, Some((at, true)));
        let mut injected = Vec::new();
        let mut taken = Vec::new();
        for &(when, ref deed) in &deeds {
            match *deed {
                Deed::Injecting(index) => {
                    prop_assert!(when <= at, "injected at {when} after {at}");
                    injected.push(index);
                }
                Deed::TakingBack(index) if when > at => taken.push(index),
                _ => {}
            }
        }
        let place = |index: &usize| injected.iter().position(|one| one == index);
        prop_assert!(taken.is_sorted_by_key(|index| std::cmp::Reverse(place(index))), "{deeds:?}");
        // What is not injected by then never is, and says why.
        for (index, one) in manners.iter().enumerate().filter(|(_, one)| one.at > at) {
            let told = notes.of(&index.to_string());
            let why = "enough".to_owned();
            let expected = vec![Step::Failed { manner: Manner::NotReached, why }];
            prop_assert_eq!(told, expected, "due at {}", one.at);
        }
    }
}

/// The undo of the latest hangs; the others do not wait for it for ever.
#[test]
fn one_that_hangs_does_not_keep_the_others() {
    let calm = Manners { at: 0, lasts: 3_600_000, victims: 1, takes: [0, 0, 0, 0], fails: None };
    let hanging = Manners { at: 100, takes: [0, 0, 3_600_000, 0], ..calm.clone() };
    let (deeds, _) = carry_out(&[calm, hanging], 0, Some((1_000, true)));
    let taken = deeds.iter().find(|(_, deed)| *deed == Deed::TakenBack(0)).unwrap();
    assert_eq!(taken.0, 1_000 + HANGS.as_millis() as u64);
}

/// Carries one fault with a trigger out against counts that grow by 100 each
/// 100 ms; the load ends at a time.
fn triggered(acked: u32, at: u64, until: u64, load_ends: u64) -> (Vec<(u64, Deed)>, Vec<Step>) {
    let manners = Manners { at, lasts: 10, victims: 1, takes: [0; 4], fails: None };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let zero = Instant::now();
        let fake = Fake {
            manners: Arc::new(vec![manners.clone()]),
            limits: Arc::default(),
            begun: zero,
            deeds: Arc::default(),
        };
        let notes = Arc::new(Notes::default());
        let after = After::Load(AfterLoad { workload: "publish".to_owned(), acked });
        let mut entry = entry(0, &manners, Some(after));
        entry.planned.until = Duration::from_millis(until);
        let (counts, seen) = watch::channel(BTreeMap::new());
        let (acked, watch) = (Some(seen), notes.clone());
        let setting = Setting { zero, seed: 1, allowed: Vec::new(), acked, steps: None, watch };
        let mut running = start(vec![entry], &fake, setting);
        let baton = running.baton();
        tokio::spawn(async move {
            for step in 1..=load_ends / 100 {
                tokio::time::sleep_until(zero + Duration::from_millis(step * 100)).await;
                counts
                    .send_modify(|counts| *counts.entry("publish".to_owned()).or_default() += 100);
            }
            baton.no_more("the load ended");
        });
        running.finish().await;
        let deeds = fake.deeds.lock().unwrap().clone();
        let told = notes.of("0");
        (deeds, told)
    })
}

#[test]
fn a_fault_waits_for_the_load_and_for_its_time() {
    let landed = |acked, at| triggered(acked, at, 90_000, 5_000).0[0].clone();
    assert_eq!(landed(1_000, 0), (1_000, Deed::Injecting(0)));
    assert_eq!(landed(1_000, 2_000), (2_000, Deed::Injecting(0)));
}

#[test]
fn a_fault_that_the_load_never_reaches_says_why() {
    for (until, why) in [(90_000, "the load ended"), (3_000, "phase load ended")] {
        let (deeds, told) = triggered(10_000, 0, until, 5_000);
        assert!(deeds.is_empty());
        let [Step::Failed { manner: Manner::NotReached, why: told }] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(told.starts_with(why), "{told}");
        assert!(told.contains("of 10000 operations of publish acknowledged"), "{told}");
    }
}

/// A fault that waits for a step of a deployment, of which this is seen at these times.
fn after_a_step(updated: Option<u32>, seen: Vec<(u64, StepSeen)>) -> (Vec<(u64, Deed)>, Vec<Step>) {
    let manners = Manners { at: 100, lasts: 10, victims: 1, takes: [0; 4], fails: None };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let zero = Instant::now();
        let fake = Fake {
            manners: Arc::new(vec![manners.clone()]),
            limits: Arc::default(),
            begun: zero,
            deeds: Arc::default(),
        };
        let notes = Arc::new(Notes::default());
        let (deployment, step) = ("web".to_owned(), "to-new".to_owned());
        let key = (deployment.clone(), step.clone());
        let mut entry =
            entry(0, &manners, Some(After::Step(AfterStep { deployment, step, updated })));
        entry.planned.until = Duration::from_secs(5);
        let (told, steps) = watch::channel(BTreeMap::new());
        let (steps, watch) = (Some(steps), notes.clone());
        let setting = Setting { zero, seed: 1, allowed: Vec::new(), acked: None, steps, watch };
        let mut running = start(vec![entry], &fake, setting);
        tokio::spawn(async move {
            for (at, seen) in seen {
                tokio::time::sleep_until(zero + Duration::from_millis(at)).await;
                told.send_modify(|steps| drop(steps.insert(key.clone(), seen)));
            }
            tokio::time::sleep_until(zero + Duration::from_secs(9)).await;
        });
        running.finish().await;
        let deeds = fake.deeds.lock().unwrap().clone();
        (deeds, notes.of("0"))
    })
}

#[test]
fn a_fault_waits_for_a_step_of_a_deployment() {
    let new = |pods| StepSeen { confirmed: true, updated: Some(pods), ..StepSeen::default() };
    let done = StepSeen { done: true, ..new(3) };
    let seen = vec![(200, StepSeen::default()), (300, new(1)), (700, new(2)), (1_500, done)];
    assert_eq!(after_a_step(Some(2), seen.clone()).0[0], (700, Deed::Injecting(0)));
    assert_eq!(after_a_step(None, seen.clone()).0[0], (1_500, Deed::Injecting(0)));
    let over = StepSeen { over: Some("was skipped".to_owned()), ..StepSeen::default() };
    for (updated, seen, told) in [
        (Some(4), seen, "step to-new of web was done with 3 new pods"),
        (None, vec![(300, over)], "step to-new of web was skipped"),
        (None, vec![(300, new(1))], "phase load ended before step to-new of web was done"),
    ] {
        let (deeds, notes) = after_a_step(updated, seen);
        assert!(deeds.is_empty());
        let why = told.to_owned();
        assert_eq!(notes, [Step::Failed { manner: Manner::NotReached, why }]);
    }
}

#[test]
fn what_a_fault_came_to_is_told_apart() {
    let blocked = FaultError::Blocked { what: "it".to_owned(), why: "no".to_owned() };
    assert_eq!(Manner::from(&blocked), Manner::Blocked);
    let within = Duration::ZERO;
    let sick = FaultError::NotHealed { what: "it".to_owned(), within };
    assert_eq!(Manner::from(&sick), Manner::NotHealed);
    let none = FaultError::NotLanded { why: "nobody".to_owned() };
    assert_eq!(Manner::from(&none), Manner::NotLanded);
    let kind = FaultKind::KillProcess(Victims { role: String::new(), pick: Pick::ALL });
    assert!(kind.lasts().0.is_zero());
}
