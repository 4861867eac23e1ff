//! Queues of RabbitMQ, and who consumes them, by the management API.
//!
//! How many messages a queue has, the queue itself is asked: the list of queues does
//! so without the API's statistics (`disable_stats=true&enable_queue_totals=true`), and
//! then gives what is so at the moment. Consumers are those of the moment, too.
//! Counters and what a channel has not acknowledged are statistics, and as old as the
//! broker's `collect_statistics_interval` (5 s unless it was configured).
//!
//! A queue that does not exist yet has no messages and no consumers. One that was
//! there and is gone is trouble. The tool's own consumers are left out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, join3};
use serde::Deserialize;
use services::OWN;
use services::address::encoded;

use super::ProbeError;
use super::presence::Presence;
use crate::management::Management;
use crate::observe::ProbeObserver;

/// Consumers and counters are asked for at most so often: the answers are as long as
/// the lists of channels and connections.
const DETAILS_EVERY: Duration = Duration::from_secs(1);
/// Of many consumers those with the most are sent, so many for each sample.
const MOST: usize = 50;
/// What makes the list of queues ask them.
const TOTALS: &str = "disable_stats=true&enable_queue_totals=true&columns=name,messages,messages_ready,messages_unacknowledged";

pub(super) struct RabbitmqQueues {
    management: Management,
    vhost: String,
    queues: Vec<String>,
    details_asked: Option<Instant>,
    presence: Presence,
}

/// How many messages a queue has.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
struct Totals {
    name: String,
    messages: Option<f64>,
    messages_ready: Option<f64>,
    messages_unacknowledged: Option<f64>,
}

impl Totals {
    /// Those of a queue that has no messages.
    fn none() -> Self {
        let none = Some(0.0);
        let name = String::new();
        Self { name, messages: none, messages_ready: none, messages_unacknowledged: none }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Details {
    message_stats: Option<Stats>,
    #[serde(default)]
    consumer_details: Vec<Consumer>,
}

/// What is not there was never counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    publish: f64,
    deliver_get: f64,
    redeliver: f64,
    ack: f64,
}

#[derive(Debug, Deserialize)]
struct Consumer {
    consumer_tag: String,
    #[serde(default)]
    channel_details: OfChannel,
}

/// Where a consumer is. The API gives an empty list of what it does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct OfChannel {
    name: String,
    connection_name: String,
}

impl From<serde_json::Value> for OfChannel {
    fn from(value: serde_json::Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self { name: text("name"), connection_name: text("connection_name") }
    }
}

#[derive(Debug, Deserialize)]
struct Channel {
    name: String,
    /// Absent until the node has figures of the channel: unknown, not 0.
    messages_unacknowledged: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Connection {
    name: String,
    user_provided_name: Option<String>,
}

impl RabbitmqQueues {
    pub(super) fn new(
        management: &str,
        vhost: &str,
        queues: &[String],
    ) -> Result<Self, ProbeError> {
        Ok(Self {
            management: Management::new(management, super::PATIENCE)?,
            vhost: encoded(vhost),
            queues: queues.to_vec(),
            details_asked: None,
            presence: Presence::default(),
        })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let totals = self.totals(observer).await;
        let due = self.details_asked.is_none_or(|asked| asked.elapsed() >= DETAILS_EVERY);
        if !due {
            return totals;
        }
        self.details_asked = Some(Instant::now());
        totals.and(self.details(observer).await)
    }

    fn path(&self, queue: &str, asked: &str) -> String {
        format!("/api/queues/{}/{}?{asked}", self.vhost, encoded(queue))
    }

    async fn totals(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let path = format!("/api/queues/{}?{TOTALS}", self.vhost);
        // Of a virtual host that does not exist, none exists.
        let listed = self.management.find::<Vec<Totals>>(&path).await?.unwrap_or_default();
        let at = observer.now();
        let (mut all, mut troubles) = (Vec::new(), Vec::new());
        for queue in &self.queues {
            let what = format!("queue {queue}");
            let totals = match listed.iter().find(|totals| totals.name == *queue) {
                Some(totals) => {
                    self.presence.found(observer, queue);
                    Ok(totals.clone())
                }
                None if self.presence.is_to_come(observer, queue, &what) => {
                    for series in ["consumers", "published", "delivered", "redelivered", "acked"] {
                        observer.labelled(at, series, queue, 0.0);
                    }
                    Ok(Totals::none())
                }
                None => Err(format!("{queue}: there is no such queue")),
            };
            let totals = totals.unwrap_or_else(|why| {
                troubles.push(why);
                Totals::default()
            });
            let values = [
                ("depth", totals.messages),
                ("ready", totals.messages_ready),
                ("unacked", totals.messages_unacknowledged),
            ];
            for (series, value) in values {
                if let Some(value) = value {
                    observer.labelled(at, series, queue, value);
                }
            }
            all.push(totals.messages);
        }
        if let Some(depths) = all.into_iter().collect::<Option<Vec<f64>>>() {
            observer.value(at, "total_depth", depths.iter().sum());
            observer.value(at, "max_depth", depths.into_iter().fold(0.0, f64::max));
        }
        if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
    }

