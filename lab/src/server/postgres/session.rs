//! The begin of a session with PostgreSQL, to see that it lets one in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 196_608;
/// What the tools' own sessions are called; faults leave them alone.
const PARAMETERS: &[u8] =
    b"user\0postgres\0database\0postgres\0application_name\0shakedown:lab\0\0";
/// `Terminate`.
const GOODBYE: &[u8] = b"X\0\0\0\x04";
/// Longer than anything a server says before it is ready.
const LONGEST: usize = 1 << 16;

/// The server's version, once it is ready for a query. One that still starts or
/// recovers answers with an error.
pub(crate) fn version(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let length = u32::try_from(8 + PARAMETERS.len()).ok()?;
    let hello = [&length.to_be_bytes(), &PROTOCOL.to_be_bytes(), PARAMETERS].concat();
    stream.write_all(&hello).ok()?;
    let mut version = None;
    loop {
        let (kind, body) = message(&mut stream)?;
        match kind {
            b'S' => version = version.or_else(|| server_version(&body)),
            b'Z' => break,
            b'E' => return None,
            _ => {}
        }
    }
    let _ = stream.write_all(GOODBYE);
    version
}

/// One message: its kind, its length with the length itself, its body.
fn message(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).ok()?.checked_sub(4).filter(|&l| l <= LONGEST)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head[0], body))
}

/// `ParameterStatus`: a name and a value, each closed by a zero.
fn server_version(body: &[u8]) -> Option<String> {
    let mut words = body.split(|&byte| byte == 0);
    (words.next()? == b"server_version").then_some(())?;
    Some(String::from_utf8_lossy(words.next()?).into_owned())
}
