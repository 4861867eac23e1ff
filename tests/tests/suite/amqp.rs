//! A client of AMQP 0-9-1 that shows what client libraries hide: the tags as
//! they come.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Generous: it only ever runs out when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Name = (u16, u16);
pub(crate) const RETURN: Name = (60, 50);
pub(crate) const DELIVER: Name = (60, 60);
pub(crate) const ACK: Name = (60, 80);

/// A method from the broker, and the message that came with it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) name: Name,
    pub(crate) arguments: Vec<u8>,
    pub(crate) id: String,
}

impl Said {
    /// The tag and the flag of a confirm.
    pub(crate) fn confirm(&self) -> (u64, bool) {
        let (tag, flag) = self.arguments.split_at(8);
        (u64::from_be_bytes(tag.try_into().unwrap()), flag[0] != 0)
    }

    /// The tag and the flag of a delivery.
    pub(crate) fn delivery(&self) -> (u64, bool) {
        let rest = &self.arguments[1 + usize::from(self.arguments[0])..];
        let (tag, flag) = rest.split_at(8);
        (u64::from_be_bytes(tag.try_into().unwrap()), flag[0] != 0)
    }
}

fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A connection with channel 1 open.
pub(crate) struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
    at: usize,
    out: Vec<u8>,
    /// Whether messages are to survive a restart of the broker.
    pub(crate) persistent: bool,
}

