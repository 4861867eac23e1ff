//! Redis streams, and what a consumer group has not done yet.
//!
//! Everything of one sample is asked in one pipeline, so that its values belong
//! together. Redis says nil for a lag that it does not know: after XDEL ahead
//! of the group, or for a group that was set to an id in the middle. Then there
//! is no sample of the stream's lag and backlog, nor of the sum and the maximum
//! over all streams, until it is known again: a bound on the maximum cannot be
//! held by a stream that nobody sees.
//!
//! A stream that does not exist yet has no entries, and nothing of it waits. Of a
//! group that does not exist yet every entry waits. What was there and is gone is
//! trouble.

use redis::{RedisResult, Value};

use super::presence::Presence;
use crate::observe::ProbeObserver;
use crate::redis_server::{Server, field, number, text};

pub(super) struct RedisStreams {
    url: String,
    streams: Vec<String>,
    group: Option<String>,
    server: Option<Server>,
    presence: Presence,
}

/// What is not there of a stream.
#[derive(Debug, PartialEq)]
enum Missing {
    Stream,
    Group,
}

/// What is known of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Known {
    length: Option<f64>,
    added: Option<f64>,
    lag: Option<f64>,
    pending: Option<f64>,
    consumers: Option<f64>,
}

impl Known {
    /// What the group has not done: known only when both parts are.
    fn backlog(&self) -> Option<f64> {
        Some(self.lag? + self.pending?)
    }
}

