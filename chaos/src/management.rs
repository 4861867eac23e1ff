//! The few calls to RabbitMQ's management API that faults need.
//!
//! Its lists are seconds old at times (statistics are emitted every 5 s by
//! default and answers are cached), so callers ask again until a deadline.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use services::{Address, Service, Trouble};

use crate::FaultError;
use crate::service::MANAGEMENT;
use crate::timetable::ChoiceError;

/// What a list of connections is to tell of each.
const COLUMNS: &str = "name,user,peer_host,peer_port,protocol,connected_at,\
                       user_provided_name,client_properties";
const REQUEST_WITHIN: Duration = Duration::from_secs(15);
/// How much of a surprising answer is shown.
const SHOWN: usize = 200;

/// The client for management APIs: no proxy, since brokers are near, and no
/// redirects, since these would carry the password elsewhere.
///
/// # Errors
/// [`FaultError::Unreachable`] if the system gives no randomness or no
/// certificates.
pub fn http_client() -> Result<Client, FaultError> {
    // An error means that the program has chosen a provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(REQUEST_WITHIN)
        .build()
        .map_err(|error| FaultError::Unreachable {
            service: &MANAGEMENT,
            address: "any address".to_owned(),
            reason: chain(&error),
        })
}

/// A management API with the credentials for it.
#[derive(Clone)]
pub(crate) struct Management {
    http: Client,
    base: Url,
    user: String,
    password: String,
    address: Address,
}

/// An AMQP connection. The order is by what the client calls itself, then by
/// who it is, and only then by its port, which differs in every run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    /// The name that the client gave, or nothing.
    pub(crate) given_name: String,
    pub(crate) user: String,
    /// `host:port` of the client.
    pub(crate) peer: String,
    /// The broker's name for it: `127.0.0.1:40000 -> 127.0.0.1:5672`.
    pub(crate) name: String,
    /// Milliseconds since 1970. With the name this is one connection for ever.
    pub(crate) connected_at: i64,
}

impl Connection {
    /// Whether this is the same connection, not a later one on the same port.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.connected_at == other.connected_at
    }

    /// Whether the text is part of one of its names, its user or its peer.
    pub(crate) fn matches(&self, text: &str) -> bool {
        [&self.given_name, &self.user, &self.peer, &self.name].iter().any(|s| s.contains(text))
    }
}

impl std::fmt::Display for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { given_name, user, name, .. } = self;
        if given_name.is_empty() {
            write!(f, "{name} (user {user})")
        } else {
            write!(f, "{given_name:?} {name} (user {user})")
        }
    }
}

/// What became of a connection that was to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The broker closed it now.
    Now,
    /// It was gone before.
    Before,
}

impl Management {
    /// An API by its address, `http://USER:PASSWORD@HOST:PORT`, with `guest` for
    /// what is missing, as the broker itself has it.
    pub(crate) fn new(address: &str, http: Client) -> Result<Self, FaultError> {
        let address = Service::Management.address(address).map_err(Trouble::from)?;
        let (user, password) = services::management::credentials(&address);
        let base = Url::parse(&address.base()).map_err(|error| FaultError::Address {
            service: &MANAGEMENT,
            address: address.shown(),
            reason: error.to_string(),
        })?;
        Ok(Self { http, base, user, password, address })
    }

    /// The address as messages show it.
    fn shown(&self) -> String {
        self.address.shown().trim_end_matches('/').to_owned()
    }

    /// Every open AMQP connection.
    pub(crate) async fn connections(&self) -> Result<Vec<Connection>, FaultError> {
        let mut url = self.url(&["connections"]);
        url.set_query(Some(&format!("columns={COLUMNS}")));
        let what = "GET /api/connections";
        let answer = self.send(self.http.get(url), what).await?;
        if answer.status != StatusCode::OK {
            return Err(self.surprise(what, answer.status, &answer.body));
        }
        let listed: Vec<Value> = serde_json::from_str(&answer.body).map_err(|error| {
            self.surprise(what, answer.status, &format!("not a list of connections: {error}"))
        })?;
        Ok(listed.iter().filter_map(connection).collect())
    }

