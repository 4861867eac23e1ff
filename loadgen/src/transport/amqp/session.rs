//! One AMQP connection with its channel, and the messages under way on it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::uri::AMQPUri;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Event,
    PublisherConfirm,
};

use super::Target;
use super::returns::{Returns, Said, Verdict};
use crate::feed::Op;
use crate::identity;
use crate::lane::{Lane, Standing};
use crate::outcome::{Answer, Reason};

/// The delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// How long a lost connection's confirms, which end with an error, are waited
/// for; also how long a connection may take to close.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a session ended.
pub(super) enum End {
    /// There are no more operations.
    NoMore,
    /// The connection was lost. Everything that was published is settled.
    Lost {
        /// An operation that was taken and not published.
        unpublished: Option<Op>,
    },
}

/// A connection with its channel.
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    _standing: Standing,
}

/// A confirm that came, or the error instead of it.
type Confirmed = (u64, Result<Confirmation, lapin::Error>);

/// What may happen next on a session.
#[expect(clippy::large_enum_variant, reason = "it is moved once and never kept")]
enum Next {
    Confirmed(Option<Confirmed>),
    Due(Option<Op>),
    Lost,
}

impl Session {
    pub(super) async fn open(uri: &AMQPUri, lane: &Lane) -> Result<Self, String> {
        let name = format!("shakedown:loadgen:{}", lane.workload());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let text = |error: lapin::Error| error.to_string();
        let connection = Connection::connect_uri(uri.clone(), properties).await.map_err(text)?;
        let events = Box::pin(connection.events_listener());
        let channel = connection.create_channel().await.map_err(text)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(text)?;
        Ok(Self { connection, channel, events, _standing: lane.standing() })
    }

    /// Publishes operations, `first` before any other, until there are no more
    /// or the connection is lost.
    pub(super) async fn serve(self, target: &Target, lane: &Lane, first: Option<Op>) -> End {
        let Self { connection, channel, mut events, _standing } = self;
        let mut flight = Flight::new(lane);
        let mut confirms = FuturesUnordered::new();
        let mut in_hand = first;
        let mut more = true;
        loop {
            if let Some(op) = in_hand.take() {
                if !channel.status().connected() {
                    in_hand = Some(op);
                    break;
                }
                confirms.push(flight.publish(target, &channel, op));
            }
            if !more && flight.under_way.is_empty() {
                close(&connection, lane).await;
                return End::NoMore;
            }
            let room = more && confirms.len() < target.window;
            let next = async {
                tokio::select! {
                    biased;
                    confirmed = confirms.next(), if !confirms.is_empty() => Next::Confirmed(confirmed),
                    () = lost(&mut events) => Next::Lost,
                    op = lane.next(), if room => Next::Due(op),
                }
            };
            match lane.limit(flight.deadline(), next).await {
                None => flight.expire(),
                Some(Next::Lost) => break,
                Some(Next::Due(op)) => {
                    more = op.is_some();
                    in_hand = op;
                }
                Some(Next::Confirmed(confirmed)) => {
                    let mut intact = confirmed.is_none_or(|one| flight.confirmed(one));
                    // All that have completed by now belong to one batch.
                    while let Some(Some(one)) = confirms.next().now_or_never() {
                        intact &= flight.confirmed(one);
                    }
                    flight.settle(confirms.is_empty());
                    if !intact {
                        break;
                    }
                }
            }
        }
        flight.end(&mut confirms).await;
        End::Lost { unpublished: in_hand }
    }
}

/// Ends when the connection is lost.
async fn lost(events: &mut Pin<Box<dyn Stream<Item = Event> + Send>>) {
    while let Some(event) = events.next().await {
        if let Event::Error(_) = event {
            return;
        }
    }
}

async fn close(connection: &Connection, lane: &Lane) {
    let goodbye = connection.close(200, "the load has ended".into());
    // A broker that does not answer has nothing more to tell.
    let _ = lane.limit(lane.now() + LAST_WORDS, goodbye).await;
}

