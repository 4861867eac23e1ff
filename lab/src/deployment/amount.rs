//! How many pods a rolling update may add and take away: counts, or percents of all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of pods, or a share of the desired ones: `2` or `25%`, as Kubernetes'
/// `IntOrString`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Amount {
    /// So many pods.
    Pods(u32),
    /// So many of a hundred desired pods.
    Percent(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u32),
    Text(String),
}

impl Amount {
    fn up(self, of: u32) -> u32 {
        self.of(of, |product| product.div_ceil(100))
    }

    fn down(self, of: u32) -> u32 {
        self.of(of, |product| product / 100)
    }

    fn of(self, of: u32, divide: impl Fn(u64) -> u64) -> u32 {
        match self {
            Self::Pods(pods) => pods,
            Self::Percent(percent) => {
                let pods = divide(u64::from(of) * u64::from(percent));
                u32::try_from(pods).unwrap_or(u32::MAX)
            }
        }
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Pods(0) | Self::Percent(0))
    }
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("{text:?} is neither a number of pods nor percents such as 25%");
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Self::Percent).map_err(wrong),
            None => text.parse().map(Self::Pods).map_err(wrong),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(pods) => write!(f, "{pods}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl TryFrom<Written> for Amount {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(pods) => Ok(Self::Pods(pods)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Amount> for Written {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Pods(pods) => Self::Number(pods),
            Amount::Percent(_) => Self::Text(amount.to_string()),
        }
    }
}

/// Why two amounts say nothing that can be done, if so: without room to add and without
/// room to take away no pod could be replaced, and no more than all can be away.
pub(crate) fn flaw(max_surge: Amount, max_unavailable: Amount) -> Option<String> {
    if max_surge.is_zero() && max_unavailable.is_zero() {
        return Some("max_surge and max_unavailable may not both be 0".to_owned());
    }
    match max_unavailable {
        Amount::Percent(101..) => Some("max_unavailable may be 100% at most".to_owned()),
        _ => None,
    }
}

/// The room of a rolling update, in pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// So many pods more than desired there may be.
    pub(crate) surge: u32,
    /// So many of the desired pods may be unavailable.
    pub(crate) unavailable: u32,
}

impl Room {
    /// Percents of the surge are rounded up, those of the unavailable down; where that
    /// leaves no room at all, one pod may be unavailable.
    pub(crate) fn of(replicas: u32, max_surge: Amount, max_unavailable: Amount) -> Self {
        let surge = max_surge.up(replicas);
        let unavailable = max_unavailable.down(replicas).min(replicas);
        match (surge, unavailable) {
            (0, 0) => Self { surge, unavailable: 1.min(replicas) },
            _ => Self { surge, unavailable },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(replicas: u32, surge: &str, unavailable: &str) -> (u32, u32) {
        let room = Room::of(replicas, surge.parse().unwrap(), unavailable.parse().unwrap());
        (room.surge, room.unavailable)
    }

    #[test]
    fn percents_of_the_surge_are_rounded_up_and_of_the_unavailable_down() {
        assert_eq!(room(6, "25%", "25%"), (2, 1));
        assert_eq!(room(10, "25%", "25%"), (3, 2));
        assert_eq!(room(4, "25%", "25%"), (1, 1));
        assert_eq!(room(10, "2", "3"), (2, 3));
        assert_eq!(room(3, "200%", "100%"), (6, 3));
    }

    #[test]
    fn where_nothing_is_left_one_pod_may_be_unavailable() {
        assert_eq!(room(3, "0", "25%"), (0, 1));
        assert_eq!(room(3, "0", "99%"), (0, 2));
        assert_eq!(room(0, "0", "25%"), (0, 0), "there is none");
        assert_eq!(room(2, "1", "5"), (1, 2), "no more than there are");
    }

    #[test]
    fn amounts_that_leave_no_room_are_refused() {
        assert!(flaw(Amount::Pods(0), Amount::Percent(0)).is_some());
        assert!(flaw(Amount::Pods(0), Amount::Percent(101)).is_some());
        assert!(flaw(Amount::Percent(1), Amount::Pods(0)).is_none());
    }

    #[test]
    fn an_amount_is_written_as_kubernetes_writes_it() {
        for (text, amount) in [("\"25%\"", Amount::Percent(25)), ("3", Amount::Pods(3))] {
            assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), amount);
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        }
        for bad in ["\"a\"", "-1", "\"25 %\"", "1.5"] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }
}