    /// Has the broker close a connection.
    pub(crate) async fn close(&self, name: &str, reason: &str) -> Result<Closed, FaultError> {
        let what = format!("DELETE /api/connections/{name}");
        let request = self.http.request(Method::DELETE, self.url(&["connections", name]));
        let answer = self.send(request.header("X-Reason", reason), &what).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(Closed::Before),
            status if status.is_success() => Ok(Closed::Now),
            status => Err(self.surprise(&what, status, &answer.body)),
        }
    }

    /// How many messages wait in a queue, ready or with consumers.
    pub(crate) async fn depth(&self, vhost: &str, queue: &str) -> Result<u64, FaultError> {
        let what = format!("GET /api/queues/{vhost}/{queue}");
        let answer = self.send(self.http.get(self.url(&["queues", vhost, queue])), &what).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let what = format!("queue {queue:?} of virtual host {vhost:?}");
            return Err(FaultError::Choice { what, source: ChoiceError::Nothing });
        }
        let told: Option<Value> = serde_json::from_str(&answer.body).ok();
        told.filter(|_| answer.status == StatusCode::OK)
            .map(|told| told["messages_ready"].as_u64().unwrap_or(0))
            .ok_or_else(|| self.surprise(&what, answer.status, &answer.body))
    }

    /// Throws away one ready message of a queue; false if there was none.
    pub(crate) async fn lose_one(&self, vhost: &str, queue: &str) -> Result<bool, FaultError> {
        let what = format!("POST /api/queues/{vhost}/{queue}/get");
        let asked = json!({
            "count": 1, "ackmode": "ack_requeue_false", "encoding": "auto", "truncate": 1,
        });
        let request = self.http.post(self.url(&["queues", vhost, queue, "get"])).json(&asked);
        let answer = self.send(request, &what).await?;
        let taken: Option<Vec<Value>> = serde_json::from_str(&answer.body).ok();
        taken
            .filter(|_| answer.status == StatusCode::OK)
            .map(|taken| !taken.is_empty())
            .ok_or_else(|| self.surprise(&what, answer.status, &answer.body))
    }

    /// Throws away the ready messages of a queue.
    pub(crate) async fn purge(&self, vhost: &str, queue: &str) -> Result<(), FaultError> {
        let what = format!("DELETE /api/queues/{vhost}/{queue}/contents");
        let url = self.url(&["queues", vhost, queue, "contents"]);
        let answer = self.send(self.http.delete(url), &what).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(self.surprise(&what, answer.status, &answer.body)),
        }
    }

    /// A path below `/api`, each segment percent-encoded.
    fn url(&self, below: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("api").extend(below);
        }
        url
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<Answer, FaultError> {
        let unreachable = |error: reqwest::Error| FaultError::Unreachable {
            service: &MANAGEMENT,
            address: self.shown(),
            reason: chain(&error.without_url()),
        };
        let request = request.basic_auth(&self.user, Some(&self.password));
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(FaultError::Credentials {
                service: &MANAGEMENT,
                login: status == StatusCode::UNAUTHORIZED,
                address: self.shown(),
                request: what.to_owned(),
                answer: status.as_u16().to_string(),
            });
        }
        let body = response.text().await.map_err(unreachable)?;
        Ok(Answer { status, body })
    }

    fn surprise(&self, request: &str, status: StatusCode, body: &str) -> FaultError {
        let body: String = body.chars().take(SHOWN).collect();
        FaultError::Answer {
            service: &MANAGEMENT,
            address: self.shown(),
            request: request.to_owned(),
            answer: format!("{}: {body}", status.as_u16()),
        }
    }
}

struct Answer {
    status: StatusCode,
    body: String,
}

/// Reads one item of the list; `None` for what is not an AMQP connection. What
/// the broker does not know yet is missing or `"unknown"`, and an empty object
/// may come as an empty list.
fn connection(listed: &Value) -> Option<Connection> {
    let text = |key: &str| match &listed[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let protocol = text("protocol");
    if !protocol.is_empty() && !protocol.to_ascii_uppercase().starts_with("AMQP") {
        return None;
    }
    let given = listed["client_properties"]["connection_name"].as_str().map(str::to_owned);
    Some(Connection {
        given_name: given.unwrap_or_else(|| text("user_provided_name")),
        user: text("user"),
        peer: format!("{}:{}", text("peer_host"), text("peer_port")),
        name: listed["name"].as_str()?.to_owned(),
        connected_at: listed["connected_at"].as_i64().unwrap_or(0),
    })
}

/// An error with its causes, which say what really happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(address: &str) -> Result<Management, FaultError> {
        Management::new(address, http_client().unwrap())
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        let api = api("http://joe:s%40cret@127.0.0.1:15672/rabbit/").unwrap();
        assert_eq!((api.user.as_str(), api.password.as_str()), ("joe", "s@cret"));
        assert_eq!(api.shown(), "http://joe:***@127.0.0.1:15672/rabbit");
    }

    #[test]
    fn a_wrong_address_is_an_error_without_the_password() {
        for address in ["joe:cret@host:1", "amqp://joe:cret@host", "http://joe:cret@"] {
            let text = api(address).err().unwrap().to_string();
            assert!(text.contains("http://guest:guest@127.0.0.1:15672"), "{text}");
            assert!(!text.contains("cret"), "{text}");
        }
    }

    #[test]
    fn a_name_becomes_one_path_segment() {
        let api = api("http://127.0.0.1:15672/rabbit/").unwrap();
        let url = api.url(&["connections", "127.0.0.1:4 -> [::1]/5%"]);
        let path = "/rabbit/api/connections/127.0.0.1:4%20-%3E%20[::1]%2F5%25";
        assert_eq!(url.path(), path);
    }

    #[test]
    fn a_connection_is_read_from_what_there_is() {
        let full = serde_json::json!({
            "name": "a -> b", "user": "joe", "peer_host": "10.0.0.1", "peer_port": 4,
            "protocol": "AMQP 0-9-1", "connected_at": 5, "user_provided_name": "other",
            "client_properties": {"connection_name": "worker-1"},
        });
        let worker = connection(&full).unwrap();
        assert_eq!(worker.given_name, "worker-1");
        for text in ["", "worker", "jo", "10.0.0.1:4", "a -> b"] {
            assert!(worker.matches(text), "{text}");
        }
        assert!(!worker.matches("other"));
        let bare = serde_json::json!({"name": "a", "client_properties": [], "user": null});
        assert_eq!(connection(&bare).unwrap().given_name, "");
        let other = serde_json::json!({"name": "a", "protocol": "MQTT 3-1-1"});
        assert!(connection(&other).is_none());
    }
}
