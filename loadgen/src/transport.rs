//! How an operation reaches the target: one backend a file, behind a closed
//! enum.
//!
//! A backend drives the connections that it is given, one task each: it takes
//! operations from its [`Lane`], carries them out and settles them. All of
//! them keep to the same rules:
//!
//! - A connection is made before the first operation is due and kept. When it
//!   is lost, the next operation makes it again; if that fails, this operation
//!   has *failed*, as a user would see, and the connection waits before it
//!   takes another (50 ms, doubling to 1 s). Other connections go on.
//! - While every connection is gone, due operations wait. One that has waited
//!   for longer than its timeout has failed as *not sent*.
//! - After something may have been sent, whatever is not an answer leaves the
//!   operation *indeterminate*.
//! - An answer that says that nothing was done, and that another node or a
//!   later attempt may do it, is not the end: the operation is sent again,
//!   within its timeout and a bounded number of times, before it has failed
//!   for the reason that the last answer gave. Where one connection is links
//!   to several nodes, each link is lost and made again for itself.
//! - What no waiting mends (a login that is refused, a right that is missing, an
//!   exchange or a database that is not there, no TLS where it must be) ends the
//!   run where the target has not done anything yet. Later it may be mended, and
//!   the connection pauses like one that cannot be made.
//! - Nothing is connected to that the target alone named and nobody allowed
//!   ([`crate::reach`]). What is sent there has *failed* as not allowed.

use std::collections::BTreeMap;

use scenarios::plan;
use scenarios::redact::Secrets;
use scenarios::template::TemplateError;

use crate::content::{Content, names_operation};
use crate::error::LoadError;
use crate::lane::Lane;
use crate::payload::Payload;
use crate::reach::Unready;
use crate::reader::Reader;
use crate::route::Route;
use crate::shape::Shape;
use crate::split::Split;
use crate::tls::Tls;

pub use amqp::Amqp;
pub use command::Command;
pub use http::{Compare, Http, HttpVersion};
pub use kafka::Kafka;
pub use redis::Redis;

pub mod amqp;
mod command;
mod http;
pub mod kafka;
pub mod redis;
mod stream;

/// How an operation reaches the target, with every address filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// One request for each operation.
    Http(Http),
    /// One message for each operation.
    Amqp(Amqp),
    /// One command for each operation.
    Redis(Redis),
    /// One record for each operation.
    Kafka(Kafka),
    /// One run of a program for each operation.
    Command(Command),
}

impl Transport {
    /// The transport of a plan, its `${target.key}` replaced by the addresses.
    ///
    /// # Errors
    /// When a target has no address.
    pub fn from_plan(
        planned: &plan::workload::Transport,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        Ok(match planned {
            plan::workload::Transport::Http(http) => Self::Http(Http {
                url: http.url.fill(targets)?,
                method: http.method.clone(),
                headers: http.headers.clone().into_iter().collect(),
                body: http.body.fill(targets)?.into(),
                accepted: http.accepted.clone(),
                refused: http.refused.clone(),
                retries: http.retries,
                compare: Compare { same: http.same.clone(), hit: http.hit.clone() },
                tls: Tls::default(),
                version: HttpVersion::Http1,
                keepalive: http.keepalive,
                route: Route::from_plan(&http.route, targets)?,
                follow: http.follow_redirects,
                compressed: http.compressed,
                split: http.split.as_ref().map(|split| Split {
                    header: split.header.to_ascii_lowercase(),
                    values: split.values.clone(),
                }),
            }),
            plan::workload::Transport::Amqp(amqp) => Self::Amqp(Amqp {
                confirm_window: amqp.confirm_window,
                ..Amqp::new(
                    &amqp.url.fill(targets)?,
                    &amqp.exchange,
                    &amqp.routing_key,
                    amqp.body.fill(targets)?,
                )
            }),
            plan::workload::Transport::Redis(redis) => {
                Self::Redis(Redis::from_plan(redis, targets)?)
            }
            plan::workload::Transport::Kafka(kafka) => {
                Self::Kafka(Kafka::from_plan(kafka, targets)?)
            }
            plan::workload::Transport::Command(command) => Self::Command(Command {
                words: command.run.words(targets)?,
                refused: command.refused.clone(),
                body: Content::default(),
            }),
        })
    }

    /// The body of an operation: the message, the record's value, the element.
    #[must_use]
    pub fn body(&self) -> Option<&Content> {
        match self {
            Self::Http(http) => Some(&http.body),
            Self::Amqp(amqp) => Some(&amqp.body),
            Self::Kafka(kafka) => Some(&kafka.body),
            Self::Command(command) => Some(&command.body),
            Self::Redis(redis) => redis.fields.first().map(|(_, body)| body),
        }
    }

