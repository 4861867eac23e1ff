//! Topics of Kafka, and how far consumer groups have come in them, by the protocol.
//!
//! It joins no group and commits nothing: coordinators are asked what groups have
//! committed and what they are doing, then the leaders where partitions end. So a lag
//! is at most too large by what came in between, and never below 0.
//!
//! An offset that a group has not committed is unknown, and so are the lag of its
//! partition, the sum and the maximum; but where a partition has no record, nothing
//! waits. A topic that does not exist yet has none. What was there and is gone is
//! trouble.
//!
//! Nobody tells of rebalances that are over. What is counted is what two looks show: a
//! group that is in one, or other members or partitions than before.

use std::collections::BTreeMap;

use scenarios::plan::probe::{self as plan, Uncommitted};
use services::{AddressError, Service, Trouble};

use super::presence::Presence;
use crate::kafka::{
    Access, Client, Deadline, Edge, Group, Member, Offsets, Partition, Place, State,
};
use crate::observe::ProbeObserver;

pub(super) struct Kafka {
    access: Access,
    plan: plan::Kafka,
    client: Option<Client>,
    presence: Presence,
    seen: BTreeMap<String, Rebalances>,
}

/// What one look has found.
struct Look {
    /// Of each topic its partitions, if there is one of that name.
    topics: Vec<(String, Option<Vec<Partition>>)>,
    ends: Offsets,
    /// Where partitions begin of which a group has committed nothing.
    starts: Offsets,
    groups: Vec<Told>,
}

/// What one look has found of a group.
struct Told {
    name: String,
    group: Result<Group, String>,
    committed: Result<BTreeMap<Place, Option<i64>>, String>,
}

impl Kafka {
    pub(super) fn new(brokers: &str, plan: plan::Kafka) -> Result<Self, AddressError> {
        let access = Access {
            at: Service::Kafka.address(brokers)?,
            settings: plan.settings.clone(),
            isolation: plan.isolation,
        };
        let (presence, seen) = (Presence::default(), BTreeMap::new());
        Ok(Self { access, plan, client: None, presence, seen })
    }

