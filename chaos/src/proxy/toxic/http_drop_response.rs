//! HTTP/1.1: the server has done a request and says so, its client never hears
//! of it, and the connection ends.
//!
//! A `share` of the requests with one of the `methods` is struck, from number
//! `from` on and at most `count` of them, both over all connections. A response
//! with a status of 200 to 299 is dropped as soon as its head has come; any
//! other goes through.
//!
//! Confirmed by the record `response_dropped` with what is known of the request:
//! the server has done it. Undone by removing it. Requests of more than 1 MiB
//! are left alone, and so are connections that were open before the toxic, that
//! do not wait for a response before the next request, or that change to another
//! protocol.
//!
//! This is permitted: the network may break at any time.

use serde::{Deserialize, Serialize};

use super::super::protocol::http::exchanges::{Deed, Exchanges, Wishes};
use super::super::protocol::{Identity, Pick, Share};
use super::super::stage::Ground;
use super::Kind;

/// Attributes of the toxic `http_drop_response`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpDropResponse {
    /// Only requests with these methods; with any if there are none.
    pub methods: Vec<String>,
    /// The share of these.
    pub share: Share,
    /// The number of the first one that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a request is known: `idempotency-key`, or `id` in its JSON body,
    /// by default.
    pub identity: Identity,
}

impl HttpDropResponse {
    pub(super) fn stage(&self, ground: &Ground) -> Exchanges {
        Exchanges::new(Deed::DropResponse, self.wishes(), ground, |kind| match kind {
            Kind::HttpDropResponse(asked) => Some(asked.wishes()),
            _ => None,
        })
    }

    fn wishes(&self) -> Wishes {
        let Self { methods, share, from, count, identity } = self.clone();
        Wishes { pick: Pick { share, from, count, identity }, methods }
    }
}
