//! A client that asks and never joins.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use services::kafka::{SETTINGS, bootstrap};
use services::{Address, Trouble};

use super::{Access, Deadline, Edge, Group, Offsets, Partition, Place, admin};

/// The first time that one question is given; each later one is given twice as long, up
/// to half of what is left: librdkafka may wait once for a connection, and once for the
/// answer.
const FIRST: Duration = Duration::from_millis(300);
/// What the last one is given.
const LEAST: Duration = Duration::from_millis(50);
/// The pause behind a question that failed at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Connections to a cluster.
pub(crate) struct Client {
    consumer: BaseConsumer<Inbox>,
    at: Address,
}

/// What librdkafka has said about its connections.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Option<(Code, String)>>);

impl Inbox {
    fn said(&self) -> MutexGuard<'_, Option<(Code, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was last wrong.
    pub(super) fn trouble(&self) -> Option<String> {
        self.said().as_ref().map(|(_, text)| text.clone())
    }
}

impl ClientContext for Inbox {
    // What matters comes as an error, too.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down says less than what was said of each.
        if let Some(code) = error.rdkafka_error_code()
            && !matches!(code, Code::AllBrokersDown | Code::PartitionEOF)
        {
            *self.said() = Some((code, steady(reason)));
        }
    }
}

impl ConsumerContext for Inbox {}

/// A trouble in words that stay the same from one time to the next, and from one
/// broker to the next.
fn steady(reason: &str) -> String {
    // "h:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 3ms in …)"
    let text = reason.split(" (after ").next().unwrap_or(reason);
    let text = text.rsplit_once(" failed: ").map_or(text, |(_, why)| why);
    let text = match text.split_once(": ") {
        Some((broker, rest)) if broker.contains('/') => rest,
        _ => text,
    };
    text.trim().to_owned()
}

/// The settings of a client that only reads: ours, then those of the plan, then what
/// they cannot change.
pub(super) fn config(access: &Access, role: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", format!("shakedown-{role}"));
    // Nobody joins it. But librdkafka 2.10 takes for granted that whoever asks for offsets
    // has a group, and ends the whole program where a coordinator that has moved, or is
    // starting, is asked for those of another one.
    config.set("group.id", format!("shakedown-{role}"));
    // So that a broker that is back is found soon.
    config.set("reconnect.backoff.ms", "50");
    config.set("reconnect.backoff.max.ms", "1000");
    // What is fetched at once is decompressed at once, too.
    config.set("queued.max.messages.kbytes", "16384");
    config.set("fetch.message.max.bytes", "262144");
    config.set("fetch.max.bytes", "4194304");
    config.set("fetch.wait.max.ms", "50");
    let own = |name: &str| name == "group.id" || SETTINGS.contains(&name);
    for (name, value) in access.settings.iter().filter(|(name, _)| !own(name)) {
        config.set(name, value);
    }
    config.set(SETTINGS[0], bootstrap(&access.at));
    config.set("isolation.level", access.isolation.word());
    config.set("allow.auto.create.topics", "false");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config
}

/// Why there is no client.
pub(super) fn unmade(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, problem, name, _) => {
            format!("the settings of Kafka have a mistake at {name}: {problem}")
        }
        KafkaError::ClientCreation(problem) => format!("no client of Kafka: {problem}"),
        other => format!("no client of Kafka: {other}"),
    }
}

impl Client {
    /// A client of that role. It connects when it is asked for something.
    ///
    /// # Errors
    /// When the settings are none.
    pub(crate) fn open(access: &Access, role: &str) -> Result<Self, String> {
        let consumer = config(access, role).create_with_context(Inbox::default());
        let consumer = consumer.map_err(|error| unmade(&error))?;
        Ok(Self { consumer, at: access.at.clone() })
    }

    /// The partitions of a topic, unless there is no such topic.
    pub(crate) fn partitions(
        &self,
        topic: &str,
        deadline: Deadline,
    ) -> Result<Option<Vec<Partition>>, Trouble> {
        let seen =
            self.ask(deadline, |within| self.consumer.fetch_metadata(Some(topic), within))?;
        let Some(seen) = seen.topics().first() else { return Ok(None) };
        match seen.error().map(Code::from) {
            None => {}
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
            Some(code) => return Err(self.answered(code, &format!("a request for topic {topic}"))),
        }
        let of = |partition: &MetadataPartition| Partition {
            place: (topic.to_owned(), partition.id()),
            leader: Some(partition.leader()).filter(|leader| *leader >= 0),
        };
        Ok(Some(seen.partitions().iter().map(of).collect()))
    }

    /// The names of all topics.
    pub(crate) fn topics(&self, deadline: Deadline) -> Result<Vec<String>, Trouble> {
        let seen = self.ask(deadline, |within| self.consumer.fetch_metadata(None, within))?;
        let names = seen.topics().iter().map(MetadataTopic::name);
        Ok(names.filter(|name| !name.starts_with("__")).map(str::to_owned).collect())
    }

    /// The names of all groups.
    pub(crate) fn groups(&self, deadline: Deadline) -> Result<Vec<String>, Trouble> {
        let seen = self.ask(deadline, |within| self.consumer.fetch_group_list(None, within))?;
        Ok(seen.groups().iter().map(|group| group.name().to_owned()).collect())
    }

