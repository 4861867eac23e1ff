//! Faults that come again and again: the moments of their turns, drawn from the seed.
//!
//! Between two turns of a fault lie between half of what it says and one and a half times
//! as much, each length as likely as another; before the first one up to as much as it
//! says, or as the phase has. Nothing of what is broken by one is meant to meet the next: a turn waits until
//! the fault before it is over and has had its time to heal, whichever it is, and one
//! that could not be whole again before its phase ends is not drawn.

use std::time::Duration;

use fastrand::Rng;

use super::{Again, Fault, FaultKind, Plan};
use crate::mistake::Mistake;
use crate::seed;
use crate::units::Span;

/// More turns than this are a mistake.
const MOST: usize = 2_000;

impl Plan {
    /// Puts the turns of each fault that comes again and again in its place, and in the
    /// lists of those that excuse something.
    ///
    /// # Errors
    /// What has no turn, or too many, and what refers to one of many.
    pub(crate) fn draw_turns(&mut self) -> Result<(), Vec<Mistake>> {
        let is_again = |fault: &Fault| matches!(fault.again, Some(Again::Every(_)));
        let (again, once): (Vec<Fault>, Vec<Fault>) = self.faults.drain(..).partition(is_again);
        let mut turns = Vec::new();
        let mut wrong = Vec::new();
        for phase in &self.phases {
            let here = |fault: &&Fault| fault.phase == phase.name;
            let again: Vec<&Fault> = again.iter().filter(here).collect();
            let taken: Vec<_> = once.iter().filter(here).map(window).collect();
            turns.extend(draw(&again, &taken, phase.length.0, self.seed));
        }
        for fault in &again {
            let own = turns.iter().filter(|turn| turn.is_turn_of(&fault.name)).count();
            if let Some((why, help)) = fault.wrong(own, &once) {
                wrong.push(Mistake {
                    kind: "fault",
                    name: fault.name.clone(),
                    keys: vec!["every"],
                    why: format!("fault {}: {why}", fault.name),
                    help: Some(help),
                });
            }
        }
        for check in &mut self.checks {
            let name = check.name.clone();
            let mut states = check.kind.statement();
            let is_of_many = |name: &&str| again.iter().any(|fault| fault.name == **name);
            if let Some(fault) = states.faults.iter().find(is_of_many) {
                wrong.push(Mistake {
                    kind: "check",
                    keys: Vec::new(),
                    why: format!(
                        "check {name} is about one time, and fault {fault} comes again and again"
                    ),
                    help: Some(format!(
                        "name a fault without every, or say of the whole phase what must hold; {fault}-1 is its first turn"
                    )),
                    name,
                });
            }
            states.excused_by.replace(|name| {
                let own = turns.iter().filter(|turn| turn.is_turn_of(name));
                let own: Vec<String> = own.map(|turn| turn.name.clone()).collect();
                if own.is_empty() { vec![name.to_owned()] } else { own }
            });
        }
        self.faults = once;
        self.faults.extend(turns);
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl Fault {
    /// Whether it is a turn of this fault.
    fn is_turn_of(&self, name: &str) -> bool {
        matches!(&self.again, Some(Again::TurnOf(of)) if of == name)
    }

    /// What is wrong with a fault that comes again and again, and what to do.
    fn wrong(&self, turns: usize, once: &[Self]) -> Option<(String, String)> {
        let is_turn = |name: &str| {
            let number = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        if let Some(other) = once.iter().find(|other| is_turn(&other.name)) {
            let why =
                format!("one of its turns would be called {}, as another fault is", other.name);
            return Some((why, "give one of them another name".to_owned()));
        }
        if let FaultKind::ShiftTraffic(_) = self.kind {
            let why = "traffic that is shifted again and again has no time of its own".to_owned();
            return Some((why, "leave out every".to_owned()));
        }
        match turns {
            0 => Some((
                format!(
                    "phase {} has no room for it: with its time to heal it takes {}",
                    self.phase,
                    Span(window(self).1 - self.at.0)
                ),
                "let the phase be longer, with --duration where it stretches, or say heal_within and for with less"
                    .to_owned(),
            )),
            MOST.. => Some((
                format!("it would come {turns} times"),
                "say every with more".to_owned(),
            )),
            _ => None,
        }
    }
}

/// When a fault begins and when it should be whole, from the start of its phase.
fn window(fault: &Fault) -> (Duration, Duration) {
    (fault.at.0, fault.at.0 + fault.kind.lasts().0 + fault.heal_within.0)
}

/// The turns of these faults of a phase, in order of time, none of which meets another or
/// one of the windows that are taken. Each fault has its first turn, if there is room at
/// all, before any has its second.
fn draw(
    again: &[&Fault],
    taken: &[(Duration, Duration)],
    length: Duration,
    seed: u64,
) -> Vec<Fault> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (index, fault) in again.iter().enumerate() {
        let mut times = times(fault, length, seed).map(|at| (at, index));
        first.extend(times.next());
        others.extend(times);
    }
    first.sort_unstable();
    others.sort_unstable();
    let mut taken = taken.to_vec();
    let mut found: Vec<(Duration, usize)> = Vec::new();
    let wanted = first.into_iter().map(|wanted| (wanted, true));
    for ((at, index), is_first) in wanted.chain(others.into_iter().map(|wanted| (wanted, false))) {
        let fault = again[index];
        let (from, to) = window(fault);
        let takes = to - from;
        let room = |at| free(&taken, at, takes).filter(|at| *at + takes <= length);
        let room = room(at).or_else(|| is_first.then(|| room(fault.at.0)).flatten());
        if let Some(at) = room {
            taken.push((at, at + takes));
            found.push((at, index));
        }
    }
    found.sort_unstable();
    let mut counts = vec![0; again.len()];
    let turn = |(at, index): (Duration, usize)| {
        let fault = again[index];
        counts[index] += 1;
        Fault {
            name: format!("{}-{}", fault.name, counts[index]),
            at: Span(at),
            again: Some(Again::TurnOf(fault.name.clone())),
            ..fault.clone()
        }
    };
    found.into_iter().map(turn).collect()
}

/// When a fault is to come, from the start of its phase, in whole milliseconds.
fn times(fault: &Fault, length: Duration, seed: u64) -> impl Iterator<Item = Duration> {
    let every = match &fault.again {
        Some(Again::Every(every)) => every.0,
        Some(Again::TurnOf(_)) | None => Duration::ZERO,
    };
    let mut random = Rng::with_seed(seed::of(seed, &fault.name));
    let left = length.saturating_sub(window(fault).1);
    let first = fault.at.0 + every.min(left).mul_f64(random.f64());
    let times =
        std::iter::successors(Some(first), move |at| Some(*at + every.mul_f64(0.5 + random.f64())));
    let whole = |at: Duration| Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
    let is_one = move |at: &Duration| *at < length && !every.is_zero();
    times.take_while(is_one).take(MOST + 1).map(whole)
}

/// The first moment from `at` on at which nothing is taken for so long.
fn free(taken: &[(Duration, Duration)], at: Duration, takes: Duration) -> Option<Duration> {
    let mut at = at;
    // Each window is passed once at most.
    for _ in 0..=taken.len() {
        match taken.iter().find(|(from, to)| *from < at + takes && at < *to) {
            Some(&(_, end)) => at = end,
            None => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Pick;
    use crate::plan::fault::{Held, Victims};

    fn fault(name: &str, at: u64, every: Option<u64>, lasts: u64, heal: u64) -> Fault {
        let kind = match lasts {
            0 => FaultKind::KillProcess(Victims { role: "w".to_owned(), pick: Pick::count(1) }),
            _ => FaultKind::PauseProcess(Held {
                role: "w".to_owned(),
                pick: Pick::count(1),
                lasts: Span::seconds(lasts),
            }),
        };
        Fault {
            name: name.to_owned(),
            phase: "soak".to_owned(),
            at: Span::seconds(at),
            after: None,
            heal_within: Span::seconds(heal),
            again: every.map(|every| Again::Every(Span::seconds(every))),
            kind,
        }
    }

    proptest! {
        /// No turn meets another one or a fault of a fixed time before that is over and
        /// had its time to heal; all are whole within the phase; the same seed draws the
        /// same; each comes about as often as it says where nothing is in its way.
        #[test]
        fn turns_are_apart(
            faults in prop::collection::vec((0_u64..100, 20_u64..900, 0_u64..20, 1_u64..40), 1..6),
            fixed in prop::collection::vec((0_u64..3_000, 0_u64..60, 1_u64..40), 0..4),
            length in 60_u64..8_000,
            seed: u64,
        ) {
            let again: Vec<Fault> = faults
                .iter()
                .enumerate()
                .map(|(number, &(at, every, lasts, heal))| {
                    fault(&format!("f{number}"), at, Some(every), lasts, heal)
                })
                .collect();
            let again: Vec<&Fault> = again.iter().collect();
            let taken: Vec<_> =
                fixed.iter().map(|&(at, lasts, heal)| window(&fault("x", at, None, lasts, heal))).collect();
            let length = Duration::from_secs(length);
            let turns = draw(&again, &taken, length, seed);
            let mut windows: Vec<_> = turns.iter().map(window).collect();
            prop_assert!(windows.is_sorted());
            prop_assert!(windows.iter().all(|(_, to)| *to <= length));
            prop_assert!(windows.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            windows.retain(|(from, to)| taken.iter().any(|(begin, end)| begin < to && from < end));
            prop_assert_eq!(windows, vec![]);
            prop_assert!(turns.iter().all(|turn| again.iter().any(|of| turn.is_turn_of(&of.name) && of.at <= turn.at)));
            prop_assert_eq!(draw(&again, &taken, length, seed), turns);
        }
    }

    #[test]
    fn a_fault_comes_about_as_often_as_it_says() {
        let kill = fault("kill", 0, Some(600), 0, 10);
        let hours = Duration::from_secs(8 * 3_600);
        let counts: Vec<usize> =
            (0..50).map(|seed| draw(&[&kill], &[], hours, seed).len()).collect();
        let mean = counts.iter().sum::<usize>() as f64 / 50.0;
        assert!((46.0..50.0).contains(&mean), "{mean} of 48");
        assert!(counts.iter().any(|count| *count != counts[0]), "seeds draw different timetables");
    }
}
