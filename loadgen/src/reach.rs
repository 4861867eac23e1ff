//! Where a target may lead the load on to: the nodes of a Redis Cluster, the
//! brokers that Kafka advertises.
//!
//! The hosts of a job's address are its user's choice. Whatever else the target
//! names must be on this machine, be one of those hosts, or be allowed. It is
//! asked for before the load ([`Reach::see`]), so that every host that is
//! missing is said at once; what turns up later is refused by whoever would
//! connect to it ([`Reach::check`]).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hosts::{Ground, Guard, GuardError};

use crate::limit::Limit;
use crate::outcome::Reason;

/// Which hosts a target may lead the load on to. All connections of a job share
/// it.
#[derive(Debug)]
pub(crate) struct Reach {
    guard: Arc<Guard>,
    /// For people: `a node of the Redis Cluster`.
    what: &'static str,
    /// Names that were looked up and refused, and why.
    refused: Mutex<BTreeMap<String, String>>,
}

/// Why a target could not be made ready.
#[derive(Debug)]
pub(crate) enum Unready {
    /// What the target said.
    Problem(String),
    /// This machine has no more of what a connection takes.
    Limit(Limit),
    /// It does not let us in.
    Denied(services::Trouble),
    /// It leads on to hosts that nobody allowed.
    Guard(GuardError),
}

impl Unready {
    /// Why an operation that waited for this is not sent.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Limit(limit) => Reason::Here(*limit),
            other => Reason::Unreachable(other.to_string()),
        }
    }

    /// The same, told of one of several nodes.
    pub(crate) fn at(self, node: &impl fmt::Display) -> Self {
        match self {
            Self::Problem(problem) => Self::Problem(format!("{node}: {problem}")),
            other => other,
        }
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => f.write_str(problem),
            Self::Limit(limit) => limit.fmt(f),
            Self::Denied(trouble) => trouble.fmt(f),
            Self::Guard(error) => f.write_str(&said(error)),
        }
    }
}

impl From<&str> for Unready {
    fn from(problem: &str) -> Self {
        Self::Problem(problem.to_owned())
    }
}

impl From<io::Error> for Unready {
    fn from(error: io::Error) -> Self {
        match Limit::of(&error) {
            Some(limit) => Self::Limit(limit),
            None => Self::Problem(error.to_string()),
        }
    }
}

impl From<String> for Unready {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}

impl Reach {
    /// Lets pass this machine, the hosts that are given, and those that are
    /// allowed. The given ones are looked up.
    pub(crate) fn new<'a>(
        what: &'static str,
        given: impl IntoIterator<Item = &'a str>,
        allowed: &[String],
    ) -> Self {
        let guard = Guard::new(Ground::Machine, allowed).with_given(given);
        Self { guard: Arc::new(guard), what, refused: Mutex::default() }
    }

    /// Judges all hosts that the target at `by` leads on to. It may wait for a
    /// name server.
    ///
    /// # Errors
    /// Every refusal at once; else the first name that means nothing.
    pub(crate) fn see<'a>(
        &self,
        by: &str,
        led: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unready> {
        let what = format!("{} at {by}", self.what);
        let named = led.into_iter().map(|host| (what.clone(), host.to_owned()));
        self.guard.check(named).map_err(Unready::Guard)
    }

    /// Why a host may not be connected to, as far as that can be said without a
    /// name server.
    pub(crate) fn refusal(&self, host: &str) -> Option<String> {
        if host.parse::<IpAddr>().is_ok() {
            return self.guard.check([self.wanted(host)]).err().map(|error| said(&error));
        }
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// Judges a host that is to be connected to.
    ///
    /// # Errors
    /// Why it may not be; [`Reach::refusal`] knows it from then on.
    pub(crate) async fn check(&self, host: &str) -> Result<(), String> {
        // The usual case, in which nobody is asked.
        if self.guard.names(host) {
            return Ok(());
        }
        if host.parse::<IpAddr>().is_ok() {
            return self.refusal(host).map_or(Ok(()), Err);
        }
        let (guard, wanted) = (Arc::clone(&self.guard), self.wanted(host));
        let judged = tokio::task::spawn_blocking(move || guard.check([wanted])).await;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match judged.map_err(|error| error.to_string())? {
            Ok(()) => {
                refused.remove(host);
                Ok(())
            }
            Err(error) => {
                let text = said(&error);
                if matches!(error, GuardError::Refused(_)) {
                    refused.insert(host.to_owned(), text.clone());
                }
                Err(text)
            }
        }
    }

    fn wanted(&self, host: &str) -> (String, String) {
        (self.what.to_owned(), host.to_owned())
    }
}

/// An error in one line, as reports have it.
fn said(error: &GuardError) -> String {
    match error {
        GuardError::Refused(refusals) => refusals.in_one_line(),
        GuardError::Unknown { .. } => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(given: &[&str], allowed: &[&str]) -> Reach {
        let allowed: Vec<String> = allowed.iter().map(|&word| word.to_owned()).collect();
        Reach::new("a node", given.iter().copied(), &allowed)
    }

    #[test]
    fn every_host_that_is_missing_is_said_at_once() {
        let led = ["127.0.0.1", "192.0.2.1", "198.51.100.2", "192.0.2.1"];
        let Err(Unready::Guard(error)) = reach(&["127.0.0.1"], &[]).see("h:1", led) else {
            panic!("two hosts are not of this machine")
        };
        assert_eq!(
            error.to_string(),
            "192.0.2.1 is not on this machine: a node at h:1\n\
             198.51.100.2 is not on this machine: a node at h:1\n\
             If this is meant, allow it with --allow 192.0.2.1 --allow 198.51.100.2"
        );
        assert!(reach(&[], &["192.0.2.1", "198.51.100.2"]).see("h:1", led).is_ok());
        assert!(reach(&["192.0.2.1"], &["198.51.100.2"]).see("h:1", led).is_ok());
    }

    #[tokio::test]
    async fn a_host_that_turns_up_later_is_judged_when_it_is_to_be_connected_to() {
        let reach = reach(&["192.0.2.1"], &["198.51.100.2"]);
        for near in ["127.0.0.1", "::1", "localhost", "192.0.2.1", "198.51.100.2"] {
            reach.check(near).await.unwrap();
            assert_eq!(reach.refusal(near), None);
        }
        let why = reach.check("192.0.2.3").await.unwrap_err();
        assert_eq!(
            why,
            "192.0.2.3 is not on this machine: a node; if this is meant, allow it with \
             --allow 192.0.2.3"
        );
        assert_eq!(reach.refusal("192.0.2.3"), Some(why));
    }
}
