//! A TCP proxy that breaks connections on purpose, steered over HTTP in the way
//! of Toxiproxy, so that its clients work unchanged.
//!
//! A [`Server`] holds named proxies. Each has a list of toxics, which may change
//! at any time, for connections that exist as well as for new ones. A toxic at
//! work on one connection is a [`Stage`]: it gets what flows, in one direction
//! or in both, and hands on what it likes, when it likes.
//!
//! ```text
//! client ─► socket ─► stage ─► stage ─► socket ─► upstream
//!        ◄─ socket ◄─ stage ◄─ stage ◄─ socket ◄─
//! ```
//!
//! The stages of a connection are a pure state machine (`pipeline.rs`): no
//! clock, no socket, no task. One task a connection (`link.rs`) drives both
//! directions; without toxics it copies from one reused buffer.
//!
//! What Toxiproxy does not have: a time to live (`ttl`, ms) of proxies and
//! toxics, kept by the server itself; proxies that are created together with
//! their toxics; the toxics `half_open` and `partition`; chances that come from
//! a seed; the list of connections; and the record of what protocol toxics did
//! to single messages.
//!
//! Upstream the stages come in the order of the toxics. Downstream those that
//! stand in both directions come first, in the reverse order, so that each has
//! the same neighbours in both.
//!
//! To add a toxic, also one that knows a protocol, write `toxic/NAME.rs` with
//! its attributes and its [`Stage`], and an arm in `toxic.rs`.

pub mod api;
mod chance;
mod effects;
mod error;
pub mod hidden;
mod link;
mod listener;
mod metrics;
mod pipeline;
mod protocol;
mod request;
mod server;
mod shared;
mod stage;
pub mod toxic;
mod upstream;

pub use effects::{Effect, EffectsPage};
pub use error::ProxyError;
pub use request::{ProxyRequest, ToxicRequest};
pub use server::{Server, Settings};
pub use shared::{ConnectionView, ProxyView, ToxicView};
pub use stage::{Ending, Ground, Side, Stage, Turn, Way};
