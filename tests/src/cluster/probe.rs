//! The readiness of a container that runs a process: its `readinessProbe`, as far as
//! it asks over TCP or HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A probe and what it said last.
#[derive(Debug)]
pub(super) struct Probe {
    address: String,
    /// The path to ask for over HTTP; otherwise a connection is enough.
    path: Option<String>,
    delay: Duration,
    period: Duration,
    within: Duration,
    due: Instant,
    /// Written by the look that is under way; a new start has a new one.
    seen: Arc<AtomicBool>,
    ready: bool,
}

impl Probe {
    pub(super) fn read(container: &Value, address: &str) -> Option<Self> {
        let spec = &container["readinessProbe"];
        let asked =
            [&spec["httpGet"], &spec["tcpSocket"]].into_iter().find(|how| how.is_object())?;
        let port = match &asked["port"] {
            Value::String(name) => container["ports"]
                .as_array()?
                .iter()
                .find(|port| port["name"] == name.as_str())?["containerPort"]
                .as_u64()?,
            number => number.as_u64()?,
        };
        let seconds = |key: &str, usual: u64| {
            Duration::from_secs(spec[key].as_u64().filter(|&n| n > 0).unwrap_or(usual))
        };
        Some(Self {
            address: format!("{address}:{port}"),
            path: spec["httpGet"]
                .is_object()
                .then(|| asked["path"].as_str().unwrap_or("/").to_owned()),
            delay: seconds("initialDelaySeconds", 0),
            period: seconds("periodSeconds", 10),
            within: seconds("timeoutSeconds", 1),
            due: Instant::now(),
            seen: Arc::default(),
            ready: false,
        })
    }

    /// Its container was started.
    pub(super) fn begin(&mut self) {
        (self.seen, self.ready) = (Arc::default(), false);
        self.due = Instant::now() + self.delay;
    }

    /// Asks if that is due; whether it says something new.
    pub(super) fn step(&mut self) -> bool {
        if self.due <= Instant::now() {
            // A container that is not ready yet is asked more often, so that nobody
            // waits for the probe.
            let pause = if self.ready { self.period } else { Duration::from_secs(1) };
            self.due = Instant::now() + pause.min(self.period);
            let (address, path, within) = (self.address.clone(), self.path.clone(), self.within);
            let seen = Arc::clone(&self.seen);
            tokio::spawn(async move {
                let asked = tokio::time::timeout(within, ask(&address, path.as_deref())).await;
                seen.store(matches!(asked, Ok(Ok(true))), Ordering::Relaxed);
            });
        }
        let before = self.ready;
        self.ready = self.seen.load(Ordering::Relaxed);
        self.ready != before
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }
}

/// Whether somebody accepts a connection and, asked over HTTP, answers with success.
async fn ask(address: &str, path: Option<&str>) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let Some(path) = path else { return Ok(true) };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.starts_with(b"HTTP/1.") && matches!(head[9], b'2' | b'3'))
}
