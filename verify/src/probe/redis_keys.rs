//! How many elements Redis keys have, whatever they hold. A key that does not
//! exist has none: Redis removes one with its last element.

use redis::{RedisResult, Value};

use super::presence::Presence;
use crate::observe::ProbeObserver;
use crate::redis_server::{Server, number, text};

pub(super) struct RedisKeys {
    url: String,
    keys: Vec<String>,
    server: Option<Server>,
    presence: Presence,
}

impl RedisKeys {
    pub(super) fn new(url: String, keys: &[String]) -> Self {
        Self { url, keys: keys.to_vec(), server: None, presence: Presence::default() }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let mut server = match self.server.take() {
            Some(server) => server,
            None => Server::connect(&self.url, "probe").await.map_err(|e| e.to_string())?,
        };
        let mut kinds = redis::pipe();
        for key in &self.keys {
            kinds.cmd("TYPE").arg(key);
        }
        let answer: RedisResult<Vec<Value>> = kinds.query_async(&mut server.connection).await;
        let kinds = server.answered("TYPE", answer).map_err(|trouble| trouble.to_string())?;
        let mut lengths = redis::pipe();
        for (key, kind) in self.keys.iter().zip(&kinds) {
            lengths.cmd(command(key, text(kind).unwrap_or_default())?).arg(key);
        }
        let answer: RedisResult<Vec<Value>> = lengths.query_async(&mut server.connection).await;
        let lengths = server.answered("LLEN", answer).map_err(|trouble| trouble.to_string())?;
        // Only a connection that has answered is used again.
        self.server = Some(server);
        let at = observer.now();
        for (key, kind) in self.keys.iter().zip(&kinds) {
            if text(kind) == Some("none") {
                self.presence.is_to_come(observer, key, &format!("key {key}"));
            } else {
                self.presence.found(observer, key);
            }
        }
        let mut total = Some(0.0);
        for (key, length) in self.keys.iter().zip(lengths.iter().map(number)) {
            if let Some(length) = length {
                observer.labelled(at, "length", key, length);
            }
            total = total.zip(length).map(|(total, length)| total + length);
        }
        if let Some(total) = total {
            observer.value(at, "total_length", total);
        }
        Ok(())
    }
}

fn command(key: &str, kind: &str) -> Result<&'static str, String> {
    match kind {
        // Whatever it is asked for, a key that is not there has the length 0.
        "none" | "list" => Ok("LLEN"),
        "set" => Ok("SCARD"),
        "zset" => Ok("ZCARD"),
        "hash" => Ok("HLEN"),
        "stream" => Ok("XLEN"),
        other => Err(format!("{key:?} is a {other}, and has no elements")),
    }
}