    /// Where partitions begin or end. Each broker is asked for those that it leads.
    pub(crate) fn offsets(
        &self,
        edge: Edge,
        partitions: &[Partition],
        deadline: Deadline,
    ) -> Offsets {
        let mut led: BTreeMap<i32, Vec<&Place>> = BTreeMap::new();
        let mut all = Offsets::new();
        for Partition { place, leader } in partitions {
            match leader {
                Some(leader) => led.entry(*leader).or_default().push(place),
                None => drop(all.insert(place.clone(), Err("it has no leader".to_owned()))),
            }
        }
        let mut others = u32::try_from(led.len()).unwrap_or(u32::MAX);
        for places in led.into_values() {
            // One that does not answer must not take the others' time.
            let within = deadline.left() / others.max(1);
            others -= 1;
            match self.offsets_of(edge, &places, within) {
                Ok(told) => all.extend(told),
                Err(why) => {
                    self.listen();
                    let why = self.consumer.context().trouble().unwrap_or(why);
                    let unknown = places.into_iter().map(|at| (at.clone(), Err(why.clone())));
                    all.extend(unknown);
                }
            }
        }
        all
    }

    fn offsets_of(
        &self,
        edge: Edge,
        places: &[&Place],
        within: Duration,
    ) -> Result<Offsets, String> {
        let at = match edge {
            Edge::Start => Offset::Beginning,
            Edge::End => Offset::End,
        };
        let asked = list(places.iter().copied(), at).map_err(|error| text(&error))?;
        // The protocol has one request for both: a time, or one of the two edges.
        let told = self.consumer.offsets_for_times(asked, within);
        let told = told.map_err(|error| text(&error))?;
        let each = told.elements().into_iter().map(|of| {
            let offset = match (of.error(), of.offset()) {
                (Err(error), _) => Err(text(&error)),
                (Ok(()), Offset::Offset(offset)) => Ok(offset),
                (Ok(()), _) => Err("its offset is not known".to_owned()),
            };
            ((of.topic().to_owned(), of.partition()), offset)
        });
        Ok(each.collect())
    }

    /// The offsets that a group has committed; none where it has not.
    pub(crate) fn committed(
        &self,
        group: &str,
        partitions: &[Partition],
        deadline: Deadline,
    ) -> Result<Vec<(Place, Option<i64>)>, Trouble> {
        let asked = list(partitions.iter().map(|of| &of.place), Offset::Invalid);
        let request = format!("a request for the offsets of group {group}");
        let asked = asked.map_err(|error| self.at.answered(&request, &text(&error)))?;
        let told = admin::committed(self.consumer.client(), group, &asked, deadline.left());
        told.map_err(|error| self.failed(&request, error))
    }

    /// What a group is doing. One that does not exist is [`super::State::Dead`].
    pub(crate) fn group(&self, group: &str, deadline: Deadline) -> Result<Group, Trouble> {
        let told = admin::described(self.consumer.client(), group, deadline.left());
        let request = format!("a request for the state of group {group}");
        told.map_err(|error| self.failed(&request, error))
    }

    /// Asks until there is an answer, or the time is up. A client tells why it cannot
    /// get in only to whoever looks meanwhile.
    fn ask<T>(
        &self,
        deadline: Deadline,
        mut once: impl FnMut(Duration) -> KafkaResult<T>,
    ) -> Result<T, Trouble> {
        let mut within = FIRST.min(deadline.left() / 2).max(LEAST);
        loop {
            let error = match once(within) {
                Ok(answer) => {
                    *self.consumer.context().said() = None;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.listen();
            if let Some(trouble) = self.refusal() {
                return Err(trouble);
            }
            if deadline.left().is_zero() {
                let said = self.consumer.context().trouble();
                return Err(self.at.unreachable(&said.unwrap_or_else(|| text(&error))));
            }
            within = (within * 2).min(deadline.left() / 2).max(LEAST);
        }
    }

    /// Takes what librdkafka has to say.
    fn listen(&self) {
        let mut wait = PAUSE;
        while self.consumer.poll(wait).is_some() {
            wait = Duration::ZERO;
        }
    }

    /// Why the brokers do not let us in, if that is what they said.
    fn refusal(&self) -> Option<Trouble> {
        let said = self.consumer.context().said().clone();
        let (code, text) = said?;
        match code {
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState => Some(self.at.locked("a login", &text)),
            Code::SSL => Some(self.at.answered("a TLS handshake", &text)),
            _ => None,
        }
    }

    /// An error that the cluster gave as its answer.
    fn answered(&self, code: Code, request: &str) -> Trouble {
        match code {
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed => self.at.denied(request, &code.to_string()),
            code => self.at.answered(request, &code.to_string()),
        }
    }

    fn failed(&self, request: &str, error: admin::Failed) -> Trouble {
        match error {
            admin::Failed::Late => {
                self.listen();
                let said = self.consumer.context().trouble();
                self.at.unreachable(&said.unwrap_or_else(|| "no answer in time".to_owned()))
            }
            admin::Failed::Answered(code) => self.answered(code, request),
            admin::Failed::Here(why) => self.at.answered(request, &why),
        }
    }
}

/// An error of librdkafka without what its wrapper puts around it.
pub(super) fn text(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

fn list<'a>(
    places: impl Iterator<Item = &'a Place>,
    at: Offset,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition_offset(topic, *partition, at)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_the_same_the_next_time_and_of_the_next_broker() {
        for (said, steadied) in [
            (
                "h:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused \
                 (after 3ms in state CONNECT, 4 identical error(s) suppressed)",
                "Connection refused",
            ),
            ("h:9092/bootstrap: Disconnected (after 12ms in state UP)", "Disconnected"),
            ("Unknown", "Unknown"),
        ] {
            assert_eq!(steady(said), steadied);
        }
    }
}