impl Client {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let (rest, out) = (Vec::new(), Vec::new());
        let mut client = Self { stream, rest, at: 0, out, persistent: true };
        client.out.extend_from_slice(b"AMQP\x00\x00\x09\x01");
        client.flush()?;
        client.expect((10, 10))?;
        let answer = b"\x00guest\x00guest";
        let login = [&[0; 4][..], &short("PLAIN"), &[0, 0, 0, 12], answer, &short("en_US")];
        client.ask(0, (10, 11), &login.concat(), (10, 30))?;
        // Its frames are small, so that messages have many.
        client.put(0, (10, 31), &[0, 9, 0, 0, 16, 0, 0, 0]);
        client.ask(0, (10, 40), &[&short("/")[..], &[0, 0]].concat(), (10, 41))?;
        client.ask(1, (20, 10), &[0], (20, 11))?;
        Ok(client)
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(&channel.to_be_bytes());
        self.out.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        self.out.extend_from_slice(payload);
        self.out.push(0xCE);
    }

    fn put(&mut self, channel: u16, name: Name, arguments: &[u8]) {
        let mut payload = name.0.to_be_bytes().to_vec();
        payload.extend_from_slice(&name.1.to_be_bytes());
        payload.extend_from_slice(arguments);
        self.frame(1, channel, &payload);
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&std::mem::take(&mut self.out))
    }

    fn ask(
        &mut self,
        channel: u16,
        name: Name,
        arguments: &[u8],
        answer: Name,
    ) -> io::Result<Said> {
        self.put(channel, name, arguments);
        self.flush()?;
        self.expect(answer)
    }

    fn expect(&mut self, name: Name) -> io::Result<Said> {
        let said = self.next()?;
        assert_eq!(said.name, name, "{said:?}");
        Ok(said)
    }

    /// The kind and the payload of the next frame.
    fn read_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let bytes = &self.rest[self.at..];
            if let Some((head, rest)) = bytes.split_first_chunk::<7>() {
                let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
                if rest.len() > size {
                    assert_eq!(rest[size], 0xCE);
                    let frame = (head[0], rest[..size].to_vec());
                    self.at += 8 + size;
                    return Ok(frame);
                }
            }
            self.rest.drain(..std::mem::take(&mut self.at));
            let mut buffer = [0; 16_384];
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.rest.extend_from_slice(&buffer[..count]);
        }
    }

    /// What the broker says next.
    pub(crate) fn next(&mut self) -> io::Result<Said> {
        let (kind, payload) = self.read_frame()?;
        assert_eq!(kind, 1, "a method is due");
        let (head, arguments) = payload.split_first_chunk::<4>().unwrap();
        let name = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        let mut said = Said { name, arguments: arguments.to_vec(), id: String::new() };
        if matches!(name, RETURN | DELIVER) {
            let (_, header) = self.read_frame()?;
            let size = u64::from_be_bytes(header[4..12].try_into().unwrap());
            // Nothing but the identity and a byte before it.
            said.id = String::from_utf8(header[16..].to_vec()).unwrap();
            let mut got = 0;
            while got < size {
                got += self.read_frame()?.1.len() as u64;
            }
        }
        Ok(said)
    }

    pub(crate) fn declare(&mut self, queue: &str) -> io::Result<()> {
        let arguments = [&[0, 0][..], &short(queue), &[2], &[0; 4]].concat();
        self.ask(1, (50, 10), &arguments, (50, 11)).map(drop)
    }

    /// How many messages the queue has that nobody has got.
    pub(crate) fn ready(&mut self, queue: &str) -> u32 {
        let arguments = [&[0, 0][..], &short(queue), &[1], &[0; 4]].concat();
        let said = self.ask(1, (50, 10), &arguments, (50, 11)).unwrap();
        let counts = &said.arguments[1 + queue.len()..];
        u32::from_be_bytes(counts[..4].try_into().unwrap())
    }

    pub(crate) fn select_confirms(&mut self) -> io::Result<()> {
        self.ask(1, (85, 10), &[0], (85, 11)).map(drop)
    }

    /// Puts a message into what [`Client::flush`] sends.
    pub(crate) fn publish(&mut self, queue: &str, id: &str, body: &[u8]) {
        self.put(1, (60, 40), &[&[0, 0, 0][..], &short(queue), &[1]].concat());
        let mut header = vec![0, 60, 0, 0];
        header.extend_from_slice(&(body.len() as u64).to_be_bytes());
        header.extend_from_slice(&(1_u16 << 12 | 1 << 7).to_be_bytes());
        header.push(if self.persistent { 2 } else { 1 });
        header.extend_from_slice(&short(id));
        self.frame(2, 1, &header);
        body.chunks(4088).for_each(|chunk| self.frame(3, 1, chunk));
    }

    /// Asks for all that is in the queue, `prefetch` at a time.
    pub(crate) fn consume(&mut self, queue: &str, prefetch: u16, acks: bool) {
        let [high, low] = prefetch.to_be_bytes();
        self.ask(1, (60, 10), &[0, 0, 0, 0, high, low, 0], (60, 11)).unwrap();
        let flags = if acks { 0 } else { 2 };
        let arguments = [&[0, 0][..], &short(queue), &short(""), &[flags], &[0; 4]].concat();
        self.ask(1, (60, 20), &arguments, (60, 21)).unwrap();
    }

    pub(crate) fn ack(&mut self, tag: u64, multiple: bool) -> io::Result<()> {
        self.put(1, ACK, &[&tag.to_be_bytes()[..], &[multiple.into()]].concat());
        self.flush()
    }

    /// Publishes all of these and waits for their confirms, with at most so many
    /// unconfirmed; the tags in the order in which they were confirmed, and the
    /// identities that came back.
    pub(crate) fn publish_all(
        &mut self,
        queue: &str,
        ids: &[String],
        window: usize,
    ) -> (Vec<u64>, Vec<String>) {
        let (mut confirmed, mut returned, mut sent) = (Vec::new(), Vec::new(), 0);
        let mut open = std::collections::BTreeSet::new();
        while confirmed.len() < ids.len() {
            while sent < ids.len() && open.len() < window {
                let body = vec![b'x'; sent % 97 + if sent % 500 == 0 { 9000 } else { 0 }];
                self.publish(queue, &ids[sent], &body);
                sent += 1;
                open.insert(sent as u64);
            }
            self.flush().unwrap();
            let said = self.next().unwrap();
            if said.name == RETURN {
                returned.push(said.id);
                continue;
            }
            assert_eq!(said.name, ACK, "{said:?}");
            let (tag, multiple) = said.confirm();
            assert!(open.contains(&tag), "{tag} is confirmed again, or was never sent");
            let first = if multiple { 0 } else { tag };
            let settled: Vec<u64> = open.range(first..=tag).copied().collect();
            settled.iter().for_each(|tag| assert!(open.remove(tag)));
            confirmed.extend(settled);
        }
        (confirmed, returned)
    }

    /// Has [`Client::next`] give up early.
    pub(crate) fn hurry(&self) {
        self.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    }

    /// Publishes what is to do until it is confirmed or the connection ends.
    pub(crate) fn publish_some(
        &mut self,
        queue: &str,
        todo: &mut VecDeque<String>,
        window: usize,
    ) -> io::Result<()> {
        let mut open = BTreeMap::new();
        let mut tag = 0;
        let result = loop {
            while open.len() < window
                && let Some(id) = todo.pop_front()
            {
                self.publish(queue, &id, b"body");
                tag += 1;
                open.insert(tag, id);
            }
            if open.is_empty() {
                break Ok(());
            }
            match self.flush().and_then(|()| self.expect(ACK)) {
                Ok(said) => {
                    let (tag, multiple) = said.confirm();
                    assert!(open.contains_key(&tag), "{tag} is confirmed again");
                    open.retain(|open, _| if multiple { *open > tag } else { *open != tag });
                }
                Err(error) => break Err(error),
            }
        };
        // Whatever was not confirmed is sent again, first.
        open.into_values().rev().for_each(|id| todo.push_front(id));
        result
    }

    /// Takes so many messages out of the queue, and sees that no more are there;
    /// their identities in their order.
    pub(crate) fn drain(&mut self, queue: &str, count: usize) -> Vec<String> {
        self.consume(queue, 0, false);
        let ids = (0..count).map(|_| self.expect(DELIVER).unwrap().id).collect();
        assert_eq!(self.ready(queue), 0, "the queue has more");
        ids
    }
}

