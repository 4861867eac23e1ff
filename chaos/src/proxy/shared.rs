//! What the connections of a proxy, its listener and its server share.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::effects::{Effects, now};
use super::stage::{Ending, Way};
use super::toxic::{Per, Toxic};

/// A proxy, as JSON shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProxyView {
    /// Its name.
    pub name: String,
    /// Where it listens; the real port while it is enabled.
    pub listen: String,
    /// Where it connects to.
    pub upstream: String,
    /// Whether it listens.
    pub enabled: bool,
    /// Its toxics in their order.
    pub toxics: Vec<ToxicView>,
    /// Milliseconds that it lives, if not for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Milliseconds that it still lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_left: Option<u64>,
}

/// A toxic, as JSON shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToxicView {
    /// Its attributes, all of them.
    pub attributes: Map<String, Value>,
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its direction.
    pub stream: Way,
    /// The share of connections or chunks that it takes hold of.
    pub toxicity: f64,
    /// For what the share is drawn, if not for connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Milliseconds that it lives, if not for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Milliseconds that it still lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_left: Option<u64>,
}

/// A connection, as JSON shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectionView {
    /// Counts the connections of its proxy from 1.
    pub id: u64,
    /// The client's address.
    pub client: SocketAddr,
    /// The server's address; missing while it is still being connected.
    pub upstream: Option<SocketAddr>,
    /// When the client connected.
    pub since: Timestamp,
    /// Bytes that the client sent.
    pub received_upstream: u64,
    /// Bytes that were passed on to the server.
    pub sent_upstream: u64,
    /// Bytes that the server sent.
    pub received_downstream: u64,
    /// Bytes that were passed on to the client.
    pub sent_downstream: u64,
    /// The toxics that have taken hold of it.
    pub toxics: Vec<String>,
}

/// Bytes of each direction. Only the task of the connection adds.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    received: [AtomicU64; 2],
    sent: [AtomicU64; 2],
}

