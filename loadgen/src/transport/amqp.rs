//! AMQP 0-9-1 publishes, the identity as `message_id`, on one or more channels
//! of each connection, many messages under way.
//!
//! The frames are put together and taken apart here, and many of them go
//! through one system call: a client library's bookkeeping for each message
//! would cost more than the message.
//!
//! A confirm acknowledges the operation. A message that the broker gave back
//! had no queue to go to and has failed. A nack is indeterminate: with several
//! queues bound, some may have taken the message. So is a message whose
//! confirm had not come when the channel or the connection was lost, or when
//! its time was over; an overdue message keeps its place in the confirm window
//! until its confirm does come, so a blocked broker is not flooded. A message
//! of which nothing was written when the connection was lost is published on
//! the next one, still due when it was.
//!
//! Without confirms a message counts as acknowledged when it was handed to
//! the system to be sent. That tells how fast messages can be sent, and not
//! whether any arrived.

use std::collections::VecDeque;
use std::time::Duration;

use services::Service;

use super::stream::Address;
use super::{body, template};
use crate::backoff::Backoff;
use crate::content::Content;
use crate::error::LoadError;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::reach::Unready;
use crate::reader::Reader;
use crate::shape::Shape;
use crate::tls::Tls;
pub use argument::Value;
pub use consumer::Acks;
use opening::{Login, Wanted};
use publish::{Properties, Publish, Routes};
use session::{End, Session};
pub use topology::{Bindings, Topology};
use wire::Wire;

mod argument;
mod beat;
mod consumer;
mod frame;
mod opening;
mod publish;
mod session;
mod topology;
mod window;
mod wire;

/// A connection that lasted so long was of use, whatever came of it.
const LONG: Duration = Duration::from_secs(1);

/// AMQP 0-9-1 publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amqp {
    /// The broker.
    pub url: String,
    /// The exchange that is published to; empty for the default exchange.
    pub exchange: String,
    /// The routing key, a payload template; the queue's name with the default
    /// exchange.
    pub routing_key: String,
    /// Queues, for consumers; without [`Amqp::routing_key`] their names are the
    /// routing keys, used in turn by the operation's number.
    pub queues: Vec<String>,
    /// The message.
    pub body: Content,
    /// Unconfirmed messages a channel; 0 publishes without confirms.
    pub confirm_window: u32,
    /// Channels a connection.
    pub channels: u16,
    /// The broker gives back what it cannot route.
    pub mandatory: bool,
    /// Messages survive a restart of the broker.
    pub persistent: bool,
    /// Headers of the message; their values are payload templates.
    pub headers: Vec<(String, String)>,
    /// When a message expires.
    pub ttl: Option<Duration>,
    /// The priority of a message.
    pub priority: Option<u8>,
    /// The content type of a message.
    pub content_type: Option<String>,
    /// What is declared before the run; `None` takes it as it is.
    pub topology: Option<Topology>,
    /// Deliveries that a consumer may have without acknowledging them.
    pub prefetch: u16,
    /// How consumers acknowledge.
    pub acks: Acks,
    /// Of streams: where consumers begin, which is `first`, `last`, `next`, or an
    /// offset. Each consumer of a stream reads all of it.
    pub stream_offset: Option<Value>,
    /// Certificates of `amqps` addresses.
    pub tls: Tls,
}

impl Amqp {
    /// Persistent, mandatory publishes with confirms, at most 200 unconfirmed
    /// on one channel, to an exchange with what is bound to it.
    #[must_use]
    pub fn new(url: &str, exchange: &str, routing_key: &str, body: impl Into<Content>) -> Self {
        Self {
            url: url.to_owned(),
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
            queues: Vec::new(),
            body: body.into(),
            confirm_window: 200,
            channels: 1,
            mandatory: true,
            persistent: true,
            headers: Vec::new(),
            ttl: None,
            priority: None,
            content_type: None,
            topology: None,
            prefetch: 200,
            acks: Acks::Every(100),
            stream_offset: None,
            tls: Tls::default(),
        }
    }
}