/// A relay before a broker that keeps what the broker says on its first
/// connection.
pub(crate) struct Tap {
    pub(crate) address: String,
    said: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Tap {
    pub(crate) fn before(broker: &str) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let said = std::sync::Arc::<std::sync::Mutex<Vec<u8>>>::default();
        let (kept, broker) = (said.clone(), broker.to_owned());
        std::thread::spawn(move || -> io::Result<()> {
            let (mut client, _) = listener.accept()?;
            let mut server = TcpStream::connect(broker)?;
            let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
            std::thread::spawn(move || io::copy(&mut from, &mut to));
            let mut buffer = [0; 16_384];
            loop {
                let count = server.read(&mut buffer)?;
                if count == 0 {
                    return client.shutdown(std::net::Shutdown::Both);
                }
                kept.lock().unwrap().extend_from_slice(&buffer[..count]);
                client.write_all(&buffer[..count])?;
            }
        });
        Ok(Self { address, said })
    }

    /// The broker's own tags in the order in which it confirmed them.
    pub(crate) fn confirmed(&self) -> Vec<u64> {
        let said = self.said.lock().unwrap();
        let (mut rest, mut confirmed) = (&said[..], Vec::new());
        let mut is_settled = vec![false; 1_000_000];
        while let Some((head, behind)) = rest.split_first_chunk::<7>() {
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            if head[0] == 1 && behind.starts_with(&[0, 60, 0, 80]) {
                let tag = u64::from_be_bytes(behind[4..12].try_into().unwrap());
                let tag = usize::try_from(tag).unwrap();
                let first = if behind[12] == 0 { tag } else { 1 };
                for (settled, tag) in is_settled[first..=tag].iter_mut().zip(first as u64..) {
                    if !std::mem::replace(settled, true) {
                        confirmed.push(tag);
                    }
                }
            }
            rest = &behind[size + 1..];
        }
        confirmed
    }
}
