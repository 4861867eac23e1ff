//! What is asked of the server, as JSON says it. A field that is left out has
//! its default, or stays as it is when something is changed. Unknown fields are
//! passed over, since clients send whole objects back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::toxic::Per;

/// A proxy that is to be made or changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyRequest {
    /// Its name; never changes.
    pub name: Option<String>,
    /// Where it listens, `HOST:PORT`. Without it, on a free port of 127.0.0.1; a
    /// port of 0 is a free one.
    pub listen: Option<String>,
    /// Where it connects to, `HOST:PORT`.
    pub upstream: Option<String>,
    /// Whether it listens; by default it does.
    pub enabled: Option<bool>,
    /// Milliseconds after which the server removes it by itself; 0 is never.
    pub ttl: Option<u64>,
    /// The toxics that it has from its first connection on. Only when it is
    /// made.
    pub toxics: Option<Vec<ToxicRequest>>,
}

/// A toxic that is to be made or changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToxicRequest {
    /// Its name, `<type>_<stream>` by default; never changes.
    pub name: Option<String>,
    /// Its type; never changes.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `upstream` or `downstream`, which is the default; never changes.
    pub stream: Option<String>,
    /// The share of connections, or of chunks, that it takes hold of, from 0 to
    /// 1.
    pub toxicity: Option<f64>,
    /// For what the share is drawn: connections, or each chunk.
    pub per: Option<Per>,
    /// Milliseconds after which the server removes it by itself; 0 is never.
    pub ttl: Option<u64>,
    /// The attributes of its type.
    pub attributes: Option<Map<String, Value>>,
}

/// `NAME=LISTEN->UPSTREAM`.
impl std::str::FromStr for ProxyRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').and_then(|(name, ways)| Some((name, ways.split_once("->")?)));
        let Some((name, (listen, upstream))) = parts else {
            let example = "redis=127.0.0.1:0->127.0.0.1:6379";
            return Err(format!("write it as NAME=LISTEN->UPSTREAM, {example}"));
        };
        let [name, listen, upstream] =
            [name, listen, upstream].map(|part| Some(part.trim().to_owned()));
        Ok(Self { name, listen, upstream, ..Self::default() })
    }
}
