//! What bytes go through to whoever is connected to: TCP, or a socket of this
//! machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

/// How long to wait where a server's queue is full: over a Unix socket that is
/// said at once, where TCP would try again by itself.
const FULL: Duration = Duration::from_millis(1);

/// A connected socket.
pub(in crate::transport) type Socket = Either<TcpStream, UnixStream>;

/// Connects to the socket at a path.
pub(super) async fn unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(FULL).await;
            }
            connected => return connected,
        }
    }
}
