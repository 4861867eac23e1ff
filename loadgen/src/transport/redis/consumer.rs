//! Reads what the operations became: a consumer of a group, of a list or of a
//! channel.

use super::link::Link;
use super::reply::Reply;
use super::{Into, Target};
use crate::backoff::Backoff;
use crate::identity;
use crate::reader::Reader;

/// How long the server holds a read back when there is nothing.
const BLOCK_MS: &[u8] = b"200";

/// The most entries of one read.
const COUNT: &[u8] = b"500";

/// Reads until the consumers are to go; makes the connection again when it is
/// lost.
pub(super) async fn run(target: &Target, reader: &Reader) {
    let mut backoff = Backoff::default();
    while !reader.is_over() {
        let session = async {
            let name = format!("shakedown:reader:{}", reader.workload());
            let mut link = Link::open(target, &name).await?;
            match &target.into {
                Into::Stream(stream) => group(target, &stream.names(), reader, &mut link).await,
                Into::List { name, .. } => list(name, reader, &mut link).await,
                Into::Channel(name) => channel(name, reader, &mut link).await,
            }
        };
        let ended: Result<(), String> = tokio::select! {
            ended = session => ended,
            () = reader.over() => return,
        };
        if let Err(error) = ended {
            reader.trouble(error);
            reader.pause(backoff.pause()).await;
        }
    }
}

async fn group(
    target: &Target,
    names: &[String],
    reader: &Reader,
    link: &mut Link,
) -> Result<(), String> {
    let group = target.group.as_bytes();
    for name in names {
        let words: [&[u8]; 6] = [b"XGROUP", b"CREATE", name.as_bytes(), group, b"0", b"MKSTREAM"];
        let made = link.demand(&words).await;
        // Another consumer was first.
        made.or_else(|error| if error.starts_with("BUSYGROUP") { Ok(()) } else { Err(error) })?;
    }
    let consumer = format!("loadgen-{}", reader.index());
    let mut read: Vec<&[u8]> = vec![b"XREADGROUP", b"GROUP", group, consumer.as_bytes()];
    read.extend([b"COUNT" as &[u8], COUNT, b"BLOCK", BLOCK_MS, b"STREAMS"]);
    read.extend(names.iter().map(String::as_bytes));
    read.extend(names.iter().map(|_| b">" as &[u8]));
    while !reader.is_over() {
        let entries = link.call(&read, |reply| take_entries(target, reader, reply)).await??;
        for (stream, ids) in entries {
            for batch in ids.chunks(target.ack_every) {
                let mut ack: Vec<&[u8]> = vec![b"XACK", &stream, group];
                ack.extend(batch.iter().map(Vec::as_slice));
                link.demand(&ack).await?;
            }
        }
    }
    Ok(())
}

/// Streams with the identifiers of their entries.
type Entries = Vec<(Vec<u8>, Vec<Vec<u8>>)>;

fn take_entries(target: &Target, reader: &Reader, reply: &Reply<'_>) -> Result<Entries, String> {
    if let Reply::Error(text) = reply {
        return Err(String::from_utf8_lossy(text).into_owned());
    }
    let mut entries = Vec::new();
    for stream in reply.items() {
        let [name, list] = stream.items() else { continue };
        let mut ids = Vec::new();
        for entry in list.items() {
            let [id, fields] = entry.items() else { continue };
            ids.extend(id.bytes().map(<[u8]>::to_vec));
            let fields: Vec<&[u8]> = fields.items().iter().filter_map(Reply::bytes).collect();
            let size = fields.iter().map(|field| field.len()).sum();
            reader.take(identity_of(target, &fields), size, false);
        }
        entries.push((name.bytes().unwrap_or_default().to_vec(), ids));
    }
    Ok(entries)
}

/// The identity among an entry's fields: the first value that is one.
fn identity_of<'a>(target: &Target, fields: &[&'a [u8]]) -> &'a [u8] {
    let values = fields
        .chunks_exact(2)
        .filter(|pair| target.fields.iter().any(|name| name.as_bytes() == pair[0]));
    values.map(|pair| pair[1]).find(|value| identity::parse(value).is_some()).unwrap_or_default()
}

async fn list(name: &str, reader: &Reader, link: &mut Link) -> Result<(), String> {
    while !reader.is_over() {
        link.call(&[b"BLPOP", name.as_bytes(), b"0.2"], |reply| match reply {
            Reply::Error(text) => Err(String::from_utf8_lossy(text).into_owned()),
            reply => {
                if let [_, element] = reply.items() {
                    let bytes = element.bytes().unwrap_or_default();
                    reader.take(identity::leading(bytes), bytes.len(), false);
                }
                Ok(())
            }
        })
        .await??;
    }
    Ok(())
}

async fn channel(name: &str, reader: &Reader, link: &mut Link) -> Result<(), String> {
    link.demand(&[b"SUBSCRIBE", name.as_bytes()]).await?;
    while !reader.is_over() {
        link.answer(|reply| {
            if let [kind, _, message] = reply.items()
                && kind.bytes() == Some(b"message")
            {
                let bytes = message.bytes().unwrap_or_default();
                reader.take(identity::leading(bytes), bytes.len(), false);
            }
        })
        .await?;
    }
    Ok(())
}
