//! A small HTTP server that misbehaves as a test wants: a thread for each
//! connection, and a behaviour that gets the bare stream.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server on a free port of the loopback; it ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    connections: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What a server does with one connection.
pub(crate) type Behaviour = Arc<dyn Fn(&mut Talk) + Send + Sync>;

/// One connection, seen from the server.
pub(crate) struct Talk {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Talk {
    /// Reads one request; gives its head and body, or `None` at the end.
    pub(crate) fn request(&mut self) -> Option<(String, String)> {
        let (head, body) = self.request_bytes()?;
        Some((head, String::from_utf8(body).ok()?))
    }

    /// The same with a body of any bytes.
    pub(crate) fn request_bytes(&mut self) -> Option<(String, Vec<u8>)> {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).ok()?;
        Some((head, body))
    }

    /// Reads one command of Redis; `None` at the end.
    pub(crate) fn command(&mut self) -> Option<Vec<String>> {
        let line = |reader: &mut BufReader<TcpStream>| {
            let mut line = String::new();
            let read = reader.read_line(&mut line).ok()?;
            (read > 0).then(|| line.trim_end().to_owned())
        };
        let count: usize = line(&mut self.reader)?.strip_prefix('*')?.parse().ok()?;
        let mut words = Vec::new();
        for _ in 0..count {
            let length: usize = line(&mut self.reader)?.strip_prefix('$')?.parse().ok()?;
            let mut word = vec![0; length + 2];
            self.reader.read_exact(&mut word).ok()?;
            word.truncate(length);
            words.push(String::from_utf8(word).ok()?);
        }
        Some(words)
    }

    /// Writes raw bytes; says whether the client is still there.
    pub(crate) fn write(&mut self, text: &str) -> bool {
        self.writer.write_all(text.as_bytes()).is_ok()
    }

    /// Reads so many raw bytes; `None` at the end.
    pub(crate) fn read_bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes raw bytes; says whether the client is still there.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> bool {
        self.writer.write_all(bytes).is_ok()
    }

    /// Carries bytes to an address and back, until either side ends.
    pub(crate) fn tunnel(&mut self, to: SocketAddr) {
        let mut far = TcpStream::connect(to).unwrap();
        let mut back = far.try_clone().unwrap();
        let mut near = self.writer.try_clone().unwrap();
        let backwards = std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut near);
            let _ = near.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut self.reader, &mut far);
        let _ = far.shutdown(Shutdown::Both);
        let _ = backwards.join();
    }

    /// Whether something comes within a time that is long for whoever has
    /// something to send.
    pub(crate) fn comes_more(&mut self, within: Duration) -> bool {
        self.reader.get_ref().set_read_timeout(Some(within)).unwrap();
        let more = self.reader.fill_buf().is_ok();
        self.reader.get_ref().set_read_timeout(None).unwrap();
        more
    }

    /// Answers with a status and a short body.
    pub(crate) fn answer(&mut self, status: u16) -> bool {
        self.write(&format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok"))
    }

    /// Answers every request in the same way, for as long as the client asks.
    pub(crate) fn answer_all(&mut self, status: u16) {
        while self.request().is_some() && self.answer(status) {}
    }
}

impl Server {
    pub(crate) fn start(behaviour: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), Arc::new(behaviour))
    }

    /// Starts again at an address that was in use before.
    pub(crate) fn start_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared, &behaviour))
        };
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, behaviour: &Behaviour) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true).unwrap();
        shared.streams.lock().unwrap().push(stream.try_clone().unwrap());
        let behaviour = Arc::clone(behaviour);
        let talk = std::thread::spawn(move || {
            let end = stream.try_clone().unwrap();
            let reader = BufReader::new(stream.try_clone().unwrap());
            behaviour(&mut Talk { reader, writer: stream });
            let _ = end.shutdown(Shutdown::Both);
        });
        shared.threads.lock().unwrap().push(talk);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Unblocks the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for talk in std::mem::take(&mut *self.shared.threads.lock().unwrap()) {
            let _ = talk.join();
        }
    }
}
