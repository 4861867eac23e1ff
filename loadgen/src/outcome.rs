//! What became of an operation, and why it was not acknowledged.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limit::Limit;
use crate::printable::line;

/// What became of an operation that was attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Definitely accepted.
    Acked,
    /// Definitely not done.
    Failed,
    /// Unknown: it may have been done or not.
    Indeterminate,
}

/// The answer to an operation: its outcome, with the reason unless it was
/// accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Definitely accepted.
    Acked,
    /// Definitely not done, and why.
    Failed(Reason),
    /// Unknown, and why.
    Indeterminate(Reason),
}

impl Answer {
    /// The outcome alone.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Acked => Outcome::Acked,
            Self::Failed(_) => Outcome::Failed,
            Self::Indeterminate(_) => Outcome::Indeterminate,
        }
    }

    /// Whether the operation never left, for want of something of this machine:
    /// nothing was attempted, and the target is not to blame.
    #[must_use]
    pub fn never_left(&self) -> bool {
        matches!(self, Self::Failed(Reason::Here(_)))
    }

    /// Why it was not accepted.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Acked => None,
            Self::Failed(reason) | Self::Indeterminate(reason) => Some(reason),
        }
    }
}

/// Why an operation was not acknowledged. Its text names no single operation,
/// so that equal troubles count together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No connection could be made; nothing was sent.
    Unreachable(String),
    /// The target leads on to a host that nobody allowed; nothing was sent.
    Forbidden(String),
    /// This machine had no more of what it takes. An operation of which nothing
    /// was sent is dropped and not failed.
    Here(Limit),
    /// Due for longer than the timeout while no connection stood; not sent.
    Unsent,
    /// No answer within the timeout.
    Timeout,
    /// The connection was lost after something may have been sent.
    Lost(String),
    /// The run ended while the answer was still awaited.
    CutOff,
    /// An HTTP status other than the accepted ones.
    Status(u16),
    /// The broker gave the message back.
    Returned(String),
    /// No answer within the timeout, while the broker took nothing in.
    Blocked(String),
    /// The broker refused responsibility for the message.
    Nacked,
    /// The server answered with an error.
    Refused(String),
    /// A program ended with a code other than 0.
    Exit(i32),
    /// A program was ended by a signal.
    Signal(i32),
    /// A program could not be started.
    Spawn(String),
    /// The operation could not be put into the protocol's form.
    Unsendable(String),
    /// A redirect could not be followed to an answer.
    Redirect(String),
}

impl Reason {
    /// Whether the target could not even be reached.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unsent | Self::Spawn(_))
    }

    /// Whether it was refused here, and says nothing of the target.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "no connection: {error}"),
            Self::Forbidden(why) => write!(f, "not allowed: {why}"),
            Self::Here(limit) => limit.fmt(f),
            Self::Unsent => f.write_str("not sent: no connection within the timeout"),
            Self::Timeout => f.write_str("no answer within the timeout"),
            Self::Lost(error) => write!(f, "connection lost: {error}"),
            Self::CutOff => f.write_str("the run ended before the answer came"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Returned(text) => write!(f, "returned by the broker: {text}"),
            Self::Blocked(why) => {
                write!(f, "no answer within the timeout: publishing is blocked, {why}")
            }
            Self::Refused(text) => write!(f, "refused: {text}"),
            Self::Nacked => f.write_str("nacked by the broker"),
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Spawn(error) => write!(f, "could not be started: {error}"),
            Self::Unsendable(error) => write!(f, "could not be sent: {error}"),
            Self::Redirect(why) => write!(f, "a redirect that could not be followed: {why}"),
        }
    }
}

/// How many different reasons are told apart; the rest count as one.
const DISTINCT: usize = 32;

/// Reasons with their counts, in bounded memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasons {
    seen: Vec<(Reason, u64)>,
    other: u64,
    unreachable: u64,
    forbidden: u64,
    limits: Vec<(Limit, u64)>,
}

impl Reasons {
    /// Counts one reason.
    pub fn count(&mut self, reason: &Reason) {
        self.add(reason, 1);
    }

    fn add(&mut self, reason: &Reason, times: u64) {
        if reason.is_unreachable() {
            self.unreachable += times;
        }
        if reason.is_forbidden() {
            self.forbidden += times;
        }
        if let Reason::Here(limit) = reason {
            // Few, and counted apart from the texts.
            match self.limits.iter_mut().find(|(known, _)| known == limit) {
                Some((_, count)) => *count += times,
                None => self.limits.push((*limit, times)),
            }
        } else if let Some((_, count)) = self.seen.iter_mut().find(|(seen, _)| seen == reason) {
            *count += times;
        } else if self.seen.len() < DISTINCT {
            self.seen.push((reason.clone(), times));
        } else {
            self.other += times;
        }
    }

    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        let known = |is: fn(&Reason) -> bool| -> u64 {
            other.seen.iter().filter(|(reason, _)| is(reason)).map(|(_, count)| count).sum()
        };
        for (reason, count) in &other.seen {
            self.add(reason, *count);
        }
        for (limit, count) in &other.limits {
            self.add(&Reason::Here(*limit), *count);
        }
        self.other += other.other;
        self.unreachable += other.unreachable - known(Reason::is_unreachable);
        self.forbidden += other.forbidden - known(Reason::is_forbidden);
    }

    /// How many operations met a target that could not be reached.
    #[must_use]
    pub fn unreachable(&self) -> u64 {
        self.unreachable
    }

    /// How many operations were led to a host that nobody allowed.
    #[must_use]
    pub fn forbidden(&self) -> u64 {
        self.forbidden
    }

    /// What this machine had no more of, with how often, the most frequent first.
    #[must_use]
    pub fn limits(&self) -> Vec<(Limit, u64)> {
        let mut limits = self.limits.clone();
        limits.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        limits
    }

    /// The texts with their counts, the most frequent first, as they may be shown.
    #[must_use]
    pub fn top(&self) -> Vec<(String, u64)> {
        let mut top: Vec<_> =
            self.seen.iter().map(|(reason, count)| (line(&reason.to_string()), *count)).collect();
        top.extend(self.limits.iter().map(|(limit, count)| (limit.to_string(), *count)));
        if self.other > 0 {
            top.push(("other reasons".to_owned(), self.other));
        }
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_in_bounded_memory() {
        let mut reasons = Reasons::default();
        for code in 0..100 {
            reasons.count(&Reason::Exit(code));
            reasons.count(&Reason::Timeout);
        }
        let top = reasons.top();
        assert_eq!(top[0], ("no answer within the timeout".to_owned(), 100));
        assert_eq!(top.iter().map(|(_, count)| count).sum::<u64>(), 200);
        assert_eq!(top.len(), DISTINCT + 1);
    }

    #[test]
    fn merging_adds_up() {
        let mut a = Reasons::default();
        a.count(&Reason::Timeout);
        a.count(&Reason::Unreachable("refused".into()));
        let mut b = a.clone();
        b.count(&Reason::Unsent);
        b.count(&Reason::Forbidden("elsewhere".into()));
        a.count(&Reason::Here(Limit::Files));
        b.merge(&a);
        a.merge(&b);
        assert_eq!((b.unreachable(), b.forbidden()), (3, 1));
        assert_eq!((a.unreachable(), a.forbidden()), (4, 1));
        assert_eq!((a.limits(), b.limits()), (vec![(Limit::Files, 2)], vec![(Limit::Files, 1)]));
        assert_eq!(b.top().iter().map(|(_, count)| count).sum::<u64>(), 7);
    }
}