    /// The same with another body: the message, the record's value, the element,
    /// the standard input. An entry of a stream has none.
    #[must_use]
    pub fn with_body(mut self, content: Content) -> Self {
        match &mut self {
            Self::Http(http) => http.body = content,
            Self::Amqp(amqp) => amqp.body = content,
            Self::Kafka(kafka) => kafka.body = content,
            Self::Command(command) => command.body = content,
            Self::Redis(redis) => {
                if let Some((_, body)) = redis.fields.first_mut() {
                    *body = content;
                }
            }
        }
        self
    }

    /// Its payload templates.
    pub fn texts(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Http(Http { url, headers, body, .. }) => {
                Box::new(texts(headers).chain([url.as_str()]).chain(body.texts()))
            }
            Self::Amqp(Amqp { routing_key, headers, body, .. }) => {
                Box::new(texts(headers).chain([routing_key.as_str()]).chain(body.texts()))
            }
            Self::Redis(Redis { fields, .. }) => {
                Box::new(fields.iter().flat_map(|(_, value)| value.texts()))
            }
            Self::Kafka(Kafka { key, headers, body, .. }) => {
                Box::new(texts(headers).chain(key.as_deref()).chain(body.texts()))
            }
            Self::Command(Command { words, body, .. }) => {
                Box::new(words.iter().map(String::as_str).chain(body.texts()))
            }
        }
    }

    /// Whether bytes are sent as they are and nothing beside them says which
    /// operation they are of. A message of AMQP and a program are told in any
    /// case.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        let is_verbatim = match self {
            Self::Http(http) => http.body.is_verbatim(),
            Self::Redis(redis) => redis.fields.iter().any(|(_, value)| value.is_verbatim()),
            Self::Kafka(kafka) => kafka.body.is_verbatim(),
            Self::Amqp(_) | Self::Command(_) => false,
        };
        is_verbatim && !self.texts().any(names_operation)
    }

    /// What of its addresses and settings may not be shown.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let mut add = |name: &str, value: &str| secrets.add_setting(name, value);
        match self {
            Self::Http(Http { url, headers, body, route, .. }) => {
                let texts = body.texts().chain([url.as_str()]);
                texts.chain(route.proxy.as_deref()).for_each(|text| add("", text));
                headers.iter().for_each(|(name, value)| add(name, value));
                http::logins(url, route).iter().for_each(|login| add("authorization", login));
            }
            Self::Amqp(Amqp { url, headers, body, .. }) => {
                body.texts().chain([url.as_str()]).for_each(|text| add("", text));
                headers.iter().for_each(|(name, value)| add(name, value));
            }
            Self::Redis(Redis { url, fields, .. }) => {
                add("", url);
                for (name, value) in fields {
                    value.texts().for_each(|text| add(name, text));
                }
            }
            Self::Kafka(Kafka { brokers, headers, settings, body, security, .. }) => {
                body.texts().chain([brokers.as_str()]).for_each(|text| add("", text));
                headers.iter().chain(settings).for_each(|(name, value)| add(name, value));
                if let Some(sasl) = &security.sasl {
                    add("password", &sasl.password);
                }
            }
            Self::Command(Command { words, body, .. }) => {
                let whole = shell_words::join(words);
                let words = words.iter().map(String::as_str);
                words.chain(body.texts()).chain([whole.as_str()]).for_each(|text| add("", text));
            }
        }
        secrets
    }

    /// Checks every setting and splits every template, before the run.
    /// `allowed` are the hosts that the target may lead on to.
    pub(crate) fn prepare(&self, shape: &Shape, allowed: &[String]) -> Result<Target, LoadError> {
        Ok(match self {
            Self::Http(http) => Target::Http(Box::new(http::Target::new(http, shape, allowed)?)),
            Self::Amqp(amqp) => Target::Amqp(Box::new(amqp::Target::new(amqp, shape)?)),
            Self::Redis(redis) => {
                Target::Redis(Box::new(redis::Target::new(redis, shape, allowed)?))
            }
            Self::Kafka(kafka) => {
                Target::Kafka(Box::new(kafka::Target::new(kafka, shape, allowed)?))
            }
            Self::Command(command) => Target::Command(command::Target::new(command, shape)?),
        })
    }
}

