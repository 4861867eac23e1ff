//! One question in Kafka's protocol, to see that a broker serves.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Longer than any answer to this question.
const LONGEST: u32 = 1 << 20;

/// `Metadata` in its version 1, about no topic: key, version, number of the request
/// (int32), no name of the client, and an empty list (int32).
const QUESTION: [u16; 7] = [3, 1, 0, 7, u16::MAX, 0, 0];

/// Whether a broker answers that it is one of its cluster; before, it is fenced and
/// serves nobody.
pub(super) fn serves(port: u16) -> bool {
    brokers(port).is_some_and(|count| count > 0)
}

/// How many brokers the one at this port knows.
fn brokers(port: u16) -> Option<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let question = QUESTION.map(u16::to_be_bytes).concat();
    let length = u32::try_from(question.len()).ok()?.to_be_bytes();
    stream.write_all(&[&length[..], &question].concat()).ok()?;
    let mut number = || {
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    // Length, number of the request, and how long the list of brokers is.
    number().filter(|length| *length <= LONGEST)?;
    number().filter(|request| *request == 7)?;
    number().filter(|count| *count <= LONGEST)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn asked(answer: &'static [u8]) -> bool {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let broker = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 18];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(answer).unwrap();
            question
        });
        let serves = serves(port);
        let question = broker.join().unwrap();
        assert_eq!(question[..12], [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7]);
        assert_eq!(question[12..], [255, 255, 0, 0, 0, 0]);
        serves
    }

    #[test]
    fn a_broker_serves_when_it_is_one_of_its_cluster() {
        assert!(asked(&[0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 1]));
        assert!(!asked(&[0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0]));
        assert!(!asked(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        assert!(!asked(&[]));
    }
}
