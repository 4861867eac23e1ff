//! Two questions in MongoDB's protocol, to see that a server answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use mongodb::bson::{Document, doc};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// `OP_MSG`.
const MESSAGE: i32 = 2013;
/// Length, number, number of the question and kind of a message.
const HEAD: usize = 16;
/// Longer than any answer to these questions.
const LONGEST: usize = 1 << 20;

/// What a server says of itself (`buildInfo`), once it answers.
pub(crate) fn build(port: u16) -> Option<Document> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    ask(&mut stream, doc! { "hello": 1, "$db": "admin" })?;
    ask(&mut stream, doc! { "buildInfo": 1, "$db": "admin" })
}

/// The answer to a command, unless it is an error.
fn ask(stream: &mut TcpStream, command: Document) -> Option<Document> {
    let mut body = Vec::new();
    command.to_writer(&mut body).ok()?;
    // No flags, and one section of kind 0, which is the command.
    let length = i32::try_from(HEAD + 5 + body.len()).ok()?;
    let head = [length, 1, 0, MESSAGE, 0].map(i32::to_le_bytes).concat();
    stream.write_all(&[head, vec![0], body].concat()).ok()?;
    let mut head = [0; HEAD + 5];
    stream.read_exact(&mut head).ok()?;
    let length = i32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let length = usize::try_from(length).ok()?.checked_sub(head.len())?;
    let mut body = vec![0; Some(length).filter(|length| *length <= LONGEST)?];
    stream.read_exact(&mut body).ok()?;
    let answer = Document::from_reader(body.as_slice()).ok()?;
    let is_well =
        answer.get("ok").is_some_and(|ok| ok.as_f64() == Some(1.0) || ok.as_i32() == Some(1));
    is_well.then_some(answer)
}
