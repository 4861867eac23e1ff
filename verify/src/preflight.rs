//! A look at somebody's own system before the run: every address must answer,
//! those that ask for a user must know ours, and what the scenario reads there
//! must be readable. A wrong password that shows only in the verdict costs its
//! reader a minute and their patience.
//!
//! What may still come to be (a table, a stream, a client's connection) is told
//! and no error: the system may make it when the load begins.

mod amqp;
mod clusters;
mod http;
mod kafka;
mod look;
mod metrics;
mod mongodb;
mod programs;
mod promql;
mod queues;
mod redis;
mod sql;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos::deployment::Port;
use futures_util::future::{join, join_all};
use scenarios::plan::{Deployment, Fault, Orchestrator, Plan, ProbeKind, Route, Target, Transport};
use services::{Service, Trouble};

use crate::event::Reader;
use crate::targets::{TargetError, service_of};
use look::{Look, Wants};

/// How long an address may take to answer and to let us in.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long all of a look at one place may take. Everything is looked at at the
/// same time, so that an error comes within it.
const LIMIT: Duration = Duration::from_secs(4);
/// How many names are told where one is missing.
const NAMED: usize = 5;

/// Something that the reader of the report should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The text.
    pub text: String,
    /// Who looks at what it says is not there yet.
    pub awaited_by: Vec<Reader>,
}

impl From<String> for Warning {
    fn from(text: String) -> Self {
        Self { text, awaited_by: Vec::new() }
    }
}

/// What a look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// There is something to tell; the run can go on.
    Doubt(String),
    /// It is not there, and may come to be.
    Absent(String),
    /// It cannot be used.
    Wrong(Trouble),
    /// It cannot be used, in words.
    Unusable(String),
    /// What was asked for makes no sense, or nobody allowed it.
    Mistaken(String),
}

impl From<chaos::FaultError> for Found {
    fn from(error: chaos::FaultError) -> Self {
        match error.is_usage() || error.is_guarded() {
            true => Self::Mistaken(error.to_string()),
            false => Self::Unusable(error.to_string()),
        }
    }
}

impl From<Trouble> for Found {
    fn from(trouble: Trouble) -> Self {
        Self::Wrong(trouble)
    }
}

/// Sees that every address that probes and sources of effects read is one that
/// they can read, as far as it is known.
///
/// # Errors
/// Every address that is not.
pub fn addresses(plan: &Plan, targets: &BTreeMap<String, String>) -> Result<(), TargetError> {
    let wrong = look::all(plan).into_iter().filter_map(|look| {
        // An address that is not known yet is somebody else's trouble.
        let text = look.address.fill(targets).ok()?;
        let source = look.read(&text).err()?;
        Some(TargetError::Unreadable { what: look.what, source: Box::new(source) })
    });
    TargetError::all(wrong.collect()).map_or(Ok(()), Err)
}

/// Sees that the programs of the plan are there, as far as it is known which they
/// are. None is run.
///
/// # Errors
/// Every program that is not.
pub fn programs(plan: &Plan) -> Result<(), TargetError> {
    TargetError::all(programs::missing(plan)).map_or(Ok(()), Err)
}

/// Sees that what goes through a shell can be read by it. Nothing is carried out.
///
/// # Errors
/// Every text that cannot, with what the shell says.
pub fn shells(plan: &Plan) -> Result<(), TargetError> {
    TargetError::all(programs::unreadable(plan)).map_or(Ok(()), Err)
}