/// Publishes that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was given.
    given: services::Address,
    login: Login,
    address: Address,
    exchange: String,
    publish: Publish,
    body: Payload,
    /// `None` without confirms.
    window: Option<usize>,
    channels: u16,
    topology: Topology,
    has_topology: bool,
    queues: Vec<String>,
    prefetch: u16,
    acks: Acks,
    stream_offset: Option<Value>,
}

impl Target {
    pub(super) fn new(amqp: &Amqp, shape: &Shape) -> Result<Self, LoadError> {
        let given = Service::Amqp.address(&amqp.url)?;
        let broker = Address::new(&given, &amqp.tls, &[])?;
        let setting = |what, value: String, problem: &str| LoadError::Setting {
            what,
            value,
            problem: problem.to_owned(),
        };
        let names = [("exchange", &amqp.exchange), ("routing key", &amqp.routing_key)];
        for (what, name) in names.into_iter().chain(amqp.queues.iter().map(|q| ("queue", q))) {
            if name.len() > 255 {
                return Err(setting(what, name.clone(), "AMQP allows at most 255 bytes"));
            }
        }
        if amqp.channels == 0 {
            return Err(setting("number of channels", "0".to_owned(), "use at least 1"));
        }
        let mut queues = amqp.queues.clone();
        if queues.is_empty() && amqp.exchange.is_empty() {
            queues.push(amqp.routing_key.clone());
        }
        Ok(Self {
            login: Login::of(&given),
            given,
            address: broker,
            exchange: amqp.exchange.clone(),
            publish: Publish::new(routes(amqp, shape)?, properties(amqp, shape)?),
            body: body(&amqp.body, shape)?,
            window: (amqp.confirm_window > 0).then_some(amqp.confirm_window as usize),
            channels: amqp.channels,
            topology: amqp.topology.clone().unwrap_or_default(),
            has_topology: amqp.topology.is_some(),
            queues,
            prefetch: amqp.prefetch,
            acks: amqp.acks,
            stream_offset: amqp.stream_offset.clone(),
        })
    }
}

impl Target {
    /// Whether something is declared before the load.
    pub(super) fn has_topology(&self) -> bool {
        self.has_topology
    }
}

fn routes(amqp: &Amqp, shape: &Shape) -> Result<Routes, LoadError> {
    let Amqp { exchange, mandatory, .. } = amqp;
    if amqp.routing_key.is_empty() && !amqp.queues.is_empty() {
        let keys = amqp.queues.iter().map(String::as_str);
        return Ok(Routes::fixed(exchange, keys, *mandatory));
    }
    let key = template("routing key", &amqp.routing_key, shape)?;
    if key.is_constant() {
        return Ok(Routes::fixed(exchange, [amqp.routing_key.as_str()], *mandatory));
    }
    Ok(Routes::Drawn { exchange: exchange.clone(), key, mandatory: *mandatory })
}

