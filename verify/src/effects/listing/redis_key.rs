//! Elements of a Redis list, set or sorted set, or the fields of a hash, read a
//! page at a time.
//!
//! What SCAN walks through it may give twice, and a set has each element once:
//! so elements are told apart by a hash of 128 bits of each.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use redis::{FromRedisValue, RedisResult, Value};
use scenarios::locator::Record;

use super::Take;
use crate::redis_server::{Server, bytes};

/// Elements that are asked for at once.
const PAGE: usize = 1_000;

/// An element; in a hash, the name of a field with its value.
struct Element<'a> {
    name: &'a [u8],
    value: Option<&'a [u8]>,
}

impl Record for Element<'_> {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.name))
    }

    fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match name {
            "name" => self.value.map(|_| Cow::Borrowed(self.name)),
            "value" => self.value.map(Cow::Borrowed),
            _ => None,
        }
    }

    /// The element; in a hash, the value.
    fn document(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.value.unwrap_or(self.name)))
    }
}

/// Whether the key, if it is there, has elements that come in the order in which
/// they were put there.
pub(super) async fn is_ordered(url: &str, key: &str) -> Result<(), String> {
    let mut server = connect(url).await?;
    match kind(&mut server, key).await?.as_str() {
        "set" | "hash" => Err(format!("the elements of {key:?} have no order")),
        _ => Ok(()),
    }
}

/// Hands over every element. A key that does not exist has none: it comes into
/// being with its first one. Whether it exists.
pub(super) async fn read(url: &str, key: &str, take: &mut Take<'_>) -> Result<bool, String> {
    let mut server = connect(url).await?;
    let read = match kind(&mut server, key).await?.as_str() {
        "none" => return Ok(false),
        "list" => read_range(&mut server, "LRANGE", key, take).await,
        "zset" => read_range(&mut server, "ZRANGE", key, take).await,
        "set" => scan(&mut server, "SSCAN", key, 1, take).await,
        "hash" => scan(&mut server, "HSCAN", key, 2, take).await,
        "stream" => Err(format!("{key:?} is a stream; read it with redis_stream")),
        other => Err(format!("{key:?} is a {other}, and has no elements")),
    };
    read.map(|()| true)
}

async fn connect(url: &str) -> Result<Server, String> {
    Server::connect(url, "effects").await.map_err(|error| error.to_string())
}

async fn ask<T: FromRedisValue>(
    server: &mut Server,
    name: &str,
    arguments: &[&str],
) -> Result<T, String> {
    let mut command = redis::cmd(name);
    command.arg(arguments);
    let answer: RedisResult<T> = command.query_async(&mut server.connection).await;
    server.answered(name, answer).map_err(|trouble| trouble.to_string())
}

async fn kind(server: &mut Server, key: &str) -> Result<String, String> {
    ask(server, "TYPE", &[key]).await
}

async fn read_range(
    server: &mut Server,
    command: &str,
    key: &str,
    take: &mut Take<'_>,
) -> Result<(), String> {
    let mut from = 0;
    loop {
        let range = [key, &from.to_string(), &(from + PAGE - 1).to_string()];
        let page: Vec<Value> = ask(server, command, &range).await?;
        for element in page.iter().filter_map(bytes) {
            take(&Element { name: element, value: None });
        }
        if page.len() < PAGE {
            return Ok(());
        }
        from += PAGE;
    }
}

/// `width` is how many values make an element.
async fn scan(
    server: &mut Server,
    command: &str,
    key: &str,
    width: usize,
    take: &mut Take<'_>,
) -> Result<(), String> {
    let mut known = HashSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let asked = [key, &cursor, "COUNT", &PAGE.to_string()];
        let (next, page): (String, Vec<Value>) = ask(server, command, &asked).await?;
        for element in page.chunks_exact(width) {
            let Some(name) = bytes(&element[0]) else { continue };
            if known.insert(mark(name)) {
                take(&Element { name, value: element.get(1).and_then(bytes) });
            }
        }
        if next == "0" {
            return Ok(());
        }
        cursor = next;
    }
}

fn mark(element: &[u8]) -> (u64, u64) {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, element).hash(&mut hasher);
        hasher.finish()
    };
    (half(0), half(1))
}
