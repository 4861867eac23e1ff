//! One message as bytes: the publish, its content header and its body, put
//! together from pieces that were made before the run.

use super::frame::{self, BASIC, BODY, HEADER, METHOD, OVERHEAD, PUBLISH};
use crate::identity::IdentityRef;
use crate::payload::{Payload, write_identity};

/// The flags of the properties that may be set.
const CONTENT_TYPE: u16 = 1 << 15;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;

/// The delivery modes.
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// Where a message goes.
#[derive(Debug)]
pub(super) enum Routes {
    /// One after the other, by the number of the operation: the arguments of
    /// the publish.
    Fixed(Vec<Box<[u8]>>),
    /// As its template says.
    Drawn { exchange: String, key: Payload, mandatory: bool },
}

/// What does not differ among the messages.
#[derive(Debug)]
pub(super) struct Publish {
    routes: Routes,
    /// Class, weight, an empty size, flags, and the properties in front of the
    /// headers.
    header: Box<[u8]>,
    headers: Box<[(String, Payload)]>,
    /// The properties between the headers and the message's identity.
    middle: Box<[u8]>,
}

/// The properties of a message.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) persistent: bool,
    pub(super) content_type: Option<String>,
    pub(super) headers: Vec<(String, Payload)>,
    pub(super) priority: Option<u8>,
    /// In milliseconds.
    pub(super) ttl: Option<u64>,
}

/// The text of one message.
pub(super) trait Text {
    fn identity(&self) -> IdentityRef<'_>;
    fn render(&self, payload: &Payload, out: &mut Vec<u8>);
    fn body(&self, out: &mut Vec<u8>);
}

impl Routes {
    /// Fixed routes to these keys of an exchange.
    pub(super) fn fixed<'a>(
        exchange: &str,
        keys: impl IntoIterator<Item = &'a str>,
        mandatory: bool,
    ) -> Self {
        let arguments = |key: &str| {
            let mut out = Vec::new();
            put_arguments(&mut out, exchange, mandatory, |out| {
                out.extend_from_slice(key.as_bytes());
            });
            out.into()
        };
        Self::Fixed(keys.into_iter().map(arguments).collect())
    }

    /// Says whether the key is short enough.
    fn put(&self, out: &mut Vec<u8>, text: &impl Text) -> bool {
        match self {
            Self::Fixed(routes) => {
                let at = match routes.len() {
                    1 => 0,
                    several => (text.identity().sequence % several as u64) as usize,
                };
                out.extend_from_slice(&routes[at]);
                true
            }
            Self::Drawn { exchange, key, mandatory } => {
                put_arguments(out, exchange, *mandatory, |out| text.render(key, out))
            }
        }
    }
}