fn properties(amqp: &Amqp, shape: &Shape) -> Result<Properties, LoadError> {
    let mut headers = Vec::new();
    for (name, value) in &amqp.headers {
        headers.push((name.clone(), template(&format!("header {name}"), value, shape)?));
    }
    Ok(Properties {
        persistent: amqp.persistent,
        content_type: amqp.content_type.clone(),
        headers,
        priority: amqp.priority,
        ttl: amqp.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// Declares what is to be there before the run, or sees that the exchange is. A
/// broker that does not answer, and has nothing to declare, may do so later.
///
/// # Errors
/// When the broker does not let us in, has no such exchange, or something else by
/// that name; where there is something to declare, also when it cannot be reached.
pub(super) async fn setup(target: &Target) -> Result<(), Unready> {
    let made = match target.has_topology {
        true => topology::declare(target).await,
        false => topology::see(target).await,
    };
    match made {
        Err(Unready::Problem(said)) if target.has_topology => {
            // A code says that the broker answered.
            if said.starts_with(|first: char| first.is_ascii_digit()) {
                let said = format!("{said}, and --predeclared takes queues as they are,");
                return Err(Unready::Denied(target.given.answered("a declaration", &said)));
            }
            Err(Unready::Problem(said))
        }
        Err(Unready::Problem(_)) | Ok(()) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Reads what the operations became.
pub(super) async fn consume(target: &Target, reader: &Reader) {
    consumer::run(target, reader).await;
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    let mut backoff = Backoff::default();
    // Before the first operation is due; if it fails, that operation will see.
    let mut link = connect(target, lane).await.ok();
    let mut in_hand = VecDeque::new();
    loop {
        let Some((wire, beat)) = link.take() else {
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
        let session = Session::new(wire, beat, target, lane);
        match session.serve(std::mem::take(&mut in_hand)).await {
            End::NoMore => return,
            End::Lost { unsent } => in_hand = unsent,
        }
        drop(standing);
        // Without confirms an acknowledgement is none of the broker's.
        let fruitful = target.window.is_some() && lane.acked() > acked;
        if fruitful || lane.now().saturating_sub(began) >= LONG {
            backoff.reset();
        } else {
            lane.pause(backoff.pause()).await;
        }
    }
}

async fn connect(target: &Target, lane: &Lane) -> Result<(Wire, Duration), Reason> {
    let name = format!("shakedown:loadgen:{}", lane.workload());
    let wanted =
        Wanted { name: &name, channels: target.channels, confirms: target.window.is_some() };
    let open = opening::open(target, &wanted);
    match lane.limit(lane.now() + lane.timeout(), open).await {
        Some(Ok(open)) => Ok(open),
        Some(Err(error)) => Err(lane.unmade(&error)),
        None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amqp(url: &str) -> Amqp {
        Amqp::new(url, "", "q", "@{id}")
    }

    #[test]
    fn unusable_settings_say_what_to_do() {
        assert!(
            Target::new(&amqp("amqp://guest:guest@127.0.0.1:5672/%2f"), &Shape::default()).is_ok()
        );
        for (url, hint) in [
            ("http://127.0.0.1/", "amqp or amqps"),
            ("amqp:///%2f", "a host is missing"),
            ("amqp:/127.0.0.1", "no scheme"),
            ("127.0.0.1:5672", "no scheme"),
            ("amqp://127.0.0.1:56z2", "from 1 to 65535"),
            ("amqp://127.0.0.1:99999", "from 1 to 65535"),
            ("amqp://a,b", "one host"),
            ("amqp://127.0.0.1/a/b", "one name"),
            ("amqp://127.0.0.1?heartbeat=99999", "more than 65535"),
            ("amqp://u:p@no-such-host.invalid/", "is unknown"),
        ] {
            let error = Target::new(&amqp(url), &Shape::default()).unwrap_err().to_string();
            assert!(error.contains(hint), "{url}: {error}");
        }
        let closed = Amqp { channels: 0, ..amqp("amqp://127.0.0.1") };
        assert!(Target::new(&closed, &Shape::default()).is_err());
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, host, port, user, password, vhost) in [
            ("amqp://us%40er:p%2Fw@127.0.0.1:7/%2f", "127.0.0.1", 7, "us@er", "p/w", "/"),
            ("amqp://[::1]", "::1", 5672, "guest", "guest", "/"),
            ("AMQP://[::1]:9/a%20b?heartbeat=5", "::1", 9, "guest", "guest", "a b"),
        ] {
            let target = Target::new(&amqp(url), &Shape::default()).unwrap();
            assert_eq!((target.address.host.as_str(), target.address.port), (host, port));
            let login = &target.login;
            let read = [login.user.as_str(), login.password.as_str(), login.vhost.as_str()];
            assert_eq!(read, [user, password, vhost]);
            assert_eq!(login.heartbeat, url.contains('?').then_some(5));
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for url in
            ["amqp://u:secret@no-such-host.invalid/", "amqp:/u:secret@h:x/", "http://u:secret@h/"]
        {
            let error = Target::new(&amqp(url), &Shape::default()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
