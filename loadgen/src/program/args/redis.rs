//! `loadgen redis`.

use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use loadgen::transport::redis::{Into, Stream};
use loadgen::{Redis, Transport};

use super::content::{BodyArgs, given};
use super::load::{Carries, LoadArgs};
use super::tls::TlsArgs;
use super::{Asked, EXAMPLES};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(id = "into", required = true, multiple = false, args = ["stream", "list", "channel"])]
pub(super) struct RedisArgs {
    /// The server: redis://USER:PASSWORD@HOST:PORT/DB, rediss:// for TLS
    #[arg(env = "LOADGEN_REDIS_URL", hide_env_values = true)]
    url: String,
    /// The server is a node of a Redis Cluster: send to the node that serves each key
    #[arg(long)]
    cluster: bool,
    /// Add to this stream (XADD)
    #[arg(long, conflicts_with = "body", value_parser = NonEmptyStringValueParser::new())]
    stream: Option<String>,
    /// Push to this list (RPUSH)
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    list: Option<String>,
    /// Publish to this channel (PUBLISH)
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    channel: Option<String>,
    /// Spread the operations over STREAM-0 to STREAM-(N-1) by their key
    #[arg(long, default_value_t = 1, requires = "stream")]
    partitions: u32,
    /// How long a stream may become, about
    #[arg(long, requires = "stream")]
    maxlen: Option<u64>,
    /// Keep exactly to --maxlen
    #[arg(long, requires = "maxlen")]
    maxlen_exact: bool,
    /// Make no stream that is not there
    #[arg(long, requires = "stream")]
    nomkstream: bool,
    /// Push to the head of the list (LPUSH)
    #[arg(long, requires = "list")]
    left: bool,
    /// A field of the stream's entry, as name=template, or name=@FILE; may be repeated
    /// [default: id=@{id}, with --size also data=@{pad}]
    #[arg(long = "field", value_name = "NAME=TEXT", requires = "stream")]
    fields: Vec<String>,
    #[command(flatten)]
    body: BodyArgs,
    /// Unanswered commands a connection; with --cluster, of each to each node
    #[arg(long, short = 'P', default_value_t = 64)]
    pipeline: u32,
    /// Consumers that read everything meanwhile
    #[arg(long, default_value_t = 0)]
    consumers: u32,
    /// Their group
    #[arg(long, default_value = "loadgen")]
    group: String,
    /// Entries that a consumer acknowledges at once
    #[arg(long, default_value_t = 100)]
    ack_every: u32,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl RedisArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        let sized = self.load.is_sized();
        let mut fields = Vec::new();
        for field in &self.fields {
            let (name, value) = field
                .split_once('=')
                .with_context(|| format!("{field:?} is no field; write name=text"))?;
            let content = given(value).with_context(|| format!("--field {name}"))?;
            fields.push((name.to_owned(), content));
        }
        let body = self.body.of_message(sized)?;
        if fields.is_empty() && self.stream.is_some() {
            fields.push(("id".to_owned(), "@{id}".into()));
            if sized {
                fields.push(("data".to_owned(), "@{pad}".into()));
            }
        } else if fields.is_empty() {
            fields.push(("body".to_owned(), body));
        }
        let (target, into) = match (self.stream, self.list, self.channel) {
            (Some(name), _, _) => {
                let stream = Stream {
                    name: name.clone(),
                    partitions: self.partitions,
                    max_length: self.maxlen,
                    exact: self.maxlen_exact,
                    existing: self.nomkstream,
                };
                (format!("redis stream {name}"), Into::Stream(stream))
            }
            (_, Some(name), _) => {
                (format!("redis list {name}"), Into::List { name, left: self.left })
            }
            (_, _, channel) => {
                let name = channel.context("give --stream, --list or --channel")?;
                (format!("redis channel {name}"), Into::Channel(name))
            }
        };
        let redis = Redis {
            url: self.url,
            cluster: self.cluster,
            into,
            pipeline: self.pipeline,
            fields,
            group: self.group,
            ack_every: self.ack_every,
            tls: self.tls.read(),
        };
        let transport = Transport::Redis(redis);
        self.load
            .read("redis", target, Carries::Many, transport)
            .map(|asked| asked.with_consumers(self.consumers))
    }
}
