//! One publish as a program of its own: what `publish_command` may name. Posts
//! the operation's identity to the address that is its only argument.
//!
//! Exit code 0: the service accepted it; 1: it answered something else, or
//! nobody knows.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

fn main() -> ExitCode {
    let url = std::env::args().nth(1).unwrap_or_default();
    let id = std::env::var("SHAKEDOWN_ID").unwrap_or_default();
    match publish(&url, &id) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Whether the service at `http://host:port/path` answered 200.
fn publish(url: &str, id: &str) -> std::io::Result<bool> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let body = format!("{{\"id\":\"{id}\",\"text\":\"from a command\"}}");
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1) == Some("200"))
}
