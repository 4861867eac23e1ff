//! The workers' counts, fetched when somebody asks the ingress for them.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::worker::counts::Tally;

/// A worker that takes longer is left out.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What each worker that answers has counted, with its name.
pub(crate) async fn tallies(workers: &[(String, String)]) -> Vec<(String, Tally)> {
    let asked = workers.iter().map(async |(name, address)| {
        let tally = timeout(ANSWER_WITHIN, tally(address)).await.ok()?.ok()?;
        Some((name.clone(), tally))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn tally(address: &str) -> io::Result<Tally> {
    let mut stream = TcpStream::connect(address).await?;
    // HTTP/1.0 forbids a chunked body, so the body ends where the stream ends.
    stream.write_all(b"GET /counts HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").filter(|(head, _)| head.contains(" 200 "));
    let (_, body) = body.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(serde_json::from_str(body)?)
}
