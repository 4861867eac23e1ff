//! The journal as an account of each fault: who did what, when, to whom, and how
//! it ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Entry, State};

/// What a journal tells of one fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// When it was begun; when it was planned or failed, if it never was.
    pub when: Timestamp,
    /// Who did it: `USER@HOST`.
    pub by: String,
    /// The run to which it belongs.
    pub run: String,
    /// Its name.
    pub fault: String,
    /// What was done: `kill_process`.
    pub kind: String,
    /// Whom it hit.
    pub victims: Vec<String>,
    /// How it ended.
    pub end: End,
    /// The words of that end.
    pub how: String,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Who ended it, where that is somebody else: `USER@HOST`, or
    /// `watchdog of USER@HOST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// How a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It has not been injected.
    Planned,
    /// It may still be there.
    Open,
    /// It was not injected.
    NotInjected,
    /// It was taken back; whether the system is whole, nobody could tell.
    Undone,
    /// It was taken back, and something went wrong before or after that.
    Failed,
    /// It was taken back, and the system was seen whole.
    Healed,
}

impl End {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open => "STILL OPEN",
            Self::NotInjected => "not injected",
            Self::Undone => "taken back",
            Self::Failed => "taken back, but",
            Self::Healed => "healed",
        }
    }
}

/// The faults of a journal, in the order in which it first names them.
#[must_use]
pub fn stories(entries: &[Entry]) -> Vec<Story> {
    let mut places = BTreeMap::new();
    let mut stories: Vec<Story> = Vec::new();
    for entry in entries {
        let place = *places.entry((&entry.run, &entry.fault)).or_insert(stories.len());
        if place == stories.len() {
            stories.push(beginning(entry));
        }
        if let Some(story) = stories.get_mut(place) {
            go_on(story, entry);
        }
    }
    stories
}

fn beginning(entry: &Entry) -> Story {
    Story {
        when: entry.ts,
        by: entry.by.clone(),
        run: entry.run.clone(),
        fault: entry.fault.clone(),
        kind: entry.kind.clone(),
        victims: Vec::new(),
        end: End::Planned,
        how: String::new(),
        ended: None,
        ended_by: None,
    }
}

fn go_on(story: &mut Story, entry: &Entry) {
    match &entry.state {
        State::Planned | State::Confirmed => return,
        State::Injected { victims } => {
            story.victims.clone_from(victims);
            return;
        }
        State::Injecting { .. } => {
            story.when = entry.ts;
            story.by.clone_from(&entry.by);
            (story.end, story.how, story.ended) = (End::Open, String::new(), None);
            return;
        }
        State::Undone { how } => match (story.end, story.how.is_empty()) {
            // What went wrong first is worth more than how it was taken back.
            (End::Open, false) => story.end = End::Failed,
            (End::Open | End::Planned | End::NotInjected, _) => {
                (story.end, story.how) = (End::Undone, how.clone());
            }
            // Two may do so at the same moment: a watchdog and whoever it watches.
            (End::Undone | End::Failed | End::Healed, _) => return,
        },
        State::Healed { how } if story.end != End::Failed => {
            (story.end, story.how) = (End::Healed, how.clone());
        }
        State::Healed { .. } => {}
        State::Failed { why } => match story.end {
            End::Planned | End::NotInjected => {
                story.when = entry.ts;
                (story.end, story.how) = (End::NotInjected, why.clone());
            }
            // It may be there in part.
            End::Open => {
                story.how.clone_from(why);
                return;
            }
            End::Undone | End::Failed | End::Healed => {
                (story.end, story.how) = (End::Failed, why.clone());
            }
        },
    }
    story.ended = Some(entry.ts);
    story.ended_by = (entry.by != story.by).then(|| entry.by.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Pinned;
    use crate::undo::Undo;

    fn entry(second: i64, by: &str, fault: &str, state: State) -> Entry {
        Entry {
            ts: Timestamp::from_second(second).unwrap(),
            by: by.to_owned(),
            run: "r".to_owned(),
            fault: fault.to_owned(),
            kind: "pause_process".to_owned(),
            due: None,
            state,
        }
    }

    fn injecting() -> State {
        let undo = Undo::Nothing { why: "it ends".to_owned() };
        State::Injecting { undo, owner: Pinned { pid: 1, start_time: 1 }, watchdog: None }
    }

    fn failed() -> State {
        State::Failed { why: "no".to_owned() }
    }

    fn undone() -> State {
        State::Undone { how: "back".to_owned() }
    }

    /// The end and the words of a fault with these states.
    fn told(states: &[State]) -> (End, String) {
        let entries: Vec<Entry> = (1..)
            .zip(states)
            .map(|(second, state)| entry(second, "ann@here", "f", state.clone()))
            .collect();
        let story = stories(&entries).remove(0);
        (story.end, story.how)
    }

    #[test]
    fn each_way_to_end_is_told_apart() {
        let healed = || State::Healed { how: "whole".to_owned() };
        for (states, end, how) in [
            (vec![State::Planned], End::Planned, ""),
            (vec![State::Planned, failed()], End::NotInjected, "no"),
            (vec![injecting()], End::Open, ""),
            (vec![injecting(), failed()], End::Open, "no"),
            (vec![injecting(), undone()], End::Undone, "back"),
            (vec![injecting(), State::Confirmed, undone(), healed()], End::Healed, "whole"),
            (vec![injecting(), failed(), undone()], End::Failed, "no"),
            (vec![injecting(), failed(), undone(), healed()], End::Failed, "no"),
            (vec![injecting(), undone(), failed()], End::Failed, "no"),
            (vec![injecting(), undone(), failed(), undone()], End::Failed, "no"),
            (vec![injecting(), undone(), healed(), undone()], End::Healed, "whole"),
        ] {
            assert_eq!(told(&states), (end, how.to_owned()), "{states:?}");
        }
    }

    #[test]
    fn who_did_it_and_who_took_it_back() {
        let victims = vec!["a (pid 1@2)".to_owned()];
        let entries = [
            entry(1, "ann@here", "f", State::Planned),
            entry(2, "ann@here", "f", injecting()),
            entry(3, "ann@here", "g", failed()),
            entry(4, "ann@here", "f", State::Injected { victims: victims.clone() }),
            entry(5, "bob@there", "f", undone()),
        ];
        let [first, second] = &stories(&entries)[..] else { panic!("two faults") };
        assert_eq!((first.when.as_second(), first.by.as_str()), (2, "ann@here"));
        assert_eq!(first.victims, victims);
        assert_eq!(first.ended.map(Timestamp::as_second), Some(5));
        assert_eq!(first.ended_by.as_deref(), Some("bob@there"));
        assert_eq!((second.fault.as_str(), second.ended_by.as_deref()), ("g", None));
    }
}
