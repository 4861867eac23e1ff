//! Whether faults go on, and why not.

use std::sync::Arc;

use tokio::sync::watch;

use crate::limits::Limits;

/// Where a run of faults stands. It only ever goes down this list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Tide {
    /// Faults are injected at their times.
    #[default]
    Going,
    /// Nothing more is injected; what stands has its time.
    NoMore(String),
    /// Nothing more is injected, and what stands is taken back now.
    TakeBack {
        why: String,
        /// Whether the system is watched until it is whole.
        patient: bool,
    },
}

impl Tide {
    fn level(&self) -> u8 {
        match self {
            Self::Going => 0,
            Self::NoMore(_) => 1,
            Self::TakeBack { patient: true, .. } => 2,
            Self::TakeBack { patient: false, .. } => 3,
        }
    }

    /// Why nothing more is injected.
    pub(super) fn ended(&self) -> Option<&str> {
        match self {
            Self::Going => None,
            Self::NoMore(why) | Self::TakeBack { why, .. } => Some(why),
        }
    }

    pub(super) fn takes_back(&self) -> bool {
        self.level() >= 2
    }

    pub(super) fn is_impatient(&self) -> bool {
        self.level() >= 3
    }
}

/// Ends a run of faults before its time. What was asked for first keeps its
/// reason; a later wish can only be more urgent.
#[derive(Debug, Clone)]
pub struct Baton {
    pub(super) tide: Arc<watch::Sender<Tide>>,
    pub(super) limits: Arc<Limits>,
}

impl Baton {
    /// Nothing more is injected, because of `why`; what stands has its time.
    pub fn no_more(&self, why: &str) {
        self.lower(Tide::NoMore(why.to_owned()));
    }

    /// Nothing more is injected, because of `why`, and everything that stands
    /// is taken back, the latest first. If `patient`, the system is watched
    /// until it is whole again.
    pub fn take_back(&self, why: &str, patient: bool) {
        self.lower(Tide::TakeBack { why: why.to_owned(), patient });
    }

    fn lower(&self, to: Tide) {
        self.limits.stop();
        if to.is_impatient() {
            self.limits.hurry();
        }
        self.tide.send_if_modified(|tide| {
            let lower = to.level() > tide.level();
            if lower {
                *tide = to;
            }
            lower
        });
    }
}