/// Looks at every address, at everything that the plan reads, and at whom the
/// plan's faults would hit, all at the same time. Gives what may be missing.
///
/// # Errors
/// Everything that cannot be used: addresses at which nobody answers, or that
/// refuse us, and what cannot be read there.
pub async fn reach(
    plan: &Plan,
    targets: &BTreeMap<String, String>,
) -> Result<Vec<Warning>, TargetError> {
    let management = management_keys(plan);
    let led = led_by_other_ways(plan);
    let named = plan.named_targets();
    // A cluster is looked at by what needs it, and an address that nothing uses by nobody.
    let is_asked = |key: &String| {
        let declared = plan.system.targets.get(key);
        let is_needed = declared.is_none_or(|target| target.required) || named.contains(key);
        is_needed && !led.contains(key) && !declared.is_some_and(Target::is_namespace)
    };
    let addresses = targets.iter().filter(|(key, _)| is_asked(key)).map(|(key, text)| {
        let declared = plan.system.targets.get(key).map_or(&[][..], |target| &target.schemes);
        let service = match management.contains(key) {
            true => Service::Management,
            false => service_of(text, declared),
        };
        async move { answers(service, text).await.err().map(|trouble| told(key, trouble)) }
    });
    let looks = look::all(plan).into_iter().map(|look| seen(look, targets));
    let selectors = plan.faults.iter().map(|fault| selected(fault, targets));
    let deployed = plan.deployments.iter().map(|deployment| deployed(plan, deployment, targets));
    let (troubles, ((seen, deployed), (doubts, clusters))) = join(
        join_all(addresses),
        join(
            join(join_all(looks), join_all(deployed)),
            join(join_all(selectors), clusters::look(plan)),
        ),
    )
    .await;
    let mut troubles: Vec<TargetError> = troubles.into_iter().flatten().collect();
    let are_reached = troubles.is_empty();
    troubles.extend(programs::missing(plan));
    let mut told = Told::default();
    let by_none = |(what, found)| Seen { what, reader: None, by_target: false, found };
    let clusters = clusters.into_iter().map(by_none);
    let deployed = deployed.into_iter().flatten();
    let all = seen.into_iter().flatten().chain(deployed).chain(clusters);
    for Seen { what, reader, by_target, found } in all {
        match found {
            Found::Doubt(text) => told.add(what, None, text),
            Found::Absent(text) => told.add(what, reader, text),
            // That an address does not answer, or refuses us, was told of it.
            Found::Wrong(Trouble::Unreachable { .. } | Trouble::Credentials { .. })
                if by_target && !are_reached => {}
            Found::Wrong(trouble) => {
                troubles.push(TargetError::Unusable { what, why: trouble.to_string() });
            }
            Found::Unusable(why) => troubles.push(TargetError::Unusable { what, why }),
            Found::Mistaken(why) => troubles.push(TargetError::Mistaken { what, why }),
        }
    }
    let mut warnings = told.warnings();
    warnings.extend(doubts.into_iter().flatten().map(Warning::from));
    TargetError::all(troubles).map_or(Ok(warnings), Err)
}

/// What is to be told: of the same thing once, whoever looks at it.
#[derive(Default)]
struct Told(Vec<(Vec<String>, Warning)>);

impl Told {
    fn add(&mut self, what: String, reader: Option<Reader>, text: String) {
        let index = self.0.iter().position(|(_, known)| known.text == text);
        let index = index.unwrap_or_else(|| {
            self.0.push((Vec::new(), text.into()));
            self.0.len() - 1
        });
        let (whats, warning) = &mut self.0[index];
        // Of several endpoints each lacks the same.
        if !whats.contains(&what) {
            whats.push(what);
        }
        warning.awaited_by.extend(reader);
    }

    fn warnings(self) -> Vec<Warning> {
        let whole = |(whats, warning): (Vec<String>, Warning)| Warning {
            text: format!("{}: {}", whats.join(", "), warning.text),
            ..warning
        };
        self.0.into_iter().map(whole).collect()
    }
}

/// What a look has found.
struct Seen {
    /// Who looked: `probe lag`.
    what: String,
    reader: Option<Reader>,
    /// Whether its address is that of a target.
    by_target: bool,
    found: Found,
}

async fn answers(service: Service, text: &str) -> Result<(), Trouble> {
    let address = service.address(text)?;
    let look = services::check(&address, "preflight", PATIENCE);
    let late = |_| address.unreachable(&format!("no answer within {} s", LIMIT.as_secs()));
    tokio::time::timeout(LIMIT, look).await.map_err(late)?
}

/// What a look has found, if anything.
async fn seen(look: Look<'_>, targets: &BTreeMap<String, String>) -> Option<Seen> {
    let text = look.address.fill(targets).ok()?;
    let by_target = !look.address.targets().is_empty();
    let looked = async {
        match &look.wants {
            Wants::Nothing => Ok(()),
            Wants::Query(query) => sql::look(&text, query).await,
            Wants::Streams { streams, group } => redis::streams(&text, streams, *group).await,
            Wants::Key(key) => redis::key(&text, key).await,
            Wants::Exchange { exchange, queue } => {
                amqp::look(&text, exchange, queue.as_deref()).await
            }
            Wants::Queue(queue) => amqp::queue(&text, queue).await,
            Wants::Queues { vhost, queues } => queues::look(&text, vhost, queues).await,
            Wants::Documents { database, collection, ask } => {
                mongodb::look(&text, *database, collection, ask).await
            }
            Wants::Topics { topics, groups, settings } => {
                kafka::look(&text, topics, groups, settings).await
            }
            Wants::Health => http::health(&text).await,
            Wants::Promql { query, scraped } => promql::look(&text, query, *scraped).await,
            Wants::Metrics(metrics) => metrics::look(&text, metrics).await,
        }
    };
    let found = match tokio::time::timeout(LIMIT, looked).await {
        Ok(found) => found.err()?,
        Err(_) => Found::Doubt(format!("could not be looked at within {} s", LIMIT.as_secs())),
    };
    Some(Seen { what: look.what, reader: look.reader, by_target, found })
}

