//! A deployment with a canary beside it: both share a number of pods.
//!
//! Members of a consumer group have no balancer in front of them, so the new version's
//! share of the work is its share of the pods: one of ten, five of ten, all.

use std::time::Duration;

use super::controller::{Action, Deployment, MOST, Seen};
use super::setting::{OfCanary, Setting};
use super::spec::{Refusal, Request, Spec};
use super::status::Status;

/// What the name of a canary ends with.
const SUFFIX: &str = "-canary";

/// What the canary of a deployment is called.
pub(crate) fn canary_of(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

/// A stable deployment and its canary, which has no pods at first.
///
/// The stable one gives up a pod for each pod of the canary as soon as that is available,
/// so that what serves does not get less; once given up it stays so, whatever becomes of
/// the canary. Taken away are the canary's pods at once: whoever does so distrusts them.
#[derive(Debug, Clone)]
pub struct Track {
    stable: Deployment,
    canary: Deployment,
    /// How many pods both have together.
    total: u32,
    /// How many of them are to be the canary's.
    weight: u32,
    /// How many the stable one has given up.
    given: u32,
}

impl Track {
    /// A deployment of this kind, and room for its canary.
    pub fn new(spec: Spec) -> Self {
        let canary = Spec { name: canary_of(&spec.name), replicas: 0, ..spec.clone() };
        let total = spec.replicas;
        let (stable, canary) = (Deployment::new(spec), Deployment::new(canary));
        Self { stable, canary, total, weight: 0, given: 0 }
    }

    /// The stable deployment.
    pub fn stable(&self) -> &Deployment {
        &self.stable
    }

    /// The canary.
    pub fn canary(&self) -> &Deployment {
        &self.canary
    }

    /// Which of both is called so.
    fn named(&mut self, name: &str) -> Option<&mut Deployment> {
        [&mut self.stable, &mut self.canary].into_iter().find(|own| own.name() == name)
    }

    /// Whether a deployment or a canary is called so.
    pub fn is_named(&self, name: &str) -> bool {
        [&self.stable, &self.canary].iter().any(|own| own.name() == name)
    }

    /// Whether either has a pod of that name.
    pub fn has(&self, pod: &str) -> bool {
        self.stable.has(pod) || self.canary.has(pod)
    }

    /// Takes a request to one of both, by its name; whether it changes anything. A scale
    /// of the stable one is that of both together, one of the canary is its weight.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot be carried out; then nothing has changed.
    pub fn ask(&mut self, name: &str, request: &Request, now: Duration) -> Result<bool, Refusal> {
        let is_canary = self.canary.name() == name;
        match request {
            Request::Scale { replicas } if is_canary => self.weigh(*replicas, now),
            Request::Scale { replicas } => {
                self.fits(self.weight, *replicas)?;
                let before = std::mem::replace(&mut self.total, *replicas);
                self.share(now)?;
                Ok(before != self.total)
            }
            request => match self.named(name) {
                Some(deployment) => deployment.ask(request, now),
                None => Ok(false),
            },
        }
    }

    /// Gives the canary so many of the pods, of an image; whether that changes anything.
    ///
    /// # Errors
    /// [`Refusal::Weight`] if there are not so many.
    pub fn set_canary(
        &mut self,
        image: Option<&str>,
        pods: u32,
        now: Duration,
    ) -> Result<bool, Refusal> {
        self.fits(pods, self.total)?;
        let renewed = match image {
            Some(image) => self.canary.ask(&Request::SetImage { image: image.to_owned() }, now)?,
            None => false,
        };
        Ok(self.weigh(pods, now)? || renewed)
    }

    /// Sets everything that a setting names, or nothing; whether that changes anything.
    ///
    /// # Errors
    /// [`Refusal::Changed`] if something newer was asked of either, and those of
    /// [`Track::ask`] and [`Track::set_canary`].
    pub fn set(&mut self, setting: &Setting, now: Duration) -> Result<bool, Refusal> {
        let Setting { generation, image, replicas, paused, canary, .. } = setting;
        let OfCanary { generation: of_canary, image: its_image, pods } =
            canary.clone().unwrap_or_default();
        for (own, seen) in [(&self.stable, *generation), (&self.canary, of_canary)] {
            if seen.is_some_and(|seen| seen != own.generation()) {
                let how = format!("is at generation {} now", own.generation());
                return Err(Refusal::Changed { name: own.name().to_owned(), how });
            }
        }
        let total = replicas.unwrap_or(self.total);
        self.fits(pods.unwrap_or(self.weight), total)?;
        let mut changed = std::mem::replace(&mut self.total, total) != total;
        let images = [(&mut self.stable, image.as_ref()), (&mut self.canary, its_image.as_ref())];
        for (own, image) in images {
            if let Some(image) = image.cloned() {
                changed |= own.ask(&Request::SetImage { image }, now)?;
            }
        }
        if let Some(paused) = paused {
            let request = if *paused { Request::Pause } else { Request::Resume };
            changed |= self.stable.ask(&request, now)?;
        }
        Ok(self.weigh(pods.unwrap_or(self.weight), now)? || changed)
    }

    fn weigh(&mut self, pods: u32, now: Duration) -> Result<bool, Refusal> {
        self.fits(pods, self.total)?;
        let before = std::mem::replace(&mut self.weight, pods);
        self.given = self.given.min(pods);
        self.share(now)?;
        Ok(before != pods)
    }

    fn fits(&self, weight: u32, total: u32) -> Result<(), Refusal> {
        let name = self.stable.name().to_owned();
        match total {
            total if total > MOST => Err(Refusal::TooMany { name, asked: total, most: MOST }),
            total if weight > total => {
                Err(Refusal::Weight { name, asked: weight, replicas: total })
            }
            _ => Ok(()),
        }
    }

    /// Tells both how many pods they are to have now.
    fn share(&mut self, now: Duration) -> Result<(), Refusal> {
        self.given = self.given.max(self.canary.available(now).min(self.weight));
        let of_stable = self.total - self.given;
        for (deployment, replicas) in
            [(&mut self.canary, self.weight), (&mut self.stable, of_stable)]
        {
            deployment.ask(&Request::Scale { replicas }, now)?;
        }
        Ok(())
    }

    /// Takes note of what was seen of a pod.
    pub fn see(&mut self, pod: &str, seen: &Seen, now: Duration) {
        self.stable.see(pod, seen, now);
        self.canary.see(pod, seen, now);
    }

    /// What is to be done now.
    pub fn act(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = self.canary.act(now);
        // The numbers were checked when they were asked for.
        let _ = self.share(now);
        actions.extend(self.stable.act(now));
        actions
    }

    /// When [`Track::act`] is to be called although nothing has happened.
    pub fn wakes_at(&self, now: Duration) -> Option<Duration> {
        [self.stable.wakes_at(now), self.canary.wakes_at(now)].into_iter().flatten().min()
    }

    /// What both are now, the stable one first.
    pub fn status(&self, now: Duration) -> [Status; 2] {
        let (stable, canary) = (self.stable.status(now), self.canary.status(now));
        [stable, canary].map(|status| Status { total: self.total, ..status })
    }
}

#[cfg(test)]
mod tests;
