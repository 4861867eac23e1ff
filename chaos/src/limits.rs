//! How far all faults of a run together may go: how many victims at once, and
//! whether anything may be broken any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::FaultError;
use crate::undo::retry::{RECOVER_WITHIN, UNDO_WITHIN};

/// Limits that all faults of a run share.
#[derive(Debug)]
pub struct Limits {
    /// The most victims at once; 0 is no limit.
    most: usize,
    under: Arc<Mutex<usize>>,
    stopped: AtomicBool,
    /// How long taking a fault back is tried again.
    undo_within: Duration,
    /// Whether somebody waits for the end.
    hurried: AtomicBool,
    told: Told,
    /// If there are any, only these namespaces of a cluster may be hit.
    namespaces: Vec<String>,
    /// Namespaces and contexts that may be hit although they look like
    /// production.
    allow: Vec<String>,
}

/// A way to whoever waits.
#[derive(Default)]
struct Told(Option<Tell>);

type Tell = Box<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "somebody" } else { "nobody" })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most: 0,
            under: Arc::default(),
            stopped: AtomicBool::new(false),
            undo_within: UNDO_WITHIN,
            hurried: AtomicBool::new(false),
            told: Told::default(),
            namespaces: Vec::new(),
            allow: Vec::new(),
        }
    }
}

impl Limits {
    /// At most so many victims under faults at the same time; 0 is no limit.
    #[must_use]
    pub fn new(most_victims: usize) -> Self {
        Self { most: most_victims, ..Self::default() }
    }

    /// In a cluster, only these namespaces if there are any; those that look like
    /// production only if `allow` names them.
    #[must_use]
    pub fn within(mut self, namespaces: Vec<String>, allow: Vec<String>) -> Self {
        (self.namespaces, self.allow) = (namespaces, allow);
        self
    }

    /// While what it needs is away, taking a fault back is tried again for so long
    /// (5 minutes by default).
    #[must_use]
    pub fn undo_within(mut self, within: Duration) -> Self {
        self.undo_within = within;
        self
    }

    /// Whoever waits is told through this that something takes longer, and why.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.told = Told(Some(Box::new(tell)));
        self
    }

    pub(crate) fn tell(&self, text: &str) {
        if let Some(tell) = &self.told.0 {
            tell(text);
        }
    }

    /// Somebody waits for the end: nothing is tried again for more than 30 s.
    pub fn hurry(&self) {
        self.hurried.store(true, Ordering::SeqCst);
    }

    /// How long taking a fault back is tried again, as things are.
    pub(crate) fn patience(&self) -> Duration {
        match self.hurried.load(Ordering::SeqCst) {
            true => self.undo_within.min(RECOVER_WITHIN),
            false => self.undo_within,
        }
    }

    #[cfg(feature = "kubernetes")]
    pub(crate) fn guard(&self) -> crate::kubernetes::Guard {
        let (namespaces, allow) = (self.namespaces.clone(), self.allow.clone());
        crate::kubernetes::Guard { namespaces, allow }
    }

    /// Nothing is injected any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether [`Limits::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Lets a fault with so many victims through, or refuses it.
    pub(crate) fn admit(&self, victims: usize) -> Result<Permit, FaultError> {
        let refused = |why: String| {
            let what = format!("a fault with {victims} victims");
            Err(FaultError::Blocked { what, why })
        };
        if self.is_stopped() {
            return refused("a stop condition holds; nothing is broken any more".to_owned());
        }
        let mut under = self.under.lock().unwrap_or_else(PoisonError::into_inner);
        if self.most > 0 && *under + victims > self.most {
            let why = format!(
                "{} are under faults and at most {} may be; raise most_victims or let the faults \
                 come one after another",
                *under, self.most
            );
            return refused(why);
        }
        *under += victims;
        Ok(Permit { victims, under: Arc::clone(&self.under) })
    }
}

/// Counts the victims of a fault for as long as it is there.
#[derive(Debug)]
pub(crate) struct Permit {
    victims: usize,
    under: Arc<Mutex<usize>>,
}

impl Permit {
    /// The fault cannot be taken back: its victims count until the end.
    pub(crate) fn keep(&mut self) {
        self.victims = 0;
    }

    /// The fault is over.
    pub(crate) fn give_back(&mut self) {
        let victims = std::mem::take(&mut self.victims);
        *self.under.lock().unwrap_or_else(PoisonError::into_inner) -= victims;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_hit_at_once() {
        let limits = Limits::new(3);
        let first = limits.admit(2).unwrap();
        assert!(limits.admit(2).unwrap_err().is_refusal());
        let second = limits.admit(1).unwrap();
        drop(first);
        limits.admit(2).unwrap();
        drop(second);
        assert!(limits.admit(4).unwrap_err().is_refusal());
        Limits::default().admit(1_000).unwrap();
    }

    #[test]
    fn a_stopped_run_breaks_nothing() {
        let limits = Limits::default();
        limits.stop();
        assert!(limits.admit(1).unwrap_err().to_string().contains("stop condition"));
    }
}
