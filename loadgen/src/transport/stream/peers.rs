//! The addresses of a host, used in turn: each connection begins with the next
//! one, and goes on to the others where that one refuses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::limit::Limit;

/// How long the answer of a resolver is good: connections are made again in
/// thousands a second, and a name that means something else should be noticed.
const GOOD: Duration = Duration::from_secs(1);

/// How long an address is waited for alone where there are others (RFC 8305, 5).
const ALONE: Duration = Duration::from_millis(250);

/// A host and port with its addresses.
#[derive(Debug)]
pub(super) struct Peers {
    host: String,
    port: u16,
    known: Mutex<Option<Known>>,
    /// Held by whoever asks the resolver.
    asking: tokio::sync::Mutex<()>,
    /// How many connections were begun.
    begun: AtomicUsize,
}

/// What the resolver said.
#[derive(Debug, Clone)]
struct Known {
    found: Result<Arc<[SocketAddr]>, (io::ErrorKind, String)>,
    /// Until when it is good; `None` is for ever.
    until: Option<Instant>,
}

impl Known {
    fn of(found: impl IntoIterator<Item = SocketAddr>) -> io::Result<Arc<[SocketAddr]>> {
        let mut all: Vec<SocketAddr> = Vec::new();
        for address in found {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        if all.is_empty() {
            return Err(nowhere());
        }
        Ok(all.into())
    }

    fn is_good(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    fn answer(self) -> io::Result<Arc<[SocketAddr]>> {
        self.found.map_err(|(kind, said)| io::Error::new(kind, said))
    }
}

impl Peers {
    /// The host with the addresses that it is given; those of a name without any
    /// are asked for when they are needed.
    pub(super) fn new(host: &str, port: u16, given: Option<&[IpAddr]>) -> Self {
        let literal: Option<IpAddr> = host.parse().ok();
        let given = given.or(literal.as_ref().map(std::slice::from_ref));
        let known = given.and_then(|given| {
            let found = Known::of(given.iter().map(|ip| SocketAddr::new(*ip, port))).ok()?;
            Some(Known { found: Ok(found), until: None })
        });
        Self {
            host: host.to_owned(),
            port,
            known: Mutex::new(known),
            asking: tokio::sync::Mutex::default(),
            begun: AtomicUsize::new(0),
        }
    }

    /// Asks the resolver, if that has to be asked. It waits for it.
    ///
    /// # Errors
    /// When the name means nothing.
    pub(super) fn look_up(&self) -> io::Result<()> {
        if self.known().is_some() {
            return Ok(());
        }
        let found = std::net::ToSocketAddrs::to_socket_addrs(&(self.host.as_str(), self.port));
        self.learn(found.and_then(Known::of)).map(|_| ())
    }

    /// Connects to the address whose turn it is, or to the next one that lets it.
    ///
    /// # Errors
    /// When the name means nothing, or none of its addresses can be connected to:
    /// what the first of them said that said something of the target.
    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        let addresses = self.addresses().await?;
        if let [only] = &addresses[..] {
            return TcpStream::connect(only).await;
        }
        let begin = self.begun.fetch_add(1, Ordering::Relaxed);
        let turn = |step: usize| addresses[begin.wrapping_add(step) % addresses.len()];
        let mut others = (0..addresses.len()).map(turn);
        let mut trying = FuturesUnordered::new();
        let mut trouble: Option<io::Error> = None;
        loop {
            trying.extend(others.next().map(TcpStream::connect));
            tokio::select! {
                // A connection that stands is not passed over for being looked at late.
                biased;
                ended = trying.next() => match ended {
                    Some(Ok(stream)) => return Ok(stream),
                    Some(Err(error)) => trouble = Some(telling(trouble.take(), error)),
                    None => return Err(trouble.unwrap_or_else(nowhere)),
                },
                () = tokio::time::sleep(ALONE), if others.len() > 0 => {}
            }
        }
    }

    async fn addresses(&self) -> io::Result<Arc<[SocketAddr]>> {
        let known = self.known();
        if let Some(known) = known.clone().filter(Known::is_good) {
            return known.answer();
        }
        let _asking = match self.asking.try_lock() {
            Ok(asking) => asking,
            Err(_) => match known.and_then(|known| known.found.ok()) {
                // Somebody asks already; meanwhile the last answer will do.
                Some(found) => return Ok(found),
                None => {
                    let asking = self.asking.lock().await;
                    if let Some(known) = self.known().filter(Known::is_good) {
                        return known.answer();
                    }
                    asking
                }
            },
        };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        self.learn(found.and_then(Known::of))
    }

    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, found: io::Result<Arc<[SocketAddr]>>) -> io::Result<Arc<[SocketAddr]>> {
        let kept = found.as_ref().map(Arc::clone).map_err(|e| (e.kind(), e.to_string()));
        let known = Known { found: kept, until: Some(Instant::now() + GOOD) };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        found
    }
}

