//! The beginning of a connection: who we are, what both sides can do, and the
//! channels.

use std::time::Duration;

use services::amqp::{credentials, vhost};

use super::Target;
use super::frame::{self, Fields};
use super::wire::Wire;
use crate::reach::Unready;
use crate::transport::stream::Address;

/// How often each side shows that it lives, unless the broker wants it more
/// often.
const HEARTBEAT: u16 = 30;

/// The longest frame that is asked for, in bytes.
const LONGEST: u32 = 128 * 1024;

/// Who comes, and where to.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) vhost: String,
    /// The heartbeat that was asked for, in seconds.
    pub(super) heartbeat: Option<u16>,
}

/// Without the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({} to {})", self.user, self.vhost)
    }
}

impl Login {
    /// What an address says of it.
    pub(super) fn of(address: &services::Address) -> Self {
        let (user, password) = credentials(address);
        let heartbeat = address.parameter("heartbeat").and_then(|number| number.parse().ok());
        Self { user, password, vhost: vhost(address), heartbeat }
    }
}

/// What a connection is to be.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) channels: u16,
    pub(super) confirms: bool,
}

/// Connects, opens the channels 1 to `channels`, and gives the connection with
/// its heartbeat.
///
/// # Errors
/// When the broker cannot be reached or refuses, and why.
pub(super) async fn open(
    target: &Target,
    wanted: &Wanted<'_>,
) -> Result<(Wire, Duration), Unready> {
    let opened = begin(&target.address, &target.login, wanted).await;
    opened.map_err(|error| match error {
        Unready::Problem(said) => denied(&target.given, "a connection", said),
        other => other,
    })
}

/// What the broker said, apart whether waiting mends it: the codes of AMQP for what
/// we may not do, or not come to.
pub(super) fn denied(given: &services::Address, request: &str, said: String) -> Unready {
    // A limit of connections may have room again.
    let refused = said.starts_with("403 ") || said.starts_with("530 ") && !said.contains("limit");
    if refused && said.contains("Login was refused") {
        Unready::Denied(given.locked(request, &said))
    } else if refused {
        Unready::Denied(given.denied(request, &said))
    } else if said.starts_with("404 ") {
        Unready::Denied(given.answered(request, &said))
    } else {
        Unready::Problem(said)
    }
}

async fn begin(
    address: &Address,
    login: &Login,
    wanted: &Wanted<'_>,
) -> Result<(Wire, Duration), Unready> {
    let stream = address.connect().await?;
    let mut wire = Wire::new(stream);
    wire.out().extend_from_slice(b"AMQP\x00\x00\x09\x01");
    wire.call(0, frame::CONNECTION_START).await?;
    frame::put_method(wire.out(), 0, frame::CONNECTION_START_OK, |out| {
        put_properties(out, wanted.name);
        frame::put_short(out, |out| out.extend_from_slice(b"PLAIN"));
        frame::put_long(out, |out| {
            for part in [&login.user, &login.password] {
                out.push(0);
                out.extend_from_slice(part.as_bytes());
            }
        });
        frame::put_short(out, |out| out.extend_from_slice(b"en_US"));
    });
    let tune = wire.call(0, frame::CONNECTION_TUNE).await?;
    let heartbeat = answer_tune(&mut wire, &tune, login.heartbeat, wanted.channels)?;
    frame::put_method(wire.out(), 0, frame::CONNECTION_OPEN, |out| {
        frame::put_short(out, |out| out.extend_from_slice(login.vhost.as_bytes()));
        out.extend_from_slice(&[0, 0]);
    });
    wire.call(0, frame::CONNECTION_OPEN_OK).await?;
    for channel in 1..=wanted.channels {
        frame::put_method(wire.out(), channel, frame::CHANNEL_OPEN, |out| out.push(0));
        wire.call(channel, frame::CHANNEL_OPEN_OK).await?;
        if wanted.confirms {
            frame::put_method(wire.out(), channel, frame::CONFIRM_SELECT, |out| out.push(0));
            wire.call(channel, frame::CONFIRM_SELECT_OK).await?;
        }
    }
    Ok((wire, heartbeat))
}

fn put_properties(out: &mut Vec<u8>, name: &str) {
    frame::put_long(out, |out| {
        frame::put_entry(out, "product", |out| out.extend_from_slice(b"shakedown loadgen"));
        frame::put_entry(out, "connection_name", |out| out.extend_from_slice(name.as_bytes()));
        frame::put_short(out, |out| out.extend_from_slice(b"capabilities"));
        out.push(b'F');
        frame::put_long(out, |out| {
            let can = [
                "publisher_confirms",
                "basic.nack",
                "authentication_failure_close",
                "consumer_cancel_notify",
                "connection.blocked",
            ];
            for name in can {
                frame::put_short(out, |out| out.extend_from_slice(name.as_bytes()));
                out.extend_from_slice(b"t\x01");
            }
        });
    });
}

/// Agrees on the limits; gives the heartbeat.
fn answer_tune(
    wire: &mut Wire,
    tune: &[u8],
    asked: Option<u16>,
    channels: u16,
) -> Result<Duration, String> {
    let mut fields = Fields(tune);
    let limits = (fields.u16(), fields.u32(), fields.u16());
    let (Some(most), Some(longest), Some(beat)) = limits else {
        return Err("the broker's limits are no AMQP".to_owned());
    };
    if most > 0 && most < channels {
        return Err(format!("the broker allows {most} channels a connection; use fewer"));
    }
    let longest = if longest == 0 { LONGEST } else { longest.clamp(4096, LONGEST) };
    let beat = match (asked, beat) {
        (Some(asked), _) => asked,
        (None, 0) => HEARTBEAT,
        (None, beat) => beat.min(HEARTBEAT),
    };
    wire.longest = longest as usize;
    frame::put_method(wire.out(), 0, frame::CONNECTION_TUNE_OK, |out| {
        out.extend_from_slice(&most.to_be_bytes());
        out.extend_from_slice(&longest.to_be_bytes());
        out.extend_from_slice(&beat.to_be_bytes());
    });
    Ok(match beat {
        0 => Duration::MAX,
        beat => Duration::from_secs(beat.into()),
    })
}
