//! What the run said of a new version when a step of it was over.

use serde::{Deserialize, Serialize};

use super::figure;

/// A phase in which a version under test was compared, and what to do at its end, by
/// all that was known then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The phase.
    pub phase: String,
    /// Its end, in seconds.
    #[serde(deserialize_with = "figure::number")]
    pub to: f64,
    /// What to do.
    pub advice: StepAdvice,
    /// Why, in a sentence.
    pub why: String,
    /// The mean of the groups' scores, 0 to 100; none where nothing could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The score of each group of checks of which one at least was looked at.
    pub groups: Vec<GroupScore>,
}

/// How many checks of a group certainly held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// The group: `errors`, `latency`, `traffic`, `saturation`.
    pub group: String,
    /// How many of them certainly held, 0 to 100.
    #[serde(deserialize_with = "figure::number")]
    pub score: f64,
}

/// What to do with a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAdvice {
    /// Everything that was compared certainly holds: give it more.
    Promote,
    /// Too little is known: leave it at this share.
    Hold,
    /// Something is certainly worse: take its traffic away.
    RollBack,
}

impl StepAdvice {
    /// As people read it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Hold => "hold",
            Self::RollBack => "roll back",
        }
    }
}

impl StepRecord {
    /// `score 92: errors 100, latency 75`; `no score` where nothing could be judged.
    #[must_use]
    pub fn scores(&self) -> String {
        let Some(score) = self.score else { return "no score".to_owned() };
        let groups: Vec<String> =
            self.groups.iter().map(|group| format!("{} {:.0}", group.group, group.score)).collect();
        format!("score {score:.0}: {}", groups.join(", "))
    }
}
