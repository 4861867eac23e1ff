//! AMQP 0-9-1 publishes with confirms: persistent, mandatory, the identity as
//! `message_id`; one channel on each connection, many messages under way.
//!
//! A confirm without a return acknowledges the operation. A message that the
//! broker gave back had no queue to go to and has failed. A nack is
//! indeterminate: with several queues bound, some may have taken the message.
//! So is a message whose confirm had not come when the channel or the
//! connection was lost, or when its time was over; an overdue message keeps
//! its place in the confirm window until its confirm does come, so a blocked
//! broker is not flooded. A message that was not published yet when the
//! connection was lost is published on the next one, still due when it was.

use lapin::uri::AMQPUri;

use super::{body, without_password};
use crate::backoff::Backoff;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::shape::Shape;
use session::{End, Session};

mod returns;
mod session;

/// AMQP 0-9-1 publishes with confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amqp {
    /// The broker.
    pub url: String,
    /// The exchange that is published to; empty for the default exchange.
    pub exchange: String,
    /// The routing key; the queue's name with the default exchange.
    pub routing_key: String,
    /// The payload template of the message.
    pub body: String,
    /// Unconfirmed messages a connection.
    pub confirm_window: u32,
}

/// Publishes that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    uri: AMQPUri,
    exchange: String,
    routing_key: String,
    body: Payload,
    window: usize,
}

impl Target {
    pub(super) fn new(amqp: &Amqp, shape: &Shape) -> Result<Self, LoadError> {
        let address = |problem: &str| LoadError::Address {
            url: without_password(&amqp.url),
            problem: format!("{problem}; write amqp://USER:PASSWORD@HOST:PORT/VHOST"),
        };
        // The client library takes localhost where there is no host. Load must
        // never go to a broker that nobody named.
        let named = url::Url::parse(&amqp.url).is_ok_and(|url| {
            matches!(url.scheme(), "amqp" | "amqps")
                && url.host_str().is_some_and(|h| !h.is_empty())
        });
        if !named || !amqp.url.contains("://") {
            return Err(address("it names no AMQP broker"));
        }
        let uri: AMQPUri = amqp.url.parse().map_err(|error: String| address(&error))?;
        std::net::ToSocketAddrs::to_socket_addrs(&(
            uri.authority.host.trim_matches(['[', ']']),
            uri.authority.port,
        ))
        .map_err(|source| LoadError::Host { url: without_password(&amqp.url), source })?;
        let setting = |what, value: String, problem: &str| LoadError::Setting {
            what,
            value,
            problem: problem.to_owned(),
        };
        for (what, name) in [("exchange", &amqp.exchange), ("routing key", &amqp.routing_key)] {
            if name.len() > 255 {
                return Err(setting(what, name.clone(), "AMQP allows at most 255 bytes"));
            }
        }
        if amqp.confirm_window == 0 {
            return Err(setting("confirm window", "0".to_owned(), "use at least 1"));
        }
        Ok(Self {
            uri,
            exchange: amqp.exchange.clone(),
            routing_key: amqp.routing_key.clone(),
            body: body(&amqp.body, shape)?,
            window: amqp.confirm_window as usize,
        })
    }
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    let mut backoff = Backoff::default();
    // Before the first operation is due; if it fails, that operation will see.
    let mut session = connect(target, lane).await.ok();
    let mut in_hand = None;
    loop {
        let Some(open) = session.take() else {
            if in_hand.is_none() {
                lane.give_up_stale();
                in_hand = lane.next().await;
            }
            let Some(op) = in_hand.take() else { return };
            match reconnect(target, lane, op, &mut backoff).await {
                Some((open, op)) => {
                    session = Some(open);
                    in_hand = Some(op);
                }
                None => lane.pause(backoff.pause()).await,
            }
            continue;
        };
        match open.serve(target, lane, in_hand.take()).await {
            End::NoMore => return,
            End::Lost { unpublished } => in_hand = unpublished,
        }
    }
}

async fn connect(target: &Target, lane: &Lane) -> Result<Session, Reason> {
    let until = lane.now() + lane.timeout();
    match lane.limit(until, Session::open(&target.uri, lane)).await {
        Some(Ok(session)) => Ok(session),
        Some(Err(error)) => Err(Reason::Unreachable(error)),
        None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
    }
}

/// Connects for an operation that is due; if that fails, so has the operation.
async fn reconnect(
    target: &Target,
    lane: &Lane,
    op: Op,
    backoff: &mut Backoff,
) -> Option<(Session, Op)> {
    let started = lane.now();
    match connect(target, lane).await {
        Ok(session) => {
            backoff.reset();
            Some((session, op))
        }
        Err(reason) => {
            lane.settle(op, started, &Answer::Failed(reason));
            lane.refused();
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amqp(url: &str) -> Amqp {
        Amqp {
            url: url.to_owned(),
            exchange: String::new(),
            routing_key: "q".to_owned(),
            body: "@{id}".to_owned(),
            confirm_window: 100,
        }
    }

    #[test]
    fn unusable_settings_say_what_to_do() {
        assert!(
            Target::new(&amqp("amqp://guest:guest@127.0.0.1:5672/%2f"), &Shape::default()).is_ok()
        );
        for (url, hint) in [
            ("http://127.0.0.1/", "amqp://USER"),
            ("amqp:///%2f", "names no AMQP broker"),
            ("amqp:/127.0.0.1", "names no AMQP broker"),
            ("127.0.0.1:5672", "names no AMQP broker"),
            ("amqp://u:p@no-such-host.invalid/", "is unknown"),
        ] {
            let error = Target::new(&amqp(url), &Shape::default()).unwrap_err().to_string();
            assert!(error.contains(hint), "{url}: {error}");
        }
        let closed = Amqp { confirm_window: 0, ..amqp("amqp://127.0.0.1") };
        assert!(Target::new(&closed, &Shape::default()).is_err());
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
