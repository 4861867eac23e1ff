//! Whether Redis has the streams, groups and keys that are read.

use redis::{RedisResult, Value, cmd};
use scenarios::nearest::there_are;

use super::{Found, NAMED};
use crate::redis_server::{Server, field, text};

/// How many keys are looked through for the names of streams.
const LOOKED_THROUGH: usize = 20_000;
/// How many keys one answer covers.
const AT_ONCE: usize = 1_000;

/// Looks at streams, and at a group of each.
pub(super) async fn streams(
    url: &str,
    streams: &[String],
    group: Option<&str>,
) -> Result<(), Found> {
    let mut server = Server::connect(url, "preflight").await?;
    let (mut absent, mut doubts) = (Vec::new(), Vec::new());
    for stream in streams {
        match kind(&mut server, stream).await?.as_str() {
            "stream" => {
                let Some(group) = group else { continue };
                let groups = groups(&mut server, stream).await?;
                if !groups.iter().any(|known| known == group) {
                    let there = there_are(group, groups.iter().map(String::as_str), NAMED);
                    doubts.push(format!("stream {stream} has no group {group} (yet); {there}"));
                }
            }
            "none" => absent.push(stream.as_str()),
            kind => return Err(wrong_kind(stream, kind, "a stream")),
        }
    }
    let has_groups = doubts.is_empty();
    if let Some(first) = absent.first() {
        let known = known_streams(&mut server).await?;
        let there = there_are(first, known.iter().map(String::as_str), NAMED);
        let what = match absent.as_slice() {
            [one] => format!("stream {one} does not exist (yet)"),
            many => format!("streams {} do not exist (yet)", many.join(", ")),
        };
        doubts.push(format!("{what}; {there}"));
    }
    match doubts.join("; ") {
        _ if doubts.is_empty() => Ok(()),
        text if has_groups => Err(Found::Absent(text)),
        text => Err(Found::Doubt(text)),
    }
}

/// Looks at a key. One that is not there is empty.
pub(super) async fn key(url: &str, key: &str) -> Result<(), Found> {
    let mut server = Server::connect(url, "preflight").await?;
    match kind(&mut server, key).await?.as_str() {
        "none" | "list" | "set" | "zset" | "hash" | "stream" => Ok(()),
        kind => Err(wrong_kind(key, kind, "a list, set, sorted set or hash")),
    }
}

fn wrong_kind(key: &str, kind: &str, wanted: &str) -> Found {
    Found::Unusable(format!("the key {key} is a {kind}, where {wanted} is read"))
}

async fn kind(server: &mut Server, key: &str) -> Result<String, Found> {
    let answer: RedisResult<String> =
        cmd("TYPE").arg(key).query_async(&mut server.connection).await;
    Ok(server.answered("TYPE", answer)?)
}

async fn groups(server: &mut Server, stream: &str) -> Result<Vec<String>, Found> {
    let answer: RedisResult<Vec<Value>> =
        cmd("XINFO").arg("GROUPS").arg(stream).query_async(&mut server.connection).await;
    let groups = server.answered("XINFO GROUPS", answer)?;
    let name = |group: &Value| Some(text(field(group, "name")?)?.to_owned());
    Ok(groups.iter().filter_map(name).collect())
}

/// The names of streams that are found in a bounded number of keys.
async fn known_streams(server: &mut Server) -> Result<Vec<String>, Found> {
    let (mut cursor, mut names) = (0_u64, Vec::new());
    for _ in 0..LOOKED_THROUGH / AT_ONCE {
        let answer: RedisResult<(u64, Vec<String>)> = cmd("SCAN")
            .arg(cursor)
            .arg("COUNT")
            .arg(AT_ONCE)
            .arg("TYPE")
            .arg("stream")
            .query_async(&mut server.connection)
            .await;
        let (next, mut found) = server.answered("SCAN", answer)?;
        names.append(&mut found);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    Ok(names)
}
