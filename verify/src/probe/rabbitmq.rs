//! A RabbitMQ node.
//!
//! The Prometheus endpoint's totals are exact at the scrape; the management
//! API's are as old as its collector's interval, 5 s unless it was configured.
//! So totals come from Prometheus where its address is known. The channels of
//! each connection come from the management API, because only that knows the
//! connections' names; without it, from Prometheus, by process id.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scenarios::redact::redact;
use serde::Deserialize;
use services::OWN;

use super::ProbeError;
use crate::management::{Management, failed};
use crate::observe::ProbeObserver;

/// Connections are asked for at most so often: the answer is as long as the
/// list of connections.
const CONNECTIONS_EVERY: Duration = Duration::from_secs(1);
/// Of many connections or clients those with the most are sent, so many for each
/// sample.
const MOST: usize = 20;

pub(super) struct Rabbitmq {
    http: reqwest::Client,
    metrics: Option<String>,
    management: Option<Management>,
    connections_asked: Option<Instant>,
}

#[derive(Deserialize)]
struct Overview {
    object_totals: Totals,
    #[serde(default)]
    churn_rates: Churn,
    #[serde(default)]
    queue_totals: Queues,
}

#[derive(Deserialize)]
struct Totals {
    channels: Option<f64>,
    connections: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Churn {
    channel_created: Option<f64>,
    channel_closed: Option<f64>,
    connection_created: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Queues {
    messages_ready: Option<f64>,
    messages_unacknowledged: Option<f64>,
}

#[derive(Deserialize)]
struct Connection {
    name: String,
    user_provided_name: Option<String>,
    /// Absent until the node has figures of the connection: unknown, not 0.
    channels: Option<f64>,
}

/// The names of the node's totals in Prometheus and in the probe.
const TOTALS: &[(&str, &str)] = &[
    ("rabbitmq_channels", "channels"),
    ("rabbitmq_connections", "connections"),
    ("rabbitmq_channels_opened_total", "channels_opened"),
    ("rabbitmq_channels_closed_total", "channels_closed"),
    ("rabbitmq_connections_opened_total", "connections_opened"),
    ("rabbitmq_queue_messages_ready", "messages_ready"),
    ("rabbitmq_queue_messages_unacked", "messages_unacked"),
];

impl Rabbitmq {
    pub(super) fn new(
        metrics: Option<String>,
        management: Option<&str>,
    ) -> Result<Self, ProbeError> {
        let http = reqwest::Client::builder().timeout(super::PATIENCE).build()?;
        let management = management.map(|address| Management::new(address, super::PATIENCE));
        let management = management.transpose()?;
        Ok(Self { http, metrics, management, connections_asked: None })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let totals = match &self.metrics {
            Some(url) => self.prometheus_totals(url, observer).await,
            None => self.management_totals(observer).await,
        };
        let due = self.connections_asked.is_none_or(|asked| asked.elapsed() >= CONNECTIONS_EVERY);
        let connections = if due {
            self.connections_asked = Some(Instant::now());
            match &self.management {
                Some(_) => self.named_connections(observer).await,
                None => self.numbered_connections(observer).await,
            }
        } else {
            Ok(())
        };
        totals.and(connections)
    }

    async fn text(&self, url: &str) -> Result<String, String> {
        let answer = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let text = match answer {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        text.map_err(|error| failed(url, error))
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        self.management.as_ref().ok_or("no management API")?.json(path).await
    }

    async fn prometheus_totals(&self, url: &str, observer: &ProbeObserver) -> Result<(), String> {
        let text = self.text(url).await?;
        let at = observer.now();
        let mut found = 0;
        for (name, labels, value) in metrics(&text) {
            if labels.is_empty()
                && let Some((_, series)) = TOTALS.iter().find(|(known, _)| *known == name)
            {
                observer.value(at, series, value);
                found += 1;
            }
        }
        if found == 0 {
            let url = redact(url);
            return Err(format!("{url} has no rabbitmq_* totals; is it the broker's /metrics?"));
        }
        Ok(())
    }

    async fn management_totals(&self, observer: &ProbeObserver) -> Result<(), String> {
        let overview: Overview = self.json("/api/overview").await?;
        let at = observer.now();
        let values = [
            ("channels", overview.object_totals.channels),
            ("connections", overview.object_totals.connections),
            ("channels_opened", overview.churn_rates.channel_created),
            ("channels_closed", overview.churn_rates.channel_closed),
            ("connections_opened", overview.churn_rates.connection_created),
            ("messages_ready", overview.queue_totals.messages_ready),
            ("messages_unacked", overview.queue_totals.messages_unacknowledged),
        ];
        for (series, value) in values {
            if let Some(value) = value {
                observer.value(at, series, value);
            }
        }
        Ok(())
    }

    async fn named_connections(&self, observer: &ProbeObserver) -> Result<(), String> {
        let path = "/api/connections?columns=name,channels,user_provided_name";
        let connections: Vec<Connection> = self.json(path).await?;
        let mut clients: BTreeMap<String, f64> = BTreeMap::new();
        let counted = connections.into_iter().filter_map(|connection| {
            let client = connection.client();
            if client.starts_with(OWN) {
                return None;
            }
            *clients.entry(client).or_default() += 1.0;
            let channels = connection.channels?;
            let label = match connection.user_provided_name.filter(|name| !name.is_empty()) {
                // The first half of the broker's name is the peer's address.
                Some(given) => {
                    let peer = connection.name.split(" -> ").next().unwrap_or_default();
                    format!("{given} ({peer})")
                }
                None => connection.name,
            };
            Some((label, channels))
        });
        let counted = counted.collect();
        send_channels(observer, counted);
        send_most(observer, "client_connections", clients.into_iter().collect());
        Ok(())
    }

    async fn numbered_connections(&self, observer: &ProbeObserver) -> Result<(), String> {
        let Some(url) = &self.metrics else { return Ok(()) };
        let base = url.split('?').next().unwrap_or(url).trim_end_matches('/');
        let text = self.text(&format!("{base}/detailed?family=connection_metrics")).await?;
        let counted = metrics(&text)
            .filter(|(name, ..)| *name == "rabbitmq_detailed_connection_channels")
            .map(|(_, labels, channels)| {
                let pid = labels.split('"').nth(1).unwrap_or(labels);
                (format!("connection {pid}"), channels)
            });
        send_channels(observer, counted.collect());
        Ok(())
    }
}

impl Connection {
    /// Whose connection it is: the name that the client gave, or its host.
    fn client(&self) -> String {
        match &self.user_provided_name {
            Some(name) if !name.is_empty() => name.clone(),
            _ => {
                let peer = self.name.split(" -> ").next().unwrap_or_default();
                peer.rsplit_once(':').map_or(peer, |(host, _)| host).to_owned()
            }
        }
    }
}

/// Sends the mean, and the connections with the most channels.
fn send_channels(observer: &ProbeObserver, counted: Vec<(String, f64)>) {
    if counted.is_empty() {
        return;
    }
    let total: f64 = counted.iter().map(|(_, channels)| channels).sum();
    observer.value(observer.now(), "channels_per_connection", total / counted.len() as f64);
    send_most(observer, "connection_channels", counted);
}

/// Sends the labels with the greatest values.
fn send_most(observer: &ProbeObserver, series: &str, mut counted: Vec<(String, f64)>) {
    let at = observer.now();
    counted.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (label, value) in counted.iter().take(MOST) {
        observer.labelled(at, series, label, *value);
    }
}

/// Name, labels (the text between the braces) and value of every line of the
/// Prometheus text format. Time stamps are not used by RabbitMQ.
fn metrics(text: &str) -> impl Iterator<Item = (&str, &str, f64)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (head, value) = line.trim_end().rsplit_once(' ')?;
        let (name, labels) = match head.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (head, ""),
        };
        Some((name, labels, value.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_format_is_read() {
        let text = "# TYPE rabbitmq_channels gauge\nrabbitmq_channels 69\n\
                    rabbitmq_detailed_connection_channels{channel=\"<0.874.0>\"} 60\n\
                    rabbitmq_broken\n\n";
        let read: Vec<_> = metrics(text).collect();
        assert_eq!(
            read,
            [
                ("rabbitmq_channels", "", 69.0),
                ("rabbitmq_detailed_connection_channels", "channel=\"<0.874.0>\"", 60.0)
            ]
        );
    }

    #[test]
    fn a_connection_without_figures_has_no_channels() {
        let text = r#"[{"name":"a -> b","user_provided_name":"x"},{"name":"c -> d","channels":4}]"#;
        let read: Vec<Connection> = serde_json::from_str(text).unwrap();
        assert_eq!(read[0].channels, None);
        assert_eq!(read[1].channels, Some(4.0));
        assert_eq!((read[0].client(), read[1].client()), ("x".to_owned(), "c".to_owned()));
    }
}
