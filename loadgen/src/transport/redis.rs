//! Redis commands over pipelined connections: entries of streams (`XADD`),
//! elements of lists (`LPUSH`, `RPUSH`), messages of channels (`PUBLISH`).
//!
//! Many commands are under way on each connection; answers come in their
//! order. Any answer but an error acknowledges the operation. An error means
//! that Redis did not carry the command out, so the operation has failed; so
//! has one whose stream may not be made (`NOMKSTREAM`) and is not there. What
//! was sent and not answered when the connection was lost is indeterminate: a
//! server may die between a command and its answer.
//!
//! When no answer comes, commands are given up as they come to be overdue;
//! when all of a connection's are, the connection is given up, too. A command
//! that was taken and not written at all when the connection was lost is sent
//! on the next one.
//!
//! With a cluster, each connection is one link to each node that serves one of
//! the keys; `redis/cluster.rs` says what an answer means there.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::plan::workload as plan;
use scenarios::template::TemplateError;
use services::{Service, Trouble};

use super::stream::{Address, refused};
use crate::backoff::Backoff;
use crate::content::Content;
use crate::error::LoadError;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::reach::{Reach, Unready};
use crate::reader::Reader;
use crate::shape::Shape;
use crate::tls::Tls;
use cluster::Cluster;
use command::Template;
use link::Link;
use reply::Reply;
use session::End;
use topology::Endpoint;

mod cluster;
mod command;
mod consumer;
mod link;
mod pipe;
mod reply;
mod session;
mod slot;
mod topology;

/// Redis commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// The server: `redis://USER:PASSWORD@HOST:PORT/DB`, `rediss://` for TLS.
    pub url: String,
    /// The server is a node of a Redis Cluster: keep to its topology.
    pub cluster: bool,
    /// What the operations are put into.
    pub into: Into,
    /// Unanswered commands a connection, to each node of a cluster.
    pub pipeline: u32,
    /// Fields of a stream's entry, in order. Elsewhere the first one's value is
    /// the element or message.
    pub fields: Vec<(String, Content)>,
    /// The consumer group that reads streams.
    pub group: String,
    /// Entries that a consumer acknowledges at once.
    pub ack_every: u32,
    /// Certificates of `rediss` addresses.
    pub tls: Tls,
}

impl Redis {
    /// The commands of a plan, its `${target.key}` replaced by the addresses.
    pub(super) fn from_plan(
        planned: &plan::Redis,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let body = |body: &scenarios::template::Template| {
            Ok::<_, TemplateError>(vec![("body".to_owned(), body.fill(targets)?.into())])
        };
        let (into, fields) = match &planned.into {
            plan::RedisInto::Stream { name, partitions, maxlen, fields } => {
                let stream = Stream {
                    name: name.fill(targets)?,
                    partitions: *partitions,
                    max_length: *maxlen,
                    exact: false,
                    existing: false,
                };
                let fields = fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.fill(targets)?.into())));
                (Into::Stream(stream), fields.collect::<Result<_, TemplateError>>()?)
            }
            plan::RedisInto::List { name, left, body: element } => {
                (Into::List { name: name.fill(targets)?, left: *left }, body(element)?)
            }
            plan::RedisInto::Channel { name, body: message } => {
                (Into::Channel(name.fill(targets)?), body(message)?)
            }
        };
        Ok(Self {
            url: planned.url.fill(targets)?,
            cluster: planned.cluster,
            into,
            pipeline: planned.pipeline,
            fields,
            // Nobody reads in a run of a scenario but the taps.
            group: "loadgen".to_owned(),
            ack_every: 100,
            tls: Tls::default(),
        })
    }
}

/// What the operations are put into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Into {
    /// Streams.
    Stream(Stream),
    /// A list.
    List {
        /// Its key.
        name: String,
        /// Push to the head instead of the tail.
        left: bool,
    },
    /// A channel.
    Channel(String),
}

impl Into {
    /// The keys that the operations go to; of a channel, its name.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Stream(stream) => stream.names(),
            Self::List { name, .. } | Self::Channel(name) => vec![name.clone()],
        }
    }
}

/// Streams that are added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The stream, or what stands before the number of each.
    pub name: String,
    /// With more than one, operations go to `name-0`, `name-1` … by their key.
    pub partitions: u32,
    /// How long a stream may become.
    pub max_length: Option<u64>,
    /// Keep exactly to that length, instead of about.
    pub exact: bool,
    /// Make no stream that is not there.
    pub existing: bool,
}

impl Stream {
    /// The names of the streams.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self.partitions {
            0 | 1 => vec![self.name.clone()],
            partitions => (0..partitions).map(|part| format!("{}-{part}", self.name)).collect(),
        }
    }
}

