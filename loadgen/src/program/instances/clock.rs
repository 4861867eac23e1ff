//! How far this machine's clock is from one that all instances can read: the `Date` of an
//! HTTP server's answers, which tells whole seconds.
//!
//! An answer that says second *D*, to a request that left at *s* and was answered at *r*
//! by our clock, was made between *s* and *r*, while the reference showed a time from *D*
//! to *D* + 1. So the reference is ahead of our clock by more than *D* − *r* and by less
//! than *D* + 1 − *s*. That is Cristian's algorithm (1989) for a clock that ticks once a
//! second: one answer leaves a second of doubt, and each one that is asked for when the
//! second should be about to change halves it, down to about the round trip. Nothing is
//! assumed of how long either way takes.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header::{CONNECTION, DATE, HOST};
use http::{Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// So often the reference is asked at most.
const QUESTIONS: u32 = 12;

/// Longer than this no answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is left of the time before the start when the last question is asked.
const SPARE: Duration = Duration::from_secs(2);

/// By how many seconds a reference is ahead of this machine's clock: between both. Below
/// 0 it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offset {
    pub(crate) least_seconds: f64,
    pub(crate) most_seconds: f64,
}

/// What came of reading a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Read {
    /// Its address.
    pub(crate) from: String,
    pub(crate) offset: Option<Offset>,
    /// Why there is no offset.
    pub(crate) trouble: Option<String>,
}

/// A question, in seconds of Unix time: when it left and was answered by our clock, and the
/// second that the reference said.
#[derive(Debug, Clone, Copy)]
struct Answer {
    sent: f64,
    received: f64,
    said: f64,
}

impl Offset {
    const UNKNOWN: Self = Self { least_seconds: f64::NEG_INFINITY, most_seconds: f64::INFINITY };

    /// What is known with one more answer; `None` if it contradicts the others.
    fn with(self, answer: Answer) -> Option<Self> {
        let known = Self {
            least_seconds: self.least_seconds.max(answer.said - answer.received),
            most_seconds: self.most_seconds.min(answer.said + 1.0 - answer.sent),
        };
        (known.least_seconds <= known.most_seconds).then_some(known)
    }

    /// In the middle of what is possible.
    pub(crate) fn middle(self) -> f64 {
        self.least_seconds.midpoint(self.most_seconds)
    }

    /// How far it may be from the middle.
    pub(crate) fn doubt(self) -> f64 {
        (self.most_seconds - self.least_seconds) / 2.0
    }
}

/// How long after `now` a question should leave that takes `trip` seconds there and back, to
/// meet the reference when by what is known its second changes.
fn pause(now: f64, known: Offset, trip: f64) -> f64 {
    let there = now + known.middle() + trip / 2.0;
    there.ceil() - there
}

/// A reference that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    uri: Uri,
}

impl std::str::FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri = text.parse::<Uri>().ok().filter(|uri| {
            let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            uri.scheme_str() == Some("http") && plain
        });
        uri.map(|uri| Self { uri }).ok_or_else(|| {
            format!(
                "{text:?} is no reference; write the address of an HTTP server: http://HOST:PORT/"
            )
        })
    }
}

impl Reference {
    /// Reads the reference until it is known well, or shortly before `end`.
    pub(crate) async fn read(&self, end: Option<Instant>) -> Read {
        let (offset, trouble) = match self.narrow(end).await {
            Ok(offset) => (Some(offset), None),
            Err(error) => (None, Some(loadgen::printable::line(&format!("{error:#}")))),
        };
        Read { from: self.uri.to_string(), offset, trouble }
    }

    async fn narrow(&self, end: Option<Instant>) -> anyhow::Result<Offset> {
        let mut known = Offset::UNKNOWN;
        let mut trip = f64::INFINITY;
        for question in 0..QUESTIONS {
            let wait = if question == 0 { 0.0 } else { pause(now(), known, trip) };
            let wait = Duration::from_secs_f64(wait.clamp(0.0, 1.0));
            if end.is_some_and(|end| Instant::now() + wait + SPARE > end) {
                break;
            }
            tokio::time::sleep(wait).await;
            let answer = tokio::time::timeout(PATIENCE, self.ask()).await;
            let answer = answer.context("it did not answer in time")??;
            trip = trip.min(answer.received - answer.sent);
            known = known.with(answer).context(
                "its answers contradict each other: its clock was set, or several servers with \
                 different clocks answer",
            )?;
            if known.doubt() <= trip.max(1e-3) {
                break;
            }
        }
        ensure!(known.doubt().is_finite(), "there was no time to ask before the start");
        Ok(known)
    }

    /// Asks once, on a connection of its own.
    async fn ask(&self) -> anyhow::Result<Answer> {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.uri.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::builder().method(Method::HEAD).uri(path);
        let request = request.header(HOST, authority).header(CONNECTION, "close");
        let request = request.body(Empty::<Bytes>::new())?;
        sender.ready().await?;
        let sent = now();
        let answer = sender.send_request(request).await?;
        let received = now();
        connection.abort();
        let date = answer.headers().get(DATE).context("its answers have no Date")?;
        let date = rfc2822::parse(date.to_str()?).context("its Date is none")?;
        Ok(Answer { sent, received, said: date.timestamp().as_second() as f64 })
    }
}

