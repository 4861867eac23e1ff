//! `loadgen amqp`.

use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use loadgen::transport::amqp::{Acks, Bindings, Topology, Value};
use loadgen::{Amqp, Transport};
use scenarios::units::Span;

use super::content::BodyArgs;
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
    /// Declare the exchange with this type, and bind the queues to it: direct, topic, …
    #[arg(long, value_name = "TYPE", value_parser = NonEmptyStringValueParser::new(), requires = "exchange")]
    exchange_type: Option<String>,
    /// Bind the queues to the exchange by this key, or pattern: orders.#; may be repeated
    /// [default: their names]
    #[arg(long = "binding-key", value_name = "KEY", requires = "exchange")]
    binding_keys: Vec<String>,
    /// Bind the queues with this argument: x-match=any; may be repeated
    #[arg(long = "binding-arg", value_name = "NAME=VALUE", requires = "exchange")]
    binding_args: Vec<String>,
    /// The routing key, which may hold @{key} and the like [default: the queue's name]
    #[arg(long, default_value = "")]
    routing_key: String,
    /// classic, quorum or stream
    #[arg(long, value_name = "TYPE")]
    queue_type: Option<String>,
    /// An argument of the queues: x-max-length=1000, x-single-active-consumer=true; may be
    /// repeated. What stands in double quotes is a text: x-name="123"
    #[arg(long = "queue-arg", value_name = "NAME=VALUE")]
    queue_args: Vec<String>,
    /// Take queues and exchanges as they are
    #[arg(long)]
    predeclared: bool,
    #[command(flatten)]
    body: BodyArgs,
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
    /// Of a stream: where consumers begin: first, last, next or an offset [default: first, of a
    /// stream that is declared]
    #[arg(long, value_name = "OFFSET")]
    stream_offset: Option<Value>,
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
        if self.exchange.is_empty() && !self.routing_key.is_empty() && !queues.is_empty() {
            bail!(
                "the default exchange sends to the queue that the routing key names: give either \
                 --queue or --routing-key, or an --exchange to which the queue is bound"
            );
        }
        let mut arguments = values(&self.queue_args)?;
        let kind = self.queue_type.map(|kind| ("x-queue-type".to_owned(), Value::Text(kind)));
        arguments.extend(kind);
        let stream_offset = self.stream_offset.or_else(|| {
            let is_stream = |(name, value): &(String, Value)| {
                name == "x-queue-type" && *value == Value::Text("stream".to_owned())
            };
            arguments.iter().any(is_stream).then(|| Value::Text("first".to_owned()))
        });
        if stream_offset.is_some() && self.consumers > 0 {
            see_stream(self.consumers, queues.len(), self.ack_every, self.prefetch)?;
        }
        let bindings = Bindings { keys: self.binding_keys, arguments: values(&self.binding_args)? };
        let is_bound = self.exchange_type.is_some() || bindings != Bindings::default();
        // An exchange that is not declared decides by itself where messages go.
        let bare = !self.exchange.is_empty() && !is_bound;
        let topology = (!self.predeclared).then(|| Topology {
            queues: queues.clone(),
            arguments,
            exchange_type: self.exchange_type,
            bindings: is_bound.then_some(bindings),
        });
        let body = self.body.of_message(self.load.is_sized())?;
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
            stream_offset,
            tls: self.tls.read(),
            ..Amqp::new(&self.url, &self.exchange, &self.routing_key, body)
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

/// Arguments with the types of their values.
fn values(texts: &[String]) -> anyhow::Result<Vec<(String, Value)>> {
    let typed = |(name, value): (String, String)| {
        let Ok(value) = value.parse();
        (name, value)
    };
    Ok(pairs(texts)?.into_iter().map(typed).collect())
}

/// Whether consumers of streams can be had so.
fn see_stream(consumers: u32, queues: usize, ack_every: u32, prefetch: u16) -> anyhow::Result<()> {
    if consumers as usize > queues.max(1) {
        bail!(
            "--consumers {consumers}: each consumer of a stream reads all of it, and would see \
             what another has seen; use at most one for each queue"
        );
    }
    if ack_every == 0 || prefetch == 0 {
        bail!("streams are read with acknowledgements: use --prefetch and --ack-every above 0");
    }
    Ok(())
}
