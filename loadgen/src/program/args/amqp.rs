//! `loadgen amqp`.

use loadgen::{Amqp, Transport};

use super::load::{Carries, LoadArgs};
use super::{Asked, EXAMPLES};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AmqpArgs {
    /// The broker: amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(env = "LOADGEN_AMQP_URL", hide_env_values = true)]
    url: String,
    /// The queue, through the default exchange
    #[arg(long, conflicts_with_all = ["exchange", "routing_key"], required_unless_present_any = ["exchange", "routing_key"])]
    queue: Option<String>,
    /// The exchange
    #[arg(long, default_value = "")]
    exchange: String,
    /// The routing key
    #[arg(long, default_value = "")]
    routing_key: String,
    /// The message
    #[arg(long, default_value = "@{id}")]
    body: String,
    /// Unconfirmed messages a connection
    #[arg(long, default_value_t = 200)]
    confirm_window: u32,
    #[command(flatten)]
    load: LoadArgs,
}

impl AmqpArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        let amqp = Amqp {
            url: self.url,
            exchange: self.exchange,
            routing_key: self.queue.unwrap_or(self.routing_key),
            body: self.body,
            confirm_window: self.confirm_window,
        };
        let queue = [amqp.exchange.as_str(), amqp.routing_key.as_str()].join(" ");
        self.load.read(
            "amqp",
            format!("amqp {}", queue.trim()),
            Carries::Many,
            Transport::Amqp(amqp),
        )
    }
}
