//! What a scenario asks for and a run does without, and how reports count it.

use serde::{Deserialize, Serialize};

/// An item of the scenario that is not part of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// `workload`, `fault`, `deployment`, `step`, `probe`, `effects`, `check` or `advice`.
    pub kind: String,
    /// The item's name; that of a step is `DEPLOYMENT/STEP`.
    pub name: String,
    /// Why it is left out, and what would bring it in.
    pub why: String,
    /// Who left it out.
    #[serde(default)]
    pub cause: Cause,
}

/// Who left an item out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The user, by its name: `--skip` or `--skip-fault`.
    Skipped,
    /// Its switch `enabled`, which a parameter may turn.
    SwitchedOff,
    /// The tool, because the run cannot do it and the file says that it may go.
    /// So is everything that an older plan leaves out.
    #[default]
    Unable,
}

/// The kinds that are counted, in the order in which they are named. Probes and
/// effects are means: without them it is a check that is missing.
const COUNTED: [(&str, &str); 4] =
    [("workload", "workloads"), ("fault", "faults"), ("step", "steps"), ("check", "checks")];

impl LeftOut {
    /// Whether reports count it: a workload, a fault, a step of a deployment or a check.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        COUNTED.iter().any(|(kind, _)| *kind == self.kind)
    }
}

/// `1 fault and 2 checks skipped`; none where nothing was.
#[must_use]
pub fn skipped(left_out: &[LeftOut]) -> Option<String> {
    let count = |(kind, kinds): (&'static str, &'static str)| match left_out
        .iter()
        .filter(|item| item.kind == kind)
        .count()
    {
        0 => None,
        1 => Some(format!("1 {kind}")),
        many => Some(format!("{many} {kinds}")),
    };
    let counts: Vec<String> = COUNTED.into_iter().filter_map(count).collect();
    let (last, others) = counts.split_last()?;
    Some(match others {
        [] => format!("{last} skipped"),
        others => format!("{} and {last} skipped", others.join(", ")),
    })
}

/// What is left out by the reasons, in the order in which those come first: each with its
/// items as `fault kill-workers`.
#[must_use]
pub fn by_reason(left_out: &[LeftOut]) -> Vec<(&str, Vec<String>)> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for item in left_out {
        let named = format!("{} {}", item.kind, item.name);
        match reasons.iter_mut().find(|(why, _)| *why == item.why) {
            Some((_, items)) => items.push(named),
            None => reasons.push((&item.why, vec![named])),
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_counted_by_kind() {
        let items = |kinds: &[&str]| -> Vec<LeftOut> {
            let item = |kind: &&str| LeftOut {
                kind: (*kind).to_owned(),
                name: "x".to_owned(),
                why: String::new(),
                cause: Cause::Skipped,
            };
            kinds.iter().map(item).collect()
        };
        let told = |kinds: &[&str]| skipped(&items(kinds));
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["probe", "effects"]), None);
        assert_eq!(told(&["check"]).as_deref(), Some("1 check skipped"));
        assert_eq!(
            told(&["check", "fault", "check"]).as_deref(),
            Some("1 fault and 2 checks skipped")
        );
        assert_eq!(
            told(&["check", "fault", "workload", "workload"]).as_deref(),
            Some("2 workloads, 1 fault and 1 check skipped")
        );
    }

    #[test]
    fn each_reason_is_said_once_with_all_that_it_takes() {
        let item = |kind: &str, name: &str, why: &str| LeftOut {
            kind: kind.to_owned(),
            name: name.to_owned(),
            why: why.to_owned(),
            cause: Cause::SwitchedOff,
        };
        let items =
            [item("fault", "a", "off"), item("step", "d/s", "no"), item("check", "b", "off")];
        let off = vec!["fault a".to_owned(), "check b".to_owned()];
        assert_eq!(by_reason(&items), [("off", off), ("no", vec!["step d/s".to_owned()])]);
    }
}