fn nowhere() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

/// Of two troubles the one that tells something of the target: the first that is
/// no limit of this machine.
fn telling(first: Option<io::Error>, next: io::Error) -> io::Error {
    match first {
        Some(first) if Limit::of(&first).is_none() => first,
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::net::TcpListener;

    use super::*;

    /// A port that is free at each of these addresses, and who listens there.
    async fn listeners(at: &[&str]) -> (u16, Vec<TcpListener>) {
        'port: loop {
            let first = TcpListener::bind((at[0], 0)).await.unwrap();
            let port = first.local_addr().unwrap().port();
            let mut all = vec![first];
            for address in &at[1..] {
                match TcpListener::bind((*address, port)).await {
                    Ok(listener) => all.push(listener),
                    Err(_) => continue 'port,
                }
            }
            return (port, all);
        }
    }

    fn peers(addresses: &[&str], port: u16) -> Peers {
        let given: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        Peers::new("shop.test", port, Some(&given))
    }

    async fn reached(peers: &Peers, times: usize) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for _ in 0..times {
            let stream = peers.connect().await.unwrap();
            *all.entry(stream.peer_addr().unwrap().ip().to_string()).or_default() += 1;
        }
        all
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        let (port, _held) = listeners(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
        let peers = peers(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"], port);
        let each = |count| ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|ip| (ip.to_owned(), count));
        assert_eq!(reached(&peers, 6).await, BTreeMap::from(each(2)));
    }

    #[tokio::test]
    async fn one_that_refuses_is_passed_over() {
        let (port, mut held) = listeners(&["127.0.0.1", "127.0.0.2"]).await;
        let peers = peers(&["127.0.0.1", "127.0.0.2"], port);
        held.remove(0);
        assert_eq!(reached(&peers, 4).await, BTreeMap::from([("127.0.0.2".to_owned(), 4)]));
        held.clear();
        let error = peers.connect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    /// A host whose queue is full says nothing at all to whoever comes next.
    #[tokio::test]
    async fn one_that_is_silent_keeps_nobody_waiting() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = socket.listen(1).unwrap();
        let at = silent.local_addr().unwrap();
        let _other = TcpListener::bind(("127.0.0.2", at.port())).await.unwrap();
        let mut filling = Vec::new();
        while let Ok(stream) = tokio::time::timeout(2 * ALONE, TcpStream::connect(at)).await {
            filling.push(stream.unwrap());
        }
        let peers = peers(&["127.0.0.1", "127.0.0.2"], at.port());
        assert_eq!(reached(&peers, 2).await, BTreeMap::from([("127.0.0.2".to_owned(), 2)]));
    }

    /// IPv6 may be switched off, which is a limit of this machine.
    #[test]
    fn a_refusal_is_told_before_a_limit_of_ours() {
        use rustix::io::Errno;
        let of = |code: Errno| io::Error::from(code);
        for (first, next, told) in [
            (Errno::ADDRNOTAVAIL, Errno::CONNREFUSED, Errno::CONNREFUSED),
            (Errno::CONNREFUSED, Errno::ADDRNOTAVAIL, Errno::CONNREFUSED),
            (Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::CONNREFUSED),
            (Errno::MFILE, Errno::MFILE, Errno::MFILE),
        ] {
            let error = telling(Some(of(first)), of(next));
            assert_eq!(error.raw_os_error(), Some(told.raw_os_error()));
        }
    }

    #[tokio::test]
    async fn names_are_looked_up_and_forgotten_again() {
        let (port, _held) = listeners(&["127.0.0.1"]).await;
        let peers = Peers::new("localhost", port, None);
        peers.look_up().unwrap();
        assert!(peers.known().unwrap().is_good());
        let stale = peers.known().map(|known| Known { until: Some(Instant::now()), ..known });
        *peers.known.lock().unwrap() = stale;
        assert!(reached(&peers, 1).await.contains_key("127.0.0.1"));
        assert!(peers.known().unwrap().is_good());
        let nobody = Peers::new("no-such-host.invalid", port, None);
        assert!(nobody.look_up().is_err());
        assert!(nobody.connect().await.is_err());
    }
}