/// A transport that is ready to be used.
#[derive(Debug)]
pub(crate) enum Target {
    Http(Box<http::Target>),
    Amqp(Box<amqp::Target>),
    Redis(Box<redis::Target>),
    Kafka(Box<kafka::Target>),
    Command(command::Target),
}

impl Target {
    /// Whether the answers to operations that are sent again are compared.
    pub(crate) fn compares(&self) -> bool {
        matches!(self, Self::Http(target) if target.compares())
    }

    /// By which header of the answers the figures are split, if they are.
    pub(crate) fn split(&self) -> Option<&Split> {
        match self {
            Self::Http(target) => target.split(),
            Self::Amqp(_) | Self::Redis(_) | Self::Kafka(_) | Self::Command(_) => None,
        }
    }

    /// Whether there are connections that are made once and kept.
    pub(crate) fn connects(&self) -> bool {
        match self {
            Self::Http(target) => target.keeps_connections(),
            Self::Amqp(_) | Self::Redis(_) | Self::Kafka(_) => true,
            Self::Command(_) => false,
        }
    }

    /// How many files a connection has open, about.
    pub(crate) fn files(&self) -> u64 {
        match self {
            Self::Http(target) => target.files(),
            Self::Amqp(_) => 1,
            Self::Redis(target) => redis::files(target),
            Self::Kafka(target) => kafka::files(target),
            Self::Command(_) => command::FILES,
        }
    }

    /// Drives one connection until there are no more operations.
    pub(crate) async fn drive(&self, lane: &Lane) {
        match self {
            Self::Http(target) => http::drive(target, lane).await,
            Self::Amqp(target) => amqp::drive(target, lane).await,
            Self::Redis(target) => redis::drive(target, lane).await,
            Self::Kafka(target) => kafka::drive(target, lane).await,
            Self::Command(target) => command::drive(target, lane).await,
        }
    }
}

impl Target {
    /// Judges what the target leads on to, sees that it lets us in, then makes
    /// what has to be there before the first operation. A target that does not
    /// answer at all is no error where nothing has to be made: it may yet come.
    ///
    /// # Errors
    /// When it leads to hosts that nobody allowed, or answers that it does not let
    /// us in; or when something cannot be made, and why.
    pub(crate) async fn setup(&self) -> Result<(), Unready> {
        self.led().await?;
        match self {
            Self::Amqp(target) => amqp::setup(target).await,
            Self::Redis(target) => redis::setup(target).await,
            Self::Kafka(target) => kafka::setup(target).await,
            Self::Http(target) => http::setup(target).await,
            Self::Command(_) => Ok(()),
        }
    }

    /// Whether something is asked of the target, or made there, without which there
    /// can be no load.
    pub(crate) fn must_answer(&self) -> bool {
        match self {
            Self::Amqp(target) => target.has_topology(),
            Self::Redis(target) => target.is_cluster(),
            Self::Kafka(_) => true,
            Self::Http(_) | Self::Command(_) => false,
        }
    }

    /// Asks the target where it leads the load on to, and judges that. Every
    /// transport says here what its targets can do; there is no default.
    async fn led(&self) -> Result<(), Unready> {
        match self {
            Self::Redis(target) => redis::led(target).await,
            Self::Kafka(target) => kafka::led(target).await,
            // Where redirects of HTTP are followed, each is judged as it comes;
            // AMQP 0-9-1 has none; a program is its user's own.
            Self::Http(_) | Self::Amqp(_) | Self::Command(_) => Ok(()),
        }
    }

    /// Reads what the operations became on the far side, until the consumers
    /// are to go.
    pub(crate) async fn consume(&self, reader: &Reader) {
        match self {
            Self::Amqp(target) => amqp::consume(target, reader).await,
            Self::Redis(target) => redis::consume(target, reader).await,
            Self::Kafka(target) => kafka::consume(target, reader).await,
            // There is nothing to read from.
            Self::Http(_) | Self::Command(_) => reader.over().await,
        }
    }
}

/// The second of each pair.
fn texts(pairs: &[(String, String)]) -> impl Iterator<Item = &str> {
    pairs.iter().map(|(_, text)| text.as_str())
}

/// Splits a template, naming where it stands if it is wrong.
fn template(what: &str, text: &str, shape: &Shape) -> Result<Payload, LoadError> {
    Payload::plain(text, shape)
        .map_err(|source| LoadError::Payload { what: what.to_owned(), source })
}

/// Splits a body, whose size the shape may give.
fn body(content: &Content, shape: &Shape) -> Result<Payload, LoadError> {
    Payload::body(content, shape)
        .map_err(|source| LoadError::Payload { what: "body".to_owned(), source })
}