/// The series that are the sum or the maximum over all streams.
type Total = (&'static str, fn(&Known) -> Option<f64>, fn(f64, f64) -> f64);

const TOTALS: [Total; 6] = [
    ("total_length", |known| known.length, |a, b| a + b),
    ("total_lag", |known| known.lag, |a, b| a + b),
    ("total_pending", |known| known.pending, |a, b| a + b),
    ("total_backlog", Known::backlog, |a, b| a + b),
    ("max_lag", |known| known.lag, f64::max),
    ("max_backlog", Known::backlog, f64::max),
];

impl RedisStreams {
    pub(super) fn new(url: String, streams: &[String], group: Option<&str>) -> Self {
        let group = group.map(str::to_owned);
        Self { url, streams: streams.to_vec(), group, server: None, presence: Presence::default() }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let mut server = match self.server.take() {
            Some(server) => server,
            None => Server::connect(&self.url, "probe").await.map_err(|e| e.to_string())?,
        };
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for stream in &self.streams {
            pipe.cmd("XLEN").arg(stream);
            pipe.cmd("XINFO").arg("STREAM").arg(stream);
            if self.group.is_some() {
                pipe.cmd("XINFO").arg("GROUPS").arg(stream);
            }
        }
        let each = if self.group.is_some() { 3 } else { 2 };
        let answer: RedisResult<Vec<RedisResult<Value>>> =
            pipe.query_async(&mut server.connection).await;
        let replies = server.answered("XINFO", answer).map_err(|trouble| trouble.to_string())?;
        // Only a connection that has answered is used again.
        self.server = Some(server);
        let at = observer.now();
        let mut all = Vec::new();
        let mut troubles = Vec::new();
        for (stream, replies) in self.streams.iter().zip(replies.chunks(each)) {
            let told = known(replies, self.group.as_deref());
            let told = told.and_then(|(known, missing)| match missing {
                None => {
                    self.presence.found(observer, stream);
                    Ok(known)
                }
                Some(missing) => {
                    let (what, why) = match (&missing, &self.group) {
                        (Missing::Group, Some(group)) => (
                            format!("group {group} of stream {stream}"),
                            format!("it has no group {group}"),
                        ),
                        _ => (format!("stream {stream}"), "there is no such stream".to_owned()),
                    };
                    let is_to_come = self.presence.is_to_come(observer, stream, &what);
                    if is_to_come { Ok(known) } else { Err(why) }
                }
            });
            match told {
                Ok(known) => {
                    send(observer, at, stream, &known);
                    all.push(known);
                }
                Err(why) => {
                    troubles.push(format!("{stream}: {why}"));
                    all.push(Known::default());
                }
            }
        }
        for (series, part, sum) in TOTALS {
            let parts: Option<Vec<f64>> = all.iter().map(part).collect();
            if let Some(value) = parts.and_then(|parts| parts.into_iter().reduce(sum)) {
                observer.value(at, series, value);
            }
        }
        if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
    }
}

fn send(observer: &ProbeObserver, at: f64, stream: &str, known: &Known) {
    let values = [
        ("length", known.length),
        ("added", known.added),
        ("lag", known.lag),
        ("pending", known.pending),
        ("backlog", known.backlog()),
        ("consumers", known.consumers),
    ];
    for (series, value) in values {
        if let Some(value) = value {
            observer.labelled(at, series, stream, value);
        }
    }
}

/// What the replies about one stream say, and what of it does not exist.
fn known(
    replies: &[RedisResult<Value>],
    group: Option<&str>,
) -> Result<(Known, Option<Missing>), String> {
    let length = match replies.first() {
        Some(Ok(length)) => number(length),
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("no answer".to_owned()),
    };
    let nothing = Known { pending: Some(0.0), consumers: Some(0.0), ..Known::default() };
    let info = match replies.get(1) {
        Some(Err(error)) if is_no_such_key(error) => {
            let known = Known { length: Some(0.0), added: Some(0.0), ..Known::default() };
            let known = match group {
                Some(_) => {
                    Known { length: known.length, added: known.added, lag: Some(0.0), ..nothing }
                }
                None => known,
            };
            return Ok((known, Some(Missing::Stream)));
        }
        reply => reply.and_then(|reply| reply.as_ref().ok()),
    };
    let added = info.and_then(|info| field(info, "entries-added")).and_then(number);
    let known = Known { length, added, ..Known::default() };
    let Some(group) = group else { return Ok((known, None)) };
    let groups = match replies.get(2) {
        Some(Ok(Value::Array(groups))) => groups,
        Some(Err(error)) => return Err(error.to_string()),
        _ => return Err("no answer to XINFO GROUPS".to_owned()),
    };
    let is_it = |info: &&Value| field(info, "name").and_then(text) == Some(group);
    let Some(info) = groups.iter().find(is_it) else {
        // Nobody was given any of them.
        return Ok((Known { length, added, lag: length, ..nothing }, Some(Missing::Group)));
    };
    let value = |name| field(info, name).and_then(number);
    let (lag, pending, consumers) = (value("lag"), value("pending"), value("consumers"));
    Ok((Known { lag, pending, consumers, ..known }, None))
}

fn is_no_such_key(error: &redis::RedisError) -> bool {
    error.to_string().contains("no such key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn group(name: &str, lag: Value) -> Value {
        Value::Array(vec![
            bulk("name"),
            bulk(name),
            bulk("consumers"),
            Value::Int(2),
            bulk("pending"),
            Value::Int(3),
            bulk("lag"),
            lag,
        ])
    }

    fn replies(groups: Vec<Value>) -> [RedisResult<Value>; 3] {
        let info = Value::Array(vec![
            bulk("length"),
            Value::Int(9),
            bulk("entries-added"),
            Value::Int(12),
        ]);
        [Ok(Value::Int(9)), Ok(info), Ok(Value::Array(groups))]
    }

    #[test]
    fn a_lag_that_redis_does_not_know_is_no_number() {
        let groups = vec![group("other", Value::Int(1)), group("workers", Value::Int(4))];
        let told = known(&replies(groups), Some("workers")).unwrap().0;
        assert_eq!((told.lag, told.pending, told.backlog()), (Some(4.0), Some(3.0), Some(7.0)));
        assert_eq!((told.length, told.added, told.consumers), (Some(9.0), Some(12.0), Some(2.0)));
        let told = known(&replies(vec![group("workers", Value::Nil)]), Some("workers")).unwrap().0;
        assert_eq!((told.lag, told.pending, told.backlog()), (None, Some(3.0), None));
    }

    #[test]
    fn of_a_missing_group_every_entry_waits() {
        let told = known(&replies(vec![group("other", Value::Int(1))]), Some("workers"));
        let (told, missing) = told.unwrap();
        assert_eq!(missing, Some(Missing::Group));
        assert_eq!((told.lag, told.pending, told.backlog()), (Some(9.0), Some(0.0), Some(9.0)));
        assert_eq!(known(&replies(Vec::new()), None).unwrap().0.lag, None);
    }

    #[test]
    fn a_missing_stream_is_empty() {
        let no_key = || redis::RedisError::from((redis::ErrorKind::Client, "no such key"));
        let replies = [Ok(Value::Int(0)), Err(no_key()), Err(no_key())];
        let (told, missing) = known(&replies, Some("workers")).unwrap();
        assert_eq!(missing, Some(Missing::Stream));
        assert_eq!((told.added, told.length, told.backlog()), (Some(0.0), Some(0.0), Some(0.0)));
        let (told, missing) = known(&replies[..2], None).unwrap();
        assert_eq!((told.lag, missing), (None, Some(Missing::Stream)));
    }
}