    pub(super) async fn sample(
        &mut self,
        observer: &ProbeObserver,
        is_end: bool,
    ) -> Result<(), String> {
        let (access, plan, client) = (self.access.clone(), self.plan.clone(), self.client.take());
        let look = move || {
            let client = client.map_or_else(|| Client::open(&access, "probe"), Ok)?;
            let look = Look::take(&client, &plan).map_err(|trouble| trouble.to_string());
            // Its threads end here, and not where others wait.
            Ok::<_, String>(((!is_end).then_some(client), look))
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let (client, look) = looked.map_err(|_| "the look was given up".to_owned())??;
        self.client = client;
        self.tell(observer, observer.now(), &look?)
    }

    fn tell(&mut self, observer: &ProbeObserver, at: f64, look: &Look) -> Result<(), String> {
        let mut troubles = Vec::new();
        for (topic, partitions) in &look.topics {
            let what = format!("topic {topic}");
            match partitions {
                Some(_) => self.presence.found(observer, topic),
                None if self.presence.is_to_come(observer, topic, &what) => {}
                None => troubles.push(format!("{topic}: there is no such topic")),
            }
        }
        for ((topic, partition), end) in &look.ends {
            let label = plan::Kafka::partition(topic, *partition);
            match end {
                Ok(end) => observer.labelled(at, "end_offset", &label, *end as f64),
                Err(why) => troubles.push(format!("{label}: {why}")),
            }
        }
        // What is gone is not 0.
        let is_whole = look
            .topics
            .iter()
            .all(|(topic, partitions)| partitions.is_some() || !self.presence.was_found(topic));
        for told in &look.groups {
            troubles.extend(self.tell_state(observer, at, told));
            troubles.extend(tell_lag(observer, at, look, told, self.plan.uncommitted, is_whole));
        }
        troubles.dedup();
        if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
    }

    fn tell_state(&mut self, observer: &ProbeObserver, at: f64, told: &Told) -> Option<String> {
        let name = &told.name;
        let group = match &told.group {
            Ok(group) => group,
            Err(why) => return Some(why.clone()),
        };
        let has_committed =
            told.committed.as_ref().is_ok_and(|all| all.values().any(Option::is_some));
        match group.state {
            State::Dead if !has_committed => {
                self.presence.is_to_come(observer, name, &format!("group {name}"));
            }
            State::Unknown => {}
            _ => self.presence.found(observer, name),
        }
        observer.labelled(at, "members", name, group.members.len() as f64);
        for (label, partitions) in assigned(&group.members) {
            let label = plan::Kafka::of_group(name, label);
            observer.labelled(at, "assigned", &label, partitions as f64);
        }
        let states = [
            ("stable", State::Stable),
            ("rebalancing", State::Rebalancing),
            ("empty", State::Empty),
            ("dead", State::Dead),
        ];
        for (series, state) in states {
            if group.state != State::Unknown {
                observer.labelled(at, series, name, f64::from(u8::from(group.state == state)));
            }
        }
        let seen = self.seen.entry(name.clone()).or_default();
        observer.labelled(at, "rebalances", name, seen.see(group) as f64);
        None
    }
}

/// Sends what a group has committed and what is left for it. Gives what of it is not
/// known, and why.
fn tell_lag(
    observer: &ProbeObserver,
    at: f64,
    look: &Look,
    told: &Told,
    uncommitted: Uncommitted,
    is_whole: bool,
) -> Option<String> {
    let name = &told.name;
    let committed = match &told.committed {
        Ok(committed) => committed,
        Err(why) => return Some(why.clone()),
    };
    let (mut lags, mut trouble) = (Vec::new(), None);
    for ((topic, partition), end) in &look.ends {
        let place = (topic.clone(), *partition);
        let partition = plan::Kafka::partition(topic, *partition);
        let label = plan::Kafka::of_group(name, &partition);
        let own = committed.get(&place).copied().flatten();
        if let Some(own) = own {
            observer.labelled(at, "committed_offset", &label, own as f64);
        }
        let start = look.starts.get(&place).and_then(|start| start.as_ref().ok()).copied();
        let lag = match (end, own) {
            // Why is told of the partition.
            (Err(_), _) => None,
            (Ok(end), own) => match lag(*end, own, start, uncommitted) {
                Ok(lag) => Some(lag as f64),
                Err(why) => {
                    trouble.get_or_insert_with(|| format!("{label}: {why}"));
                    None
                }
            },
        };
        if let Some(lag) = lag {
            observer.labelled(at, "lag", &label, lag);
        }
        lags.push(lag);
    }
    // Part of a sum is not the sum.
    if let Some(lags) = lags.into_iter().collect::<Option<Vec<f64>>>().filter(|_| is_whole) {
        observer.labelled(at, "total_lag", name, lags.iter().sum());
        observer.labelled(at, "max_lag", name, lags.into_iter().fold(0.0, f64::max));
    }
    trouble
}

/// How many records lie between what a group has committed of a partition and its end.
/// `start` is known where it has committed nothing.
fn lag(
    end: i64,
    committed: Option<i64>,
    start: Option<i64>,
    uncommitted: Uncommitted,
) -> Result<i64, &'static str> {
    match (committed, start) {
        // Who reads what is not committed may be behind the last stable offset.
        (Some(committed), _) => Ok((end - committed).max(0)),
        (None, Some(start)) if start >= end || uncommitted == Uncommitted::Earliest => {
            Ok((end - start).max(0))
        }
        (None, None) => Err("where it begins is not known, and no offset is committed"),
        (None, Some(_)) => Err(
            "no offset is committed, so its lag is unknown; say uncommitted = \"earliest\" where the group has auto.offset.reset = earliest",
        ),
    }
}

/// How many partitions each member has, by its `client.id`, or by its own id where
/// several have the same one.
fn assigned(members: &[Member]) -> Vec<(&str, usize)> {
    let named = |member: &Member| {
        !member.client.is_empty()
            && members.iter().filter(|other| other.client == member.client).count() == 1
    };
    let label = |member| if named(member) { &*member.client } else { &*member.id };
    members.iter().map(|member| (label(member), member.partitions.len())).collect()
}

