//! What a plan reads, where, and what must be there to be read. Every kind of
//! probe, of source and of transport says it here, without a catch-all arm.

use std::collections::BTreeMap;

use scenarios::plan::effects::{KafkaTopic, OrderSource};
use scenarios::plan::probe::{Kafka, Metric, Scraped};
use scenarios::plan::{Ask, EffectsSource, Listing, Orchestrator, Plan, ProbeKind, Transport};
use scenarios::template::Template;
use services::{Address, AddressError, Service};

use crate::event::Reader;

/// A place that is read, or published to.
pub(super) struct Look<'a> {
    /// For people: `probe lag`.
    pub(super) what: String,
    /// Who it is, where something that is missing may come to be seen by it.
    pub(super) reader: Option<Reader>,
    /// Whose address it must be.
    pub(super) service: Service,
    /// The address.
    pub(super) address: &'a Template,
    /// What must be there.
    pub(super) wants: Wants<'a>,
}

/// What must be there to be read.
pub(super) enum Wants<'a> {
    /// No more than that it answers.
    Nothing,
    /// What a query reads.
    Query(&'a str),
    /// Redis streams, and perhaps a group of them.
    Streams { streams: Vec<String>, group: Option<&'a str> },
    /// A Redis key of a kind whose elements can be read.
    Key(&'a str),
    /// An exchange, and perhaps a queue.
    Exchange { exchange: &'a str, queue: Option<String> },
    /// A queue whose messages are read.
    Queue(&'a str),
    /// Queues of a virtual host.
    Queues { vhost: &'a str, queues: &'a [String] },
    /// A collection, and what is asked of it.
    Documents { database: Option<&'a str>, collection: &'a str, ask: &'a Ask },
    /// Topics and groups of Kafka, whose client has these settings.
    Topics { topics: &'a [String], groups: &'a [String], settings: &'a BTreeMap<String, String> },
    /// A health endpoint.
    Health,
    /// What a query of a Prometheus server reads.
    Promql { query: &'a str, scraped: Option<&'a Scraped> },
    /// Metrics of an endpoint.
    Metrics(&'a BTreeMap<String, Metric>),
}

impl Look<'_> {
    /// The address as the service reads it.
    pub(super) fn read(&self, text: &str) -> Result<Address, AddressError> {
        let address = match self.service {
            Service::Http => services::http::split(text).map(|(address, _)| address),
            service => service.address(text),
        };
        let address = address?;
        if let Wants::Documents { database, .. } = &self.wants {
            services::mongodb::database_or(&address, *database)?;
        }
        Ok(address)
    }
}

/// Everything that the plan reads.
pub(super) fn all(plan: &Plan) -> Vec<Look<'_>> {
    let mut all = Vec::new();
    for probe in &plan.probes {
        let what = format!("probe {}", probe.name);
        let mut add = |service, address, wants| {
            let reader = Some(Reader::Probe(probe.name.clone()));
            all.push(Look { what: what.clone(), reader, service, address, wants });
        };
        match &probe.kind {
            ProbeKind::Rabbitmq { metrics, management } => {
                if let Some(address) = metrics {
                    add(Service::Prometheus, address, Wants::Nothing);
                }
                if let Some(address) = management {
                    add(Service::Management, address, Wants::Nothing);
                }
            }
            ProbeKind::Health { url } => add(Service::Http, url, Wants::Health),
            ProbeKind::RedisStreams { url, streams, group } => {
                let (streams, group) = (streams.clone(), group.as_deref());
                add(Service::Redis, url, Wants::Streams { streams, group });
            }
            ProbeKind::Sql { url, query, .. } => add(Service::Postgres, url, Wants::Query(query)),
            ProbeKind::Prometheus { urls, metrics } => {
                for url in urls {
                    add(Service::Prometheus, url, Wants::Metrics(metrics));
                }
            }
            ProbeKind::Promql { url, query, scraped, .. } => {
                add(Service::Prometheus, url, Wants::Promql { query, scraped: scraped.as_ref() });
            }
            ProbeKind::RabbitmqQueues { management, vhost, queues } => {
                add(Service::Management, management, Wants::Queues { vhost, queues });
            }
            ProbeKind::Mongodb { url, database, collection, ask, .. } => {
                let database = database.as_deref();
                add(Service::Mongodb, url, Wants::Documents { database, collection, ask });
            }
            ProbeKind::RedisKeys { url, keys } => {
                for key in keys {
                    add(Service::Redis, url, Wants::Key(key));
                }
            }
            ProbeKind::Kafka(Kafka { brokers, topics, groups, settings, .. }) => {
                add(Service::Kafka, brokers, Wants::Topics { topics, groups, settings });
            }
            ProbeKind::Process { .. }
            | ProbeKind::Pods { .. }
            | ProbeKind::Logs { .. }
            | ProbeKind::Command { .. } => {}
        }
    }
    for effects in &plan.effects {
        let what = format!("effects {}", effects.name);
        let reader = || Some(Reader::Effects(effects.name.clone()));
        match &effects.source {
            EffectsSource::AmqpTap { url, exchange, .. } => {
                let wants = Wants::Exchange { exchange, queue: None };
                let (what, reader) = (what.clone(), reader());
                all.push(Look { what, reader, service: Service::Amqp, address: url, wants });
            }
            EffectsSource::Listing(listing) => all.extend(listed(what.clone(), reader(), listing)),
        }
        if let Some(dead) = &effects.dead {
            all.extend(listed(format!("{what}, dead letters"), reader(), dead));
        }
        if let Some(OrderSource::Query(order)) = &effects.order {
            let (what, service) = (format!("{what}, order"), Service::Postgres);
            let wants = Wants::Query(&order.query);
            all.push(Look { what, reader: reader(), service, address: &order.url, wants });
        }
    }
    all.extend(controllers(plan));
    for workload in &plan.workloads {
        let what = format!("workload {}", workload.name);
        match &workload.transport {
            Transport::Amqp(amqp) => {
                let exchange = amqp.exchange.as_str();
                let is_queue = exchange.is_empty() && !amqp.routing_key.contains("@{");
                let queue = is_queue.then(|| amqp.routing_key.clone());
                let wants = Wants::Exchange { exchange, queue };
                let (service, reader) = (Service::Amqp, None);
                all.push(Look { what, reader, service, address: &amqp.url, wants });
            }
            // The load sees to these by itself, or makes what is missing.
            Transport::Http(_)
            | Transport::Redis(_)
            | Transport::Kafka(_)
            | Transport::Command(_) => {}
        }
    }
    all
}

/// The controllers of deployments that have an address.
fn controllers(plan: &Plan) -> impl Iterator<Item = Look<'_>> {
    plan.deployments.iter().filter_map(|deployment| {
        let Orchestrator::Control(address) = &deployment.at else { return None };
        let what = format!("deployment {}", deployment.name);
        let (service, wants) = (Service::Http, Wants::Nothing);
        Some(Look { what, reader: None, service, address, wants })
    })
}

fn listed(what: String, reader: Option<Reader>, listing: &Listing) -> Option<Look<'_>> {
    let (service, address, wants) = match listing {
        Listing::Sql { url, query, .. } => (Service::Postgres, url, Wants::Query(query)),
        Listing::RedisStream { url, stream, .. } => {
            let streams = vec![stream.clone()];
            (Service::Redis, url, Wants::Streams { streams, group: None })
        }
        Listing::RedisKey { url, key, .. } => (Service::Redis, url, Wants::Key(key)),
        Listing::Mongodb { url, database, collection, ask, .. } => {
            let database = database.as_deref();
            (Service::Mongodb, url, Wants::Documents { database, collection, ask })
        }
        Listing::AmqpQueue { url, queue, .. } => (Service::Amqp, url, Wants::Queue(queue)),
        Listing::KafkaTopic(KafkaTopic { brokers, topic, settings, .. }) => {
            let topics = std::slice::from_ref(topic);
            (Service::Kafka, brokers, Wants::Topics { topics, groups: &[], settings })
        }
        Listing::Http { url, .. } => (Service::Http, url, Wants::Nothing),
        Listing::Ndjson { .. } | Listing::Command { .. } => return None,
    };
    Some(Look { what, reader, service, address, wants })
}