/// Commands that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was given.
    given: services::Address,
    address: Address,
    reach: Reach,
    /// User, if one is to be named, and password; `None` lets in without.
    login: Option<(Option<String>, String)>,
    database: u32,
    /// Present if the address is a node of a cluster.
    cluster: Option<Cluster>,
    template: Template,
    pipeline: usize,
    into: Into,
    group: String,
    ack_every: usize,
    /// The names of the fields.
    fields: Vec<String>,
}

impl Target {
    pub(super) fn new(redis: &Redis, shape: &Shape, allowed: &[String]) -> Result<Self, LoadError> {
        let given = Service::Redis.address(&redis.url)?;
        let database =
            services::redis::database(&given).map_err(|reason| refused(&given, reason))?;
        let setting = |what, value: u32, problem: &str| LoadError::Setting {
            what,
            value: value.to_string(),
            problem: problem.to_owned(),
        };
        if redis.pipeline == 0 {
            return Err(setting("pipeline", 0, "use at least 1"));
        }
        if redis.fields.is_empty() {
            return Err(setting("number of fields", 0, "give at least one"));
        }
        if redis.cluster && database > 0 {
            let problem =
                "a cluster has database 0 only: leave /DB out of the address, or --cluster";
            return Err(setting("database", database, problem));
        }
        let address = Address::new(&given, &redis.tls, &[])?;
        let seed = Endpoint { host: address.host.clone(), port: address.port };
        let reach = Reach::new("a node of the Redis Cluster", [address.host.as_str()], allowed);
        Ok(Self {
            address,
            reach,
            login: services::redis::login(&given)
                .map(|(user, password)| (user.map(str::to_owned), password.to_owned())),
            given,
            database,
            cluster: redis.cluster.then(|| Cluster::new(seed, &redis.into)),
            template: Template::new(redis, shape)?,
            pipeline: redis.pipeline as usize,
            into: redis.into.clone(),
            group: redis.group.clone(),
            ack_every: redis.ack_every.max(1) as usize,
            fields: redis.fields.iter().map(|(name, _)| name.clone()).collect(),
        })
    }
}

impl Target {
    /// Whether the address is that of a node of a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.cluster.is_some()
    }
}

/// Learns the topology of a cluster, and judges all of its nodes: whichever
/// serves no key now may do so later.
pub(super) async fn led(target: &Target) -> Result<(), Unready> {
    let Some(cluster) = &target.cluster else { return Ok(()) };
    let nodes = cluster.learn(target).await?;
    target.reach.see(&cluster.seed().to_string(), nodes.iter().map(|node| node.host.as_str()))
}

/// How many files a connection has open: a link to each node of a cluster, and one
/// to ask for the topology.
pub(super) fn files(target: &Target) -> u64 {
    target.cluster.as_ref().map_or(1, |cluster| cluster.topology().nodes().len() as u64 + 1)
}

/// Sees that the server lets us in. One that does not answer may do so later.
pub(super) async fn setup(target: &Target) -> Result<(), Unready> {
    if target.cluster.is_some() {
        // Its topology was asked for.
        return Ok(());
    }
    let said = match Link::open(target, &target.address, "shakedown:loadgen:setup").await {
        Err(Unready::Problem(said)) => said,
        Err(other) => return Err(other),
        Ok(mut link) => {
            let told = link.call(&[b"PING"], |reply| match reply {
                Reply::Error(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            });
            told.await.unwrap_or_default()
        }
    };
    match denied(target, "PING", said) {
        // A user who may not ask this may still do what is to be done.
        Unready::Denied(Trouble::Credentials { login: false, .. }) | Unready::Problem(_) => Ok(()),
        denied => Err(denied),
    }
}

/// What the server said, apart whether waiting mends it.
fn denied(target: &Target, request: &str, said: String) -> Unready {
    if LOCKED.iter().any(|answer| said.starts_with(answer)) {
        Unready::Denied(target.given.locked("AUTH", &said))
    } else if said.starts_with("NOPERM") {
        Unready::Denied(target.given.denied(request, &said))
    } else if ["ERR DB index", "ERR invalid DB index"].iter().any(|begin| said.starts_with(begin)) {
        Unready::Denied(target.given.answered(request, &said))
    } else {
        Unready::Problem(said)
    }
}

/// A connection that lasted so long was of use, whatever came of it.
const LONG: Duration = Duration::from_secs(1);

/// The beginnings of what Redis answers to a login that it does not know.
const LOCKED: [&str; 5] = [
    "WRONGPASS",
    "NOAUTH",
    // Until version 5, and where no password is set.
    "ERR invalid password",
    "ERR AUTH <password> called without any password",
    "ERR Client sent AUTH, but no password is set",
];

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    match &target.cluster {
        Some(cluster) => cluster::drive(target, cluster, lane).await,
        None => drive_single(target, lane).await,
    }
}

