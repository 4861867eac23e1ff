//! What a run comes to: one decision, which the exit code and the page tell in their ways.

use pages::Standing;

use super::Offered;

/// What a run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A signal or a key ended it early.
    Interrupted,
    /// There are thresholds, and this machine met a limit of its own.
    Limited,
    /// This machine's limits let nothing through at all.
    LimitedAlone,
    /// The target could not be reached at all.
    NeverReached,
    /// There are thresholds, and the generator could not keep up.
    FellBehind,
    /// A threshold was not kept to.
    Broken,
    /// An operation was not acked, which was to be a failure.
    NotAcked,
    /// What was asked of it was kept to by the instances that are there, and others are
    /// missing.
    Incomplete,
    /// What was asked of it was kept to.
    Held,
    /// Nothing was asked of it.
    Unasked,
}

impl Verdict {
    /// That of a run that has ended.
    pub(crate) fn of(offered: &Offered) -> Self {
        let is_judged = !offered.kept.is_empty();
        if offered.interrupted {
            Self::Interrupted
        } else if is_judged && !offered.report.limits.is_empty() {
            Self::Limited
        } else if offered.report.is_limited_alone() {
            Self::LimitedAlone
        } else if offered.report.never_reached() {
            Self::NeverReached
        } else if is_judged && !offered.kept_up() {
            Self::FellBehind
        } else if offered.kept.iter().any(|kept| !kept.held) {
            Self::Broken
        } else if offered.fails_on_error && offered.errors() > 0 {
            Self::NotAcked
        } else if (is_judged || offered.fails_on_error) && offered.is_incomplete() {
            Self::Incomplete
        } else if is_judged || offered.fails_on_error {
            Self::Held
        } else {
            Self::Unasked
        }
    }

    /// How it stands; nothing where nothing was asked.
    pub(crate) fn standing(self) -> Option<Standing> {
        match self {
            Self::Interrupted
            | Self::Limited
            | Self::LimitedAlone
            | Self::NeverReached
            | Self::FellBehind
            | Self::Incomplete => Some(Standing::Inconclusive),
            Self::Broken | Self::NotAcked => Some(Standing::Violated),
            Self::Held => Some(Standing::Held),
            Self::Unasked => None,
        }
    }
}
