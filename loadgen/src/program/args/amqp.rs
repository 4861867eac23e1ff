//! `loadgen amqp`.

use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use loadgen::transport::amqp::{Acks, Topology};
use loadgen::{Amqp, Transport};
use scenarios::units::Span;

use super::load::{Carries, LoadArgs};
use super::tls::TlsArgs;
use super::{Asked, EXAMPLES, pairs};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AmqpArgs {
    /// The broker: amqp://USER:PASSWORD@HOST:PORT/VHOST, amqps:// for TLS
    #[arg(env = "LOADGEN_AMQP_URL", hide_env_values = true)]
    url: String,
    /// The queue
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), conflicts_with = "queue_pattern", required_unless_present_any = ["exchange", "routing_key", "queue_pattern"])]
    queue: Option<String>,
    /// Queues that are used in turn: q-%d
    #[arg(long, value_name = "PATTERN", value_parser = NonEmptyStringValueParser::new(), requires = "queue_to")]
    queue_pattern: Option<String>,
    /// The first number in --queue-pattern
    #[arg(long, default_value_t = 1, requires = "queue_pattern")]
    queue_from: u32,
    /// The last number in --queue-pattern
    #[arg(long, requires = "queue_pattern")]
    queue_to: Option<u32>,
    /// The exchange [default: the default exchange]
    #[arg(long, default_value = "")]
    exchange: String,
    /// Declare the exchange with this type, and bind the queues to it by their names
    #[arg(long, value_name = "TYPE", requires = "exchange")]
    exchange_type: Option<String>,
    /// The routing key, which may hold @{key} and the like
    #[arg(long, default_value = "", conflicts_with_all = ["queue", "queue_pattern"])]
    routing_key: String,
    /// classic, quorum or stream
    #[arg(long, value_name = "TYPE")]
    queue_type: Option<String>,
    /// An argument of the queues: x-max-length=1000; may be repeated
    #[arg(long = "queue-arg", value_name = "NAME=VALUE")]
    queue_args: Vec<String>,
    /// Take queues and exchanges as they are
    #[arg(long)]
    predeclared: bool,
    /// The message [default: @{id}, filled up to --size]
    #[arg(long)]
    body: Option<String>,
    /// Unconfirmed messages a channel; 0 publishes without confirms
    #[arg(long, alias = "confirm-window", default_value_t = 200)]
    confirm: u32,
    /// Channels a connection
    #[arg(long, default_value_t = 1)]
    channels: u16,
    /// Whether the broker gives back what it cannot route
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    mandatory: bool,
    /// Whether messages survive a restart of the broker
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    persistent: bool,
    /// A header, as name=template; may be repeated
    #[arg(long = "header", value_name = "NAME=TEXT")]
    headers: Vec<String>,
    /// When a message expires
    #[arg(long)]
    ttl: Option<Span>,
    /// The priority of each message
    #[arg(long)]
    priority: Option<u8>,
    /// The content type of each message
    #[arg(long)]
    content_type: Option<String>,
    /// Consumers that read everything meanwhile, spread over the queues
    #[arg(long, default_value_t = 0)]
    consumers: u32,
    /// Deliveries that a consumer may have without acknowledging them
    #[arg(long, default_value_t = 200)]
    prefetch: u16,
    /// Deliveries that a consumer acknowledges at once; 0: the broker does not wait for it
    #[arg(long, default_value_t = 100)]
    ack_every: u32,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl AmqpArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        let queues = self.queues()?;
        let shown = match queues.as_slice() {
            [] => format!("amqp {} {}", self.exchange, self.routing_key),
            [one] => format!("amqp {} {one}", self.exchange),
            [first, .., last] => format!("amqp {} {first} to {last}", self.exchange),
        };
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut arguments = pairs(&self.queue_args)?;
        arguments.extend(self.queue_type.map(|kind| ("x-queue-type".to_owned(), kind)));
        let topology = (!self.predeclared).then(|| Topology {
            queues: queues.clone(),
            arguments,
            exchange_type: self.exchange_type,
        });
        // An exchange that is not declared decides by itself where messages go.
        let bare = topology
            .as_ref()
            .is_some_and(|topology| !self.exchange.is_empty() && topology.exchange_type.is_none());
        let sized = self.load.is_sized();
        let usual = || if sized { "@{id}@{pad}" } else { "@{id}" }.to_owned();
        if self.prefetch > 0 && self.ack_every > u32::from(self.prefetch) {
            bail!("--ack-every {} never comes with --prefetch {}", self.ack_every, self.prefetch);
        }
        let amqp = Amqp {
            confirm_window: self.confirm,
            channels: self.channels,
            mandatory: self.mandatory,
            persistent: self.persistent,
            headers: pairs(&self.headers)?,
            ttl: self.ttl.map(|ttl| ttl.0),
            priority: self.priority,
            content_type: self.content_type,
            queues,
            topology: topology.filter(|topology| !bare && !topology.queues.is_empty()),
            prefetch: self.prefetch,
            acks: match self.ack_every {
                0 => Acks::Auto,
                every => Acks::Every(every),
            },
            tls: self.tls.read(),
            ..Amqp::new(
                &self.url,
                &self.exchange,
                &self.routing_key,
                &self.body.unwrap_or_else(usual),
            )
        };
        let asked = self.load.read("amqp", shown, Carries::Many, Transport::Amqp(amqp))?;
        Ok(asked.with_consumers(self.consumers))
    }

    fn queues(&self) -> anyhow::Result<Vec<String>> {
        let Some(pattern) = &self.queue_pattern else {
            return Ok(self.queue.iter().cloned().collect());
        };
        let (first, last) = (self.queue_from, self.queue_to.unwrap_or(self.queue_from));
        if !pattern.contains("%d") || first > last {
            bail!("write --queue-pattern q-%d --queue-from 1 --queue-to 10");
        }
        Ok((first..=last).map(|number| pattern.replace("%d", &number.to_string())).collect())
    }
}