/// Seconds of Unix time.
#[expect(clippy::disallowed_methods, reason = "the wall clock is what is measured")]
fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// By how many seconds the wall clock was set, forwards or backwards, since both clocks showed
/// these times.
#[expect(clippy::disallowed_methods, reason = "the wall clock is what is measured")]
pub(crate) fn moved(then: Instant, unix_then: SystemTime) -> f64 {
    let (now, unix_now) = (Instant::now(), SystemTime::now());
    let signed = |earlier: Option<Duration>, later: Option<Duration>| match (later, earlier) {
        (Some(passed), _) => Duration::as_secs_f64(&passed),
        (None, earlier) => -Duration::as_secs_f64(&earlier.unwrap_or_default()),
    };
    let steady = signed(then.checked_duration_since(now), now.checked_duration_since(then));
    let wall =
        signed(unix_then.duration_since(unix_now).ok(), unix_now.duration_since(unix_then).ok());
    wall - steady
}

/// By how many seconds the clocks of several instances are apart: at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Skew {
    pub(crate) least_seconds: f64,
    pub(crate) most_seconds: f64,
}

impl Skew {
    /// How far the two clocks are apart that are the furthest apart; `None` of fewer than
    /// two.
    pub(crate) fn of(offsets: &[Offset]) -> Option<Self> {
        let (least, most) = {
            let leasts = offsets.iter().map(|offset| offset.least_seconds);
            let mosts = offsets.iter().map(|offset| offset.most_seconds);
            // Where one clock is certainly behind and another certainly ahead.
            let least =
                leasts.fold(f64::NEG_INFINITY, f64::max) - mosts.fold(f64::INFINITY, f64::min);
            let pairs = offsets.iter().enumerate().flat_map(|(at, one)| {
                offsets[at + 1..].iter().map(move |other| {
                    let ahead = one.most_seconds - other.least_seconds;
                    ahead.max(other.most_seconds - one.least_seconds)
                })
            });
            (least.max(0.0), pairs.fold(f64::NEG_INFINITY, f64::max))
        };
        (offsets.len() > 1).then_some(Self { least_seconds: least, most_seconds: most })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: f64 = 1_800_000_000.0;

    proptest! {
        /// Whatever the clocks are apart, and however long each way takes, the true offset
        /// is between the bounds; after a dozen questions they are apart by hardly more
        /// than what the round trips leave open.
        #[test]
        fn the_true_offset_is_within_the_bounds(
            offset in -100.0_f64..100.0,
            begin in 0.0_f64..1.0,
            ways in prop::collection::vec((0.0_f64..0.01, 0.0_f64..0.01), 12),
        ) {
            let (mut now, mut known) = (START + begin, Offset::UNKNOWN);
            let mut trip = f64::INFINITY;
            for (question, (there, back)) in ways.into_iter().enumerate() {
                if question > 0 {
                    now += pause(now, known, trip);
                }
                let said = (now + there + offset).floor();
                let answer = Answer { sent: now, received: now + there + back, said };
                now = answer.received;
                trip = trip.min(there + back);
                known = known.with(answer).unwrap();
                // What a float tells of a Unix time is a microsecond.
                prop_assert!(known.least_seconds <= offset + 1e-6);
                prop_assert!(offset <= known.most_seconds + 1e-6);
            }
            prop_assert!(known.doubt() < 0.025, "{known:?}");
        }
    }

    #[test]
    fn several_clocks_behind_one_address_are_found_out() {
        let at = |said| Answer { sent: START, received: START + 0.01, said };
        let known = Offset::UNKNOWN.with(at(START)).unwrap();
        assert_eq!(known.with(at(START + 2.0)), None);
    }

    #[test]
    fn clocks_are_apart_by_what_is_certain_and_by_what_is_possible() {
        let offset = |least_seconds, most_seconds| Offset { least_seconds, most_seconds };
        assert_eq!(Skew::of(&[offset(0.0, 1.0)]), None);
        let skew = Skew::of(&[offset(-0.25, 0.25), offset(0.0, 0.5), offset(1.0, 1.5)]).unwrap();
        assert_eq!((skew.least_seconds, skew.most_seconds), (0.75, 1.75));
        let same = Skew::of(&[offset(-0.5, 0.5), offset(-0.25, 0.25)]).unwrap();
        assert_eq!((same.least_seconds, same.most_seconds), (0.0, 0.75));
    }

    #[test]
    fn a_reference_is_an_http_server_without_a_password() {
        assert!("http://ntp.example:8080/".parse::<Reference>().is_ok());
        for bad in ["https://h/", "h:80", "http://u:p@h/", "/", ""] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}
