//! What a worker does with one event: it fetches the object, as often as it takes, and
//! says what is to be written. It knows nothing of brokers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Map;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::breaker::{Breaker, Permit, Rule, State};
use super::counts::{Counts, Reason};
use super::download::{Line, Trouble};
use super::retry::Retry;
use crate::reference::diary::Diary;
use crate::reference::rolling_deploy::event::{Event, Outcome};
use crate::reference::rolling_deploy::tactics::Tactics;

/// Half of the last twenty downloads must fail before nobody is asked for two seconds.
const RULE: Rule =
    Rule { calls: 20, failures: 10, open_for: Some(Duration::from_secs(2)), trials: 3 };
/// An object server that is away is waited for: it is no fault of the event.
const RETRY: Retry = Retry {
    tries: u32::MAX,
    first: Duration::from_millis(50),
    longest: Duration::from_millis(1_000),
};
/// Poison that is tried for ever is tried so often.
const POISON_PAUSE: Duration = Duration::from_millis(200);
/// Where nobody knows when a call is let through again, it is asked so often.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be written of an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Done {
    /// Its result.
    Result(Outcome),
    /// It can never be processed: a dead letter.
    Dead(String),
}

/// What all partitions of a worker share.
#[derive(Debug)]
pub(crate) struct Common {
    tactics: Tactics,
    breaker: Mutex<Breaker>,
    counts: Arc<Counts>,
    began: Instant,
}

/// The handler of one partition.
#[derive(Debug)]
pub(crate) struct Handler {
    common: Arc<Common>,
    line: Line,
}

impl Common {
    pub(crate) fn new(tactics: Tactics, counts: Arc<Counts>) -> Self {
        let open_for = RULE.open_for.filter(|_| tactics.breaker_tries_again());
        let breaker = Mutex::new(Breaker::new(Rule { open_for, ..RULE }));
        Self { tactics, breaker, counts, began: Instant::now() }
    }

    /// What the circuit breaker does, and how often it has opened.
    pub(crate) fn breaker(&self) -> (State, u64) {
        let breaker = self.lock();
        (breaker.state(), breaker.trips())
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the circuit breaker lets a call through.
    async fn permit(&self) {
        loop {
            let now = self.began.elapsed();
            let permit = self.lock().ask(now);
            match permit {
                Permit::Granted => return,
                Permit::Refused { until: Some(until) } => sleep(until.saturating_sub(now)).await,
                Permit::Refused { until: None } => sleep(ASK_AGAIN).await,
            }
        }
    }

    fn note(&self, failed: bool) {
        let now = self.began.elapsed();
        let mut breaker = self.lock();
        let before = breaker.trips();
        breaker.note(now, failed);
        if breaker.trips() > before {
            Diary.error("breaker_opened", "too many downloads have failed");
        }
    }
}

impl Handler {
    pub(crate) fn new(common: Arc<Common>, objects: &str) -> Self {
        Self { common, line: Line::new(objects) }
    }

    /// Processes an event to its end, however long that takes.
    pub(crate) async fn handle(&mut self, bytes: &[u8]) -> Done {
        let event = match Event::parse(bytes) {
            Ok(event) => event,
            Err(why) => return self.poison(why).await,
        };
        let tactics = self.common.tactics;
        if let Some(pause) = tactics.drags() {
            sleep(pause).await;
        }
        let chance = chance(&event.event_id);
        if tactics.fails_at_first(self.common.began.elapsed(), chance) {
            self.common.counts.failed(Reason::Processing);
            Diary.error("processing_failed", &format!("{}: is tried again", event.event_id));
        }
        match self.download(&event).await {
            Ok(object) => Done::Result(self.outcome(event, &object)),
            Err(why) => Done::Dead(why),
        }
    }

    async fn poison(&self, why: String) -> Done {
        self.common.counts.failed(Reason::Poison);
        while self.common.tactics.blocks_on_poison() {
            sleep(POISON_PAUSE).await;
            self.common.counts.failed(Reason::Poison);
        }
        Done::Dead(why)
    }