    async fn details(&self, observer: &ProbeObserver) -> Result<(), String> {
        let columns = "columns=message_stats.publish,message_stats.deliver_get,message_stats.redeliver,message_stats.ack,consumer_details";
        let asked = self
            .queues
            .iter()
            .map(async |queue| self.management.find::<Details>(&self.path(queue, columns)).await);
        let vhost = &self.vhost;
        let channels = format!("/api/vhosts/{vhost}/channels?columns=name,messages_unacknowledged");
        let connections =
            format!("/api/vhosts/{vhost}/connections?columns=name,user_provided_name");
        let (details, channels, connections) = join3(
            join_all(asked),
            self.management.json::<Vec<Channel>>(&channels),
            self.management.json::<Vec<Connection>>(&connections),
        )
        .await;
        let (channels, connections) = (channels?, connections?);
        let named = connections.into_iter().filter_map(|connection| {
            let given = connection.user_provided_name.filter(|name| !name.is_empty())?;
            Some((connection.name, given))
        });
        let known = Known {
            names: named.collect(),
            unacked: channels
                .into_iter()
                .map(|channel| (channel.name, channel.messages_unacknowledged))
                .collect(),
        };
        let at = observer.now();
        let mut consumers = Vec::new();
        let mut total = Some(0.0);
        for (queue, details) in self.queues.iter().zip(details) {
            // That one does not exist was told of its messages.
            let Some(details) = details? else { continue };
            let of_queue: Vec<Consumer> =
                details.consumer_details.into_iter().filter(|one| !known.is_own(one)).collect();
            observer.labelled(at, "consumers", queue, of_queue.len() as f64);
            total = total.map(|total| total + of_queue.len() as f64);
            consumers.extend(of_queue);
            let Some(stats) = details.message_stats else { continue };
            let values = [
                ("published", stats.publish),
                ("delivered", stats.deliver_get),
                ("redelivered", stats.redeliver),
                ("acked", stats.ack),
            ];
            for (series, value) in values {
                observer.labelled(at, series, queue, value);
            }
        }
        if let Some(total) = total {
            observer.value(at, "total_consumers", total);
        }
        let (held, most) = known.held(&consumers);
        if let Some(most) = most {
            observer.value(at, "max_consumer_unacked", most);
        }
        for (label, value) in held {
            observer.labelled(at, "consumer_unacked", &label, value);
        }
        Ok(())
    }
}

/// What is known of connections and channels.
struct Known {
    /// The names that clients gave, by the names of their connections.
    names: BTreeMap<String, String>,
    /// What channels have not acknowledged, by their names.
    unacked: BTreeMap<String, Option<f64>>,
}

impl Known {
    /// Whose consumer it is: the name that its client gave, or its tag.
    fn label<'a>(&'a self, consumer: &'a Consumer) -> &'a str {
        let given = self.names.get(&consumer.channel_details.connection_name);
        given.map_or(&consumer.consumer_tag, |given| given)
    }

    fn is_own(&self, consumer: &Consumer) -> bool {
        self.label(consumer).starts_with(OWN)
    }

    /// What each consumer's channel holds, of several with one name the most; and the
    /// most of all, unless it is unknown of one of them.
    fn held(&self, consumers: &[Consumer]) -> (Vec<(String, f64)>, Option<f64>) {
        let mut held: BTreeMap<&str, f64> = BTreeMap::new();
        let mut most = Some(0.0_f64);
        for consumer in consumers {
            let unacked = self.unacked.get(&consumer.channel_details.name).copied().flatten();
            most = most.zip(unacked).map(|(most, unacked)| most.max(unacked));
            if let Some(unacked) = unacked {
                let known = held.entry(self.label(consumer)).or_default();
                *known = known.max(unacked);
            }
        }
        let mut held: Vec<(String, f64)> =
            held.into_iter().map(|(label, value)| (label.to_owned(), value)).collect();
        held.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        held.truncate(MOST);
        (held, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(json: &str) -> Details {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_a_consumer_holds_is_told_by_the_name_of_its_client() {
        let read = details(
            r#"{"consumer_details":[
                {"consumer_tag":"t1","channel_details":{"name":"a (1)","connection_name":"a"}},
                {"consumer_tag":"t2","channel_details":{"name":"b (1)","connection_name":"b"}},
                {"consumer_tag":"t3","channel_details":{"name":"c (1)","connection_name":"c"}},
                {"consumer_tag":"t4","channel_details":[]}
            ]}"#,
        );
        assert!(read.message_stats.is_none());
        let consumers = read.consumer_details;
        let mut known = Known {
            names: [("a", "worker-1"), ("b", "worker-1"), ("c", "shakedown:effects")]
                .map(|(name, given)| (name.to_owned(), given.to_owned()))
                .into(),
            unacked: [("a (1)", Some(3.0)), ("b (1)", Some(10.0)), ("c (1)", Some(99.0))]
                .map(|(name, unacked)| (name.to_owned(), unacked))
                .into(),
        };
        assert_eq!(known.label(&consumers[3]), "t4");
        assert!(known.is_own(&consumers[2]) && !known.is_own(&consumers[3]));
        let workers = "worker-1".to_owned();
        let (held, most) = known.held(&consumers[..2]);
        assert_eq!((held, most), (vec![(workers.clone(), 10.0)], Some(10.0)));
        // What is unknown of one is unknown of all.
        known.unacked.insert("b (1)".to_owned(), None);
        assert_eq!(known.held(&consumers[..2]), (vec![(workers, 3.0)], None));
        assert_eq!(known.held(&[]), (Vec::new(), Some(0.0)));
    }

    #[test]
    fn what_was_never_counted_is_zero_where_anything_was() {
        let read = details(r#"{"message_stats":{"publish":5,"publish_details":{"rate":0.0}}}"#);
        let stats = read.message_stats.unwrap();
        assert_eq!((stats.publish, stats.deliver_get, stats.ack), (5.0, 0.0, 0.0));
        assert_eq!(read.consumer_details.len(), 0);
    }
}
