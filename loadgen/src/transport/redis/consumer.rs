//! Reads what the operations became: a consumer of a group, of a list or of a
//! channel.
//!
//! A cluster refuses to read keys of several slots at once, even where one node
//! serves them all. So there each slot is read on a link of its own to the
//! node that serves it, and the consumers share the slots out among them; with
//! more consumers than slots, several read the same.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::link::Link;
use super::reply::Reply;
use super::topology::{self, Endpoint, Refusal};
use super::{Into, Target};
use crate::backoff::Backoff;
use crate::identity;
use crate::reach::Unready;
use crate::reader::Reader;

/// How long the server holds a read back when there is nothing.
const BLOCK_MS: &[u8] = b"200";
const BLOCK: Duration = Duration::from_millis(200);

const NO_ANSWER: &str = "no answer within the timeout";

/// The most entries of one read.
const COUNT: &[u8] = b"500";

/// The pause before another node is asked: it may not know yet what the first
/// one said of it.
const REDIRECTED: Duration = Duration::from_millis(20);

/// Reads until the consumers are to go; makes the connection again when it is
/// lost.
pub(super) async fn run(target: &Target, reader: &Reader) {
    if let Some(cluster) = &target.cluster {
        return share(target, cluster, reader).await;
    }
    let keys = target.into.keys();
    let mut backoff = Backoff::default();
    while !reader.is_over() {
        let session = async {
            let link = Link::open(target, &target.address, &name(reader)).await?;
            let commands = Commands { link, asking: false, limit: None };
            Ok(read(target, &keys, reader, commands).await?)
        };
        let ended: Result<(), Unready> = tokio::select! {
            ended = session => ended,
            () = reader.over() => return,
        };
        if let Err(error) = ended {
            reader.trouble(error);
            reader.pause(backoff.pause()).await;
        }
    }
}

/// What a connection is called.
fn name(reader: &Reader) -> String {
    format!("shakedown:reader:{}", reader.workload())
}

/// Reads this consumer's share of the slots.
async fn share(target: &Target, cluster: &Cluster, reader: &Reader) {
    let mut slots: Vec<(u16, Vec<String>)> = Vec::new();
    for (key, &slot) in target.into.keys().into_iter().zip(cluster.slots()) {
        match slots.iter_mut().find(|(of, _)| *of == slot) {
            Some((_, keys)) => keys.push(key),
            None => slots.push((slot, vec![key])),
        }
    }
    let (index, count) = (reader.index() as usize, reader.count() as usize);
    let share = shared(slots.len(), index, count).map(|at| &slots[at]);
    join_all(share.map(|(slot, keys)| follow(target, cluster, *slot, keys, reader))).await;
}

/// Which of so many things fall to one of `count` consumers: each thing to at
/// least one, each consumer at least one.
fn shared(things: usize, index: usize, count: usize) -> impl Iterator<Item = usize> {
    (index % things.max(1)..things).step_by(count.max(1))
}

/// Reads the keys of a slot from whichever node serves it.
async fn follow(target: &Target, cluster: &Cluster, slot: u16, keys: &[String], reader: &Reader) {
    let mut topology = cluster.topology();
    let mut told: Option<(Endpoint, bool)> = None;
    let mut backoff = Backoff::default();
    while !reader.is_over() {
        let owner = || topology.owner(slot).cloned().map(|owner| (owner, false));
        let advisers = cluster.advisers(&topology);
        let (node, asking) = told.take().or_else(owner).unwrap_or((advisers[0].clone(), false));
        let session = async {
            let address = target.address.of(&node.host, node.port)?;
            let name = name(reader);
            let open = timeout(reader.timeout(), Link::open(target, &address, &name));
            let open = open.await.unwrap_or_else(|_| Err(NO_ANSWER.into()));
            let link = open.map_err(|error| error.at(&node))?;
            let limit = Some(BLOCK + reader.timeout());
            Ok(read(target, keys, reader, Commands { link, asking, limit }).await?)
        };
        let ended: Result<(), Unready> = tokio::select! {
            ended = session => ended,
            () = reader.over() => return,
        };
        let Err(error) = ended else { continue };
        let said = error.to_string();
        match Refusal::parse(said.as_bytes(), &node) {
            Some(Refusal::Moved { to, .. }) => told = Some((to, false)),
            Some(Refusal::Ask(to)) => told = Some((to, true)),
            _ => {
                // The key went to another node while it was waited for.
                let gone = said.starts_with("UNBLOCKED");
                if !gone {
                    reader.trouble(error);
                }
                tokio::select! {
                    learnt = topology::learn(target, &advisers, reader.timeout()) => {
                        topology = learnt.unwrap_or(topology);
                    }
                    () = reader.over() => return,
                }
                if !gone {
                    reader.pause(backoff.pause()).await;
                }
            }
        }
        reader.pause(REDIRECTED).await;
    }
}

/// Reads the keys on one link until the consumers are to go.
///
/// # Errors
/// What the server says against it, or why the link was lost.
async fn read(
    target: &Target,
    keys: &[String],
    reader: &Reader,
    mut commands: Commands,
) -> Result<(), String> {
    match &target.into {
        Into::Stream(_) => group(target, keys, reader, &mut commands).await,
        Into::List { name, .. } => list(name, reader, &mut commands).await,
        Into::Channel(name) => channel(name, reader, &mut commands.link).await,
    }
}

/// A link on which one command follows the other.
struct Commands {
    link: Link,
    /// The slot is being moved to the node: it must be told with each command
    /// that this is known.
    asking: bool,
    /// How long an answer is waited for, where another node may take the place
    /// of one that hangs.
    limit: Option<Duration>,
}

impl Commands {
    async fn call<T>(
        &mut self,
        words: &[&[u8]],
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, String> {
        if self.asking {
            self.link.demand(&[b"ASKING"]).await?;
        }
        let answer = self.link.call(words, take);
        match self.limit {
            None => answer.await,
            Some(limit) => {
                timeout(limit, answer).await.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()))
            }
        }
    }

    async fn demand(&mut self, words: &[&[u8]]) -> Result<(), String> {
        self.call(words, |reply| match reply {
            Reply::Error(text) => Err(String::from_utf8_lossy(text).into_owned()),
            _ => Ok(()),
        })
        .await?
    }
}

async fn group(
    target: &Target,
    names: &[String],
    reader: &Reader,
    link: &mut Commands,
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

async fn list(name: &str, reader: &Reader, link: &mut Commands) -> Result<(), String> {
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