    async fn download(&mut self, event: &Event) -> Result<bytes::Bytes, String> {
        let mut tries = 0;
        loop {
            self.common.permit().await;
            let fetched = self.line.fetch(&event.object).await;
            let failed = matches!(fetched, Err(Trouble::Failed(_)));
            self.common.note(failed);
            self.common.counts.downloaded(fetched.is_ok());
            let why = match fetched {
                Ok(object) => return Ok(object),
                Err(Trouble::Missing) => {
                    self.common.counts.failed(Reason::Missing);
                    return Err(format!("the object {} does not exist", event.object));
                }
                Err(Trouble::Failed(why)) => why,
            };
            self.common.counts.failed(Reason::Download);
            tries += 1;
            match RETRY.pause(tries, fastrand::f64()) {
                Some(pause) => sleep(pause).await,
                None => return Err(why),
            }
        }
    }

    fn outcome(&self, event: Event, object: &[u8]) -> Outcome {
        let Event { event_id, account, object: name, others, .. } = event;
        let keeps = self.common.tactics.keeps_unknown_fields();
        Outcome {
            event_id,
            account,
            object: name,
            bytes: object.len() as u64,
            digest: hexadecimal(&Sha256::digest(object)),
            version: self.common.tactics.version(),
            others: if keeps { others } else { Map::new() },
        }
    }
}

/// An event's own number, evenly from 0 to 99,999: an event that fails does so at every
/// worker, and those of two runs are not the same.
fn chance(event_id: &str) -> u32 {
    let hash = Sha256::digest(event_id);
    hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) % 100_000
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::reference::rolling_deploy::objects;
    use crate::reference::rolling_deploy::tactics::Version;
    use crate::reference::rolling_deploy::variant::Variant;

    fn common(variant: Variant, version: Version) -> Arc<Common> {
        let tactics = Tactics::new(variant, version);
        Arc::new(Common::new(tactics, Arc::new(Counts::default())))
    }

    fn event(object: &str) -> Vec<u8> {
        let event = serde_json::json!({"event_id": "e", "account": "a", "object": object,
            "occurred_at": 1, "trace": "t"});
        event.to_string().into_bytes()
    }

    /// Runs what a worker does beside an object server.
    fn beside_objects<T>(work: impl AsyncFnOnce(String) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Somewhere nobody else listens; the server shares it and alone listens.
            let port = crate::port::Shared::reserve().unwrap();
            let address = port.address();
            tokio::select! {
                served = objects::run(&address) => panic!("{served:?}"),
                done = work(address.clone()) => done,
            }
        })
    }

    #[test]
    fn an_event_becomes_its_result_and_what_cannot_is_dead() {
        beside_objects(async |address| {
            let common = common(Variant::Correct, Version::V1);
            let mut handler = Handler::new(Arc::clone(&common), &address);
            let Done::Result(one) = handler.handle(&event("o-1")).await else { panic!() };
            assert_eq!((one.event_id.as_str(), one.digest.len()), ("e", 64));
            assert_eq!(one.others["trace"], "t");
            assert_eq!(handler.handle(&event("o-1")).await, Done::Result(one));
            for dead in [event("missing-1"), b"poison".to_vec()] {
                assert!(matches!(handler.handle(&dead).await, Done::Dead(_)));
            }
            assert_eq!(common.breaker(), (State::Closed, 0), "no failing of the server");
        });
    }

    #[test]
    fn a_new_version_may_forget_what_it_does_not_know() {
        beside_objects(async |address| {
            let common = common(Variant::V2DropsUnknownFields, Version::V2);
            let mut handler = Handler::new(common, &address);
            let Done::Result(outcome) = handler.handle(&event("o-1")).await else { panic!() };
            assert!(outcome.others.is_empty() && outcome.version == Version::V2);
        });
    }

    #[test]
    fn a_server_that_is_away_is_waited_for_and_opens_the_breaker() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            drop(listener);
            let common = common(Variant::Correct, Version::V1);
            let mut handlers: Vec<Handler> =
                (0..12).map(|_| Handler::new(Arc::clone(&common), &address)).collect();
            let event = event("o-1");
            let all = futures_util::future::join_all(
                handlers.iter_mut().map(|handler| handler.handle(&event)),
            );
            let opened = async {
                while common.breaker().0 != State::Open {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                done = all => panic!("{done:?}"),
                () = opened => {}
            }
        });
    }

    #[test]
    fn chances_are_even() {
        let all = (0..20_000).map(|number| chance(&format!("run/load/{number}")));
        let below = all.filter(|chance| *chance < 2_000).count();
        assert!((300..=500).contains(&below), "{below} of 20,000, some 400 expected");
    }
}