/// Why a deployment cannot be looked at, if so. Programs of the user's own are not run.
async fn deployed(
    plan: &Plan,
    deployment: &Deployment,
    targets: &BTreeMap<String, String>,
) -> Option<Seen> {
    if matches!(deployment.at, Orchestrator::Commands { .. }) {
        return None;
    }
    let filled = deployment.filled(targets).ok()?;
    let http = chaos::http_client().ok()?;
    let limits = chaos::Limits::default().within(Vec::new(), plan.safety.allowed.clone());
    let looked = async { Port::new(&filled, &http, &limits).await?.look().await };
    let what = format!("deployment {}", deployment.name);
    let found = match tokio::time::timeout(LIMIT, looked).await {
        Ok(Ok(_)) => return None,
        // An address that does not answer is told of by itself.
        Ok(Err(chaos::FaultError::Unreachable { .. })) => return None,
        // It is told of this deployment in any case.
        Ok(Err(chaos::FaultError::Setting { what: of, why })) if of == what => Found::Mistaken(why),
        Ok(Err(error)) => error.into(),
        Err(_) => Found::Doubt(format!("could not be looked at within {} s", LIMIT.as_secs())),
    };
    Some(Seen { what, reader: None, by_target: true, found })
}

/// What is to be told of a fault that would hit nobody now.
async fn selected(fault: &Fault, targets: &BTreeMap<String, String>) -> Option<String> {
    let http = chaos::http_client().ok()?;
    let nobody = chaos::nobody(&fault.kind, targets, &http);
    let why = match tokio::time::timeout(LIMIT, nobody).await {
        Ok(Ok(why)) => why?,
        // An address that does not answer is told of by itself.
        Ok(Err(chaos::FaultError::Unreachable { .. } | chaos::FaultError::Target(_))) => {
            return None;
        }
        Ok(Err(error)) => format!("whom it would hit could not be seen: {error}"),
        Err(_) => format!("whom it would hit could not be seen within {} s", LIMIT.as_secs()),
    };
    Some(format!("fault {}: {why}", fault.name))
}

/// The keys of the targets that load alone goes to, and by another way than their
/// names say: whether they are there shows on that way only.
fn led_by_other_ways(plan: &Plan) -> BTreeSet<String> {
    let mut led = BTreeSet::new();
    let mut asked: BTreeSet<String> =
        look::all(plan).iter().flat_map(|look| look.address.targets()).collect();
    for workload in &plan.workloads {
        match &workload.transport {
            Transport::Http(http) if http.route != Route::default() => {
                led.extend(http.url.targets());
            }
            Transport::Http(http) => asked.extend(http.url.targets()),
            Transport::Amqp(amqp) => asked.extend(amqp.url.targets()),
            Transport::Redis(redis) => asked.extend(redis.url.targets()),
            Transport::Kafka(kafka) => asked.extend(kafka.brokers.targets()),
            Transport::Command(_) => {}
        }
    }
    &led - &asked
}

/// The keys of the targets that the plan uses as management APIs.
fn management_keys(plan: &Plan) -> Vec<String> {
    let keys = plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Rabbitmq { management: Some(address), .. }
        | ProbeKind::RabbitmqQueues { management: address, .. } => Some(address.targets()),
        _ => None,
    });
    keys.flatten().collect()
}

fn told(key: &str, trouble: Trouble) -> TargetError {
    let key = key.to_owned();
    match trouble {
        Trouble::Address(error) => TargetError::NotAnAddress {
            key,
            text: error.shown,
            why: error.reason,
            example: error.service.about().example.to_owned(),
        },
        Trouble::Credentials { service, login, address, answer, .. } => {
            TargetError::Unauthorized { key, address, why: answer, advice: service.advice(login) }
        }
        Trouble::Answer { address, answer: why, .. }
        | Trouble::Unreachable { address, reason: why, .. } => {
            TargetError::Unreachable { key, address, why }
        }
    }
}

#[cfg(test)]
mod tests;