/// The messages under way on a session.
struct Flight<'a> {
    lane: &'a Lane,
    /// By number, which is also the order of their starts.
    under_way: BTreeMap<u64, (Op, Duration)>,
    returns: Returns,
}

impl<'a> Flight<'a> {
    fn new(lane: &'a Lane) -> Self {
        Self { lane, under_way: BTreeMap::new(), returns: Returns::default() }
    }

    /// Publishes one message; the future ends with its confirm.
    fn publish(
        &mut self,
        target: &Target,
        channel: &Channel,
        op: Op,
    ) -> impl Future<Output = Confirmed> + use<> {
        let seq = op.seq;
        let name = self.lane.identity(&op);
        let mut body = Vec::new();
        self.lane.render_body(&target.body, &op, self.lane.now(), &mut body);
        let properties = BasicProperties::default()
            .with_message_id(name.to_string().into())
            .with_delivery_mode(PERSISTENT);
        self.under_way.insert(seq, (op, self.lane.now()));
        let channel = channel.clone();
        let (exchange, key) = (target.exchange.as_str().into(), target.routing_key.as_str().into());
        async move {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let sent: Result<PublisherConfirm, _> =
                channel.basic_publish(exchange, key, options, &body, properties).await;
            let confirm = match sent {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (seq, confirm)
        }
    }

    /// When the message that has waited longest is overdue.
    fn deadline(&self) -> Duration {
        let started = self.under_way.values().next().map(|&(_, started)| started);
        started.map_or(Duration::MAX, |started| started + self.lane.timeout())
    }

    /// Settles the overdue messages. Their confirms may still come, and are
    /// then of no interest.
    fn expire(&mut self) {
        let now = self.lane.now();
        while self.deadline() <= now
            && let Some((_, (op, started))) = self.under_way.pop_first()
        {
            self.lane.settle(op, started, &Answer::Indeterminate(Reason::Timeout));
        }
    }

    /// Takes in a confirm; says whether the connection still works.
    fn confirmed(&mut self, (seq, confirm): Confirmed) -> bool {
        let (said, along) = match confirm {
            Ok(Confirmation::Ack(along)) => (Said::Ack, along),
            Ok(Confirmation::Nack(along)) => (Said::Nack, along),
            Ok(Confirmation::NotRequested) => (Said::Nack, None),
            Err(error) => {
                self.answer(seq, &Answer::Indeterminate(Reason::Lost(error.to_string())));
                return false;
            }
        };
        let along = along.and_then(|message| {
            let id = message.delivery.properties.message_id().as_ref()?;
            let sequence = identity::parse(id.as_str().as_bytes())?.sequence;
            Some((sequence, format!("{} {}", message.reply_code, message.reply_text)))
        });
        self.returns.confirm(seq, said, along);
        true
    }

    fn settle(&mut self, idle: bool) {
        let mut returns = std::mem::take(&mut self.returns);
        returns.settle(idle, |seq, verdict| {
            let answer = match verdict {
                Verdict::Acked => Answer::Acked,
                Verdict::Nacked => Answer::Indeterminate(Reason::Nacked),
                Verdict::Returned(why) => Answer::Failed(Reason::Returned(why)),
            };
            self.answer(seq, &answer);
        });
        self.returns = returns;
    }

    fn answer(&mut self, seq: u64, answer: &Answer) {
        if let Some((op, started)) = self.under_way.remove(&seq) {
            self.lane.settle(op, started, answer);
        }
    }

    /// The connection is lost: settles everything that is under way.
    async fn end(mut self, confirms: &mut FuturesUnordered<impl Future<Output = Confirmed>>) {
        let until = self.lane.now() + LAST_WORDS;
        while let Some(Some(one)) = self.lane.limit(until, confirms.next()).await {
            self.confirmed(one);
        }
        // A confirm that came before the loss counts; a return that may have
        // been on its way to a doubtful one was lost with the connection.
        self.settle(false);
        for (op, started) in std::mem::take(&mut self.under_way).into_values() {
            let lost = Reason::Lost("before the confirm".to_owned());
            self.lane.settle(op, started, &Answer::Indeterminate(lost));
        }
    }
}
