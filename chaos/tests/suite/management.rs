//! A management API in this process that answers like RabbitMQ's, with its
//! delays counted in lists instead of seconds.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the API behaves; all zero and false is a prompt one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// So many lists come without any connection at first.
    pub(crate) blind_lists: usize,
    /// So many lists still show a closed connection.
    pub(crate) stale_lists: usize,
    /// A closed client opens another connection.
    pub(crate) reconnects: bool,
    /// Every DELETE answers 404: the list was stale from the start.
    pub(crate) all_gone: bool,
    /// So many connections may be closed; every further DELETE answers 403.
    pub(crate) allowed: Option<usize>,
    /// Every request answers with this status instead.
    pub(crate) status: Option<u16>,
}

/// The API's state, shared between the server and the test.
#[derive(Debug, Default)]
struct State {
    manner: Manner,
    open: Vec<Value>,
    /// Closed connections and for how many lists they are still shown.
    closed: Vec<(Value, usize)>,
    reasons: Vec<String>,
    lists: usize,
    opened: u32,
}

/// The running API.
pub(crate) struct Api {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Api {
    /// Serves on a free port until the test's runtime ends. The user is
    /// `joe`, the password `s@cret`.
    pub(crate) async fn start(manner: Manner, names: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let mut state = State { manner, ..State::default() };
        names.iter().for_each(|name| state.connect(name));
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { address, state }
    }

    /// The address with the credentials that it wants.
    pub(crate) fn url(&self) -> String {
        format!("http://joe:s%40cret@{}", self.address)
    }

    pub(crate) fn url_with(&self, credentials: &str) -> String {
        format!("http://{credentials}@{}", self.address)
    }

    /// The client-provided names of the open connections.
    pub(crate) fn open(&self) -> Vec<String> {
        let name = |c: &Value| c["client_properties"]["connection_name"].as_str().unwrap().into();
        self.lock().open.iter().map(name).collect()
    }

    /// The `X-Reason` of each DELETE.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.lock().reasons.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn connect(&mut self, name: &str) {
        self.opened += 1;
        let port = 40_000 + self.opened;
        self.open.push(json!({
            "name": format!("127.0.0.1:{port} -> 127.0.0.1:5672"),
            "user": "app", "peer_host": "127.0.0.1", "peer_port": port,
            "protocol": "AMQP 0-9-1", "connected_at": 1_700_000_000_000_u64 + u64::from(port),
            "user_provided_name": name, "client_properties": {"connection_name": name},
        }));
    }

    fn list(&mut self) -> Value {
        self.lists += 1;
        if self.lists <= self.manner.blind_lists {
            return json!([]);
        }
        let mut listed = self.open.clone();
        self.closed.retain(|(_, lists)| *lists > 0);
        for (connection, lists) in &mut self.closed {
            *lists -= 1;
            listed.push(connection.clone());
        }
        json!(listed)
    }

    fn close(&mut self, encoded: &str) -> u16 {
        let is = |c: &Value| {
            let name = c["name"].as_str().unwrap();
            name.replace(' ', "%20").replace('>', "%3E") == encoded
        };
        let Some(at) = self.open.iter().position(is).filter(|_| !self.manner.all_gone) else {
            return 404;
        };
        let connection = self.open.remove(at);
        if self.manner.reconnects {
            let name = connection["user_provided_name"].as_str().unwrap().to_owned();
            self.connect(&name);
        }
        self.closed.push((connection, self.manner.stale_lists));
        204
    }

    fn answer(&mut self, request: &Request) -> (u16, String) {
        // The base64 of joe:s@cret.
        if request.authorization != "Basic am9lOnNAY3JldA==" {
            let body = json!({"error": "not_authorized", "reason": "Login failed"});
            return (401, body.to_string());
        }
        if let Some(status) = self.manner.status {
            return (status, "no".to_owned());
        }
        let path = request.target.split('?').next().unwrap();
        match (request.method.as_str(), path.strip_prefix("/api/connections")) {
            ("GET", Some("")) => (200, self.list().to_string()),
            ("DELETE", Some(name)) => {
                if self.manner.allowed.is_some_and(|allowed| self.reasons.len() >= allowed) {
                    return (403, String::new());
                }
                self.reasons.push(request.reason.clone());
                (self.close(name.trim_start_matches('/')), String::new())
            }
            _ => (405, String::new()),
        }
    }
}

#[derive(Default)]
struct Request {
    method: String,
    target: String,
    authorization: String,
    reason: String,
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read.take(1 << 16)).lines();
    let mut request = Request::default();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(": ") {
            match key.to_ascii_lowercase().as_str() {
                "authorization" => value.clone_into(&mut request.authorization),
                "x-reason" => value.clone_into(&mut request.reason),
                _ => {}
            }
        } else if let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] {
            method.clone_into(&mut request.method);
            target.clone_into(&mut request.target);
        }
    }
    let (status, body) = state.lock().unwrap().answer(&request);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    let _ = write.write_all(format!("{head}\r\n{body}").as_bytes()).await;
}
