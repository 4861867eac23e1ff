//! What the processes of a system tell each other: what each of a part has counted,
//! fetched when somebody asks for it or handed over at the end.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A process that takes longer is left out.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What each process that answers has counted, with its name: of `parts`, each a name
/// and an address.
pub(crate) async fn tallies<T: DeserializeOwned>(parts: &[(String, String)]) -> Vec<(String, T)> {
    let asked = parts.iter().map(async |(name, address)| {
        let (_, body) = get(address, "/counts").await.filter(|(status, _)| *status == 200)?;
        Some((name.clone(), serde_json::from_str(&body).ok()?))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The status and the body of a process's answer, if it gives one in time.
pub(crate) async fn get(address: &str, path: &str) -> Option<(u16, String)> {
    timeout(ANSWER_WITHIN, ask(address, "GET", path, "")).await.ok()?.ok()
}

/// The same for something that it is told.
pub(crate) async fn post(address: &str, path: &str, body: &str) -> Option<(u16, String)> {
    timeout(ANSWER_WITHIN, ask(address, "POST", path, body)).await.ok()?.ok()
}

async fn ask(address: &str, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    // HTTP/1.0 forbids a chunked body, so the body ends where the stream ends.
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let garbled = || io::Error::from(io::ErrorKind::InvalidData);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(garbled)?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(garbled)?, body.to_owned()))
}