/// Drives one connection to one server.
async fn drive_single(target: &Target, lane: &Lane) {
    let mut backoff = Backoff::default();
    // Before the first operation is due; if it fails, that operation will see.
    let mut link = connect(target, lane).await.ok();
    let mut in_hand = Vec::new();
    loop {
        let Some(open) = link.take() else {
            if in_hand.is_empty() {
                lane.give_up_stale();
                in_hand.extend(lane.next().await);
            }
            if in_hand.is_empty() {
                return;
            }
            let started = lane.now();
            match connect(target, lane).await {
                Ok(open) => link = Some(open),
                Err(reason) => {
                    lane.refused(&reason);
                    let answer = Answer::Failed(reason);
                    for op in in_hand.drain(..) {
                        lane.settle(op, started, &answer);
                    }
                    lane.pause(backoff.pause()).await;
                }
            }
            continue;
        };
        let standing = lane.standing();
        let (began, acked) = (lane.now(), lane.acked());
        match session::serve(open, target, lane, std::mem::take(&mut in_hand)).await {
            End::NoMore => return,
            End::Lost { unsent } => in_hand = unsent,
        }
        drop(standing);
        if lane.acked() > acked || lane.now().saturating_sub(began) >= LONG {
            backoff.reset();
        } else {
            lane.pause(backoff.pause()).await;
        }
    }
}

async fn connect(target: &Target, lane: &Lane) -> Result<Link, Reason> {
    let name = format!("shakedown:loadgen:{}", lane.workload());
    match lane.limit(lane.now() + lane.timeout(), Link::open(target, &target.address, &name)).await
    {
        Some(Ok(link)) => Ok(link),
        Some(Err(error)) => Err(lane.unmade(&error)),
        None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
    }
}

/// What an answer means to an operation.
fn answer(reply: &Reply<'_>) -> Answer {
    match reply {
        Reply::Error(text) => {
            Answer::Failed(Reason::Refused(String::from_utf8_lossy(text).into_owned()))
        }
        Reply::Nil => Answer::Failed(Reason::Refused("the stream does not exist".to_owned())),
        _ => Answer::Acked,
    }
}

/// Reads what the operations became.
pub(super) async fn consume(target: &Target, reader: &Reader) {
    consumer::run(target, reader).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(url: &str) -> Redis {
        Redis {
            url: url.to_owned(),
            cluster: false,
            into: Into::Channel("c".to_owned()),
            pipeline: 16,
            fields: vec![("id".to_owned(), "@{id}".into())],
            group: "g".to_owned(),
            ack_every: 1,
            tls: Tls::default(),
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let target =
            Target::new(&redis("redis://us%40er:p%2Fw@127.0.0.1:7/3"), &Shape::default(), &[])
                .unwrap();
        assert_eq!((target.address.host.as_str(), target.address.port), ("127.0.0.1", 7));
        assert_eq!(target.login, Some((Some("us@er".to_owned()), "p/w".to_owned())));
        assert_eq!(target.database, 3);
        let six = Redis { cluster: true, ..redis("redis://[::1]") };
        let six = Target::new(&six, &Shape::default(), &[]).unwrap();
        assert_eq!((six.address.host.as_str(), six.address.port), ("::1", 6379));
        for (bad, hint) in [
            ("http://127.0.0.1/", "redis or rediss"),
            ("127.0.0.1:6379", "no scheme"),
            ("redis:///", "a host is missing"),
            ("redis://127.0.0.1:6E79/", "from 1 to 65535"),
            ("redis://127.0.0.1:99999/", "from 1 to 65535"),
            ("redis://127.0.0.1/x", "no number"),
            ("redis://u:secret@127.0.0.1/1/2", "one name"),
            ("redis://u:%zzsecret@127.0.0.1", "two hexadecimal digits"),
            ("redis://a,b", "one host"),
            ("redis://u:secret@no-such-host.invalid/", "is unknown"),
        ] {
            let error = Target::new(&redis(bad), &Shape::default(), &[]).unwrap_err().to_string();
            assert!(error.contains(hint), "{bad}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_cluster_has_one_database() {
        let of = |url| Target::new(&Redis { cluster: true, ..redis(url) }, &Shape::default(), &[]);
        assert!(of("redis://127.0.0.1:7/0").is_ok());
        let error = of("redis://127.0.0.1:7/3").unwrap_err().to_string();
        assert!(error.contains("leave /DB out"), "{error}");
    }

    #[test]
    fn streams_are_numbered() {
        let mut stream = Stream {
            name: "s".to_owned(),
            partitions: 1,
            max_length: None,
            exact: false,
            existing: false,
        };
        assert_eq!(stream.names(), ["s"]);
        stream.partitions = 2;
        assert_eq!(stream.names(), ["s-0", "s-1"]);
    }
}
