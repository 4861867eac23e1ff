//! The workers' figures, fetched when somebody asks the ingress for them.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A worker that takes longer is left out.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// The page of each worker that answers, with its name.
pub(crate) async fn pages(workers: &[(String, String)]) -> Vec<(String, String)> {
    let asked = workers.iter().map(async |(name, address)| {
        let page = timeout(ANSWER_WITHIN, page(address)).await.ok()?.ok()?;
        Some((name.clone(), page))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn page(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // HTTP/1.0 forbids a chunked body, so the body ends where the stream ends.
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").filter(|(head, _)| head.contains(" 200 "));
    body.map(|(_, body)| body.to_owned())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a page of metrics"))
}
