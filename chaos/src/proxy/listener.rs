//! The listening socket of an enabled proxy, and the tasks of its connections.
//! When it is closed, they are gone before it says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::link::{Link, reset};
use super::shared::{Entry, Shared};
use super::upstream::Upstream;

/// The pause after an error of `accept`, such as too many open files.
const BREATHE: Duration = Duration::from_millis(50);

/// A listener that runs. Dropped, it ends, but later.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens from now on.
    pub(crate) async fn open(
        listen: &str,
        upstream: Upstream,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let socket = bind(listen).await?;
        let address = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(socket, upstream, shared, stopped));
        Ok(Self { address, stop: Some(stop), task })
    }

    /// Closes the listening socket and all connections, and waits for that.
    pub(crate) async fn close(mut self) {
        self.stop.take();
        // It fails only if it was already ended.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address without a host means every one of this machine.
async fn bind(listen: &str) -> io::Result<TcpListener> {
    match listen.strip_prefix(':') {
        None => TcpListener::bind(listen).await,
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Ok(socket) => Ok(socket),
            Err(_) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        },
    }
}

async fn accept(
    socket: TcpListener,
    upstream: Upstream,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = socket.accept() => match accepted {
                Ok((client, address)) => {
                    let entry = shared.enter(address);
                    connections.spawn(carry(client, upstream.clone(), entry));
                }
                Err(_) => tokio::time::sleep(BREATHE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(socket);
    connections.shutdown().await;
}

/// The life of one connection. A client whose server cannot be reached is
/// reset: it is too late to refuse it.
async fn carry(client: TcpStream, upstream: Upstream, entry: Entry) {
    let connected = tokio::select! {
        connected = upstream.connect() => connected,
        _ = entry.control.until_cut() => return,
    };
    let Ok(server) = connected else { return reset(client) };
    for socket in [&client, &server] {
        // Without it, the proxy would only add delay.
        let _ = socket.set_nodelay(true);
    }
    if let Ok(address) = server.peer_addr() {
        let _ = entry.control.upstream.set(address);
    }
    Link::new(client, server, entry).await;
}