impl Look {
    fn take(client: &Client, plan: &plan::Kafka) -> Result<Self, Trouble> {
        let deadline = Deadline::within(super::PATIENCE);
        let mut topics = Vec::new();
        for topic in &plan.topics {
            topics.push((topic.clone(), client.partitions(topic, deadline)?));
        }
        let all: Vec<Partition> =
            topics.iter().filter_map(|(_, of)| of.as_deref()).flatten().cloned().collect();
        // A group's offsets before the ends, so that none is behind its end.
        let groups: Vec<Told> = plan
            .groups
            .iter()
            .map(|name| {
                let committed = match all.is_empty() {
                    true => Ok(BTreeMap::new()),
                    false => client.committed(name, &all, deadline).map(BTreeMap::from_iter),
                };
                let group = client.group(name, deadline);
                let told = |trouble: Trouble| trouble.to_string();
                Told {
                    name: name.clone(),
                    group: group.map_err(told),
                    committed: committed.map_err(told),
                }
            })
            .collect();
        let ends = client.offsets(Edge::End, &all, deadline);
        let is_open = |partition: &&Partition| {
            let has = |told: &Told| {
                let committed = told.committed.as_ref().ok();
                committed.is_none_or(|all| all.get(&partition.place).copied().flatten().is_some())
            };
            !groups.iter().all(has)
        };
        let open: Vec<Partition> = all.iter().filter(is_open).cloned().collect();
        let starts = client.offsets(Edge::Start, &open, deadline);
        Ok(Self { topics, ends, starts, groups })
    }
}

/// The rebalances of a group that were seen.
#[derive(Debug, Default)]
struct Rebalances {
    count: u64,
    /// Whether the one that goes on is counted.
    is_in: bool,
    /// The members with their partitions, when last it was in none.
    settled: Option<Vec<Member>>,
}

impl Rebalances {
    fn see(&mut self, group: &Group) -> u64 {
        match group.state {
            State::Rebalancing if self.is_in => {}
            State::Rebalancing => {
                self.count += 1;
                self.is_in = true;
            }
            State::Stable | State::Empty | State::Dead => {
                let mut now = group.members.clone();
                now.iter_mut().for_each(|member| member.partitions.sort());
                now.sort();
                let has_changed = self.settled.as_ref().is_some_and(|before| *before != now);
                if has_changed && !self.is_in {
                    self.count += 1;
                }
                self.is_in = false;
                self.settled = Some(now);
            }
            State::Unknown => {}
        }
        self.count
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn what_is_not_committed_is_unknown_and_what_is_not_there_does_not_wait() {
        let (unknown, earliest) = (Uncommitted::Unknown, Uncommitted::Earliest);
        assert_eq!(lag(10, Some(4), None, unknown), Ok(6));
        assert_eq!(lag(10, Some(12), None, unknown), Ok(0));
        assert!(lag(10, None, Some(4), unknown).is_err());
        assert!(lag(10, None, None, earliest).is_err());
        assert_eq!(lag(10, None, Some(4), earliest), Ok(6));
        assert_eq!(lag(10, None, Some(10), unknown), Ok(0));
        assert_eq!(lag(0, None, Some(0), unknown), Ok(0));
    }

    fn member(id: &str, client: &str, partitions: &[i32]) -> Member {
        let partitions = partitions.iter().map(|number| ("t".to_owned(), *number)).collect();
        Member { id: id.to_owned(), client: client.to_owned(), partitions }
    }

    #[test]
    fn members_are_named_by_their_clients_unless_these_have_one_name() {
        let own = [member("a-1", "a", &[0, 1]), member("b-1", "b", &[2])];
        assert_eq!(assigned(&own), [("a", 2), ("b", 1)]);
        let same = [member("x-1", "x", &[0]), member("x-2", "x", &[]), member("y-1", "", &[1])];
        assert_eq!(assigned(&same), [("x-1", 1), ("x-2", 0), ("y-1", 1)]);
    }

    #[test]
    fn a_rebalance_is_counted_once_whether_it_was_seen_or_only_what_it_did() {
        let group = |state, members: &[Member]| Group { state, members: members.to_vec() };
        let [a, b] = [member("a-1", "a", &[0, 1]), member("b-1", "b", &[1])];
        let half = member("a-1", "a", &[0]);
        let mut seen = Rebalances::default();
        assert_eq!(seen.see(&group(State::Empty, &[])), 0);
        // It was over before anybody looked.
        assert_eq!(seen.see(&group(State::Stable, slice::from_ref(&a))), 1);
        assert_eq!(seen.see(&group(State::Stable, slice::from_ref(&a))), 1);
        assert_eq!(seen.see(&group(State::Rebalancing, slice::from_ref(&a))), 2);
        assert_eq!(seen.see(&group(State::Rebalancing, &[a, b.clone()])), 2);
        assert_eq!(seen.see(&group(State::Unknown, &[])), 2);
        assert_eq!(seen.see(&group(State::Stable, &[half.clone(), b.clone()])), 2);
        assert_eq!(seen.see(&group(State::Stable, &[b, half])), 2);
        assert_eq!(seen.see(&group(State::Dead, &[])), 3);
    }
}