impl Traffic {
    pub(crate) fn received(&self, way: Way) -> u64 {
        self.received[way as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn sent(&self, way: Way) -> u64 {
        self.sent[way as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add_received(&self, way: Way, bytes: usize) {
        // With one writer, this is cheaper than an atomic addition.
        let sum = self.received(way) + bytes as u64;
        self.received[way as usize].store(sum, Ordering::Relaxed);
    }

    pub(crate) fn add_sent(&self, way: Way, bytes: usize) {
        let sum = self.sent(way) + bytes as u64;
        self.sent[way as usize].store(sum, Ordering::Relaxed);
    }
}

/// A connection, as seen from outside its task.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) id: u64,
    pub(crate) client: SocketAddr,
    pub(crate) upstream: OnceLock<SocketAddr>,
    pub(crate) since: Timestamp,
    pub(crate) traffic: Traffic,
    toxics: Mutex<Vec<Arc<str>>>,
    waker: AtomicWaker,
    changed: AtomicBool,
    cut: AtomicU8,
}

const CUT_CLOSED: u8 = 1;
const CUT_RESET: u8 = 2;

impl Control {
    fn new(id: u64, client: SocketAddr) -> Self {
        Self {
            id,
            client,
            upstream: OnceLock::new(),
            since: now(),
            traffic: Traffic::default(),
            toxics: Mutex::default(),
            waker: AtomicWaker::new(),
            // The first look takes the toxics that there already are.
            changed: AtomicBool::new(true),
            cut: AtomicU8::new(0),
        }
    }

    /// Ends the connection from outside.
    pub(crate) fn cut(&self, ending: Ending) {
        let code = if ending == Ending::Reset { CUT_RESET } else { CUT_CLOSED };
        self.cut.store(code, Ordering::Release);
        self.waker.wake();
    }

    fn change(&self) {
        self.changed.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Has the task woken by all that comes from outside.
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    pub(crate) fn was_cut(&self) -> Option<Ending> {
        match self.cut.load(Ordering::Acquire) {
            0 => None,
            CUT_RESET => Some(Ending::Reset),
            _ => Some(Ending::Closed),
        }
    }

    /// Waits until the connection is ended from outside.
    pub(crate) async fn until_cut(&self) -> Ending {
        poll_fn(|context| {
            self.register(context);
            self.was_cut().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Whether the toxics have changed since the last look.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed) && self.changed.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_toxics(&self, names: Vec<Arc<str>>) {
        *lock(&self.toxics) = names;
    }

    fn view(&self) -> ConnectionView {
        let traffic = &self.traffic;
        ConnectionView {
            id: self.id,
            client: self.client,
            upstream: self.upstream.get().copied(),
            since: self.since,
            received_upstream: traffic.received(Way::Upstream),
            sent_upstream: traffic.sent(Way::Upstream),
            received_downstream: traffic.received(Way::Downstream),
            sent_downstream: traffic.sent(Way::Downstream),
            toxics: lock(&self.toxics).iter().map(ToString::to_string).collect(),
        }
    }
}

/// What a proxy's connections, its listener and its server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) seed: u64,
    pub(crate) effects: Arc<Effects>,
    toxics: Mutex<Arc<[Arc<Toxic>]>>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    accepted: u64,
    open: BTreeMap<u64, Arc<Control>>,
    /// The traffic of those that have ended, received and sent.
    ended: [[u64; 2]; 2],
}

/// What has gone through a proxy so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) open: usize,
    pub(crate) received: [u64; 2],
    pub(crate) sent: [u64; 2],
}

impl Shared {
    pub(crate) fn new(name: &str, seed: u64, effects: Effects) -> Self {
        Self {
            name: name.into(),
            seed,
            effects: Arc::new(effects),
            toxics: Mutex::new(Arc::new([])),
            connections: Mutex::default(),
        }
    }

    pub(crate) fn toxics(&self) -> Arc<[Arc<Toxic>]> {
        lock(&self.toxics).clone()
    }

    /// Changes the toxics of all connections, those that exist and new ones.
    /// Whatever is read after this goes through the new ones.
    pub(crate) fn set_toxics(&self, toxics: Vec<Arc<Toxic>>) {
        *lock(&self.toxics) = toxics.into();
        lock(&self.connections).open.values().for_each(|control| control.change());
    }

    /// Enters a connection into the list until the entry is dropped.
    pub(crate) fn enter(self: &Arc<Self>, client: SocketAddr) -> Entry {
        let mut connections = lock(&self.connections);
        connections.accepted += 1;
        let control = Arc::new(Control::new(connections.accepted, client));
        connections.open.insert(control.id, control.clone());
        Entry { shared: self.clone(), control }
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionView> {
        lock(&self.connections).open.values().map(|control| control.view()).collect()
    }

    /// Ends one connection, or all; how many.
    pub(crate) fn cut(&self, id: Option<u64>, ending: Ending) -> usize {
        let connections = lock(&self.connections);
        let hit = connections.open.values().filter(|control| id.is_none_or(|id| id == control.id));
        hit.map(|control| control.cut(ending)).count()
    }

    pub(crate) fn totals(&self) -> Totals {
        let connections = lock(&self.connections);
        let [received, sent] = connections.ended;
        let open = connections.open.len();
        let mut totals = Totals { accepted: connections.accepted, open, received, sent };
        for control in connections.open.values() {
            for way in Way::BOTH {
                totals.received[way as usize] += control.traffic.received(way);
                totals.sent[way as usize] += control.traffic.sent(way);
            }
        }
        totals
    }
}

/// The place of a connection in the list.
pub(crate) struct Entry {
    pub(crate) shared: Arc<Shared>,
    pub(crate) control: Arc<Control>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut connections = lock(&self.shared.connections);
        connections.open.remove(&self.control.id);
        for way in Way::BOTH {
            connections.ended[0][way as usize] += self.control.traffic.received(way);
            connections.ended[1][way as usize] += self.control.traffic.sent(way);
        }
    }
}

/// Nothing that is done under these locks can leave a value half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
