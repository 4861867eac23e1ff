//! Fetches objects over one connection that is kept, one after another.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that takes longer has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// In bytes; a longer object is none of this pipeline.
const LARGEST: usize = 1 << 20;

/// Why an object was not fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does not exist, and never will.
    Missing,
    /// The server has failed; the same may work later.
    Failed(String),
}

/// A connection to the object server, made when it is needed.
#[derive(Debug)]
pub(crate) struct Line {
    /// `127.0.0.1:PORT`.
    address: String,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Line {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), sender: None }
    }

    /// The object of a name.
    pub(crate) async fn fetch(&mut self, name: &str) -> Result<Bytes, Trouble> {
        let fetched = match timeout(ANSWER_WITHIN, self.ask(name)).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(why)) => Err(Trouble::Failed(why)),
            Err(_) => {
                let seconds = ANSWER_WITHIN.as_secs();
                Err(Trouble::Failed(format!("no answer within {seconds} s")))
            }
        };
        if let Err(Trouble::Failed(_)) = fetched {
            // Nobody knows what is still to come on it.
            self.sender = None;
        }
        fetched
    }

    async fn ask(&mut self, name: &str) -> Result<Result<Bytes, Trouble>, String> {
        let request = Request::get(format!("/objects/{name}"))
            .header("host", &self.address)
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let sender = self.sender().await?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST);
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(match status {
            StatusCode::OK => Ok(body),
            StatusCode::NOT_FOUND => Err(Trouble::Missing),
            status => Err(Trouble::Failed(format!("answered {status}"))),
        })
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Empty<Bytes>>, String> {
        let usable = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match usable {
            Some(sender) => sender,
            None => self.connect().await.map_err(|error| error.to_string())?,
        };
        Ok(self.sender.insert(sender))
    }

    async fn connect(
        &self,
    ) -> Result<SendRequest<Empty<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}
