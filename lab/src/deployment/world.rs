//! A world for the tests of controllers: processes that start, become ready, crash and
//! end as their image says, in a time of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, Deployment, Seen, Status, Track};

/// What a process of an image does. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    /// From the order to its start.
    pub(crate) starts: u64,
    /// From its start until it is ready; never if absent.
    pub(crate) ready: Option<u64>,
    /// From its start until it crashes.
    pub(crate) crashes: Option<u64>,
    /// From SIGTERM to its end; it ignores the signal if absent.
    pub(crate) ends: Option<u64>,
}

pub(crate) const GOOD: Behaviour =
    Behaviour { starts: 20, ready: Some(300), crashes: None, ends: Some(200) };
pub(crate) const NEVER_READY: Behaviour = Behaviour { ready: None, ..GOOD };
pub(crate) const CRASHES: Behaviour =
    Behaviour { starts: 20, ready: None, crashes: Some(100), ends: Some(50) };

/// A state machine that acts on pods.
pub(crate) trait Machine {
    fn act(&mut self, now: Duration) -> Vec<Action>;
    fn see(&mut self, pod: &str, seen: &Seen, now: Duration);
    fn wakes_at(&self, now: Duration) -> Option<Duration>;
    fn statuses(&self, now: Duration) -> Vec<Status>;
}

impl Machine for Deployment {
    fn act(&mut self, now: Duration) -> Vec<Action> {
        self.act(now)
    }
    fn see(&mut self, pod: &str, seen: &Seen, now: Duration) {
        self.see(pod, seen, now);
    }
    fn wakes_at(&self, now: Duration) -> Option<Duration> {
        self.wakes_at(now)
    }
    fn statuses(&self, now: Duration) -> Vec<Status> {
        vec![self.status(now)]
    }
}

impl Machine for Track {
    fn act(&mut self, now: Duration) -> Vec<Action> {
        self.act(now)
    }
    fn see(&mut self, pod: &str, seen: &Seen, now: Duration) {
        self.see(pod, seen, now);
    }
    fn wakes_at(&self, now: Duration) -> Option<Duration> {
        self.wakes_at(now)
    }
    fn statuses(&self, now: Duration) -> Vec<Status> {
        self.status(now).into()
    }
}

/// One round of a controller.
pub(crate) struct Round {
    pub(crate) now: Duration,
    pub(crate) before: Vec<Status>,
    pub(crate) actions: Vec<Action>,
    pub(crate) after: Vec<Status>,
}

impl Round {
    /// The pods that were available before and are asked to end.
    pub(crate) fn given_up(&self) -> Vec<&str> {
        let was_available = |name: &str| {
            let mut pods = self.before.iter().flat_map(|status| &status.pods);
            pods.any(|pod| pod.name == name && pod.available)
        };
        let ended = self.actions.iter().filter_map(|action| match action {
            Action::Terminate { pod } => Some(pod.as_str()),
            _ => None,
        });
        ended.filter(|pod| was_available(pod)).collect()
    }

    pub(crate) fn starts(&self) -> usize {
        self.actions.iter().filter(|action| matches!(action, Action::Start { .. })).count()
    }
}

/// A machine and its processes.
pub(crate) struct World<M> {
    pub(crate) machine: M,
    pub(crate) now: Duration,
    images: BTreeMap<&'static str, Behaviour>,
    /// Which life of a process counts, and what it runs; one without a life has none.
    lives: BTreeMap<String, (u64, String)>,
    coming: BTreeMap<(Duration, u64), (String, u64, Seen)>,
    made: u64,
}

impl<M: Machine> World<M> {
    pub(crate) fn new(machine: M, images: &[(&'static str, Behaviour)]) -> Self {
        let (lives, coming) = (BTreeMap::new(), BTreeMap::new());
        let images = images.iter().copied().collect();
        Self { machine, now: Duration::ZERO, images, lives, coming, made: 0 }
    }

    pub(crate) fn status(&self) -> Status {
        self.machine.statuses(self.now).remove(0)
    }

    /// Lets the controller act now.
    pub(crate) fn act(&mut self) -> Round {
        let before = self.machine.statuses(self.now);
        let actions = self.machine.act(self.now);
        for action in &actions {
            self.carry_out(action);
        }
        Round { now: self.now, before, actions, after: self.machine.statuses(self.now) }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Start { pod, image } => self.start(pod, image.clone()),
            Action::Restart { pod } => {
                let image = self.lives[pod].1.clone();
                self.start(pod, image);
            }
            Action::Terminate { pod } => {
                if let Some(after) = self.behaviour(pod).ends {
                    self.later(after, pod, Seen::Ended("exit code 0".to_owned()));
                }
            }
            Action::Kill { pod } => self.later(1, pod, Seen::Ended("killed".to_owned())),
        }
    }

    fn start(&mut self, pod: &str, image: String) {
        self.made += 1;
        self.lives.insert(pod.to_owned(), (self.made, image));
        let Behaviour { starts, ready, crashes, .. } = self.behaviour(pod);
        self.later(starts, pod, Seen::Started);
        if let Some(ready) = ready {
            self.later(starts + ready, pod, Seen::Ready(true));
        }
        if let Some(crashes) = crashes {
            self.later(starts + crashes, pod, Seen::Ended("exit code 1".to_owned()));
        }
    }

    fn behaviour(&self, pod: &str) -> Behaviour {
        self.images[self.lives[pod].1.as_str()]
    }

    fn later(&mut self, after: u64, pod: &str, seen: Seen) {
        self.made += 1;
        let at = self.now + Duration::from_millis(after);
        self.coming.insert((at, self.made), (pod.to_owned(), self.lives[pod].0, seen));
    }

    /// Kills the process of the pod at a place of the list, as a fault does.
    pub(crate) fn kill(&mut self, place: usize) {
        let pods = self.status().pods;
        if let Some(pod) = pods.get(place % pods.len().max(1))
            && pod.phase == "Running"
        {
            self.later(0, &pod.name.clone(), Seen::Ended("killed".to_owned()));
        }
    }

    /// Goes on to the next moment at which something happens, but no further than `until`;
    /// whether there is one.
    fn go_on(&mut self, until: Duration) -> bool {
        let coming = self.coming.keys().next().map(|(at, _)| *at);
        let next = [coming, self.machine.wakes_at(self.now)].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.coming.first_entry()
            && entry.key().0 <= self.now
        {
            let (pod, life, seen) = entry.remove();
            let counts = self.lives.get(&pod).is_some_and(|(now, _)| *now == life);
            if counts {
                if let Seen::Ended(_) = seen {
                    // Nothing more comes of this life.
                    self.lives.get_mut(&pod).unwrap().0 = 0;
                }
                self.machine.see(&pod, &seen, self.now);
            }
        }
        true
    }

    /// Lives for so many milliseconds; every round is looked at.
    pub(crate) fn live(&mut self, millis: u64, mut look: impl FnMut(&Round)) {
        let until = self.now + Duration::from_millis(millis);
        loop {
            look(&self.act());
            if !self.go_on(until) {
                return;
            }
        }
    }
}
