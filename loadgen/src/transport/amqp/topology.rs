//! Queues and exchanges: what is declared before a run, and removed behind it.

use super::Target;
use super::argument::Value;
use super::frame::{self, Name};
use super::opening::{self, Wanted};
use super::wire::Wire;
use crate::reach::Unready;

const EXCHANGE_DECLARE: Name = (40, 10);
const EXCHANGE_DECLARE_OK: Name = (40, 11);
const QUEUE_DECLARE: Name = (50, 10);
const QUEUE_DECLARE_OK: Name = (50, 11);
const QUEUE_BIND: Name = (50, 20);
const QUEUE_BIND_OK: Name = (50, 21);

const PASSIVE: u8 = 1;
const DURABLE: u8 = 2;

/// What is to be there before the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Durable queues that are declared.
    pub queues: Vec<String>,
    /// Their arguments, such as `x-queue-type` and `quorum`.
    pub arguments: Vec<(String, Value)>,
    /// A durable exchange of this type that is declared.
    pub exchange_type: Option<String>,
    /// How the queues are bound to the exchange, if they are.
    pub bindings: Option<Bindings>,
}

/// How queues are bound to an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bindings {
    /// By each of these keys; by their names if there is none.
    pub keys: Vec<String>,
    /// With these arguments, such as `x-match` and `any`.
    pub arguments: Vec<(String, Value)>,
}

/// Declares what is to be there.
///
/// # Errors
/// When the broker cannot be reached, or has something else by that name.
pub(super) async fn declare(target: &Target) -> Result<(), Unready> {
    let topology = &target.topology;
    let wanted = Wanted { name: "shakedown:loadgen:setup", channels: 1, confirms: false };
    let (mut wire, _) = opening::open(target, &wanted).await?;
    if let Some(kind) = &topology.exchange_type {
        frame::put_method(wire.out(), 1, EXCHANGE_DECLARE, |out| {
            out.extend_from_slice(&[0, 0]);
            short(out, &target.exchange);
            short(out, kind);
            out.push(DURABLE);
            frame::put_long(out, |_| {});
        });
        wire.call(1, EXCHANGE_DECLARE_OK).await?;
    }
    for queue in &topology.queues {
        frame::put_method(wire.out(), 1, QUEUE_DECLARE, |out| {
            out.extend_from_slice(&[0, 0]);
            short(out, queue);
            out.push(DURABLE);
            table(out, &topology.arguments);
        });
        wire.call(1, QUEUE_DECLARE_OK).await?;
        let Some(bindings) = &topology.bindings else { continue };
        let keys = match bindings.keys.as_slice() {
            [] => std::slice::from_ref(queue),
            keys => keys,
        };
        for key in keys {
            frame::put_method(wire.out(), 1, QUEUE_BIND, |out| {
                out.extend_from_slice(&[0, 0]);
                short(out, queue);
                short(out, &target.exchange);
                short(out, key);
                out.push(0);
                table(out, &bindings.arguments);
            });
            wire.call(1, QUEUE_BIND_OK).await?;
        }
    }
    close(wire).await;
    Ok(())
}

/// Sees that the broker lets us in, and that the exchange is there: nothing could
/// be published to one that is not.
///
/// # Errors
/// When the broker cannot be reached, refuses, or has no such exchange.
pub(super) async fn see(target: &Target) -> Result<(), Unready> {
    let wanted = Wanted { name: "shakedown:loadgen:setup", channels: 1, confirms: false };
    let (mut wire, _) = opening::open(target, &wanted).await?;
    if !target.exchange.is_empty() {
        frame::put_method(wire.out(), 1, EXCHANGE_DECLARE, |out| {
            out.extend_from_slice(&[0, 0]);
            short(out, &target.exchange);
            short(out, "");
            out.push(PASSIVE);
            frame::put_long(out, |_| {});
        });
        let declared = wire.call(1, EXCHANGE_DECLARE_OK).await;
        let asked = format!("the exchange {:?}", target.exchange);
        declared.map_err(|said| opening::denied(&target.given, &asked, said))?;
    }
    close(wire).await;
    Ok(())
}

/// Closes a connection whose work is done.
pub(super) async fn close(mut wire: Wire) {
    frame::put_method(wire.out(), 0, frame::CONNECTION_CLOSE, |out| {
        out.extend_from_slice(&200_u16.to_be_bytes());
        short(out, "done");
        out.extend_from_slice(&[0; 4]);
    });
    // What was to be done is done, whatever the broker answers.
    let _ = wire.call(0, frame::CONNECTION_CLOSE_OK).await;
}

fn short(out: &mut Vec<u8>, text: &str) {
    frame::put_short(out, |out| out.extend_from_slice(text.as_bytes()));
}

fn table(out: &mut Vec<u8>, arguments: &[(String, Value)]) {
    frame::put_long(out, |out| {
        for (name, value) in arguments {
            value.put(out, name);
        }
    });
}