fn put_arguments(
    out: &mut Vec<u8>,
    exchange: &str,
    mandatory: bool,
    key: impl FnOnce(&mut Vec<u8>),
) -> bool {
    out.extend_from_slice(&PUBLISH.0.to_be_bytes());
    out.extend_from_slice(&PUBLISH.1.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    frame::put_short(out, |out| out.extend_from_slice(exchange.as_bytes()));
    let short = frame::put_short(out, key);
    out.push(u8::from(mandatory));
    short
}

impl Publish {
    pub(super) fn new(routes: Routes, properties: Properties) -> Self {
        let Properties { persistent, content_type, headers, priority, ttl } = properties;
        let mut flags = DELIVERY_MODE | MESSAGE_ID;
        let mut middle = vec![if persistent { PERSISTENT } else { TRANSIENT }];
        if let Some(priority) = priority {
            flags |= PRIORITY;
            middle.push(priority);
        }
        if let Some(ttl) = ttl {
            flags |= EXPIRATION;
            frame::put_short(&mut middle, |out| out.extend_from_slice(ttl.to_string().as_bytes()));
        }
        if !headers.is_empty() {
            flags |= HEADERS;
        }
        if content_type.is_some() {
            flags |= CONTENT_TYPE;
        }
        let mut header = BASIC.to_be_bytes().to_vec();
        header.extend_from_slice(&[0; 10]);
        header.extend_from_slice(&flags.to_be_bytes());
        if let Some(kind) = content_type {
            frame::put_short(&mut header, |out| out.extend_from_slice(kind.as_bytes()));
        }
        Self { routes, header: header.into(), headers: headers.into(), middle: middle.into() }
    }

    /// Appends one message in frames of at most `longest` bytes.
    ///
    /// # Errors
    /// When a rendered text does not fit into its field; nothing is appended.
    pub(super) fn put(
        &self,
        out: &mut Vec<u8>,
        channel: u16,
        longest: usize,
        text: &impl Text,
    ) -> Result<(), &'static str> {
        let begin = out.len();
        let mut short = true;
        frame::put(out, METHOD, channel, |out| short = self.routes.put(out, text));
        if !short {
            out.truncate(begin);
            return Err("the routing key is longer than 255 bytes");
        }
        // Kind, channel and size of the frame; class and weight.
        let size_at = out.len() + 7 + 4;
        frame::put(out, HEADER, channel, |out| {
            out.extend_from_slice(&self.header);
            if !self.headers.is_empty() {
                frame::put_long(out, |out| {
                    for (name, value) in &self.headers {
                        frame::put_entry(out, name, |out| text.render(value, out));
                    }
                });
            }
            out.extend_from_slice(&self.middle);
            short = frame::put_short(out, |out| write_identity(text.identity(), out));
        });
        let body_at = out.len();
        if !short || body_at - size_at > longest {
            out.truncate(begin);
            return Err("the identity or the headers are too long for AMQP");
        }
        frame::put(out, BODY, channel, |out| text.body(out));
        let size = out.len() - body_at - OVERHEAD;
        out[size_at..size_at + 8].copy_from_slice(&(size as u64).to_be_bytes());
        if size == 0 {
            out.truncate(body_at);
        } else if size + OVERHEAD > longest {
            let whole = out.split_off(body_at);
            for part in whole[7..7 + size].chunks(longest - OVERHEAD) {
                frame::put(out, BODY, channel, |out| out.extend_from_slice(part));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::frame::{Fields, Frame};
    use super::*;

    struct Plain {
        sequence: u64,
        body: Vec<u8>,
    }

    impl Text for Plain {
        fn identity(&self) -> IdentityRef<'_> {
            IdentityRef { run: "r", workload: "w", sequence: self.sequence }
        }

        fn render(&self, payload: &Payload, out: &mut Vec<u8>) {
            let shape = crate::shape::Shape::default();
            let fields =
                crate::payload::Fields { identity: self.identity(), time: 0, shape: &shape };
            payload.render(&fields, out);
        }

        fn body(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.body);
        }
    }

    fn publish(keys: &[&str]) -> Publish {
        let properties = Properties {
            persistent: true,
            content_type: Some("text/plain".to_owned()),
            headers: vec![("n".to_owned(), Payload::new("@{seq}").unwrap())],
            priority: Some(3),
            ttl: Some(5_000),
        };
        Publish::new(Routes::fixed("x", keys.iter().copied(), true), properties)
    }

    #[test]
    fn a_field_that_is_too_long_appends_nothing() {
        let key = Payload::new(&"@{seq}".repeat(200)).unwrap();
        let routes = Routes::Drawn { exchange: String::new(), key, mandatory: false };
        let publish = Publish::new(routes, Properties::default());
        let mut out = b"before".to_vec();
        let text = Plain { sequence: 10, body: Vec::new() };
        assert!(publish.put(&mut out, 1, 4_096, &text).is_err());
        assert_eq!(out, b"before");
    }

    proptest! {
        /// A message is read back as it was asked for: its route, identity,
        /// size and body, in frames that are not too long.
        #[test]
        fn a_message_reads_back(sequence: u64, length in 0_usize..20_000, longest in 4_096_usize..9_000) {
            let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let text = Plain { sequence, body };
            let keys = ["a", "bb", "ccc"];
            let mut out = Vec::new();
            publish(&keys).put(&mut out, 7, longest, &text).unwrap();

            let mut rest = out.as_slice();
            let method = Frame::take(&mut rest, longest).unwrap().unwrap();
            let (name, mut fields) = method.method().unwrap();
            prop_assert_eq!((method.channel, name), (7, PUBLISH));
            prop_assert_eq!((fields.u16(), fields.short()), (Some(0), Some(&b"x"[..])));
            prop_assert_eq!(fields.short(), Some(keys[(sequence % 3) as usize].as_bytes()));
            prop_assert_eq!(fields.u8(), Some(1));
            let header = Frame::take(&mut rest, longest).unwrap().unwrap();
            let mut fields = Fields(header.payload);
            prop_assert_eq!((fields.u16(), fields.u16()), (Some(BASIC), Some(0)));
            prop_assert_eq!(fields.u64(), Some(length as u64));
            let identity = format!("r/w/{sequence}");
            prop_assert_eq!(Fields(header.payload).message_id(), Some(identity.as_bytes()));
            let mut read = Vec::new();
            while let Some(part) = Frame::take(&mut rest, longest).unwrap() {
                prop_assert_eq!((part.kind, part.channel), (BODY, 7));
                read.extend_from_slice(part.payload);
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(read, text.body);
        }
    }
}
