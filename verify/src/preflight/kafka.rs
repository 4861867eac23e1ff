//! Whether Kafka has the topics and groups that are watched or read. What is not there
//! the system may make later.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::nearest::there_are;
use services::{Service, Trouble};

use super::{Found, NAMED};
use crate::kafka::{Access, Client, Deadline, State};

/// How long the brokers may take: less than the whole look.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn look(
    brokers: &str,
    topics: &[String],
    groups: &[String],
    settings: &BTreeMap<String, String>,
) -> Result<(), Found> {
    let at = Service::Kafka.address(brokers).map_err(|error| Found::Unusable(error.to_string()))?;
    let access = Access { at, settings: settings.clone(), isolation: Default::default() };
    let (topics, groups) = (topics.to_vec(), groups.to_vec());
    let looked = tokio::task::spawn_blocking(move || seen(&access, &topics, &groups)).await;
    looked.unwrap_or_else(|_| Err(Found::Doubt("the look was given up".to_owned())))
}

fn seen(access: &Access, topics: &[String], groups: &[String]) -> Result<(), Found> {
    let deadline = Deadline::within(PATIENCE);
    // That nobody answers is told here alone.
    let wrong = |trouble: Trouble| Found::Unusable(trouble.to_string());
    let client = Client::open(access, "preflight").map_err(Found::Unusable)?;
    let (mut absent, mut doubts) = (Vec::new(), Vec::new());
    for topic in topics {
        if client.partitions(topic, deadline).map_err(wrong)?.is_none() {
            absent.push(topic.as_str());
        }
    }
    if let Some(first) = absent.first() {
        let known = client.topics(deadline).map_err(wrong)?;
        let there = there_are(first, known.iter().map(String::as_str), NAMED);
        doubts.push(match absent.as_slice() {
            [one] => format!("topic {one} does not exist (yet); {there}"),
            many => format!("topics {} do not exist (yet); {there}", many.join(", ")),
        });
    }
    for group in groups {
        // A group without members is there for as long as its offsets are.
        if client.group(group, deadline).map_err(wrong)?.state != State::Dead {
            continue;
        }
        let known = client.groups(deadline);
        let there = match &known {
            Ok(known) => there_are(group, known.iter().map(String::as_str), NAMED),
            Err(trouble) => format!("the others could not be listed: {trouble}"),
        };
        doubts.push(format!("group {group} does not exist (yet); {there}"));
    }
    if doubts.is_empty() { Ok(()) } else { Err(Found::Doubt(doubts.join("; "))) }
}
