//! A wire between the ingress and Redis that delays or loses what comes back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

pub(super) struct Wire {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    loses_answers: AtomicBool,
}

impl Wire {
    /// Its threads end with the test's process.
    pub(super) fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { continue };
                let there = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || carry(there.0, there.1, |_| true));
                let state = Arc::clone(&shared);
                thread::spawn(move || carry(far, near, |bytes| state.lets_through(bytes)));
            }
        });
        Self { port, state }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Each piece of an answer comes so much later.
    pub(super) fn delay(&self, delay: Duration) {
        self.state.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// The answer to a script ends its connection in place of arriving.
    pub(super) fn lose_answers(&self, lose: bool) {
        self.state.loses_answers.store(lose, Ordering::Relaxed);
    }
}

impl State {
    fn lets_through(&self, bytes: &[u8]) -> bool {
        thread::park_timeout(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
        !(self.loses_answers.load(Ordering::Relaxed) && bytes.starts_with(b"*"))
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, lets_through: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !lets_through(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
